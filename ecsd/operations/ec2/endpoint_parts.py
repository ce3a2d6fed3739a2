"""What VPC endpoints put into a VPC: routes into route tables, interfaces into subnets."""

from collections.abc import Iterable, Mapping

from ecsd.decisions.network.endpoint_service import s3_prefix_list
from ecsd.decisions.network.network_interface import new_interface
from ecsd.decisions.network.routing import find_route, with_route, without_route
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.limits import MAX_GATEWAY_ENDPOINTS, MAX_INTERFACE_ENDPOINTS
from ecsd.operations.ec2.network_interface import chosen_address
from ecsd.operations.ec2.rule_quota import check_table
from ecsd.records.ec2.vpc import Route, RouteTable
from ecsd.records.ec2.vpc_endpoint import GATEWAY, VpcEndpoint
from ecsd.store.finders.ec2 import require_route_table, require_subnet
from ecsd.store.finders.vpc_endpoint import interfaces_of
from ecsd.store.store import Transaction, View


def check_room(view: View, vpc_id: str, kind: str) -> None:
    """Refuse more endpoints than a region, or a VPC, may have."""
    others = [one for one in view.select(VpcEndpoint) if one.endpoint_type == kind]
    if kind != GATEWAY:
        others = [one for one in others if one.vpc_id == vpc_id]
    if len(others) >= (MAX_GATEWAY_ENDPOINTS if kind == GATEWAY else MAX_INTERFACE_ENDPOINTS):
        raise AwsError(
            "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."
        )


def route_to_service(change: Transaction, endpoint: VpcEndpoint, tables: Iterable[str]) -> None:
    """Have subnets that use these tables send what is for the service to a gateway endpoint."""
    listed = s3_prefix_list(change.scope.region).prefix_list_id
    for table_id in dict.fromkeys(tables):
        table = _own_table(change, endpoint, table_id)
        known = find_route(table, listed)
        if known is not None and known.gateway_id == endpoint.vpc_endpoint_id:
            continue
        if known is not None:
            raise AwsError(
                "RouteAlreadyExists",
                f"route table {table_id} already has a route with destination-prefix-list-id "
                f"{listed}",
            )
        route = Route(destination_prefix_list_id=listed, gateway_id=endpoint.vpc_endpoint_id)
        table = with_route(table, route)
        check_table(change, table)
        change.put(table)


def unroute(change: Transaction, endpoint: VpcEndpoint, tables: Iterable[str]) -> None:
    """Take the route to a gateway endpoint out of these tables; one without it is left alone."""
    listed = s3_prefix_list(change.scope.region).prefix_list_id
    for table_id in tables:
        table = _own_table(change, endpoint, table_id)
        known = find_route(table, listed)
        if known is not None and known.gateway_id == endpoint.vpc_endpoint_id:
            change.put(without_route(table, listed))


def _own_table(view: View, endpoint: VpcEndpoint, table_id: str) -> RouteTable:
    table = require_route_table(view, table_id)
    if table.vpc_id != endpoint.vpc_id:
        raise AwsError(
            "InvalidParameter", f"Route table {table_id} does not belong to {endpoint.vpc_id}"
        )
    return table


def join_subnets(
    call: Call, change: Transaction, endpoint: VpcEndpoint, places: Mapping[str, str | None]
) -> None:
    """Give an interface endpoint an interface in each of these subnets, one in each zone."""
    taken = {one.availability_zone: one.subnet_id for one in interfaces_of(change, endpoint)}
    for subnet_id, address in places.items():
        subnet = require_subnet(change, subnet_id)
        if subnet.vpc_id != endpoint.vpc_id:
            raise AwsError(
                "InvalidParameter", f"Subnet {subnet_id} does not belong to {endpoint.vpc_id}"
            )
        if taken.get(subnet.availability_zone) == subnet_id:
            continue
        if subnet.availability_zone in taken:
            raise AwsError(
                "DuplicateSubnetsInSameZone",
                "Found another VPC endpoint subnet in the availability zone of "
                f"{subnet_id}. VPC endpoint subnets should be in different availability zones "
                "supported by the VPC endpoint service.",
            )
        taken[subnet.availability_zone] = subnet_id
        change.put(
            new_interface(
                subnet,
                network_interface_id=call.ids.resource_id("eni"),
                address=chosen_address(change, subnet, address),
                mac_address=call.ids.mac_address(),
                group_ids=endpoint.group_ids,
                interface_type="vpc_endpoint",
                description=f"VPC Endpoint Interface {endpoint.vpc_endpoint_id}",
                owner=endpoint.vpc_endpoint_id,
                requester_id="amazon-aws",
                attached_at=call.clock.now(),
            )
        )


def leave_subnets(change: Transaction, endpoint: VpcEndpoint, subnets: Iterable[str]) -> None:
    """Take an interface endpoint out of subnets; one that it is not in is left alone."""
    gone = {require_subnet(change, one).subnet_id for one in subnets}
    own = interfaces_of(change, endpoint)
    change.remove(*(one for one in own if one.subnet_id in gone))
