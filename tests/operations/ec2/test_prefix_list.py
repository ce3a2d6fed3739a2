import pytest

UNKNOWN = "pl-0123456789abcdef0"
OFFICES = [{"Cidr": "10.1.0.0/16", "Description": "Kyoto"}, {"Cidr": "10.2.0.0/16"}]


@pytest.fixture
def make(ec2):
    async def make(**more) -> dict:
        request = {"PrefixListName": "offices", "AddressFamily": "IPv4", "MaxEntries": 5}
        answer = await ec2("CreateManagedPrefixList", **request | {"Entries": OFFICES} | more)
        return answer["PrefixList"]

    return make


@pytest.fixture
def entries(ec2):
    async def read(list_id: str, **more) -> list[str]:
        answer = await ec2("GetManagedPrefixListEntries", PrefixListId=list_id, **more)
        return [one["Cidr"] for one in answer["Entries"]]

    return read


@pytest.fixture
def group(ec2, network):
    async def make() -> str:
        vpc_id, _ = await network()
        made = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
        return made["GroupId"]

    return make


def naming(list_id: str, group_id: str, port: int = 80) -> dict:
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return {
        "GroupId": group_id,
        "IpPermissions": [rule | {"PrefixListIds": [{"PrefixListId": list_id}]}],
    }


async def test_a_list_is_there_with_its_entries_when_it_is_answered(ec2, make, entries):
    tags = [{"Key": "Name", "Value": "x"}]
    made = await make(TagSpecifications=[{"ResourceType": "prefix-list", "Tags": tags}])
    list_id = made["PrefixListId"]
    [shown] = (await ec2("DescribeManagedPrefixLists", PrefixListIds=[list_id]))["PrefixLists"]
    assert shown == made
    assert (made["State"], made["Version"], made["Tags"]) == ("create-complete", 1, tags)
    assert made["PrefixListArn"].endswith(f":prefix-list/{list_id}")
    assert await entries(list_id) == ["10.1.0.0/16", "10.2.0.0/16"]
    named = [{"Name": "prefix-list-name", "Values": ["off*"]}]
    assert (await ec2("DescribeManagedPrefixLists", Filters=named))["PrefixLists"] == [made]


async def test_a_token_makes_one_list(make):
    assert await make(ClientToken="t") == await make(ClientToken="t")


async def test_every_change_of_entries_is_a_version_that_can_be_restored(
    ec2, make, entries, refused
):
    list_id = (await make())["PrefixListId"]
    new = {"PrefixListId": list_id, "AddEntries": [{"Cidr": "10.3.0.5/16"}]}
    gone = [{"Cidr": "10.1.0.0/16"}]
    answer = await ec2("ModifyManagedPrefixList", CurrentVersion=1, RemoveEntries=gone, **new)
    assert (answer["PrefixList"]["Version"], answer["PrefixList"]["State"]) == (
        2,
        "modify-complete",
    )
    assert await entries(list_id) == ["10.2.0.0/16", "10.3.0.0/16"]
    assert await entries(list_id, TargetVersion=1) == ["10.1.0.0/16", "10.2.0.0/16"]
    code, _ = await refused("ModifyManagedPrefixList", CurrentVersion=1, **new)
    assert code == "PrefixListVersionMismatch"
    assert (await refused("ModifyManagedPrefixList", **new))[0] == "MissingParameter"

    back = {"PrefixListId": list_id, "PreviousVersion": 1, "CurrentVersion": 2}
    answer = await ec2("RestoreManagedPrefixListVersion", **back)
    assert (answer["PrefixList"]["Version"], answer["PrefixList"]["State"]) == (
        3,
        "restore-complete",
    )
    assert await entries(list_id) == ["10.1.0.0/16", "10.2.0.0/16"]
    back |= {"PreviousVersion": 9, "CurrentVersion": 3}
    code, _ = await refused("RestoreManagedPrefixListVersion", **back)
    assert code == "InvalidPrefixListVersion.NotFound"

    renamed = await ec2("ModifyManagedPrefixList", PrefixListId=list_id, PrefixListName="other")
    assert (renamed["PrefixList"]["PrefixListName"], renamed["PrefixList"]["Version"]) == (
        "other",
        3,
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AddressFamily": "IPv5"}, "InvalidParameterValue"),
        ({"AddressFamily": "IPv6"}, "InvalidParameterValue"),
        ({"PrefixListName": "com.amazonaws.us-east-1.s3"}, "InvalidParameterValue"),
        ({"PrefixListName": ""}, "InvalidParameterValue"),
        ({"MaxEntries": 0}, "InvalidParameterValue"),
        ({"MaxEntries": 1001}, "InvalidParameterValue"),
        ({"MaxEntries": 1}, "PrefixListMaxEntriesExceeded"),
        ({"Entries": [OFFICES[0]] * 2}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "10.0.0.0/33"}]}, "InvalidParameterValue"),
        (
            {"Entries": [{"Cidr": f"10.{one}.0.0/16"} for one in range(101)]},
            "InvalidParameterValue",
        ),
    ],
)
async def test_a_malformed_list_is_refused(refused, change, code):
    request = {"PrefixListName": "offices", "AddressFamily": "IPv4", "MaxEntries": 5}
    request |= {"Entries": OFFICES} | change
    assert (await refused("CreateManagedPrefixList", **request))[0] == code


