"""Routes: to an internet or NAT gateway, or a peering connection; nothing else carries packets.

Source: Amazon EC2 API Reference, CreateRoute, ReplaceRoute, DeleteRoute.
"""

from ecsd.decisions.network.addressing import contains
from ecsd.decisions.network.routing import find_route, with_route, without_route
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.cidr import checked_cidr
from ecsd.operations.ec2.rule_quota import check_table
from ecsd.records.ec2.vpc import InternetGateway, NatGateway, Route, RouteTable, Vpc
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.store.finders.ec2 import (
    require,
    require_prefix_list,
    require_route_table,
    require_vpc,
)
from ecsd.store.store import View

TABLE = ("RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId")
TARGETS = ("GatewayId", "NatGatewayId", "VpcPeeringConnectionId")
Destination = dict[str, str]


@action("CreateRoute", *TABLE, *TARGETS)
async def create_route(call: Call, request: Request) -> Answer:
    """Send a range somewhere."""
    destination = _destination(request)
    async with call.transaction() as change:
        table = require_route_table(change, request["RouteTableId"])
        if find_route(table, destination) is not None:
            raise AwsError(
                "RouteAlreadyExists", f"The route identified by {destination} already exists."
            )
        if not request.get("DestinationPrefixListId"):
            _check_outside(require_vpc(change, table.vpc_id), destination)
        table = with_route(table, _route(change, table, request, destination))
        check_table(change, table)
        change.put(table)
    return {"Return": True}


@action("ReplaceRoute", *TABLE, *TARGETS, "LocalTarget")
async def replace_route(call: Call, request: Request) -> Answer:
    """Send a range elsewhere."""
    destination = _destination(request)
    async with call.transaction() as change:
        table = require_route_table(change, request["RouteTableId"])
        route = _require_route(table, destination)
        if route.gateway_id == "local":
            if request.get("LocalTarget") or request.get("GatewayId") == "local":
                return {}
            raise AwsError(
                "InvalidParameterValue",
                f"cannot replace local route {destination} in route table {table.route_table_id}",
            )
        _check_not_an_endpoints(table, route, "replace")
        change.put(with_route(table, _route(change, table, request, destination)))
    return {}


@action("DeleteRoute", *TABLE)
async def delete_route(call: Call, request: Request) -> Answer:
    """Send a range nowhere in particular again."""
    destination = _destination(request)
    async with call.transaction() as change:
        table = require_route_table(change, request["RouteTableId"])
        route = _require_route(table, destination)
        _check_not_an_endpoints(table, route, "remove")
        if route.gateway_id == "local":
            raise AwsError(
                "InvalidParameterValue",
                f"cannot remove local route {destination} in route table {table.route_table_id}",
            )
        change.put(without_route(table, destination))
    return {}


def _check_not_an_endpoints(table: RouteTable, route: Route, verb: str) -> None:
    """A route to a gateway endpoint comes and goes with ModifyVpcEndpoint alone."""
    if (route.gateway_id or "").startswith("vpce-"):
        raise AwsError(
            "InvalidParameterValue",
            f"cannot {verb} VPC endpoint route {route.destination} in route table "
            f"{table.route_table_id}",
        )


def _destination(request: Request) -> str:
    """Return the range, or the id of the prefix list, that a route is about."""
    prefix_list_id, cidr = (request.get(one) for one in TABLE[:0:-1])
    if prefix_list_id and cidr:
        raise AwsError(
            "InvalidParameterCombination",
            "Only one of destinationCidrBlock, destinationPrefixListId may be specified",
        )
    if prefix_list_id:
        return str(prefix_list_id)
    if not cidr:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter destinationCidrBlock"
        )
    return checked_cidr(request["DestinationCidrBlock"], "destinationCidrBlock")


def _check_outside(vpc: Vpc, destination: str) -> None:
    if any(contains(one, destination) for one in vpc.cidr_blocks):
        raise AwsError(
            "InvalidParameterValue",
            f"The destination CIDR block {destination} is equal to or more specific than one of "
            "this VPC's CIDR blocks. This route can target only an interface or an instance.",
        )


def _require_route(table: RouteTable, destination: str) -> Route:
    route = find_route(table, destination)
    if route is None:
        raise AwsError(
            "InvalidRoute.NotFound",
            f"no route with destination-cidr-block {destination} in route table "
            f"{table.route_table_id}",
        )
    return route


def _route(view: View, table: RouteTable, request: Request, destination: str) -> Route:
    """Return the route, its target existing and in the table's VPC."""
    where = _where(view, request, destination)
    gateway_id, nat_gateway_id, peering_id = (request.get(one) for one in TARGETS)
    if len([one for one in (gateway_id, nat_gateway_id, peering_id) if one]) != 1:
        raise AwsError(
            "InvalidParameterCombination",
            "The request must contain exactly one of gatewayId, natGatewayId, "
            "vpcPeeringConnectionId",
        )
    if peering_id:
        _check_peering(view, table, peering_id)
        return Route(**where, vpc_peering_connection_id=peering_id)
    if nat_gateway_id:
        _check_nat_gateway(view, table, nat_gateway_id)
        return Route(**where, nat_gateway_id=nat_gateway_id)
    gateway = require(view, InternetGateway, str(gateway_id))
    if gateway.vpc_id != table.vpc_id:
        raise AwsError(
            "InvalidParameterValue",
            f"route table {table.route_table_id} and network gateway {gateway_id} "
            "belong to different networks",
        )
    return Route(**where, gateway_id=gateway_id)


def _where(view: View, request: Request, destination: str) -> Destination:
    """Return a route's destination as its record has it. IPv6 is not carried."""
    if not request.get("DestinationPrefixListId"):
        return {"destination_cidr_block": destination}
    found = require_prefix_list(view, destination)
    if found.address_family != "IPv4":
        raise AwsError(
            "UnsupportedOperation",
            "The parameter DestinationPrefixListId is not supported for a list of IPv6 ranges.",
        )
    return {"destination_prefix_list_id": destination}


def _check_peering(view: View, table: RouteTable, peering_id: str) -> None:
    peering = require(view, VpcPeeringConnection, peering_id)
    if table.vpc_id not in peering.vpc_ids:
        raise AwsError(
            "InvalidParameterValue",
            f"route table {table.route_table_id} and interface {peering_id} "
            "belong to different networks",
        )
    if peering.status != "active":
        raise AwsError(
            "InvalidVpcPeeringConnectionState.NotActive",
            f"The vpcPeeringConnection '{peering_id}' is {peering.status}, not active",
        )


def _check_nat_gateway(view: View, table: RouteTable, nat_gateway_id: str) -> None:
    gateway = view.get(NatGateway, nat_gateway_id)
    if gateway is None or gateway.state == "deleted":
        raise AwsError(
            "InvalidNatGatewayID.NotFound",
            f"The natGateway ID '{nat_gateway_id}' does not exist",
        )
    if gateway.vpc_id != table.vpc_id:
        raise AwsError(
            "InvalidParameterValue",
            f"route table {table.route_table_id} and NAT gateway {nat_gateway_id} "
            "belong to different networks",
        )
