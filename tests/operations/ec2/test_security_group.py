import pytest

UNKNOWN = "sg-0123456789abcdef0"
NO_LIST = "pl-0123456789abcdef0"
WEB = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def group(ec2):
    async def make(vpc_id: str, name: str = "web") -> str:
        made = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName=name, Description="d")
        return made["GroupId"]

    return make


@pytest.fixture
def shown(ec2):
    async def read(group_id: str) -> dict:
        return (await ec2("DescribeSecurityGroups", GroupIds=[group_id]))["SecurityGroups"][0]

    return read


@pytest.fixture
def rules(ec2):
    async def read(group_id: str, *, is_egress: bool = False) -> list[dict]:
        here = [{"Name": "group-id", "Values": [group_id]}]
        every = (await ec2("DescribeSecurityGroupRules", Filters=here))["SecurityGroupRules"]
        return [one for one in every if one["IsEgress"] == is_egress]

    return read


async def test_a_new_group_hears_nobody_and_may_speak_to_everybody(ec2, network, group, shown):
    vpc_id, _ = await network()
    made = await shown(await group(vpc_id))
    assert made["IpPermissions"] == []
    assert made["IpPermissionsEgress"] == [
        {
            "IpProtocol": "-1",
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        }
    ]


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        ("default", "d", "InvalidParameterValue"),
        ("sg-1", "d", "InvalidParameterValue"),
        ("a" * 256, "d", "InvalidParameterValue"),
        ("näme", "d", "InvalidParameterValue"),
        ("web", "d" * 256, "InvalidParameterValue"),
        ("web", "", "MissingParameter"),
    ],
)
async def test_names_and_descriptions(network, refused, name, description, code):
    vpc_id, _ = await network()
    request = {"VpcId": vpc_id, "GroupName": name, "Description": description}
    assert (await refused("CreateSecurityGroup", **request))[0] == code


async def test_names_are_unique_in_a_vpc(network, group, refused):
    first, _ = await network()
    second, _ = await network()
    await group(first)
    await group(second)
    request = {"VpcId": first, "GroupName": "web", "Description": "d"}
    assert await refused("CreateSecurityGroup", **request) == (
        "InvalidGroup.Duplicate",
        f"The security group 'web' already exists for VPC '{first}'",
    )
    nowhere = {"GroupName": "web", "Description": "d"}
    assert (await refused("CreateSecurityGroup", **nowhere))[0] == "VPCIdNotSpecified"


async def test_rules_come_with_ids_descriptions_and_tags(ec2, network, group, rules):
    vpc_id, _ = await network()
    group_id, peer_id = await group(vpc_id), await group(vpc_id, "peer")
    tags = [{"Key": "Name", "Value": "x"}]
    answer = await ec2(
        "AuthorizeSecurityGroupIngress",
        GroupId=group_id,
        IpPermissions=[
            {
                "IpProtocol": "6",
                "FromPort": 8080,
                "ToPort": 8081,
                "IpRanges": [{"CidrIp": "10.0.0.9/8", "Description": "all of ten"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                "UserIdGroupPairs": [{"GroupId": peer_id, "Description": "from the peer"}],
            }
        ],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
    )
    assert answer["SecurityGroupRules"] == await rules(group_id)
    four, six, peer = answer["SecurityGroupRules"]
    assert (four["IpProtocol"], four["CidrIpv4"]) == ("tcp", "10.0.0.0/8")
    assert four["Description"] == "all of ten"
    assert six["CidrIpv6"] == "::/0"
    assert peer["ReferencedGroupInfo"] == {"GroupId": peer_id, "UserId": "000000000000"}
    assert peer["Description"] == "from the peer"
    assert peer["Tags"] == tags


async def test_the_flat_spelling(ec2, network, group, rules, refused):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    flat = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, **flat)
    [rule] = await rules(group_id)
    assert (rule["FromPort"], rule["CidrIpv4"]) == (22, "10.0.0.0/8")
    code, _ = await refused(
        "AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[WEB], **flat
    )
    assert code == "InvalidParameterCombination"
    await ec2("RevokeSecurityGroupIngress", GroupId=group_id, **flat)
    assert await rules(group_id) == []


async def test_a_rule_exists_once(ec2, network, group, refused):
    vpc_id, _ = await network()
    request = {"GroupId": await group(vpc_id), "IpPermissions": [WEB]}
    await ec2("AuthorizeSecurityGroupIngress", **request)
    assert await refused("AuthorizeSecurityGroupIngress", **request) == (
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW" '
        "already exists",
    )
    request["IpPermissions"] = [WEB | {"FromPort": 81, "ToPort": 81}] * 2
    assert (await refused("AuthorizeSecurityGroupIngress", **request))[0] == (
        "InvalidParameterValue"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"IpProtocol": ""}, "MissingParameter"),
        ({"IpProtocol": "tpc"}, "InvalidParameterValue"),
        ({"IpProtocol": "256"}, "InvalidParameterValue"),
        ({"FromPort": 90}, "InvalidParameterValue"),
        ({"ToPort": 70000}, "InvalidParameterValue"),
        ({"FromPort": -1, "ToPort": -1}, "InvalidParameterValue"),
        ({"IpProtocol": "icmp", "FromPort": 256}, "InvalidParameterValue"),
        ({"IpRanges": []}, "MissingParameter"),
        ({"IpRanges": [{"CidrIp": "0.0.0.0/33"}]}, "InvalidParameterValue"),
        (
            {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "d" * 256}]},
            "InvalidParameterValue",
        ),
        ({"Ipv6Ranges": [{"CidrIpv6": "10.0.0.0/8"}]}, "InvalidParameterValue"),
        (
            {"PrefixListIds": [{"PrefixListId": NO_LIST}]},
            "InvalidPrefixListID.NotFound",
        ),
        ({"UserIdGroupPairs": [{"GroupId": UNKNOWN}]}, "InvalidGroup.NotFound"),
        ({"UserIdGroupPairs": [{"GroupName": "nobody"}]}, "InvalidGroup.NotFound"),
    ],
)
async def test_a_malformed_rule_is_refused(network, group, refused, change, code):
    vpc_id, _ = await network()
    request = {"GroupId": await group(vpc_id), "IpPermissions": [WEB | change]}
    assert (await refused("AuthorizeSecurityGroupIngress", **request))[0] == code


