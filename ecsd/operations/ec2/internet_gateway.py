"""Internet gateways. A route through one that is not attached is a black hole."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.routing import with_gateway_state
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import InternetGateway, RouteTable
from ecsd.store.finders.ec2 import internet_gateway_of, require, require_vpc
from ecsd.store.store import Transaction

GATEWAYS = Listing(
    "InternetGateways",
    "InternetGatewayId",
    {
        "attachment.state": "Attachments.State",
        "attachment.vpc-id": "Attachments.VpcId",
        "internet-gateway-id": "InternetGatewayId",
        "owner-id": "OwnerId",
    },
)


@action("CreateInternetGateway", "TagSpecifications")
async def create_internet_gateway(call: Call, request: Request) -> Answer:
    """Make a gateway that is attached to nothing yet."""
    gateway = InternetGateway(
        internet_gateway_id=call.ids.resource_id("igw"),
        tags=specified_tags(request, "internet-gateway"),
    )
    async with call.transaction() as change:
        change.put(gateway)
    return {"InternetGateway": described(call, gateway)}


@action("AttachInternetGateway", "InternetGatewayId", "VpcId")
async def attach_internet_gateway(call: Call, request: Request) -> Answer:
    """Give a VPC its one door to the internet."""
    async with call.transaction() as change:
        gateway = require(change, InternetGateway, request["InternetGatewayId"])
        vpc = require_vpc(change, request["VpcId"])
        if gateway.vpc_id is not None:
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"resource {gateway.internet_gateway_id} is already attached to network "
                f"{gateway.vpc_id}",
            )
        if internet_gateway_of(change, vpc.vpc_id) is not None:
            raise AwsError(
                "InvalidParameterValue",
                f"Network {vpc.vpc_id} already has an internet gateway attached",
            )
        change.put(replace(gateway, vpc_id=vpc.vpc_id))
        mark_routes(change, vpc.vpc_id, gateway.internet_gateway_id, "active")
    return {}


@action("DetachInternetGateway", "InternetGatewayId", "VpcId")
async def detach_internet_gateway(call: Call, request: Request) -> Answer:
    """Take the door away; refused while public addresses of the VPC depend on it."""
    async with call.transaction() as change:
        gateway = require(change, InternetGateway, request["InternetGatewayId"])
        vpc = require_vpc(change, request["VpcId"])
        if gateway.vpc_id != vpc.vpc_id:
            raise AwsError(
                "Gateway.NotAttached",
                f"resource {gateway.internet_gateway_id} is not attached to network {vpc.vpc_id}",
            )
        interfaces = change.select(NetworkInterface, vpc_id=vpc.vpc_id)
        if any(interface.public_ip for interface in interfaces):
            raise AwsError(
                "DependencyViolation",
                f"Network {vpc.vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway.",
            )
        change.put(replace(gateway, vpc_id=None))
        mark_routes(change, vpc.vpc_id, gateway.internet_gateway_id, "blackhole")
    return {}


@action("DeleteInternetGateway", "InternetGatewayId")
async def delete_internet_gateway(call: Call, request: Request) -> Answer:
    """Remove a detached gateway."""
    async with call.transaction() as change:
        gateway = require(change, InternetGateway, request["InternetGatewayId"])
        if gateway.vpc_id is not None:
            raise AwsError(
                "DependencyViolation",
                f"The internetGateway '{gateway.internet_gateway_id}' has dependencies and "
                "cannot be deleted.",
            )
        change.remove(gateway)
    return {}


@action("DescribeInternetGateways", "InternetGatewayIds", *DESCRIBING)
async def describe_internet_gateways(call: Call, request: Request) -> Answer:
    """Return internet gateways."""
    gateways = chosen(call.view, InternetGateway, request.get("InternetGatewayIds"))
    return listed(request, GATEWAYS, [described(call, gateway) for gateway in gateways])


def mark_routes(change: Transaction, vpc_id: str, gateway_id: str, state: str) -> None:
    """Set the state of every route of the VPC through a gateway of either kind."""
    for table in change.select(RouteTable, vpc_id=vpc_id):
        change.put(with_gateway_state(table, gateway_id, state))


def described(call: Call, gateway: InternetGateway) -> dict[str, Any]:
    """Return an internet gateway in EC2's shape. An attachment is ``available``, as EC2 says."""
    attachments = [{"State": "available", "VpcId": gateway.vpc_id}] if gateway.vpc_id else []
    return {
        "InternetGatewayId": gateway.internet_gateway_id,
        "OwnerId": call.scope.account,
        "Attachments": attachments,
        "Tags": tag_set(gateway.tags),
    }
