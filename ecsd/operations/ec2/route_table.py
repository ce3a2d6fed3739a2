"""Route tables and who uses them. Source: Amazon EC2 API Reference, CreateRouteTable."""

from typing import Any

from ecsd.decisions.network.routing import (
    find_association,
    with_association,
    without_association,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.operations.ec2.vpc import local_route
from ecsd.records.ec2.vpc import Route, RouteTable, RouteTableAssociation
from ecsd.store.finders.ec2 import require_route_table, require_subnet, require_vpc
from ecsd.store.store import View

ASSOCIATED = {"State": "associated"}
TABLES = Listing(
    "RouteTables",
    "RouteTableId",
    {
        "association.gateway-id": "Associations.GatewayId",
        "association.main": "Associations.Main",
        "association.route-table-association-id": "Associations.RouteTableAssociationId",
        "association.route-table-id": "Associations.RouteTableId",
        "association.subnet-id": "Associations.SubnetId",
        "owner-id": "OwnerId",
        "route-table-id": "RouteTableId",
        "route.destination-cidr-block": "Routes.DestinationCidrBlock",
        "route.destination-ipv6-cidr-block": "Routes.DestinationIpv6CidrBlock",
        "route.destination-prefix-list-id": "Routes.DestinationPrefixListId",
        "route.egress-only-internet-gateway-id": "Routes.EgressOnlyInternetGatewayId",
        "route.gateway-id": "Routes.GatewayId",
        "route.instance-id": "Routes.InstanceId",
        "route.nat-gateway-id": "Routes.NatGatewayId",
        "route.origin": "Routes.Origin",
        "route.state": "Routes.State",
        "route.transit-gateway-id": "Routes.TransitGatewayId",
        "route.vpc-peering-connection-id": "Routes.VpcPeeringConnectionId",
        "vpc-id": "VpcId",
    },
)


@action("CreateRouteTable", "VpcId", "ClientToken", "TagSpecifications")
async def create_route_table(call: Call, request: Request) -> Answer:
    """Make a table with the VPC's local route. The same token makes no second one."""
    token = request.get("ClientToken") or None
    tags = specified_tags(request, "route-table")
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        table = _made_by(change, vpc.vpc_id, token)
        if table is None:
            table = RouteTable(
                route_table_id=call.ids.resource_id("rtb"),
                vpc_id=vpc.vpc_id,
                routes=tuple(local_route(one) for one in vpc.cidr_blocks),
                client_token=token,
                tags=tags,
            )
            change.put(table)
    answer: Answer = {"RouteTable": described(call, table)}
    if token:
        answer["ClientToken"] = token
    return answer


def _made_by(view: View, vpc_id: str, token: str | None) -> RouteTable | None:
    if token is None:
        return None
    tables = view.select(RouteTable, vpc_id=vpc_id)
    return next((table for table in tables if table.client_token == token), None)


@action("DeleteRouteTable", "RouteTableId")
async def delete_route_table(call: Call, request: Request) -> Answer:
    """Remove a table that nobody uses."""
    async with call.transaction() as change:
        table = require_route_table(change, request["RouteTableId"])
        if table.associations:
            raise AwsError(
                "DependencyViolation",
                f"The routeTable '{table.route_table_id}' has dependencies and cannot be deleted.",
            )
        change.remove(table)
    return {}


@action("DescribeRouteTables", "RouteTableIds", *DESCRIBING)
async def describe_route_tables(call: Call, request: Request) -> Answer:
    """Return route tables."""
    tables = chosen(call.view, RouteTable, request.get("RouteTableIds"))
    return listed(request, TABLES, [described(call, table) for table in tables])


@action("AssociateRouteTable", "RouteTableId", "SubnetId")
async def associate_route_table(call: Call, request: Request) -> Answer:
    """Make a subnet use a table of its VPC."""
    if not request.get("SubnetId"):
        raise AwsError("MissingParameter", "The request must contain the parameter subnetId")
    async with call.transaction() as change:
        table = require_route_table(change, request["RouteTableId"])
        subnet = require_subnet(change, request["SubnetId"])
        if table.vpc_id != subnet.vpc_id:
            raise AwsError(
                "InvalidParameterValue",
                f"Route table {table.route_table_id} and subnet {subnet.subnet_id} "
                "belong to different networks",
            )
        for other in change.select(RouteTable, vpc_id=subnet.vpc_id):
            existing = find_association(other, subnet_id=subnet.subnet_id)
            if existing is not None and other.route_table_id == table.route_table_id:
                return _associated("AssociationId", existing.association_id)
            if existing is not None:
                raise AwsError(
                    "Resource.AlreadyAssociated",
                    f"the specified association for route table {table.route_table_id} "
                    "conflicts with an existing association",
                )
        association = RouteTableAssociation(
            association_id=call.ids.resource_id("rtbassoc"), subnet_id=subnet.subnet_id
        )
        change.put(with_association(table, association))
    return _associated("AssociationId", association.association_id)


@action("DisassociateRouteTable", "AssociationId")
async def disassociate_route_table(call: Call, request: Request) -> Answer:
    """Make a subnet use its VPC's main table again."""
    async with call.transaction() as change:
        table, association = _require_association(change, request["AssociationId"])
        if association.main:
            raise AwsError(
                "InvalidParameterValue",
                "cannot disassociate the main route table association "
                f"{association.association_id}",
            )
        change.put(without_association(table, association.association_id))
    return {}


@action("ReplaceRouteTableAssociation", "AssociationId", "RouteTableId")
async def replace_route_table_association(call: Call, request: Request) -> Answer:
    """Move a subnet, or the VPC's main role, to another table."""
    async with call.transaction() as change:
        old, association = _require_association(change, request["AssociationId"])
        new = require_route_table(change, request["RouteTableId"])
        if new.vpc_id != old.vpc_id:
            raise AwsError(
                "InvalidParameterValue",
                f"Route table {new.route_table_id} and network {old.vpc_id} "
                "belong to different networks",
            )
        moved = RouteTableAssociation(
            association_id=call.ids.resource_id("rtbassoc"),
            subnet_id=association.subnet_id,
            main=association.main,
        )
        change.put(without_association(old, association.association_id))
        change.put(with_association(require_route_table(change, new.route_table_id), moved))
    return _associated("NewAssociationId", moved.association_id)


def _associated(member: str, association_id: str) -> Answer:
    return {member: association_id, "AssociationState": ASSOCIATED}


def _require_association(
    view: View, association_id: str
) -> tuple[RouteTable, RouteTableAssociation]:
    for table in view.select(RouteTable):
        association = find_association(table, association_id=association_id)
        if association is not None:
            return table, association
    raise AwsError(
        "InvalidAssociationID.NotFound",
        f"The association ID '{association_id}' does not exist",
    )


def described(call: Call, table: RouteTable) -> dict[str, Any]:
    """Return a route table in EC2's shape."""
    return {
        "RouteTableId": table.route_table_id,
        "VpcId": table.vpc_id,
        "OwnerId": call.scope.account,
        "Routes": [_route(route) for route in table.routes],
        "Associations": [
            {
                "RouteTableAssociationId": one.association_id,
                "RouteTableId": table.route_table_id,
                "SubnetId": one.subnet_id,
                "Main": one.main,
                "AssociationState": ASSOCIATED,
            }
            for one in table.associations
        ],
        "PropagatingVgws": [],
        "Tags": tag_set(table.tags),
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "DestinationCidrBlock": route.destination_cidr_block or None,
        "DestinationPrefixListId": route.destination_prefix_list_id,
        "GatewayId": route.gateway_id,
        "NatGatewayId": route.nat_gateway_id,
        "NetworkInterfaceId": route.network_interface_id,
        "VpcPeeringConnectionId": route.vpc_peering_connection_id,
        "Origin": route.origin,
        "State": route.state,
    }