async def test_a_peer_is_of_the_same_vpc(network, group, refused):
    first, _ = await network()
    second, _ = await network()
    pair = [{"GroupId": await group(second)}]
    request = {
        "GroupId": await group(first),
        "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": pair}],
    }
    assert (await refused("AuthorizeSecurityGroupIngress", **request))[0] == (
        "InvalidGroup.NotFound"
    )


async def test_sixty_rules_in_each_direction(ec2, network, group, refused):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    ports = [WEB | {"FromPort": port, "ToPort": port} for port in range(60)]
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=ports)
    more = [WEB | {"FromPort": 60, "ToPort": 60}]
    code, _ = await refused("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=more)
    assert code == "RulesPerSecurityGroupLimitExceeded"
    await ec2("AuthorizeSecurityGroupEgress", GroupId=group_id, IpPermissions=more)


async def test_revoking_by_content_and_by_id(ec2, network, group, rules, refused):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    revoked = await ec2("RevokeSecurityGroupEgress", GroupId=group_id, IpPermissions=everybody)
    [gone] = revoked["RevokedSecurityGroupRules"]
    assert (gone["CidrIpv4"], gone["IsEgress"]) == ("0.0.0.0/0", True)
    assert await rules(group_id, is_egress=True) == []
    assert await refused(
        "RevokeSecurityGroupEgress", GroupId=group_id, IpPermissions=everybody
    ) == (
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    )
    made = await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[WEB])
    by_id = {
        "GroupId": group_id,
        "SecurityGroupRuleIds": [made["SecurityGroupRules"][0]["SecurityGroupRuleId"]],
    }
    assert (await refused("RevokeSecurityGroupEgress", **by_id))[0] == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    await ec2("RevokeSecurityGroupIngress", **by_id)
    assert (await refused("RevokeSecurityGroupIngress", **by_id))[0] == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    assert (await refused("RevokeSecurityGroupIngress", GroupId=group_id))[0] == "MissingParameter"
    assert (await refused("RevokeSecurityGroupIngress"))[0] == "MissingParameter"


