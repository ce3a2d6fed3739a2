import json

import pytest

from ecsd.decisions.network.endpoint_service import s3_prefix_list
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate
from ecsd.store.scope import Scope

S3, LOGS, DKR = (f"com.amazonaws.us-east-1.{one}" for one in ("s3", "logs", "ecr.dkr"))
LIST = s3_prefix_list("us-east-1").prefix_list_id
SPOKEN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}],
    }
)


@pytest.fixture
def make(ec2):
    async def create(vpc_id: str, service: str, kind: str = "Interface", **more) -> dict:
        answer = await ec2(
            "CreateVpcEndpoint", VpcId=vpc_id, ServiceName=service, VpcEndpointType=kind, **more
        )
        return answer["VpcEndpoint"]

    return create


@pytest.fixture
def shown(ec2):
    async def read(endpoint_id: str) -> dict:
        (one,) = (await ec2("DescribeVpcEndpoints", VpcEndpointIds=[endpoint_id]))["VpcEndpoints"]
        return one

    return read


@pytest.fixture
def routes(ec2):
    async def read(table_id: str) -> dict[str, str]:
        (table,) = (await ec2("DescribeRouteTables", RouteTableIds=[table_id]))["RouteTables"]
        return {
            one["DestinationPrefixListId"]: one["GatewayId"]
            for one in table["Routes"]
            if "DestinationPrefixListId" in one
        }

    return read


@pytest.fixture
def table(ec2):
    async def create(vpc_id: str) -> str:
        return (await ec2("CreateRouteTable", VpcId=vpc_id))["RouteTable"]["RouteTableId"]

    return create


