"""Network interfaces. Source: Amazon EC2 API Reference, CreateNetworkInterface and following.

Those that a service made (load balancers, tasks, NAT gateways) belong to it while it lives.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import is_usable, private_dns_name, public_dns_name
from ecsd.decisions.network.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.limits import MAX_GROUPS_PER_INTERFACE
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup
from ecsd.records.ec2.vpc import Address, Subnet, Vpc
from ecsd.store.elastic_ips import dissociate
from ecsd.store.finders.ec2 import (
    default_security_group,
    free_address,
    interface_owner_lives,
    require_network_interface,
    require_security_group,
    require_subnet,
)
from ecsd.store.store import View

ADDRESS = "PrivateIpAddresses"
INTERFACES = Listing(
    "NetworkInterfaces",
    "NetworkInterfaceId",
    {
        "association.allocation-id": "Association.AllocationId",
        "association.association-id": "Association.AssociationId",
        "association.ip-owner-id": "Association.IpOwnerId",
        "association.public-dns-name": "Association.PublicDnsName",
        "association.public-ip": "Association.PublicIp",
        "addresses.association.owner-id": f"{ADDRESS}.Association.IpOwnerId",
        "addresses.association.public-ip": f"{ADDRESS}.Association.PublicIp",
        "addresses.primary": f"{ADDRESS}.Primary",
        "addresses.private-ip-address": f"{ADDRESS}.PrivateIpAddress",
        "attachment.attachment-id": "Attachment.AttachmentId",
        "attachment.attach-time": "Attachment.AttachTime",
        "attachment.delete-on-termination": "Attachment.DeleteOnTermination",
        "attachment.device-index": "Attachment.DeviceIndex",
        "attachment.instance-id": "Attachment.InstanceId",
        "attachment.instance-owner-id": "Attachment.InstanceOwnerId",
        "attachment.status": "Attachment.Status",
        "availability-zone": "AvailabilityZone",
        "availability-zone-id": "AvailabilityZoneId",
        "description": "Description",
        "group-id": "Groups.GroupId",
        "group-name": "Groups.GroupName",
        "interface-type": "InterfaceType",
        "ipv6-addresses.ipv6-address": "Ipv6Addresses.Ipv6Address",
        "mac-address": "MacAddress",
        "network-interface-id": "NetworkInterfaceId",
        "owner-id": "OwnerId",
        "private-dns-name": "PrivateDnsName",
        "private-ip-address": "PrivateIpAddress",
        "requester-id": "RequesterId",
        "requester-managed": "RequesterManaged",
        "source-dest-check": "SourceDestCheck",
        "status": "Status",
        "subnet-id": "SubnetId",
        "vpc-id": "VpcId",
    },
)


@action(
    "CreateNetworkInterface",
    "SubnetId",
    "Description",
    "Groups",
    "PrivateIpAddress",
    "ClientToken",
    "TagSpecifications",
)
async def create_network_interface(call: Call, request: Request) -> Answer:
    """Reserve an address of a subnet."""
    tags = specified_tags(request, "network-interface")
    token = request.get("ClientToken") or None
    async with call.transaction() as change:
        subnet = require_subnet(change, request["SubnetId"])
        made = _made_by(change, subnet, token)
        if made is not None:
            return _created(call, made)
        groups = request.get("Groups") or [default_security_group(change, subnet.vpc_id).group_id]
        interface = new_interface(
            subnet,
            network_interface_id=call.ids.resource_id("eni"),
            address=chosen_address(change, subnet, request.get("PrivateIpAddress")),
            mac_address=call.ids.mac_address(),
            group_ids=checked_groups(change, subnet.vpc_id, groups),
            description=request.get("Description", ""),
            tags=tags,
        )
        interface = replace(interface, client_token=token)
        change.put(interface)
    return _created(call, interface)


def _made_by(view: View, subnet: Subnet, token: str | None) -> NetworkInterface | None:
    if token is None:
        return None
    interfaces = view.select(NetworkInterface, subnet_id=subnet.subnet_id)
    return next((one for one in interfaces if one.client_token == token), None)


def _created(call: Call, interface: NetworkInterface) -> Answer:
    answer: Answer = {"NetworkInterface": described(call, interface)}
    if interface.client_token:
        answer["ClientToken"] = interface.client_token
    return answer


def chosen_address(view: View, subnet: Subnet, wanted: str | None) -> str:
    """Return the address asked for, else a free one; refuse in EC2's words."""
    if not wanted:
        address = free_address(view, subnet)
        if address is None:
            raise AwsError(
                "InsufficientFreeAddressesInSubnet",
                "The specified subnet does not have enough free addresses to satisfy the request.",
            )
        return address
    if not is_usable(subnet.cidr_block, wanted):
        raise AwsError(
            "InvalidParameterValue",
            f"Address {wanted} does not fall within the subnet's address range",
        )
    interfaces = view.select(NetworkInterface, subnet_id=subnet.subnet_id)
    if any(interface.private_ip_address == wanted for interface in interfaces):
        raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
    return wanted


