"""Elastic IPs. On one machine a public address is a name: it says who may use the way out.

Source: Amazon EC2 API Reference, AllocateAddress, AssociateAddress.
"""

from typing import Any

from ecsd.decisions.network.addressing import allocate_elastic
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, chosen, listed, page
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Address
from ecsd.store.elastic_ips import associate, dissociate
from ecsd.store.finders.ec2 import internet_gateway_of, require, require_network_interface
from ecsd.store.store import View

ADDRESSES = Listing(
    "Addresses",
    "AllocationId",
    {
        "allocation-id": "AllocationId",
        "association-id": "AssociationId",
        "domain": "Domain",
        "instance-id": "InstanceId",
        "network-border-group": "NetworkBorderGroup",
        "network-interface-id": "NetworkInterfaceId",
        "network-interface-owner-id": "NetworkInterfaceOwnerId",
        "private-ip-address": "PrivateIpAddress",
        "public-ip": "PublicIp",
    },
)


@action("AllocateAddress", "Domain", "PublicIpv4Pool", "NetworkBorderGroup", "TagSpecifications")
async def allocate_address(call: Call, request: Request) -> Answer:
    """Take a public address that nobody in the whole store holds."""
    for member, only in (
        ("Domain", "vpc"),
        ("PublicIpv4Pool", "amazon"),
        ("NetworkBorderGroup", call.scope.region),
    ):
        if request.get(member, only) != only:
            raise AwsError(
                "UnsupportedOperation",
                f"The value {request[member]} of {member} is not supported.",
            )
    tags = specified_tags(request, "elastic-ip")
    async with call.transaction() as change:
        held = {address.public_ip for _, address in call.store.everywhere(Address)}
        public_ip = allocate_elastic(held)
        if public_ip is None:
            raise AwsError(
                "AddressLimitExceeded", "The maximum number of addresses has been reached."
            )
        address = Address(
            allocation_id=call.ids.resource_id("eipalloc"), public_ip=public_ip, tags=tags
        )
        change.put(address)
    return {
        "AllocationId": address.allocation_id,
        "PublicIp": public_ip,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": call.scope.region,
        "Domain": "vpc",
    }


@action("ReleaseAddress", "AllocationId", "PublicIp", "NetworkBorderGroup")
async def release_address(call: Call, request: Request) -> Answer:
    """Give an address back; refused while it is associated."""
    async with call.transaction() as change:
        address = _require_address(change, request)
        if address.association_id:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
        change.remove(address)
    return {}


@action(
    "AssociateAddress",
    "AllocationId",
    "PublicIp",
    "InstanceId",
    "NetworkInterfaceId",
    "PrivateIpAddress",
    "AllowReassociation",
)
async def associate_address(call: Call, request: Request) -> Answer:
    """Give an interface a public address."""
    if request.get("InstanceId"):
        raise AwsError(
            "InvalidInstanceID.NotFound",
            f"The instance ID '{request['InstanceId']}' does not exist",
        )
    if not request.get("NetworkInterfaceId"):
        raise AwsError(
            "MissingParameter",
            "Either 'InstanceId' or 'NetworkInterfaceId' must be specified.",
        )
    async with call.transaction() as change:
        address = _require_address(change, request)
        interface = _target(change, request)
        if address.network_interface_id == interface.network_interface_id:
            return {"AssociationId": address.association_id}
        if not request.get("AllowReassociation"):
            _check_unassociated(change, address, interface)
        for other in change.select(Address, public_ip=interface.public_ip):
            dissociate(change, other)
        dissociate(change, address)
        associated = associate(
            change, address, interface.network_interface_id, call.ids.resource_id("eipassoc")
        )
    return {"AssociationId": associated.association_id}


def _target(view: View, request: Request) -> NetworkInterface:
    interface = require_network_interface(view, request["NetworkInterfaceId"])
    if interface.requester_id:
        raise _not_yours()
    private = request.get("PrivateIpAddress")
    if private and private != interface.private_ip_address:
        raise AwsError(
            "InvalidParameterValue",
            f"{private} is not a private address of '{interface.network_interface_id}'.",
        )
    if internet_gateway_of(view, interface.vpc_id) is None:
        raise AwsError(
            "Gateway.NotAttached",
            f"Network {interface.vpc_id} is not attached to any internet gateway",
        )
    return interface


def _not_yours() -> AwsError:
    return AwsError(
        "AuthFailure",
        "You do not have permission to access the specified resource.",
        status=403,
    )


def _check_unassociated(view: View, address: Address, interface: NetworkInterface) -> None:
    others = view.select(Address, public_ip=interface.public_ip) if interface.public_ip else []
    for one, resource in (
        (address, address.allocation_id),
        *((other, interface.network_interface_id) for other in others),
    ):
        if one.association_id:
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"resource {resource} is already associated with associate-id {one.association_id}",
            )


@action("DisassociateAddress", "AssociationId", "PublicIp")
async def disassociate_address(call: Call, request: Request) -> Answer:
    """Take an interface's public address away; a NAT gateway keeps its own."""
    async with call.transaction() as change:
        address = _require_association(change, request)
        interface = change.get(NetworkInterface, address.network_interface_id or "")
        if interface is not None and interface.requester_id:
            raise _not_yours()
        dissociate(change, address)
    return {}


def _require_association(view: View, request: Request) -> Address:
    association_id = request.get("AssociationId")
    if not association_id:
        return _require_address(view, request)
    for address in view.select(Address):
        if address.association_id == association_id:
            return address
    raise AwsError(
        "InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist"
    )


def _require_address(view: View, request: Request) -> Address:
    if request.get("AllocationId"):
        return require(view, Address, request["AllocationId"])
    if request.get("PublicIp"):
        return _require_public(view, request["PublicIp"])
    raise AwsError("MissingParameter", "Either 'AllocationId' or 'PublicIp' must be specified.")


def _require_public(view: View, public_ip: str) -> Address:
    found = view.select(Address, public_ip=public_ip)
    if not found:
        raise AwsError("InvalidAddress.NotFound", f"Address '{public_ip}' not found.")
    return found[0]


@action("DescribeAddresses", "AllocationIds", "PublicIps", "Filters")
async def describe_addresses(call: Call, request: Request) -> Answer:
    """Return Elastic IPs."""
    named = [_require_public(call.view, one) for one in request.get("PublicIps") or ()]
    if request.get("AllocationIds") or not named:
        named += chosen(call.view, Address, request.get("AllocationIds"))
    return listed(request, ADDRESSES, [described(call, address) for address in named])


@action("DescribeAddressesAttribute", "AllocationIds", "Attribute", *DESCRIBING[1:])
async def describe_addresses_attribute(call: Call, request: Request) -> Answer:
    """Return the addresses whose domain name is asked for; none can have one here."""
    addresses = chosen(call.view, Address, request.get("AllocationIds"))
    documents = [
        {"AllocationId": address.allocation_id, "PublicIp": address.public_ip}
        for address in addresses
    ]
    return page(request, "Addresses", documents, lambda one: str(one["AllocationId"]))


def described(call: Call, address: Address) -> dict[str, Any]:
    """Return an Elastic IP in EC2's shape."""
    document: dict[str, Any] = {
        "AllocationId": address.allocation_id,
        "PublicIp": address.public_ip,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": call.scope.region,
        "Domain": "vpc",
        "Tags": tag_set(address.tags),
    }
    if address.association_id:
        document |= {
            "AssociationId": address.association_id,
            "NetworkInterfaceId": address.network_interface_id,
            "NetworkInterfaceOwnerId": call.scope.account,
            "PrivateIpAddress": address.private_ip_address,
        }
    return document
