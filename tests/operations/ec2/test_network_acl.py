import pytest

UNKNOWN = "acl-0123456789abcdef0"
WEB = {
    "RuleNumber": 10,
    "Protocol": "tcp",
    "RuleAction": "allow",
    "Egress": False,
    "CidrBlock": "100.68.0.18/18",
    "PortRange": {"From": 80, "To": 81},
}
REST = {"Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767, "CidrBlock": "0.0.0.0/0"}


@pytest.fixture
def make(ec2):
    async def make(vpc_id: str, **more) -> str:
        made = await ec2("CreateNetworkAcl", VpcId=vpc_id, **more)
        return made["NetworkAcl"]["NetworkAclId"]

    return make


@pytest.fixture
def shown(ec2):
    async def read(acl_id: str) -> dict:
        return (await ec2("DescribeNetworkAcls", NetworkAclIds=[acl_id]))["NetworkAcls"][0]

    return read


@pytest.fixture
def default(ec2):
    async def read(vpc_id: str) -> dict:
        here = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "default", "Values": ["true"]}]
        return (await ec2("DescribeNetworkAcls", Filters=here))["NetworkAcls"][0]

    return read


async def test_a_new_acl_denies_everything_and_judges_nobody(ec2, network, make, shown):
    vpc_id, _ = await network()
    tags = [{"Key": "Name", "Value": "x"}]
    specified = [{"ResourceType": "network-acl", "Tags": tags}]
    acl = await shown(await make(vpc_id, TagSpecifications=specified))
    assert (acl["IsDefault"], acl["Associations"], acl["Tags"]) == (False, [], tags)
    assert acl["Entries"] == [REST | {"Egress": True}, REST | {"Egress": False}]
    assert await make(vpc_id, ClientToken="t") == await make(vpc_id, ClientToken="t")


async def test_entries_are_added_replaced_and_taken_away_by_number_and_direction(
    ec2, network, make, shown, refused
):
    vpc_id, _ = await network()
    acl_id = await make(vpc_id)
    await ec2("CreateNetworkAclEntry", NetworkAclId=acl_id, **WEB)
    await ec2("CreateNetworkAclEntry", NetworkAclId=acl_id, **WEB | {"Egress": True})
    icmp = {"Protocol": "1", "IcmpTypeCode": {"Type": 8, "Code": -1}, "RuleNumber": 5}
    await ec2("CreateNetworkAclEntry", NetworkAclId=acl_id, **WEB | icmp)
    assert await refused("CreateNetworkAclEntry", NetworkAclId=acl_id, **WEB) == (
        "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by 10 already exists.",
    )
    ingress = [one for one in (await shown(acl_id))["Entries"] if not one["Egress"]]
    assert ingress == [
        {
            "RuleNumber": 5,
            "Protocol": "1",
            "RuleAction": "allow",
            "Egress": False,
            "CidrBlock": "100.68.0.0/18",
            "IcmpTypeCode": {"Type": 8, "Code": -1},
        },
        WEB | {"Protocol": "6", "CidrBlock": "100.68.0.0/18"},
        REST | {"Egress": False},
    ]
    six = WEB | {"Ipv6CidrBlock": "::/0", "RuleAction": "deny"}
    del six["CidrBlock"]
    await ec2("ReplaceNetworkAclEntry", NetworkAclId=acl_id, **six)
    changed = (await shown(acl_id))["Entries"][-2]
    assert (changed["Ipv6CidrBlock"], changed["RuleAction"]) == ("::/0", "deny")
    assert "CidrBlock" not in changed
    gone = {"NetworkAclId": acl_id, "RuleNumber": 10, "Egress": False}
    await ec2("DeleteNetworkAclEntry", **gone)
    assert len((await shown(acl_id))["Entries"]) == 4
    for name, more in (("DeleteNetworkAclEntry", gone), ("ReplaceNetworkAclEntry", WEB | gone)):
        assert (await refused(name, **more))[0] == "InvalidNetworkAclEntry.NotFound"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"RuleNumber": 0}, "InvalidParameterValue"),
        ({"RuleNumber": 32767}, "InvalidParameterValue"),
        ({"Protocol": "256"}, "InvalidParameterValue"),
        ({"Protocol": "tpc"}, "InvalidParameterValue"),
        ({"PortRange": {"From": 80}}, "MissingParameter"),
        ({"PortRange": {"From": 81, "To": 80}}, "InvalidParameterValue"),
        ({"Protocol": "icmp"}, "MissingParameter"),
        ({"Protocol": "1", "IcmpTypeCode": {"Type": 256, "Code": 0}}, "InvalidParameterValue"),
        ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination"),
        ({"CidrBlock": ""}, "MissingParameter"),
        ({"CidrBlock": "10.0.0.0/33"}, "InvalidParameterValue"),
        ({"NetworkAclId": UNKNOWN}, "InvalidNetworkAclID.NotFound"),
    ],
)
async def test_a_malformed_entry_is_refused(network, make, refused, change, code):
    vpc_id, _ = await network()
    request = WEB | {"NetworkAclId": await make(vpc_id)} | change
    assert (await refused("CreateNetworkAclEntry", **request))[0] == code


