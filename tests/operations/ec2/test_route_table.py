import pytest

UNKNOWN = "rtb-0123456789abcdef0"
ANYWHERE = "0.0.0.0/0"


@pytest.fixture
def table(ec2):
    async def make(vpc_id: str) -> str:
        made = await ec2("CreateRouteTable", VpcId=vpc_id)
        return made["RouteTable"]["RouteTableId"]

    return make


@pytest.fixture
def routes(ec2):
    async def read(table_id: str) -> dict[str, tuple[str, str]]:
        [shown] = (await ec2("DescribeRouteTables", RouteTableIds=[table_id]))["RouteTables"]
        return {
            one["DestinationCidrBlock"]: (
                one.get("GatewayId") or one.get("NatGatewayId"),
                one["State"],
            )
            for one in shown["Routes"]
        }

    return read


@pytest.fixture
def gateway(ec2):
    async def make(vpc_id: str | None = None) -> str:
        made = await ec2("CreateInternetGateway")
        gateway_id = made["InternetGateway"]["InternetGatewayId"]
        if vpc_id:
            await ec2("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
        return gateway_id

    return make


async def test_a_route_lives_and_dies_with_its_gateway(ec2, network, table, gateway, routes):
    vpc_id, _ = await network()
    table_id, gateway_id = await table(vpc_id), await gateway(vpc_id)
    await ec2(
        "CreateRoute",
        RouteTableId=table_id,
        DestinationCidrBlock=ANYWHERE,
        GatewayId=gateway_id,
    )
    assert await routes(table_id) == {
        "10.0.0.0/16": ("local", "active"),
        ANYWHERE: (gateway_id, "active"),
    }
    both = {"InternetGatewayId": gateway_id, "VpcId": vpc_id}
    await ec2("DetachInternetGateway", **both)
    assert (await routes(table_id))[ANYWHERE] == (gateway_id, "blackhole")
    await ec2("AttachInternetGateway", **both)
    assert (await routes(table_id))[ANYWHERE] == (gateway_id, "active")


async def test_a_route_moves_to_a_nat_gateway_and_goes(
    ec2, network, table, gateway, routes, refused
):
    vpc_id, subnet_id = await network()
    table_id, gateway_id = await table(vpc_id), await gateway(vpc_id)
    made = await ec2("CreateNatGateway", SubnetId=subnet_id, ConnectivityType="private")
    nat_id = made["NatGateway"]["NatGatewayId"]
    where = {"RouteTableId": table_id, "DestinationCidrBlock": ANYWHERE}
    assert (await refused("ReplaceRoute", GatewayId=gateway_id, **where))[0] == (
        "InvalidRoute.NotFound"
    )
    await ec2("CreateRoute", GatewayId=gateway_id, **where)
    await ec2("ReplaceRoute", NatGatewayId=nat_id, **where)
    assert (await routes(table_id))[ANYWHERE] == (nat_id, "active")
    await ec2("DeleteNatGateway", NatGatewayId=nat_id)
    assert (await routes(table_id))[ANYWHERE] == (nat_id, "blackhole")
    await ec2("DeleteRoute", **where)
    assert await refused("DeleteRoute", **where) == (
        "InvalidRoute.NotFound",
        f"no route with destination-cidr-block {ANYWHERE} in route table {table_id}",
    )
    assert (await refused("CreateRoute", NatGatewayId=nat_id, **where))[0] == (
        "InvalidNatGatewayID.NotFound"
    )


async def test_routes_that_cannot_be_are_refused(ec2, network, table, gateway, refused):
    vpc_id, _ = await network()
    table_id, gateway_id, loose = await table(vpc_id), await gateway(vpc_id), await gateway()
    through = {"RouteTableId": table_id, "GatewayId": gateway_id}

    async def code(**request) -> str:
        return (await refused("CreateRoute", **request))[0]

    assert await code(**through) == "MissingParameter"
    assert await code(**through, DestinationCidrBlock="x") == "InvalidParameterValue"
    assert await code(**through, DestinationCidrBlock="10.0.0.0/16") == "RouteAlreadyExists"
    assert await code(**through, DestinationCidrBlock="10.0.9.0/24") == "InvalidParameterValue"
    assert await code(**through, DestinationIpv6CidrBlock="::/0") == "UnsupportedOperation"
    anywhere = {"RouteTableId": table_id, "DestinationCidrBlock": ANYWHERE}
    assert await code(**anywhere) == "InvalidParameterCombination"
    assert await code(**anywhere, GatewayId=loose) == "InvalidParameterValue"
    assert await code(**anywhere, TransitGatewayId="tgw-1") == "UnsupportedOperation"
    assert await code(**anywhere, InstanceId="i-1") == "UnsupportedOperation"
    assert await code(**anywhere, GatewayId="igw-0123456789abcdef0") == (
        "InvalidInternetGatewayID.NotFound"
    )
    await ec2("CreateRoute", **through, DestinationCidrBlock=ANYWHERE)
    assert await code(**through, DestinationCidrBlock=ANYWHERE) == "RouteAlreadyExists"
    local = {"RouteTableId": table_id, "DestinationCidrBlock": "10.0.0.0/16"}
    assert (await refused("DeleteRoute", **local))[0] == "InvalidParameterValue"
    assert (await refused("ReplaceRoute", GatewayId=gateway_id, **local))[0] == (
        "InvalidParameterValue"
    )
    await ec2("ReplaceRoute", LocalTarget=True, **local)


async def test_a_subnet_uses_one_table(ec2, network, table, refused):
    vpc_id, subnet_id = await network()
    first, second = await table(vpc_id), await table(vpc_id)
    made = await ec2("AssociateRouteTable", RouteTableId=first, SubnetId=subnet_id)
    assert made["AssociationState"] == {"State": "associated"}
    again = await ec2("AssociateRouteTable", RouteTableId=first, SubnetId=subnet_id)
    assert again == made
    assert (await refused("AssociateRouteTable", RouteTableId=second, SubnetId=subnet_id))[0] == (
        "Resource.AlreadyAssociated"
    )
    assert (await refused("DeleteRouteTable", RouteTableId=first))[0] == "DependencyViolation"
    moved = await ec2(
        "ReplaceRouteTableAssociation", AssociationId=made["AssociationId"], RouteTableId=second
    )
    await ec2("DeleteRouteTable", RouteTableId=first)
    found = [
        {"Name": "association.route-table-association-id", "Values": [moved["NewAssociationId"]]}
    ]
    [shown] = (await ec2("DescribeRouteTables", Filters=found))["RouteTables"]
    assert shown["RouteTableId"] == second
    await ec2("DisassociateRouteTable", AssociationId=moved["NewAssociationId"])
    assert (await refused("DisassociateRouteTable", AssociationId=moved["NewAssociationId"]))[
        0
    ] == "InvalidAssociationID.NotFound"
    await ec2("DeleteRouteTable", RouteTableId=second)


async def test_the_main_role_moves_but_is_never_lost(ec2, network, table, refused):
    vpc_id, _ = await network()
    main = [
        {"Name": "association.main", "Values": ["true"]},
        {"Name": "vpc-id", "Values": [vpc_id]},
    ]
    [old] = (await ec2("DescribeRouteTables", Filters=main))["RouteTables"]
    association_id = old["Associations"][0]["RouteTableAssociationId"]
    assert (await refused("DisassociateRouteTable", AssociationId=association_id))[0] == (
        "InvalidParameterValue"
    )
    new = await table(vpc_id)
    await ec2("ReplaceRouteTableAssociation", AssociationId=association_id, RouteTableId=new)
    [shown] = (await ec2("DescribeRouteTables", Filters=main))["RouteTables"]
    assert shown["RouteTableId"] == new
    await ec2("DeleteRouteTable", RouteTableId=old["RouteTableId"])


async def test_tables_stay_in_their_vpc(network, table, refused):
    vpc_id, _ = await network()
    _, foreign_subnet = await network()
    table_id = await table(vpc_id)
    assert (await refused("AssociateRouteTable", RouteTableId=table_id, SubnetId=foreign_subnet))[
        0
    ] == "InvalidParameterValue"
    assert (await refused("AssociateRouteTable", RouteTableId=table_id))[0] == "MissingParameter"
    assert (await refused("DeleteRouteTable", RouteTableId=UNKNOWN))[0] == (
        "InvalidRouteTableID.NotFound"
    )
    assert (await refused("DeleteRouteTable", RouteTableId="r"))[0] == (
        "InvalidRouteTableId.Malformed"
    )


async def test_the_same_token_makes_one_table(ec2, network):
    vpc_id, _ = await network()
    first = await ec2("CreateRouteTable", VpcId=vpc_id, ClientToken="t")
    assert await ec2("CreateRouteTable", VpcId=vpc_id, ClientToken="t") == first
