from datetime import timedelta

import pytest

from ecsd.errors import AwsError

UNKNOWN = "pcx-0123456789abcdef0"


@pytest.fixture
def pair(ec2, network):
    async def make(other: str = "10.1.0.0/16") -> tuple[str, str]:
        first, _ = await network()
        second, _ = await network(other, other.replace("0.0/16", "1.0/24"))
        return first, second

    return make


@pytest.fixture
def ask(ec2):
    async def make(first: str, second: str, **more) -> dict:
        answer = await ec2("CreateVpcPeeringConnection", VpcId=first, PeerVpcId=second, **more)
        return answer["VpcPeeringConnection"]

    return make


@pytest.fixture
def active(ec2, pair, ask):
    """Two VPCs with a way between them: first, second, its id."""

    async def make() -> tuple[str, str, str]:
        first, second = await pair()
        peering_id = (await ask(first, second))["VpcPeeringConnectionId"]
        await ec2("AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
        return first, second, peering_id

    return make


@pytest.fixture
def group(ec2):
    async def make(vpc_id: str) -> str:
        made = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
        return made["GroupId"]

    return make


@pytest.fixture
def status(ec2):
    async def read(peering_id: str) -> str:
        answer = await ec2("DescribeVpcPeeringConnections", VpcPeeringConnectionIds=[peering_id])
        (one,) = answer["VpcPeeringConnections"]
        return one["Status"]["Code"]

    return read


async def test_a_way_is_asked_for_and_opened(ec2, pair, ask):
    first, second = await pair()
    tags = [{"Key": "Name", "Value": "x"}]
    specified = [{"ResourceType": "vpc-peering-connection", "Tags": tags}]
    asked = await ask(first, second, PeerOwnerId="000000000000", TagSpecifications=specified)
    assert asked["Status"] == {
        "Code": "pending-acceptance",
        "Message": "Pending Acceptance by 000000000000",
    }
    assert "ExpirationTime" in asked
    assert (asked["RequesterVpcInfo"]["VpcId"], asked["AccepterVpcInfo"]["CidrBlock"]) == (
        first,
        "10.1.0.0/16",
    )
    where = {"VpcPeeringConnectionId": asked["VpcPeeringConnectionId"]}
    opened = (await ec2("AcceptVpcPeeringConnection", **where))["VpcPeeringConnection"]
    assert (opened["Status"]["Code"], opened["Tags"]) == ("active", tags)
    assert "ExpirationTime" not in opened
    named = [{"Name": "accepter-vpc-info.vpc-id", "Values": [second]}]
    found = await ec2("DescribeVpcPeeringConnections", Filters=named)
    assert found["VpcPeeringConnections"] == [opened]


async def test_ranges_that_overlap_make_a_failed_connection(pair, ask, status):
    first, second = await pair("10.0.0.0/16")
    asked = await ask(first, second)
    assert asked["Status"]["Code"] == "failed"
    assert "overlapping CIDR" in asked["Status"]["Message"]


async def test_what_is_not_supported_and_what_is_there_already(pair, ask, refused):
    first, second = await pair()
    both = {"VpcId": first, "PeerVpcId": second}
    for more in ({"PeerRegion": "eu-west-1"}, {"PeerOwnerId": "111111111111"}):
        code, words = await refused("CreateVpcPeeringConnection", **both, **more)
        assert (code, next(iter(more)) in words) == ("UnsupportedOperation", True)
    await ask(first, second)
    turned = {"VpcId": second, "PeerVpcId": first}
    code, _ = await refused("CreateVpcPeeringConnection", **turned)
    assert code == "VpcPeeringConnectionAlreadyExists"
    unknown = {"VpcPeeringConnectionId": UNKNOWN}
    code, _ = await refused("AcceptVpcPeeringConnection", **unknown)
    assert code == "InvalidVpcPeeringConnectionID.NotFound"


async def test_what_ended_is_shown_for_a_while_and_cannot_be_opened(client, pair, set_clock):
    first, second = await pair()
    ec2 = client("ec2", clock=set_clock)

    async def ask() -> str:
        made = await ec2("CreateVpcPeeringConnection", VpcId=first, PeerVpcId=second)
        return made["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    async def states() -> list[str]:
        answer = await ec2("DescribeVpcPeeringConnections")
        return [one["Status"]["Code"] for one in answer["VpcPeeringConnections"]]

    async def is_over(name: str, peering_id: str) -> None:
        with pytest.raises(AwsError) as caught:
            await ec2(name, VpcPeeringConnectionId=peering_id)
        assert caught.value.code == "InvalidStateTransition"

    rejected = await ask()
    await ec2("RejectVpcPeeringConnection", VpcPeeringConnectionId=rejected)
    assert await states() == ["rejected"]
    for name in ("AcceptVpcPeeringConnection", "DeleteVpcPeeringConnection"):
        await is_over(name, rejected)
    late = await ask()
    set_clock.moment += timedelta(days=7)
    assert await states() == ["expired"]
    await is_over("AcceptVpcPeeringConnection", late)
    set_clock.moment += timedelta(hours=2)
    assert await states() == []
    await ask()
    assert await states() == ["pending-acceptance"]


async def test_a_route_lives_and_dies_with_its_connection(ec2, active, refused):
    first, second, peering_id = await active()
    here = [{"Name": "vpc-id", "Values": [first]}]
    [table] = (await ec2("DescribeRouteTables", Filters=here))["RouteTables"]
    where = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "10.1.0.0/16"}
    await ec2("CreateRoute", VpcPeeringConnectionId=peering_id, **where)

    async def route() -> tuple[str, str]:
        [table] = (await ec2("DescribeRouteTables", Filters=here))["RouteTables"]
        return table["Routes"][1]["VpcPeeringConnectionId"], table["Routes"][1]["State"]

    assert await route() == (peering_id, "active")
    assert (await refused("DeleteVpc", VpcId=second))[0] == "DependencyViolation"
    await ec2("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
    assert await route() == (peering_id, "blackhole")
    code, _ = await refused("ReplaceRoute", VpcPeeringConnectionId=peering_id, **where)
    assert code == "InvalidVpcPeeringConnectionState.NotActive"


async def test_a_third_vpc_has_no_route_by_it(ec2, active, network, refused):
    _, _, peering_id = await active()
    third, _ = await network("10.2.0.0/16", "10.2.1.0/24")
    here = [{"Name": "vpc-id", "Values": [third]}]
    [table] = (await ec2("DescribeRouteTables", Filters=here))["RouteTables"]
    where = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "10.1.0.0/16"}
    code, _ = await refused("CreateRoute", VpcPeeringConnectionId=peering_id, **where)
    assert code == "InvalidParameterValue"


async def test_a_rule_names_a_peers_group_until_it_is_stale(ec2, active, group, refused):
    first, second, peering_id = await active()
    own, theirs = await group(first), await group(second)
    pair = [{"GroupId": theirs}]
    rule = {"GroupId": own, "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": pair}]}
    await ec2("AuthorizeSecurityGroupIngress", **rule)

    async def shown() -> dict:
        [one] = (await ec2("DescribeSecurityGroups", GroupIds=[own]))["SecurityGroups"]
        return one["IpPermissions"][0]["UserIdGroupPairs"][0]

    assert await shown() == {
        "GroupId": theirs,
        "UserId": "000000000000",
        "VpcId": second,
        "VpcPeeringConnectionId": peering_id,
        "PeeringStatus": "active",
    }
    named = await ec2("DescribeSecurityGroupReferences", GroupId=[theirs])
    assert named["SecurityGroupReferenceSet"] == [
        {"GroupId": theirs, "ReferencingVpcId": first, "VpcPeeringConnectionId": peering_id}
    ]
    assert (await ec2("DescribeStaleSecurityGroups", VpcId=first))["StaleSecurityGroupSet"] == []

    await ec2("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
    assert (await shown())["PeeringStatus"] == "deleted"
    [stale] = (await ec2("DescribeStaleSecurityGroups", VpcId=first))["StaleSecurityGroupSet"]
    assert (stale["GroupId"], stale["StaleIpPermissionsEgress"]) == (own, [])
    assert stale["StaleIpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == theirs
    named = await ec2("DescribeSecurityGroupReferences", GroupId=[theirs])
    assert named["SecurityGroupReferenceSet"] == []
    await ec2("DeleteSecurityGroup", GroupId=theirs)
    await ec2("RevokeSecurityGroupIngress", **rule)
    code, _ = await refused("AuthorizeSecurityGroupIngress", **rule)
    assert code == "InvalidGroup.NotFound"


async def test_options_may_be_off(ec2, active, refused):
    _, _, peering_id = await active()

    def option(value: bool) -> dict:
        wanted = {"AllowDnsResolutionFromRemoteVpc": value}
        return {"VpcPeeringConnectionId": peering_id, "RequesterPeeringConnectionOptions": wanted}

    answer = await ec2("ModifyVpcPeeringConnectionOptions", **option(False))
    assert answer == {
        "RequesterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": False}
    }
    code, words = await refused("ModifyVpcPeeringConnectionOptions", **option(True))
    assert (code, "AllowDnsResolutionFromRemoteVpc" in words) == ("UnsupportedOperation", True)


async def test_a_vpc_has_fifty_active_connections(ec2, network, ask, refused):
    first, _ = await network()
    for number in range(1, 52):
        made = await ec2("CreateVpc", CidrBlock=f"10.{number}.0.0/16")
        one = (await ask(first, made["Vpc"]["VpcId"]))["VpcPeeringConnectionId"]
        if number <= 50:
            await ec2("AcceptVpcPeeringConnection", VpcPeeringConnectionId=one)
    code, _ = await refused("AcceptVpcPeeringConnection", VpcPeeringConnectionId=one)
    assert code == "ActiveVpcPeeringConnectionPerVpcLimitExceeded"