async def test_twenty_entries_in_each_direction(ec2, network, make, refused):
    vpc_id, _ = await network()
    acl_id = await make(vpc_id)
    for number in range(1, 21):
        entry = WEB | {"NetworkAclId": acl_id, "RuleNumber": number}
        await ec2("CreateNetworkAclEntry", **entry)
    entry = WEB | {"NetworkAclId": acl_id, "RuleNumber": 21}
    assert (await refused("CreateNetworkAclEntry", **entry))[0] == "NetworkAclEntryLimitExceeded"
    await ec2("CreateNetworkAclEntry", **entry | {"Egress": True})


async def test_a_subnet_moves_to_another_acl_and_back(ec2, network, make, shown, default, refused):
    vpc_id, subnet_id = await network()
    other_vpc, _ = await network()
    acl_id, first = await make(vpc_id), await default(vpc_id)
    [before] = first["Associations"]
    assert before["SubnetId"] == subnet_id
    move = {"AssociationId": before["NetworkAclAssociationId"], "NetworkAclId": acl_id}
    foreign = move | {"NetworkAclId": await make(other_vpc)}
    assert (await refused("ReplaceNetworkAclAssociation", **foreign))[0] == "InvalidParameterValue"
    moved = (await ec2("ReplaceNetworkAclAssociation", **move))["NewAssociationId"]
    assert (await refused("ReplaceNetworkAclAssociation", **move))[0] == (
        "InvalidAssociationID.NotFound"
    )
    assert (await default(vpc_id))["Associations"] == []
    assert (await shown(acl_id))["Associations"] == [
        {"NetworkAclAssociationId": moved, "NetworkAclId": acl_id, "SubnetId": subnet_id}
    ]
    assert (await refused("DeleteNetworkAcl", NetworkAclId=acl_id))[0] == "DependencyViolation"
    back = {"AssociationId": moved, "NetworkAclId": first["NetworkAclId"]}
    await ec2("ReplaceNetworkAclAssociation", **back)
    [now] = (await default(vpc_id))["Associations"]
    assert now["SubnetId"] == subnet_id
    await ec2("DeleteNetworkAcl", NetworkAclId=acl_id)


async def test_a_default_acl_stays_and_a_vpc_with_another_stays(
    ec2, network, make, default, refused
):
    vpc_id, subnet_id = await network()
    acl_id, first = await make(vpc_id), await default(vpc_id)
    assert (await refused("DeleteNetworkAcl", NetworkAclId=first["NetworkAclId"]))[0] == (
        "InvalidParameterValue"
    )
    moving = first["Associations"][0]["NetworkAclAssociationId"]
    await ec2("ReplaceNetworkAclAssociation", AssociationId=moving, NetworkAclId=acl_id)
    await ec2("DeleteSubnet", SubnetId=subnet_id)
    assert (await refused("DeleteVpc", VpcId=vpc_id))[0] == "DependencyViolation"
    await ec2("DeleteNetworkAcl", NetworkAclId=acl_id)
    await ec2("DeleteVpc", VpcId=vpc_id)
