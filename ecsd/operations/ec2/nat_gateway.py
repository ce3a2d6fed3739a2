"""NAT gateways. Source: Amazon EC2 API Reference, CreateNatGateway.

One is available at once: the packet filter of its VPC is all that it needs. A deleted one is
described for an hour, as on AWS, or until its VPC goes.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.internet_gateway import mark_routes
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.network_interface import chosen_address
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Address, NatGateway, Subnet
from ecsd.store.elastic_ips import associate, dissociate
from ecsd.store.finders.ec2 import internet_gateway_of, require, require_subnet
from ecsd.store.store import Transaction, View

DESCRIBED_AFTER_DELETION = timedelta(hours=1)
NAT_GATEWAYS = Listing(
    "NatGateways",
    "NatGatewayId",
    {
        "connectivity-type": "ConnectivityType",
        "nat-gateway-id": "NatGatewayId",
        "state": "State",
        "subnet-id": "SubnetId",
        "vpc-id": "VpcId",
    },
)


@action(
    "CreateNatGateway",
    "SubnetId",
    "VpcId",
    "AllocationId",
    "AvailabilityMode",
    "ConnectivityType",
    "PrivateIpAddress",
    "ClientToken",
    "TagSpecifications",
)
async def create_nat_gateway(call: Call, request: Request) -> Answer:
    """Open a way out for subnets that route to it. The same token makes no second one."""
    connectivity = _checked_connectivity(request)
    tags = specified_tags(request, "natgateway")
    token = request.get("ClientToken") or None
    async with call.transaction() as change:
        made = _made_by(change, token, request, connectivity)
        if made is not None:
            return {"NatGateway": described(made), "ClientToken": token}
        subnet = require_subnet(change, request["SubnetId"])
        address = _free_elastic(change, request, subnet) if connectivity == "public" else None
        gateway = NatGateway(
            nat_gateway_id=call.ids.resource_id("nat"),
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.subnet_id,
            connectivity_type=connectivity,
            state="available",
            network_interface_id=call.ids.resource_id("eni"),
            private_ip=chosen_address(change, subnet, request.get("PrivateIpAddress")),
            allocation_id=address.allocation_id if address else None,
            public_ip=address.public_ip if address else None,
            client_token=token,
            created_at=call.clock.now().isoformat(),
            tags=tags,
        )
        change.put(gateway, _interface(call, subnet, gateway))
        if address is not None:
            associate(
                change, address, gateway.network_interface_id, call.ids.resource_id("eipassoc")
            )
        _forget_old(call, change)
    answer: Answer = {"NatGateway": described(gateway)}
    if token:
        answer["ClientToken"] = token
    return answer


def _checked_connectivity(request: Request) -> str:
    if request.get("AvailabilityMode", "zonal") != "zonal":
        raise AwsError(
            "UnsupportedOperation", "The value regional of AvailabilityMode is not supported."
        )
    if request.get("VpcId"):
        raise AwsError(
            "InvalidParameterCombination", "VpcId is for regional NAT gateways: use SubnetId."
        )
    if not request.get("SubnetId"):
        raise AwsError("MissingParameter", "The request must contain the parameter SubnetId")
    connectivity = str(request.get("ConnectivityType") or "public")
    if connectivity == "public" and not request.get("AllocationId"):
        raise AwsError("MissingParameter", "The request must contain the parameter AllocationId")
    if connectivity == "private" and request.get("AllocationId"):
        raise AwsError(
            "InvalidParameterCombination",
            "AllocationId must not be specified for a private NAT gateway.",
        )
    return connectivity


def _made_by(
    view: View, token: str | None, request: Request, connectivity: str
) -> NatGateway | None:
    if token is None:
        return None
    for gateway in view.select(NatGateway):
        if gateway.client_token != token or gateway.state == "deleted":
            continue
        before = (gateway.subnet_id, gateway.allocation_id, gateway.connectivity_type)
        if before != (request["SubnetId"], request.get("AllocationId") or None, connectivity):
            raise AwsError(
                "IdempotentParameterMismatch",
                "The client token was used with other parameters before.",
            )
        return gateway
    return None


def _free_elastic(view: View, request: Request, subnet: Subnet) -> Address:
    address = require(view, Address, request["AllocationId"])
    if address.association_id:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"Elastic IP address [{address.allocation_id}] is already associated",
        )
    if internet_gateway_of(view, subnet.vpc_id) is None:
        raise AwsError(
            "Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"
        )
    return address


def _interface(call: Call, subnet: Subnet, gateway: NatGateway) -> NetworkInterface:
    return new_interface(
        subnet,
        network_interface_id=gateway.network_interface_id,
        address=gateway.private_ip,
        mac_address=call.ids.mac_address(),
        interface_type="nat_gateway",
        description=f"Interface for NAT Gateway {gateway.nat_gateway_id}",
        owner=gateway.nat_gateway_id,
        requester_id="amazon-aws",
        attached_at=call.clock.now(),
        source_dest_check=False,
    )


@action("DeleteNatGateway", "NatGatewayId")
async def delete_nat_gateway(call: Call, request: Request) -> Answer:
    """Close the way out; its Elastic IP is free again, routes through it are black holes."""
    async with call.transaction() as change:
        gateway = require(change, NatGateway, request["NatGatewayId"])
        if gateway.state != "deleted":
            for address in change.select(Address, public_ip=gateway.public_ip):
                dissociate(change, address)
            interface = change.get(NetworkInterface, gateway.network_interface_id)
            if interface is not None:
                change.remove(interface)
            mark_routes(change, gateway.vpc_id, gateway.nat_gateway_id, "blackhole")
            deleted_at = call.clock.now().isoformat()
            change.put(replace(gateway, state="deleted", deleted_at=deleted_at))
        _forget_old(call, change)
    return {"NatGatewayId": gateway.nat_gateway_id}


@action("DescribeNatGateways", "NatGatewayIds", "Filter", *DESCRIBING)
async def describe_nat_gateways(call: Call, request: Request) -> Answer:
    """Return NAT gateways, those deleted within the hour too."""
    gateways = chosen(call.view, NatGateway, request.get("NatGatewayIds"))
    shown = [described(gateway) for gateway in gateways if not _is_old(call, gateway)]
    return listed(request, NAT_GATEWAYS, shown)


def _is_old(call: Call, gateway: NatGateway) -> bool:
    if gateway.deleted_at is None:
        return False
    deleted = datetime.fromisoformat(gateway.deleted_at)
    return call.clock.now() - deleted > DESCRIBED_AFTER_DELETION


def _forget_old(call: Call, change: Transaction) -> None:
    change.remove(*(one for one in change.select(NatGateway) if _is_old(call, one)))


def described(gateway: NatGateway) -> dict[str, Any]:
    """Return a NAT gateway in EC2's shape."""
    return {
        "NatGatewayId": gateway.nat_gateway_id,
        "VpcId": gateway.vpc_id,
        "SubnetId": gateway.subnet_id,
        "State": gateway.state,
        "ConnectivityType": gateway.connectivity_type,
        "AvailabilityMode": "zonal",
        "CreateTime": datetime.fromisoformat(gateway.created_at),
        "DeleteTime": datetime.fromisoformat(gateway.deleted_at) if gateway.deleted_at else None,
        "NatGatewayAddresses": [
            {
                "AllocationId": gateway.allocation_id,
                "NetworkInterfaceId": gateway.network_interface_id,
                "PrivateIp": gateway.private_ip,
                "PublicIp": gateway.public_ip,
                "IsPrimary": True,
                "Status": "succeeded",
            }
        ],
        "Tags": tag_set(gateway.tags),
    }