async def test_modifying_a_rule(ec2, network, group, rules, refused):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    made = await ec2(
        "AuthorizeSecurityGroupIngress",
        GroupId=group_id,
        IpPermissions=[WEB, WEB | {"FromPort": 443, "ToPort": 443}],
    )
    rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def update(**content) -> dict:
        one = {"SecurityGroupRuleId": rule_id, "SecurityGroupRule": content}
        return {"GroupId": group_id, "SecurityGroupRules": [one]}

    await ec2(
        "ModifySecurityGroupRules",
        **update(IpProtocol="udp", FromPort=53, ToPort=53, CidrIpv6="::/0", Description="dns"),
    )
    changed = next(one for one in await rules(group_id) if one["SecurityGroupRuleId"] == rule_id)
    assert (changed["IpProtocol"], changed["FromPort"], changed["CidrIpv6"]) == ("udp", 53, "::/0")
    assert changed["Description"] == "dns"
    assert "CidrIpv4" not in changed
    await ec2("ModifySecurityGroupRules", **update(ReferencedGroupId=group_id))
    same = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0"}
    assert (await refused("ModifySecurityGroupRules", **update(**same)))[0] == (
        "InvalidPermission.Duplicate"
    )
    two = update(CidrIpv4="10.0.0.0/8", CidrIpv6="::/0")
    assert (await refused("ModifySecurityGroupRules", **two))[0] == "InvalidParameterCombination"
    lists = update(PrefixListId=NO_LIST)
    assert (await refused("ModifySecurityGroupRules", **lists))[0] == "InvalidPrefixListID.NotFound"
    foreign = update() | {"GroupId": await group(vpc_id, "other")}
    assert (await refused("ModifySecurityGroupRules", **foreign))[0] == (
        "InvalidSecurityGroupRuleId.NotFound"
    )


async def test_describing_rules_anew(ec2, network, group, rules):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[WEB])
    told = WEB | {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "the world"}]}
    await ec2("UpdateSecurityGroupRuleDescriptionsIngress", GroupId=group_id, IpPermissions=[told])
    [rule] = await rules(group_id)
    assert rule["Description"] == "the world"
    [egress] = await rules(group_id, is_egress=True)
    one = {"SecurityGroupRuleId": egress["SecurityGroupRuleId"], "Description": "out"}
    await ec2(
        "UpdateSecurityGroupRuleDescriptionsEgress",
        GroupId=group_id,
        SecurityGroupRuleDescriptions=[one],
    )
    [egress] = await rules(group_id, is_egress=True)
    assert egress["Description"] == "out"


async def test_a_group_in_use_stays(ec2, network, group, refused):
    vpc_id, subnet_id = await network()
    worn, named, naming = [await group(vpc_id, name) for name in ("worn", "named", "naming")]
    made = await ec2("CreateNetworkInterface", SubnetId=subnet_id, Groups=[worn])
    for owner, peer in ((naming, named), (naming, naming)):
        pair = [{"GroupId": peer}]
        await ec2(
            "AuthorizeSecurityGroupIngress",
            GroupId=owner,
            IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": pair}],
        )
    for group_id in (worn, named):
        assert await refused("DeleteSecurityGroup", GroupId=group_id) == (
            "DependencyViolation",
            f"resource {group_id} has a dependent object",
        )
    interface_id = made["NetworkInterface"]["NetworkInterfaceId"]
    await ec2("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    for group_id in (worn, naming, named):
        await ec2("DeleteSecurityGroup", GroupId=group_id)
        assert (await refused("DeleteSecurityGroup", GroupId=group_id))[0] == (
            "InvalidGroup.NotFound"
        )
    assert (await refused("DeleteSecurityGroup", GroupId="x"))[0] == "InvalidGroupId.Malformed"
    assert (await refused("DeleteSecurityGroup", GroupName="x"))[0] == "InvalidGroup.NotFound"


async def test_the_default_group_cannot_be_deleted(ec2, network, refused):
    await network()
    [default] = (await ec2("DescribeSecurityGroups"))["SecurityGroups"]
    assert await refused("DeleteSecurityGroup", GroupId=default["GroupId"]) == (
        "CannotDelete",
        f'the specified group: "{default["GroupId"]}" name: "default" cannot be deleted by a user',
    )


async def test_groups_are_found_by_their_rules(ec2, network, group):
    vpc_id, _ = await network()
    group_id = await group(vpc_id)
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[WEB])

    async def found(name: str, value: str) -> list[str]:
        filters = [{"Name": name, "Values": [value]}]
        answer = await ec2("DescribeSecurityGroups", Filters=filters)
        return [one["GroupId"] for one in answer["SecurityGroups"]]

    assert await found("ip-permission.from-port", "80") == [group_id]
    assert await found("ip-permission.cidr", "0.0.0.0/0") == [group_id]
    assert len(await found("egress.ip-permission.cidr", "0.0.0.0/0")) == 2
    assert await found("group-name", "w*b") == [group_id]