@pytest.fixture
def named(ec2):
    """A VPC whose addresses have names, and its subnet."""

    async def create(network) -> tuple[str, str]:
        vpc_id, subnet_id = await network()
        await ec2("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        return vpc_id, subnet_id

    return create


async def test_a_gateway_endpoint_is_a_route_in_its_tables(
    ec2, network, make, shown, table, routes
):
    vpc_id, _ = await network()
    first, second = await table(vpc_id), await table(vpc_id)
    made = await make(vpc_id, S3, "Gateway", RouteTableIds=[first])
    own = made["VpcEndpointId"]
    assert (made["State"], made["RouteTableIds"], made["DnsEntries"]) == ("pending", [first], [])
    assert await routes(first) == {LIST: own}
    await ec2(
        "ModifyVpcEndpoint",
        VpcEndpointId=own,
        AddRouteTableIds=[second],
        RemoveRouteTableIds=[first],
    )
    assert (await shown(own))["RouteTableIds"] == [second]
    assert (await routes(first), await routes(second)) == ({}, {LIST: own})
    assert await ec2("DeleteVpcEndpoints", VpcEndpointIds=[own]) == {"Unsuccessful": []}
    assert await routes(second) == {}


async def test_a_tables_route_to_an_endpoint_is_the_endpoints_alone(
    ec2, network, make, table, refused
):
    vpc_id, _ = await network()
    table_id = await table(vpc_id)
    await make(vpc_id, S3, "Gateway", RouteTableIds=[table_id])
    again = {"VpcId": vpc_id, "ServiceName": S3, "RouteTableIds": [table_id]}
    assert (await refused("CreateVpcEndpoint", **again))[0] == "RouteAlreadyExists"
    where = {"RouteTableId": table_id, "DestinationPrefixListId": LIST}
    code, words = await refused("DeleteRoute", **where)
    assert code == "InvalidParameterValue"
    assert words.startswith(f"cannot remove VPC endpoint route {LIST}")
    code, words = await refused("ReplaceRoute", GatewayId="igw-0123456789abcdef0", **where)
    assert words.startswith(f"cannot replace VPC endpoint route {LIST}")
    assert (await refused("DeleteVpc", VpcId=vpc_id))[0] == "DependencyViolation"
    await ec2("DeleteRouteTable", RouteTableId=table_id)


async def test_an_interface_endpoint_has_an_interface_in_each_subnet(
    ec2, network, named, make, shown
):
    vpc_id, subnet_id = await named(network)
    made = await make(vpc_id, LOGS, SubnetIds=[subnet_id], PrivateDnsEnabled=True)
    own = made["VpcEndpointId"]
    (eni,) = (
        await ec2("DescribeNetworkInterfaces", NetworkInterfaceIds=made["NetworkInterfaceIds"])
    )["NetworkInterfaces"]
    assert (eni["InterfaceType"], eni["Status"]) == ("vpc_endpoint", "in-use")
    assert (eni["Description"], eni["RequesterManaged"]) == (f"VPC Endpoint Interface {own}", True)
    assert eni["Groups"] == made["Groups"]
    names = [one["DnsName"] for one in made["DnsEntries"]]
    regional, zonal, private = names
    assert regional.startswith(f"{own}-")
    assert regional.endswith(".logs.us-east-1.vpce.amazonaws.com")
    assert eni["AvailabilityZone"] in zonal
    assert private == "logs.us-east-1.amazonaws.com"

    other = await ec2(
        "CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.2.0/24", AvailabilityZone="us-east-1c"
    )
    second = other["Subnet"]["SubnetId"]
    group = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
    await ec2(
        "ModifyVpcEndpoint",
        VpcEndpointId=own,
        AddSubnetIds=[second],
        RemoveSubnetIds=[subnet_id],
        AddSecurityGroupIds=[group["GroupId"]],
        RemoveSecurityGroupIds=[made["Groups"][0]["GroupId"]],
        PrivateDnsEnabled=False,
    )
    after = await shown(own)
    assert (after["SubnetIds"], after["PrivateDnsEnabled"]) == ([second], False)
    assert [one["GroupName"] for one in after["Groups"]] == ["g"]
    await ec2("DeleteVpcEndpoints", VpcEndpointIds=[own])
    assert (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"] == []


async def test_its_group_and_its_subnet_are_in_use(ec2, network, make, refused):
    vpc_id, subnet_id = await network()
    group = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
    made = await make(vpc_id, LOGS, SubnetIds=[subnet_id], SecurityGroupIds=[group["GroupId"]])
    assert (await refused("DeleteSubnet", SubnetId=subnet_id))[0] == "DependencyViolation"
    await ec2("ModifyVpcEndpoint", VpcEndpointId=made["VpcEndpointId"], RemoveSubnetIds=[subnet_id])
    code, _ = await refused("DeleteSecurityGroup", GroupId=group["GroupId"])
    assert code == "DependencyViolation"
    (attachment,) = made["NetworkInterfaceIds"]
    code, _ = await refused("DeleteNetworkInterface", NetworkInterfaceId=attachment)
    assert code == "InvalidNetworkInterfaceID.NotFound"


async def test_it_is_available_once_its_certificate_is_there(network, make, shown, store, moment):
    vpc_id, _ = await network()
    own = (await make(vpc_id, LOGS))["VpcEndpointId"]
    assert (await shown(own))["State"] == "pending"
    async with store.transaction(Scope("000000000000", "us-east-1")) as change:
        change.put(
            EndpointCertificate(
                vpc_endpoint_id=own, body="", chain="", sealed_key="", issued_at=moment.now()
            )
        )
    assert (await shown(own))["State"] == "available"


@pytest.mark.parametrize(
    ("changes", "everything"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}, "Action": ["*"]}, True),
        ({"Effect": "Deny"}, False),
        ({"Action": "ecr:*"}, False),
        ({"Resource": ["*", "arn:aws:ecr:us-east-1:*:repository/*"]}, False),
        ({"Principal": {"AWS": "1" * 12}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
    ],
)
async def test_the_registrys_policy_is_full_access_alone(
    network, make, refused, changes, everything
):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"} | changes
    vpc_id, _ = await network()
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    if everything:
        assert (await make(vpc_id, DKR, PolicyDocument=document))["PolicyDocument"] == document
    else:
        wanted = {"VpcId": vpc_id, "VpcEndpointType": "Interface", "ServiceName": DKR}
        code, _ = await refused("CreateVpcEndpoint", PolicyDocument=document, **wanted)
        assert code == "UnsupportedOperation"


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"ServiceName": "com.amazonaws.us-east-1.dynamodb"}, "InvalidServiceName", "dynamodb"),
        ({"ServiceName": "com.amazonaws.eu-west-1.s3"}, "InvalidServiceName", "eu-west-1"),
        ({"ServiceName": LOGS, "VpcEndpointType": "Gateway"}, "InvalidParameter", "[Interface]"),
        ({"ServiceName": S3, "SubnetIds": ["subnet-1"]}, "InvalidParameter", "SubnetIds"),
        ({"RouteTableIds": ["rtb-1"]}, "InvalidParameter", "RouteTableIds"),
        ({"IpAddressType": "dualstack"}, "UnsupportedOperation", "IpAddressType"),
        (
            {"DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": True}},
            "UnsupportedOperation",
            "PrivateDnsOnlyForInboundResolverEndpoint",
        ),
        ({"ServiceName": S3, "VpcEndpointType": "Interface", "PrivateDnsEnabled": True},
         "UnsupportedOperation", "PrivateDnsOnlyForInboundResolverEndpoint"),
        ({"PrivateDnsEnabled": True}, "InvalidParameter", "enableDnsHostnames"),
        ({"PolicyDocument": "{"}, "InvalidPolicyDocument", "policy"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound", "sg-"),
        ({"ServiceRegion": "eu-west-1"}, "UnsupportedOperation", "ServiceRegion"),
    ],
)  # fmt: skip
async def test_what_has_no_effect_is_refused_by_name(network, refused, wanted, code, words):
    vpc_id, _ = await network()
    kind = {} if "ServiceName" in wanted else {"VpcEndpointType": "Interface", "ServiceName": LOGS}
    told, message = await refused("CreateVpcEndpoint", **({"VpcId": vpc_id} | kind | wanted))
    assert (told, words in message) == (code, True), message


