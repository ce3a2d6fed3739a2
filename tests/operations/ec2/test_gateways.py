"""Internet gateways, NAT gateways and Elastic IPs, which need each other."""

from datetime import timedelta

import pytest

from ecsd.records.ec2.vpc import NatGateway


@pytest.fixture
def door(ec2):
    async def attach(vpc_id: str) -> str:
        made = await ec2("CreateInternetGateway")
        gateway_id = made["InternetGateway"]["InternetGatewayId"]
        await ec2("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
        return gateway_id

    return attach


async def test_a_vpc_has_one_door_and_a_door_one_vpc(ec2, network, door, refused):
    vpc_id, _ = await network()
    other_id, _ = await network()
    gateway = await door(vpc_id)
    [shown] = (await ec2("DescribeInternetGateways"))["InternetGateways"]
    assert shown["Attachments"] == [{"State": "available", "VpcId": vpc_id}]
    both = {"InternetGatewayId": gateway, "VpcId": other_id}
    assert (await refused("AttachInternetGateway", **both))[0] == "Resource.AlreadyAssociated"
    assert (await refused("DetachInternetGateway", **both))[0] == "Gateway.NotAttached"
    spare = (await ec2("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
    both = {"InternetGatewayId": spare, "VpcId": vpc_id}
    assert (await refused("AttachInternetGateway", **both))[0] == "InvalidParameterValue"
    assert (await refused("DeleteInternetGateway", InternetGatewayId=gateway))[0] == (
        "DependencyViolation"
    )
    await ec2("DetachInternetGateway", InternetGatewayId=gateway, VpcId=vpc_id)
    await ec2("DeleteInternetGateway", InternetGatewayId=gateway)
    code, _ = await refused("DeleteInternetGateway", InternetGatewayId=gateway)
    assert code == "InvalidInternetGatewayID.NotFound"


async def test_a_nat_gateway_wears_its_elastic_ip(ec2, network, door, refused):
    vpc_id, subnet_id = await network()
    address = await ec2("AllocateAddress", Domain="vpc")
    request = {"SubnetId": subnet_id, "AllocationId": address["AllocationId"]}
    assert (await refused("CreateNatGateway", **request))[0] == "Gateway.NotAttached"
    gateway_id = await door(vpc_id)
    made = await ec2("CreateNatGateway", ClientToken="once", **request)
    again = await ec2("CreateNatGateway", ClientToken="once", **request)
    assert made == again
    nat = made["NatGateway"]
    assert nat["State"] == "available"
    [where] = nat["NatGatewayAddresses"]
    assert where["PublicIp"] == address["PublicIp"]

    assert (await refused("CreateNatGateway", **request))[0] == "Resource.AlreadyAssociated"
    code, _ = await refused(
        "CreateNatGateway", ClientToken="once", SubnetId=subnet_id, ConnectivityType="private"
    )
    assert code == "IdempotentParameterMismatch"

    owned = [{"Name": "attachment.instance-owner-id", "Values": ["amazon-aws"]}]
    [interface] = (await ec2("DescribeNetworkInterfaces", Filters=owned))["NetworkInterfaces"]
    assert interface["InterfaceType"] == "nat_gateway"
    assert interface["Association"]["PublicIp"] == address["PublicIp"]
    assert interface["Association"]["AllocationId"] == address["AllocationId"]
    [shown] = (await ec2("DescribeAddresses"))["Addresses"]
    assert shown["NetworkInterfaceId"] == interface["NetworkInterfaceId"]

    association = {"AssociationId": shown["AssociationId"]}
    assert (await refused("DisassociateAddress", **association))[0] == "AuthFailure"
    release = {"AllocationId": address["AllocationId"]}
    assert (await refused("ReleaseAddress", **release))[0] == "InvalidIPAddress.InUse"
    both = {"InternetGatewayId": gateway_id, "VpcId": vpc_id}
    assert (await refused("DetachInternetGateway", **both))[0] == "DependencyViolation"
    assert (await refused("DeleteSubnet", SubnetId=subnet_id))[0] == "DependencyViolation"

    nat_id = nat["NatGatewayId"]
    await ec2("DeleteNatGateway", NatGatewayId=nat_id)
    await ec2("DeleteNatGateway", NatGatewayId=nat_id)
    [gone] = (await ec2("DescribeNatGateways", NatGatewayIds=[nat_id]))["NatGateways"]
    assert gone["State"] == "deleted"
    await ec2("ReleaseAddress", **release)
    await ec2("DetachInternetGateway", **both)
    await ec2("DeleteSubnet", SubnetId=subnet_id)
    await ec2("DeleteVpc", VpcId=vpc_id)


async def test_a_deleted_nat_gateway_is_forgotten_after_an_hour(client, store, scope, set_clock):
    clock = set_clock
    ask = client("ec2", clock=clock)
    vpc_id = (await ask("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    made = await ask("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")
    private = {"SubnetId": made["Subnet"]["SubnetId"], "ConnectivityType": "private"}
    nat_id = (await ask("CreateNatGateway", **private))["NatGateway"]["NatGatewayId"]
    await ask("DeleteNatGateway", NatGatewayId=nat_id)
    clock.moment += timedelta(minutes=59)
    assert len((await ask("DescribeNatGateways"))["NatGateways"]) == 1
    clock.moment += timedelta(minutes=2)
    assert (await ask("DescribeNatGateways"))["NatGateways"] == []
    await ask("CreateNatGateway", **private)
    assert len(store.view(scope).select(NatGateway)) == 1


@pytest.mark.parametrize(
    ("request_members", "code"),
    [
        ({}, "MissingParameter"),
        ({"ConnectivityType": "private", "AllocationId": "x"}, "InvalidParameterCombination"),
        ({"AvailabilityMode": "regional"}, "UnsupportedOperation"),
        ({"AllocationId": "eipalloc-0123456789abcdef0"}, "InvalidAllocationID.NotFound"),
        (
            {"ConnectivityType": "private", "PrivateIpAddress": "10.0.1.3"},
            "InvalidParameterValue",
        ),
        ({"SecondaryAllocationIds": ["x"]}, "UnsupportedOperation"),
    ],
)
async def test_a_nat_gateway_that_cannot_be_is_refused(network, refused, request_members, code):
    _, subnet_id = await network()
    request = {"SubnetId": subnet_id} | request_members
    assert (await refused("CreateNatGateway", **request))[0] == code


async def test_unknown_nat_gateways(refused):
    code, _ = await refused("DeleteNatGateway", NatGatewayId="nat-0123456789abcdef0")
    assert code == "NatGatewayNotFound"
    assert (await refused("DescribeNatGateways", NatGatewayIds=["x"]))[0] == "NatGatewayMalformed"


async def test_addresses_are_unique_in_all_accounts(client, store):
    one, other = client("ec2"), client("ec2", account="1" * 12)
    held = [(await ask("AllocateAddress"))["PublicIp"] for ask in (one, other, one)]
    assert len(set(held)) == 3


async def test_an_elastic_ip_moves_between_interfaces(ec2, network, door, refused):
    vpc_id, subnet_id = await network()
    first, second = [
        (await ec2("CreateNetworkInterface", SubnetId=subnet_id))["NetworkInterface"][
            "NetworkInterfaceId"
        ]
        for _ in range(2)
    ]
    allocation = (await ec2("AllocateAddress"))["AllocationId"]
    request = {"AllocationId": allocation, "NetworkInterfaceId": first}
    assert (await refused("AssociateAddress", **request))[0] == "Gateway.NotAttached"
    await door(vpc_id)
    association = await ec2("AssociateAddress", **request)
    assert await ec2("AssociateAddress", **request) == association
    request["NetworkInterfaceId"] = second
    assert (await refused("AssociateAddress", **request))[0] == "Resource.AlreadyAssociated"
    moved = await ec2("AssociateAddress", AllowReassociation=True, **request)
    assert moved != association
    worn = [{"Name": "association.allocation-id", "Values": [allocation]}]
    [interface] = (await ec2("DescribeNetworkInterfaces", Filters=worn))["NetworkInterfaces"]
    assert interface["NetworkInterfaceId"] == second
    assert (await refused("DisassociateAddress", **association))[0] == (
        "InvalidAssociationID.NotFound"
    )
    await ec2("DisassociateAddress", **moved)
    assert (await ec2("DescribeNetworkInterfaces", Filters=worn))["NetworkInterfaces"] == []
    await ec2("AssociateAddress", **request)
    await ec2("DeleteNetworkInterface", NetworkInterfaceId=second)
    await ec2("ReleaseAddress", AllocationId=allocation)


async def test_addresses_are_found_by_name_and_refused(ec2, refused):
    made = await ec2("AllocateAddress")
    shown = await ec2("DescribeAddresses", PublicIps=[made["PublicIp"]])
    assert shown["Addresses"][0]["AllocationId"] == made["AllocationId"]
    attributes = await ec2(
        "DescribeAddressesAttribute",
        AllocationIds=[made["AllocationId"]],
        Attribute="domain-name",
    )
    assert attributes["Addresses"][0]["PublicIp"] == made["PublicIp"]
    assert (await refused("DescribeAddresses", PublicIps=["8.8.8.8"]))[0] == (
        "InvalidAddress.NotFound"
    )
    assert (await refused("ReleaseAddress"))[0] == "MissingParameter"
    assert (await refused("AllocateAddress", Domain="standard"))[0] == "UnsupportedOperation"
    nowhere = {"AllocationId": made["AllocationId"]}
    assert (await refused("AssociateAddress", **nowhere))[0] == "MissingParameter"
    assert (await refused("AssociateAddress", InstanceId="i-1", **nowhere))[0] == (
        "InvalidInstanceID.NotFound"
    )


async def test_addresses_run_out(ec2, refused):
    for _ in range(762):
        await ec2("AllocateAddress")
    assert (await refused("AllocateAddress"))[0] == "AddressLimitExceeded"