async def test_entries_change_one_way_at_a_time(make, refused):
    where = {"PrefixListId": (await make())["PrefixListId"], "CurrentVersion": 1}
    one = [{"Cidr": "10.1.0.0/16"}]
    for change, code in (
        ({"AddEntries": one, "MaxEntries": 9}, "InvalidParameterCombination"),
        ({"AddEntries": one, "RemoveEntries": one}, "InvalidParameterValue"),
        ({"RemoveEntries": [{"Cidr": "10.9.0.0/16"}]}, "InvalidParameterValue"),
        (
            {"AddEntries": [{"Cidr": f"10.{n}.0.0/16"} for n in range(10, 14)]},
            "PrefixListMaxEntriesExceeded",
        ),
        ({"MaxEntries": 1}, "PrefixListMaxEntriesExceeded"),
    ):
        assert (await refused("ModifyManagedPrefixList", **where, **change))[0] == code
    unknown = {"PrefixListId": UNKNOWN, "PrefixListName": "x"}
    assert (await refused("ModifyManagedPrefixList", **unknown))[
        0
    ] == "InvalidPrefixListID.NotFound"


async def test_a_rule_names_a_list_and_takes_as_much_quota_as_the_list_may_hold(
    ec2, make, group, refused
):
    list_id, group_id = (await make(MaxEntries=59))["PrefixListId"], await group()
    made = await ec2("AuthorizeSecurityGroupIngress", **naming(list_id, group_id))
    assert made["SecurityGroupRules"][0]["PrefixListId"] == list_id
    [shown] = (await ec2("DescribeSecurityGroups", GroupIds=[group_id]))["SecurityGroups"]
    assert shown["IpPermissions"][0]["PrefixListIds"] == [{"PrefixListId": list_id}]

    six = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[six])
    code, _ = await refused("AuthorizeSecurityGroupIngress", **naming(list_id, group_id, 81))
    assert code == "RulesPerSecurityGroupLimitExceeded"

    bigger = await ec2("ModifyManagedPrefixList", PrefixListId=list_id, MaxEntries=61)
    assert (bigger["PrefixList"]["State"], bigger["PrefixList"]["MaxEntries"]) == (
        "modify-failed",
        59,
    )
    assert group_id in bigger["PrefixList"]["StateMessage"]
    fits = await ec2("ModifyManagedPrefixList", PrefixListId=list_id, MaxEntries=60)
    assert (fits["PrefixList"]["State"], fits["PrefixList"]["MaxEntries"]) == (
        "modify-complete",
        60,
    )


async def test_a_list_that_is_referred_to_stays(ec2, make, group, refused):
    list_id, group_id = (await make())["PrefixListId"], await group()
    await ec2("AuthorizeSecurityGroupIngress", **naming(list_id, group_id))
    [table] = (await ec2("DescribeRouteTables"))["RouteTables"]
    gateway_id = (await ec2("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
    attached = {"InternetGatewayId": gateway_id, "VpcId": table["VpcId"]}
    await ec2("AttachInternetGateway", **attached)
    where = {"RouteTableId": table["RouteTableId"], "DestinationPrefixListId": list_id}
    await ec2("CreateRoute", GatewayId=gateway_id, **where)
    assert (await refused("CreateRoute", GatewayId=gateway_id, **where))[0] == "RouteAlreadyExists"
    [table] = (await ec2("DescribeRouteTables"))["RouteTables"]
    assert table["Routes"][1] == {
        "DestinationPrefixListId": list_id,
        "GatewayId": gateway_id,
        "Origin": "CreateRoute",
        "State": "active",
    }
    named = await ec2("GetManagedPrefixListAssociations", PrefixListId=list_id)
    assert {one["ResourceId"] for one in named["PrefixListAssociations"]} == {
        group_id,
        table["RouteTableId"],
    }
    assert (await refused("DeleteManagedPrefixList", PrefixListId=list_id))[0] == (
        "DependencyViolation"
    )
    await ec2("DeleteRoute", **where)
    await ec2("RevokeSecurityGroupIngress", **naming(list_id, group_id))
    gone = await ec2("DeleteManagedPrefixList", PrefixListId=list_id)
    assert gone["PrefixList"]["State"] == "delete-complete"
    assert (await refused("GetManagedPrefixListEntries", PrefixListId=list_id))[0] == (
        "InvalidPrefixListID.NotFound"
    )


async def test_a_route_goes_to_a_range_or_to_a_list_of_ipv4(ec2, make, network, refused):
    await network()
    [table] = (await ec2("DescribeRouteTables"))["RouteTables"]
    where = {"RouteTableId": table["RouteTableId"], "GatewayId": "igw-0123456789abcdef0"}
    six = await make(AddressFamily="IPv6", Entries=[{"Cidr": "2001:db8::/32"}])
    for destination, code in (
        (
            {"DestinationPrefixListId": UNKNOWN, "DestinationCidrBlock": "10.0.0.0/8"},
            "InvalidParameterCombination",
        ),
        ({"DestinationPrefixListId": UNKNOWN}, "InvalidPrefixListID.NotFound"),
        ({"DestinationPrefixListId": six["PrefixListId"]}, "UnsupportedOperation"),
    ):
        assert (await refused("CreateRoute", **where, **destination))[0] == code


async def test_a_table_has_five_hundred_routes_at_most(ec2, make, network, refused):
    vpc_id, _ = await network()
    [table] = (await ec2("DescribeRouteTables"))["RouteTables"]
    gateway_id = (await ec2("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
    await ec2("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
    where = {"RouteTableId": table["RouteTableId"], "GatewayId": gateway_id}
    big = await make(MaxEntries=500)
    await ec2("CreateRoute", **where, DestinationPrefixListId=big["PrefixListId"])
    code, _ = await refused("CreateRoute", **where, DestinationCidrBlock="0.0.0.0/0")
    assert code == "RouteLimitExceeded"