async def test_one_subnet_in_each_zone_and_one_owner_of_a_name(ec2, network, named, make, refused):
    vpc_id, subnet_id = await named(network)
    zone = (await ec2("DescribeSubnets"))["Subnets"][0]["AvailabilityZone"]
    same = await ec2("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.2.0/24", AvailabilityZone=zone)
    wanted = {"VpcId": vpc_id, "ServiceName": LOGS, "VpcEndpointType": "Interface"}
    both = [subnet_id, same["Subnet"]["SubnetId"]]
    code, _ = await refused("CreateVpcEndpoint", SubnetIds=both, **wanted)
    assert code == "DuplicateSubnetsInSameZone"
    await make(vpc_id, LOGS, PrivateDnsEnabled=True)
    code, words = await refused("CreateVpcEndpoint", PrivateDnsEnabled=True, **wanted)
    assert code == "InvalidParameter"
    assert "conflicting DNS domain for logs.us-east-1.amazonaws.com" in words


async def test_a_token_makes_one_and_filters_and_pages_find_it(ec2, network, make):
    vpc_id, _ = await network()
    first = await make(vpc_id, LOGS, ClientToken="t")
    assert (await make(vpc_id, LOGS, ClientToken="t"))["VpcEndpointId"] == first["VpcEndpointId"]
    await make(vpc_id, S3, "Gateway", PolicyDocument=SPOKEN)
    by = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
    (found,) = (await ec2("DescribeVpcEndpoints", Filters=by))["VpcEndpoints"]
    assert (found["ServiceName"], found["PolicyDocument"]) == (S3, SPOKEN)
    await ec2("ModifyVpcEndpoint", VpcEndpointId=found["VpcEndpointId"], ResetPolicy=True)
    page = await ec2("DescribeVpcEndpoints", MaxResults=1)
    rest = await ec2("DescribeVpcEndpoints", MaxResults=1, NextToken=page["NextToken"])
    both = [*page["VpcEndpoints"], *rest["VpcEndpoints"]]
    assert sorted(one["ServiceName"] for one in both) == [LOGS, S3]
    assert all('"Action":"*"' in one["PolicyDocument"] for one in both)
    gone = ["vpce-0123456789abcdef0", found["VpcEndpointId"]]
    (failed,) = (await ec2("DeleteVpcEndpoints", VpcEndpointIds=gone))["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"


async def test_services_are_those_that_are_here(ec2, refused):
    answer = await ec2("DescribeVpcEndpointServices")
    assert {"com.amazonaws.us-east-1.ecr.dkr", S3, LOGS} <= set(answer["ServiceNames"])
    by = [{"Name": "service-type", "Values": ["Gateway"]}]
    (only,) = (await ec2("DescribeVpcEndpointServices", Filters=by))["ServiceDetails"]
    assert only["ServiceName"] == S3
    named = await ec2("DescribeVpcEndpointServices", ServiceNames=[LOGS])
    assert [one["PrivateDnsName"] for one in named["ServiceDetails"]] == [
        "logs.us-east-1.amazonaws.com"
    ]
    elsewhere = "com.amazonaws.us-east-1.sqs"
    code, _ = await refused("DescribeVpcEndpointServices", ServiceNames=[elsewhere])
    assert code == "InvalidServiceName"


async def test_awss_own_list_is_shown_named_by_rules_and_nobodys_to_change(ec2, network, refused):
    (listed,) = (await ec2("DescribePrefixLists"))["PrefixLists"]
    assert listed == {"PrefixListId": LIST, "PrefixListName": S3, "Cidrs": ["240.200.0.0/24"]}
    (one,) = (await ec2("DescribeManagedPrefixLists", PrefixListIds=[LIST]))["PrefixLists"]
    assert (one["OwnerId"], one["PrefixListName"]) == ("AWS", S3)
    entries = await ec2("GetManagedPrefixListEntries", PrefixListId=LIST)
    assert [entry["Cidr"] for entry in entries["Entries"]] == ["240.200.0.0/24"]
    vpc_id, _ = await network()
    group = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    rule["PrefixListIds"] = [{"PrefixListId": LIST}]
    await ec2("AuthorizeSecurityGroupEgress", GroupId=group["GroupId"], IpPermissions=[rule])
    used = await ec2("GetManagedPrefixListAssociations", PrefixListId=LIST)
    assert [found["ResourceId"] for found in used["PrefixListAssociations"]] == [group["GroupId"]]
    code, _ = await refused("DeleteManagedPrefixList", PrefixListId=LIST)
    assert code == "InvalidPrefixListID.NotFound"
    assert (await refused("DescribePrefixLists", PrefixListIds=["pl-1"]))[0] == (
        "InvalidPrefixListId.NotFound"
    )
