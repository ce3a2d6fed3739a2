import pytest

from ecsd.records.ec2.vpc import Vpc
from ecsd.store.finders.ec2 import network_of
from ecsd.store.scope import Scope

UNKNOWN = "vpc-0123456789abcdef0"


async def test_a_vpc_is_born_with_its_default_group_main_table_and_acl(ec2):
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]

    [group] = (await ec2("DescribeSecurityGroups", Filters=here))["SecurityGroups"]
    assert group["GroupName"] == "default"
    [heard] = group["IpPermissions"]
    assert heard["UserIdGroupPairs"] == [{"GroupId": group["GroupId"], "UserId": "000000000000"}]
    [said] = group["IpPermissionsEgress"]
    assert (said["IpProtocol"], said["IpRanges"]) == ("-1", [{"CidrIp": "0.0.0.0/0"}])

    [table] = (await ec2("DescribeRouteTables", Filters=here))["RouteTables"]
    assert table["Associations"][0]["Main"]
    assert table["Routes"] == [
        {
            "DestinationCidrBlock": "10.0.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        }
    ]
    [acl] = (await ec2("DescribeNetworkAcls", Filters=here))["NetworkAcls"]
    assert acl["IsDefault"]
    assert len(acl["Entries"]) == 4


async def test_numbers_are_unique_in_all_accounts_and_the_lowest_free_one(client, store):
    one, other = client("ec2"), client("ec2", account="1" * 12, region="eu-west-1")
    made = [await ask("CreateVpc", CidrBlock="10.0.0.0/16") for ask in (one, other, one)]
    assert sorted(vpc.number for _, vpc in store.everywhere(Vpc)) == [1, 2, 3]

    await other("DeleteVpc", VpcId=made[1]["Vpc"]["VpcId"])
    await one("CreateVpc", CidrBlock="10.0.0.0/16")
    assert sorted(vpc.number for _, vpc in store.everywhere(Vpc)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.0.0.0/15", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("169.254.0.0/16", "InvalidVpc.Range"),
        ("240.0.0.0/16", "InvalidVpc.Range"),
        ("10.0.0/16", "InvalidParameterValue"),
        ("ten", "InvalidParameterValue"),
        ("", "MissingParameter"),
    ],
)
async def test_a_range_that_no_vpc_can_have_is_refused(refused, cidr, code):
    assert (await refused("CreateVpc", CidrBlock=cidr))[0] == code


async def test_host_bits_are_cleared(ec2):
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.3.7/16"))["Vpc"]
    assert vpc["CidrBlock"] == vpc["CidrBlockAssociationSet"][0]["CidrBlock"] == "10.0.0.0/16"


async def test_what_would_have_no_effect_is_refused_by_name(ec2, refused):
    code, message = await refused("CreateVpc", CidrBlock="10.0.0.0/16", Ipv6Pool="x")
    assert (code, message) == (
        "UnsupportedOperation",
        "The parameter Ipv6Pool is not supported.",
    )
    assert (await refused("CreateVpc", CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated"))[
        0
    ] == "UnsupportedOperation"
    await ec2("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=False)


async def test_a_dry_run_changes_nothing(refused, store, scope):
    code, _ = await refused("CreateVpc", CidrBlock="10.0.0.0/16", DryRun=True)
    assert code == "DryRunOperation"
    assert store.view(scope).select(Vpc) == []


async def test_attributes(ec2, refused):
    vpc_id = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]

    async def attribute(name: str) -> dict:
        return await ec2("DescribeVpcAttribute", VpcId=vpc_id, Attribute=name)

    assert (await attribute("enableDnsSupport"))["EnableDnsSupport"] == {"Value": True}
    assert (await attribute("enableDnsHostnames"))["EnableDnsHostnames"] == {"Value": False}
    await ec2("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    await ec2("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsSupport={"Value": False})
    assert (await attribute("enableDnsHostnames"))["EnableDnsHostnames"] == {"Value": True}
    assert (await attribute("enableDnsSupport"))["EnableDnsSupport"] == {"Value": False}
    both = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}
    assert (await refused("ModifyVpcAttribute", VpcId=vpc_id, **both))[0] == (
        "InvalidParameterCombination"
    )
    assert (await refused("ModifyVpcAttribute", VpcId=vpc_id))[0] == "InvalidParameterCombination"
    metrics = {"EnableNetworkAddressUsageMetrics": {"Value": True}}
    assert (await refused("ModifyVpcAttribute", VpcId=vpc_id, **metrics))[0] == (
        "UnsupportedOperation"
    )


