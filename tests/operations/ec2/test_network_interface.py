import pytest

from ecsd.decisions.network.network_interface import new_interface
from ecsd.records.ec2.vpc import Subnet
from ecsd.store.finders.ec2 import free_address, free_public_address


@pytest.fixture
def interface(ec2):
    async def make(subnet_id: str, **request) -> dict:
        made = await ec2("CreateNetworkInterface", SubnetId=subnet_id, **request)
        return made["NetworkInterface"]

    return make


async def test_an_interface_has_an_address_a_name_and_the_default_group(network, interface):
    _, subnet_id = await network()
    made = await interface(subnet_id, Description="mine")
    assert made["PrivateIpAddress"] == "10.0.1.4"
    assert made["PrivateDnsName"] == "ip-10-0-1-4.ec2.internal"
    assert made["Groups"][0]["GroupName"] == "default"
    assert (made["Status"], made["SourceDestCheck"]) == ("available", True)
    assert "Attachment" not in made
    assert "Association" not in made


async def test_addresses_on_request(network, interface, refused):
    _, subnet_id = await network()
    await interface(subnet_id, PrivateIpAddress="10.0.1.77")
    request = {"SubnetId": subnet_id}

    async def code(**more) -> str:
        return (await refused("CreateNetworkInterface", **request, **more))[0]

    assert await code(PrivateIpAddress="10.0.1.77") == "InvalidIPAddress.InUse"
    assert await code(PrivateIpAddress="10.0.1.3") == "InvalidParameterValue"
    assert await code(PrivateIpAddress="10.0.2.4") == "InvalidParameterValue"
    assert await code(SecondaryPrivateIpAddressCount=1) == "UnsupportedOperation"


async def test_a_full_subnet_refuses(network, interface, refused):
    _, subnet_id = await network(subnet="10.0.1.0/28")
    addresses = {(await interface(subnet_id))["PrivateIpAddress"] for _ in range(11)}
    assert len(addresses) == 11
    assert (await refused("CreateNetworkInterface", SubnetId=subnet_id))[0] == (
        "InsufficientFreeAddressesInSubnet"
    )


async def test_groups_of_an_interface(ec2, network, interface, refused):
    vpc_id, subnet_id = await network()
    other_vpc, _ = await network()
    groups = [
        (await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName=name, Description="d"))["GroupId"]
        for name in "abcdef"
    ]
    foreign = await ec2("CreateSecurityGroup", VpcId=other_vpc, GroupName="x", Description="d")
    request = {"SubnetId": subnet_id}
    for wanted, code in (
        (groups, "SecurityGroupsPerInterfaceLimitExceeded"),
        ([foreign["GroupId"]], "InvalidParameterValue"),
        (["sg-0123456789abcdef0"], "InvalidGroup.NotFound"),
    ):
        assert (await refused("CreateNetworkInterface", Groups=wanted, **request))[0] == code
    made = await interface(subnet_id, Groups=groups[:2])
    here = [{"Name": "group-id", "Values": [groups[1]]}]
    [found] = (await ec2("DescribeNetworkInterfaces", Filters=here))["NetworkInterfaces"]
    assert found["NetworkInterfaceId"] == made["NetworkInterfaceId"]