def checked_groups(view: View, vpc_id: str, group_ids: list[str]) -> tuple[str, ...]:
    """Return the groups, all of this VPC and not too many."""
    unique = tuple(dict.fromkeys(group_ids))
    for group_id in unique:
        if require_security_group(view, group_id).vpc_id != vpc_id:
            raise AwsError(
                "InvalidParameterValue",
                "You have specified two resources that belong to different networks.",
            )
    if len(unique) > MAX_GROUPS_PER_INTERFACE:
        raise AwsError(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        )
    return unique


@action("DeleteNetworkInterface", "NetworkInterfaceId")
async def delete_network_interface(call: Call, request: Request) -> Answer:
    """Give the address back; refused while the interface is attached."""
    async with call.transaction() as change:
        interface = require_network_interface(change, request["NetworkInterfaceId"])
        if interface.attachment_id or interface.owner:
            raise AwsError(
                "InvalidParameterValue",
                f"Network interface '{interface.network_interface_id}' is currently in use.",
            )
        for address in change.select(Address, public_ip=interface.public_ip):
            dissociate(change, address)
        change.remove(interface)
    return {}


@action("DetachNetworkInterface", "AttachmentId", "Force")
async def detach_network_interface(call: Call, request: Request) -> Answer:
    """Free an interface that its owner left behind; a living owner keeps it."""
    attachment_id = request["AttachmentId"]
    async with call.transaction() as change:
        found = change.select(NetworkInterface, attachment_id=attachment_id)
        if not found:
            raise AwsError(
                "InvalidAttachmentID.NotFound",
                f"The attachment '{attachment_id}' does not exist.",
            )
        interface = found[0]
        if interface_owner_lives(change, interface):
            kind = attachment_id.rpartition("-")[0]
            raise AwsError(
                "OperationNotPermitted", f"You are not allowed to manage '{kind}' attachments."
            )
        change.put(
            replace(interface, attachment_id=None, attached_at=None, owner="", status="available")
        )
    return {}


@action("DescribeNetworkInterfaces", "NetworkInterfaceIds", "IncludeManagedResources", *DESCRIBING)
async def describe_network_interfaces(call: Call, request: Request) -> Answer:
    """Return network interfaces, those of AWS's services too."""
    interfaces = chosen(call.view, NetworkInterface, request.get("NetworkInterfaceIds"))
    return listed(request, INTERFACES, [described(call, one) for one in interfaces])


@action(
    "ModifyNetworkInterfaceAttribute",
    "NetworkInterfaceId",
    "Description",
    "Groups",
    "SourceDestCheck",
)
async def modify_network_interface_attribute(call: Call, request: Request) -> Answer:
    """Change one attribute of an interface that no service manages."""
    given = [one for one in ("Description", "Groups", "SourceDestCheck") if one in request]
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", "Exactly one attribute must be specified.")
    async with call.transaction() as change:
        interface = _own(change, request["NetworkInterfaceId"])
        if given == ["Groups"]:
            groups = checked_groups(change, interface.vpc_id, request["Groups"])
            if not groups:
                raise AwsError("InvalidParameterValue", "Groups must not be empty.")
            change.put(replace(interface, group_ids=groups))
        elif given == ["Description"]:
            text = request["Description"].get("Value", "")
            change.put(replace(interface, description=text))
        else:
            check = bool(request["SourceDestCheck"].get("Value"))
            change.put(replace(interface, source_dest_check=check))
    return {}


@action("ResetNetworkInterfaceAttribute", "NetworkInterfaceId", "SourceDestCheck")
async def reset_network_interface_attribute(call: Call, request: Request) -> Answer:
    """Check source and destination again."""
    async with call.transaction() as change:
        interface = _own(change, request["NetworkInterfaceId"])
        change.put(replace(interface, source_dest_check=True))
    return {}


