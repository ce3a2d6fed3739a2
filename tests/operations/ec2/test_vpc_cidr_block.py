import pytest

MORE = "100.64.0.0/16"


@pytest.fixture
def associate(ec2):
    async def make(vpc_id: str, cidr: str = MORE) -> dict:
        answer = await ec2("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock=cidr)
        assert answer["VpcId"] == vpc_id
        return answer["CidrBlockAssociation"]

    return make


@pytest.fixture
def local(ec2):
    """The ranges to which tables have local routes, table by table."""

    async def read(vpc_id: str) -> list[list[str]]:
        here = [{"Name": "vpc-id", "Values": [vpc_id]}]
        tables = (await ec2("DescribeRouteTables", Filters=here))["RouteTables"]
        return [
            [one["DestinationCidrBlock"] for one in table["Routes"] if one["GatewayId"] == "local"]
            for table in tables
        ]

    return read


async def test_a_range_joins_with_its_routes_and_subnets_and_leaves_when_it_is_empty(
    ec2, refused, network, associate, local
):
    vpc_id, _ = await network()
    await ec2("CreateRouteTable", VpcId=vpc_id)
    made = await associate(vpc_id)
    assert (made["CidrBlock"], made["CidrBlockState"]) == (MORE, {"State": "associated"})
    await ec2("CreateRouteTable", VpcId=vpc_id)
    assert await local(vpc_id) == [["10.0.0.0/16", MORE]] * 3

    by = [{"Name": "cidr-block-association.cidr-block", "Values": [MORE]}]
    (vpc,) = (await ec2("DescribeVpcs", Filters=by))["Vpcs"]
    first, second = vpc["CidrBlockAssociationSet"]
    assert (vpc["CidrBlock"], first["CidrBlock"], second) == ("10.0.0.0/16", "10.0.0.0/16", made)

    subnet = await ec2("CreateSubnet", VpcId=vpc_id, CidrBlock="100.64.3.0/24")
    inside = {"DestinationCidrBlock": "100.64.9.0/24", "GatewayId": "igw-0123456789abcdef0"}
    table = (await ec2("DescribeRouteTables"))["RouteTables"][0]["RouteTableId"]
    assert (await refused("CreateRoute", RouteTableId=table, **inside))[0] == (
        "InvalidParameterValue"
    )
    named = {"AssociationId": made["AssociationId"]}
    code, words = await refused("DisassociateVpcCidrBlock", **named)
    assert (code, subnet["Subnet"]["SubnetId"] in words) == ("DependencyViolation", True)

    await ec2("DeleteSubnet", SubnetId=subnet["Subnet"]["SubnetId"])
    gone = await ec2("DisassociateVpcCidrBlock", **named)
    assert gone["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociated"}
    assert await local(vpc_id) == [["10.0.0.0/16"]] * 3
    assert (await refused("DisassociateVpcCidrBlock", **named))[0] == (
        "InvalidVpcCidrBlockAssociationID.NotFound"
    )
    code, _ = await refused("CreateSubnet", VpcId=vpc_id, CidrBlock="100.64.3.0/24")
    assert code == "InvalidSubnet.Range"


async def test_the_first_range_stays(ec2, refused, network):
    await network()
    (vpc,) = (await ec2("DescribeVpcs"))["Vpcs"]
    (first,) = vpc["CidrBlockAssociationSet"]
    code, words = await refused("DisassociateVpcCidrBlock", AssociationId=first["AssociationId"])
    assert (code, "primary" in words) == ("OperationNotPermitted", True)


async def test_a_vpc_has_five_ranges_at_most(refused, network, associate):
    vpc_id, _ = await network()
    for one in range(4):
        await associate(vpc_id, f"10.{one + 2}.0.0/16")
    assert await refused("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.9.0.0/16") == (
        "CidrLimitExceeded",
        f"This network '{vpc_id}' has met its maximum number of allowed CIDRs: 5",
    )


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"CidrBlock": "10.0.128.0/24"}, "CidrConflict"),
        ({"CidrBlock": "172.16.0.0/16"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.2.0.0/15"}, "InvalidVpc.Range"),
        ({"CidrBlock": "169.254.0.0/16"}, "InvalidVpc.Range"),
        ({"CidrBlock": "ten"}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        ({"AmazonProvidedIpv6CidrBlock": True}, "UnsupportedOperation"),
        ({"CidrBlock": MORE, "Ipv4IpamPoolId": "ipam-pool-1"}, "UnsupportedOperation"),
    ],
)
async def test_what_cannot_join_is_refused(refused, network, asked, code):
    vpc_id, _ = await network()
    assert (await refused("AssociateVpcCidrBlock", VpcId=vpc_id, **asked))[0] == code


async def test_peers_ranges_count(ec2, refused, network, associate):
    first, _ = await network()
    second, _ = await network("10.1.0.0/16", "10.1.1.0/24")
    third, _ = await network("100.64.0.0/16", "100.64.1.0/24")
    await associate(first, "10.3.0.0/16")

    async def ask(one: str, other: str) -> dict:
        asked = await ec2("CreateVpcPeeringConnection", VpcId=one, PeerVpcId=other)
        return asked["VpcPeeringConnection"]

    peering = await ask(first, second)
    assert [one["CidrBlock"] for one in peering["RequesterVpcInfo"]["CidrBlockSet"]] == [
        "10.0.0.0/16",
        "10.3.0.0/16",
    ]
    await ec2(
        "AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering["VpcPeeringConnectionId"]
    )
    code, _ = await refused("AssociateVpcCidrBlock", VpcId=second, CidrBlock="10.3.4.0/24")
    assert code == "CidrConflict"
    pending = (await ask(second, third))["VpcPeeringConnectionId"]
    await associate(second)
    assert (await ask(third, first))["Status"]["Code"] == "pending-acceptance"
    late = await ec2("AcceptVpcPeeringConnection", VpcPeeringConnectionId=pending)
    assert late["VpcPeeringConnection"]["Status"]["Code"] == "failed"
    assert (await ask(second, third))["Status"]["Code"] == "failed"
