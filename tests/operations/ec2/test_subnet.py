import pytest

UNKNOWN = "subnet-0123456789abcdef0"


async def test_free_addresses_are_counted(ec2, network):
    _, subnet_id = await network(subnet="10.0.1.0/28")

    async def free() -> int:
        [subnet] = (await ec2("DescribeSubnets", SubnetIds=[subnet_id]))["Subnets"]
        return subnet["AvailableIpAddressCount"]

    assert await free() == 11
    made = await ec2("CreateNetworkInterface", SubnetId=subnet_id)
    assert await free() == 10
    interface_id = made["NetworkInterface"]["NetworkInterfaceId"]
    await ec2("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    assert await free() == 11


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.0.0/29", "InvalidSubnet.Range"),
        ("10.0.1.128/25", "InvalidSubnet.Conflict"),
        ("10.0.0.0/20", "InvalidSubnet.Conflict"),
        ("x", "InvalidParameterValue"),
        ("", "MissingParameter"),
    ],
)
async def test_a_range_that_does_not_fit_is_refused(network, refused, cidr, code):
    vpc_id, _ = await network()
    assert (await refused("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr))[0] == code


async def test_zones_by_name_by_id_and_by_choice(ec2, network, refused):
    vpc_id, first = await network()
    request = {"VpcId": vpc_id}
    by_name = await ec2(
        "CreateSubnet", CidrBlock="10.0.2.0/24", AvailabilityZone="us-east-1c", **request
    )
    assert by_name["Subnet"]["AvailabilityZoneId"] == "use1-az3"
    by_id = await ec2(
        "CreateSubnet", CidrBlock="10.0.3.0/24", AvailabilityZoneId="use1-az1", **request
    )
    assert by_id["Subnet"]["AvailabilityZone"] == "us-east-1a"
    chosen = await ec2("CreateSubnet", CidrBlock="10.0.4.0/24", **request)
    assert chosen["Subnet"]["AvailabilityZone"] == "us-east-1b"
    code, message = await refused(
        "CreateSubnet", CidrBlock="10.0.5.0/24", AvailabilityZone="us-east-1x", **request
    )
    assert code == "InvalidParameterValue"
    assert "us-east-1a, us-east-1b, us-east-1c" in message
    assert first


async def test_attributes(ec2, network, refused):
    _, subnet_id = await network()
    await ec2("ModifySubnetAttribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    [subnet] = (await ec2("DescribeSubnets"))["Subnets"]
    assert subnet["MapPublicIpOnLaunch"]
    off = {"AssignIpv6AddressOnCreation": {"Value": False}}
    await ec2("ModifySubnetAttribute", SubnetId=subnet_id, **off)
    on = {"AssignIpv6AddressOnCreation": {"Value": True}}
    code, message = await refused("ModifySubnetAttribute", SubnetId=subnet_id, **on)
    assert (code, "AssignIpv6AddressOnCreation" in message) == ("UnsupportedOperation", True)
    hostname = {"PrivateDnsHostnameTypeOnLaunch": "resource-name"}
    code, _ = await refused("ModifySubnetAttribute", SubnetId=subnet_id, **hostname)
    assert code == "UnsupportedOperation"


async def test_a_subnet_with_an_interface_stays(ec2, network, refused):
    _, subnet_id = await network()
    made = await ec2("CreateNetworkInterface", SubnetId=subnet_id)
    assert await refused("DeleteSubnet", SubnetId=subnet_id) == (
        "DependencyViolation",
        f"The subnet '{subnet_id}' has dependencies and cannot be deleted.",
    )
    interface_id = made["NetworkInterface"]["NetworkInterfaceId"]
    await ec2("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    await ec2("DeleteSubnet", SubnetId=subnet_id)
    assert (await refused("DeleteSubnet", SubnetId=subnet_id))[0] == "InvalidSubnetID.NotFound"
    assert (await refused("DeleteSubnet", SubnetId="s"))[0] == "InvalidSubnetID.Malformed"


async def test_a_route_table_forgets_a_deleted_subnet(ec2, network):
    vpc_id, subnet_id = await network()
    table = (await ec2("CreateRouteTable", VpcId=vpc_id))["RouteTable"]["RouteTableId"]
    await ec2("AssociateRouteTable", RouteTableId=table, SubnetId=subnet_id)
    await ec2("DeleteSubnet", SubnetId=subnet_id)
    await ec2("DeleteRouteTable", RouteTableId=table)


async def test_zones_and_regions(ec2, refused):
    everything = (await ec2("DescribeAvailabilityZones"))["AvailabilityZones"]
    assert [one["ZoneName"] for one in everything] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    available = [{"Name": "state", "Values": ["available"]}]
    named = await ec2("DescribeAvailabilityZones", ZoneIds=["use1-az2"], Filters=available)
    assert [one["ZoneName"] for one in named["AvailabilityZones"]] == ["us-east-1b"]
    assert (await refused("DescribeAvailabilityZones", ZoneNames=["x"]))[0] == (
        "InvalidParameterValue"
    )
    one = await ec2("DescribeRegions", RegionNames=["ap-northeast-1"])
    assert one["Regions"][0]["Endpoint"] == "ec2.ap-northeast-1.amazonaws.com"
    assert (await refused("DescribeRegions", RegionNames=["mars-1"]))[0] == "InvalidParameterValue"