async def test_a_vpc_that_holds_something_stays(ec2, refused):
    vpc_id = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]

    async def stays() -> None:
        code, message = await refused("DeleteVpc", VpcId=vpc_id)
        assert code == "DependencyViolation"
        assert message == f"The vpc '{vpc_id}' has dependencies and cannot be deleted."

    subnet = await ec2("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")
    await stays()
    await ec2("DeleteSubnet", SubnetId=subnet["Subnet"]["SubnetId"])
    group = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="web", Description="web")
    await stays()
    await ec2("DeleteSecurityGroup", GroupId=group["GroupId"])
    table = await ec2("CreateRouteTable", VpcId=vpc_id)
    await stays()
    await ec2("DeleteRouteTable", RouteTableId=table["RouteTable"]["RouteTableId"])
    gateway = (await ec2("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
    await ec2("AttachInternetGateway", VpcId=vpc_id, InternetGatewayId=gateway)
    await stays()
    await ec2("DetachInternetGateway", VpcId=vpc_id, InternetGatewayId=gateway)
    await ec2("DeleteVpc", VpcId=vpc_id)


async def test_nothing_is_left_of_a_deleted_vpc(ec2, refused, store, scope):
    vpc_id = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    await ec2("DeleteVpc", VpcId=vpc_id)
    assert not any(network_of(store.view(scope)))
    assert await refused("DescribeVpcs", VpcIds=[vpc_id]) == (
        "InvalidVpcID.NotFound",
        f"The vpc ID '{vpc_id}' does not exist",
    )
    assert (await refused("DeleteVpc", VpcId=UNKNOWN))[0] == "InvalidVpcID.NotFound"
    assert (await refused("DeleteVpc", VpcId="vpc-xyz"))[0] == "InvalidVpcID.Malformed"


async def test_the_default_vpc_is_made_on_request_and_once(ec2, refused):
    assert (await ec2("DescribeVpcs"))["Vpcs"] == []
    vpc = (await ec2("CreateDefaultVpc"))["Vpc"]
    assert (vpc["IsDefault"], vpc["CidrBlock"]) == (True, "172.31.0.0/16")
    subnets = (await ec2("DescribeSubnets"))["Subnets"]
    assert [(one["AvailabilityZone"], one["CidrBlock"]) for one in subnets] == [
        ("us-east-1a", "172.31.0.0/20"),
        ("us-east-1b", "172.31.16.0/20"),
        ("us-east-1c", "172.31.32.0/20"),
    ]
    assert all(one["DefaultForAz"] and one["MapPublicIpOnLaunch"] for one in subnets)
    through = [{"Name": "route.destination-cidr-block", "Values": ["0.0.0.0/0"]}]
    assert len((await ec2("DescribeRouteTables", Filters=through))["RouteTables"]) == 1
    assert (await refused("CreateDefaultVpc"))[0] == "DefaultVpcAlreadyExists"
    attributes = await ec2("DescribeAccountAttributes", AttributeNames=["default-vpc"])
    assert attributes["AccountAttributes"][0]["AttributeValues"] == [
        {"AttributeValue": vpc["VpcId"]}
    ]
    group = await ec2("CreateSecurityGroup", GroupName="web", Description="in the default VPC")
    named = await ec2("DescribeSecurityGroups", GroupNames=["web"])
    assert named["SecurityGroups"][0]["GroupId"] == group["GroupId"]


async def test_accounts_do_not_see_each_other(client, store):
    await client("ec2")("CreateVpc", CidrBlock="10.0.0.0/16")
    assert (await client("ec2", account="1" * 12)("DescribeVpcs"))["Vpcs"] == []
    assert (await client("ec2", region="eu-west-1")("DescribeVpcs"))["Vpcs"] == []
    assert Scope("000000000000", "us-east-1") in store.scopes()


async def test_dhcp_options_are_the_regions_default(client):
    ask = client("ec2", region="eu-west-1")
    vpc = (await ask("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]
    [options] = (await ask("DescribeDhcpOptions"))["DhcpOptions"]
    assert options["DhcpOptionsId"] == vpc["DhcpOptionsId"]
    assert options["DhcpConfigurations"][0]["Values"] == [{"Value": "eu-west-1.compute.internal"}]