@action("DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", "Attribute")
async def describe_network_interface_attribute(call: Call, request: Request) -> Answer:
    """Return one attribute of an interface."""
    interface = require_network_interface(call.view, request["NetworkInterfaceId"])
    shown = described(call, interface)
    attributes = {
        "description": ("Description", {"Value": interface.description}),
        "groupSet": ("Groups", shown["Groups"]),
        "sourceDestCheck": ("SourceDestCheck", {"Value": interface.source_dest_check}),
        "attachment": ("Attachment", shown.get("Attachment")),
        "associatePublicIpAddress": ("AssociatePublicIpAddress", interface.public_ip is not None),
    }
    if not request.get("Attribute"):
        raise AwsError(
            "InvalidParameterCombination", "No attributes specified for the network interface."
        )
    member, value = attributes[request["Attribute"]]
    return {"NetworkInterfaceId": interface.network_interface_id, member: value}


def _own(view: View, network_interface_id: str) -> NetworkInterface:
    interface = require_network_interface(view, network_interface_id)
    if interface.requester_id:
        raise AwsError(
            "OperationNotPermitted",
            f"The network interface '{network_interface_id}' is managed by "
            f"'{interface.requester_id}'.",
        )
    return interface


def described(call: Call, interface: NetworkInterface) -> dict[str, Any]:
    """Return a network interface in EC2's shape."""
    name = private_dns_name(interface.private_ip_address, call.scope.region)
    association = _association(call, interface)
    subnet = call.view.get(Subnet, interface.subnet_id)
    document: dict[str, Any] = {
        "NetworkInterfaceId": interface.network_interface_id,
        "VpcId": interface.vpc_id,
        "SubnetId": interface.subnet_id,
        "AvailabilityZone": interface.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id if subnet else None,
        "OwnerId": call.scope.account,
        "Description": interface.description,
        "InterfaceType": _interface_type(interface),
        "MacAddress": interface.mac_address,
        "PrivateIpAddress": interface.private_ip_address,
        "PrivateDnsName": name,
        "PrivateIpAddresses": [
            {
                "Primary": True,
                "PrivateIpAddress": interface.private_ip_address,
                "PrivateDnsName": name,
                "Association": association,
            }
        ],
        "Association": association,
        "Attachment": _attachment(call, interface),
        "Groups": [_group(call.view, group_id) for group_id in interface.group_ids],
        "Ipv6Addresses": [],
        "RequesterId": interface.requester_id,
        "RequesterManaged": interface.requester_id is not None,
        "SourceDestCheck": interface.source_dest_check,
        "Status": interface.status,
        "TagSet": tag_set(interface.tags),
    }
    if association is not None:
        document["PublicDnsName"] = association.get("PublicDnsName")
    return document


def _interface_type(interface: NetworkInterface) -> str:
    """EC2 shows an ALB's interfaces as plain ones."""
    plain = interface.interface_type == "load_balancer"
    return "interface" if plain else interface.interface_type


def _group(view: View, group_id: str) -> dict[str, str]:
    group = view.get(SecurityGroup, group_id)
    return {"GroupId": group_id, "GroupName": group.group_name if group else group_id}


def _attachment(call: Call, interface: NetworkInterface) -> dict[str, Any] | None:
    if interface.attachment_id is None:
        return None
    return {
        "AttachmentId": interface.attachment_id,
        "AttachTime": interface.attached_at,
        "DeleteOnTermination": False,
        "DeviceIndex": 1,
        "NetworkCardIndex": 0,
        "InstanceOwnerId": interface.requester_id or call.scope.account,
        "Status": "attached",
    }


def _association(call: Call, interface: NetworkInterface) -> dict[str, Any] | None:
    public_ip = interface.public_ip
    if public_ip is None:
        return None
    held = next(iter(call.view.select(Address, public_ip=public_ip)), None)
    vpc = call.view.get(Vpc, interface.vpc_id)
    named = vpc is not None and vpc.enable_dns_hostnames
    return {
        "PublicIp": public_ip,
        "PublicDnsName": public_dns_name(public_ip, call.scope.region) if named else "",
        "IpOwnerId": call.scope.account if held else "amazon",
        "AllocationId": held.allocation_id if held else None,
        "AssociationId": held.association_id if held else None,
    }