async def test_attributes(ec2, network, interface, refused):
    vpc_id, subnet_id = await network()
    made = await interface(subnet_id)
    which = {"NetworkInterfaceId": made["NetworkInterfaceId"]}
    await ec2("ModifyNetworkInterfaceAttribute", Description={"Value": "new"}, **which)
    await ec2("ModifyNetworkInterfaceAttribute", SourceDestCheck={"Value": False}, **which)
    group = await ec2("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
    await ec2("ModifyNetworkInterfaceAttribute", Groups=[group["GroupId"]], **which)

    async def read(attribute: str) -> dict:
        return await ec2("DescribeNetworkInterfaceAttribute", Attribute=attribute, **which)

    assert (await read("description"))["Description"] == {"Value": "new"}
    assert (await read("sourceDestCheck"))["SourceDestCheck"] == {"Value": False}
    assert (await read("groupSet"))["Groups"][0]["GroupId"] == group["GroupId"]
    assert "Attachment" not in await read("attachment")
    await ec2("ResetNetworkInterfaceAttribute", SourceDestCheck="true", **which)
    assert (await read("sourceDestCheck"))["SourceDestCheck"] == {"Value": True}
    for request in ({}, {"Description": {"Value": ""}, "SourceDestCheck": {"Value": True}}):
        code, _ = await refused("ModifyNetworkInterfaceAttribute", **request, **which)
        assert code == "InvalidParameterCombination"
    code, _ = await refused("ModifyNetworkInterfaceAttribute", Groups=[], **which)
    assert code == "InvalidParameterValue"
    assert (await refused("DescribeNetworkInterfaceAttribute", **which))[0] == (
        "InvalidParameterCombination"
    )


async def test_the_same_token_makes_one_interface(network, interface):
    _, subnet_id = await network()
    first = await interface(subnet_id, ClientToken="t")
    assert await interface(subnet_id, ClientToken="t") == first


async def test_what_people_read_of_a_nat_gateways_interface(client, network, set_clock):
    ec2 = client("ec2", clock=set_clock)
    _, subnet_id = await network()
    made = await ec2("CreateNatGateway", SubnetId=subnet_id, ConnectivityType="private")
    nat_id = made["NatGateway"]["NatGatewayId"]
    [shown] = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    attachment = shown["Attachment"]
    assert attachment.pop("AttachmentId").startswith("eni-attach-")
    assert attachment == {
        "AttachTime": set_clock.moment,
        "DeleteOnTermination": False,
        "DeviceIndex": 1,
        "NetworkCardIndex": 0,
        "InstanceOwnerId": "amazon-aws",
        "Status": "attached",
    }
    assert shown["AvailabilityZoneId"].startswith("use1-az")
    assert shown["Description"] == f"Interface for NAT Gateway {nat_id}"
    assert (shown["InterfaceType"], shown["RequesterManaged"]) == ("nat_gateway", True)
    zone = [{"Name": "availability-zone-id", "Values": [shown["AvailabilityZoneId"]]}]
    found = await ec2("DescribeNetworkInterfaces", Filters=zone)
    assert [one["NetworkInterfaceId"] for one in found["NetworkInterfaces"]] == [
        shown["NetworkInterfaceId"]
    ]


async def test_a_nat_gateways_interface_is_its_own(ec2, network, refused):
    _, subnet_id = await network()
    await ec2("CreateNatGateway", SubnetId=subnet_id, ConnectivityType="private")
    [shown] = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert (shown["Status"], shown["RequesterManaged"]) == ("in-use", True)
    which = {"NetworkInterfaceId": shown["NetworkInterfaceId"]}
    assert (await refused("DeleteNetworkInterface", **which))[0] == "InvalidParameterValue"
    code, _ = await refused("ModifyNetworkInterfaceAttribute", Description={"Value": ""}, **which)
    assert code == "OperationNotPermitted"
    attachment = shown["Attachment"]["AttachmentId"]
    assert await refused("DetachNetworkInterface", AttachmentId=attachment) == (
        "OperationNotPermitted",
        "You are not allowed to manage 'eni-attach' attachments.",
    )
    allocation = (await ec2("AllocateAddress"))["AllocationId"]
    assert (await refused("AssociateAddress", AllocationId=allocation, **which))[0] == "AuthFailure"


async def test_what_a_load_balancer_left_behind_can_be_detached_and_deleted(
    ec2, network, store, scope, ids, refused
):
    """As the Terraform provider does after DeleteLoadBalancer."""
    _, subnet_id = await network()
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/0123"
    async with store.transaction(scope) as change:
        subnet = change.get(Subnet, subnet_id)
        change.put(
            new_interface(
                subnet,
                network_interface_id=ids.resource_id("eni"),
                address=free_address(change, subnet),
                mac_address=ids.mac_address(),
                interface_type="load_balancer",
                description="ELB app/web/0123",
                owner=arn,
                requester_id="amazon-elb",
            )
        )
    filters = [
        {"Name": "attachment.instance-owner-id", "Values": ["amazon-elb"]},
        {"Name": "description", "Values": ["ELB app/web/0123"]},
    ]
    [left] = (await ec2("DescribeNetworkInterfaces", Filters=filters))["NetworkInterfaces"]
    attachment = left["Attachment"]["AttachmentId"]
    assert attachment.startswith("ela-attach-")
    await ec2("DetachNetworkInterface", AttachmentId=attachment, Force=True)
    await ec2("DeleteNetworkInterface", NetworkInterfaceId=left["NetworkInterfaceId"])
    assert (await refused("DetachNetworkInterface", AttachmentId=attachment))[0] == (
        "InvalidAttachmentID.NotFound"
    )


async def test_a_public_address_has_a_name_when_the_vpc_names_hosts(
    ec2, network, store, scope, ids
):
    vpc_id, subnet_id = await network()
    network_interface_id = ids.resource_id("eni")
    async with store.transaction(scope) as change:
        subnet = change.get(Subnet, subnet_id)
        public_ip = free_public_address(change, network_interface_id)
        change.put(
            new_interface(
                subnet,
                network_interface_id=network_interface_id,
                address="10.0.1.9",
                mac_address=ids.mac_address(),
                public_ip=public_ip,
            )
        )
    [shown] = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert shown["Association"] == {
        "PublicIp": public_ip,
        "PublicDnsName": "",
        "IpOwnerId": "amazon",
    }
    await ec2("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    [shown] = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert shown["PublicDnsName"].endswith(".compute-1.amazonaws.com")


async def test_unknown_interfaces(refused):
    unknown = {"NetworkInterfaceId": "eni-0123456789abcdef0"}
    assert (await refused("DeleteNetworkInterface", **unknown))[0] == (
        "InvalidNetworkInterfaceID.NotFound"
    )
    assert (await refused("DeleteNetworkInterface", NetworkInterfaceId="e"))[0] == (
        "InvalidNetworkInterfaceId.Malformed"
    )
