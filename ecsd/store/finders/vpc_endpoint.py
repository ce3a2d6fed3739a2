"""What belongs to a VPC endpoint."""

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import RouteTable
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.store.store import View


def interfaces_of(view: View, endpoint: VpcEndpoint) -> list[NetworkInterface]:
    """Return the network interfaces of an interface endpoint, by their subnets."""
    own = view.select(NetworkInterface, owner=endpoint.vpc_endpoint_id)
    return sorted(own, key=lambda one: one.subnet_id)


def tables_of(view: View, endpoint: VpcEndpoint) -> list[RouteTable]:
    """Return the route tables with a route to a gateway endpoint, by their ids."""
    tables = view.select(RouteTable, vpc_id=endpoint.vpc_id)
    own = endpoint.vpc_endpoint_id
    leading = [one for one in tables if any(route.gateway_id == own for route in one.routes)]
    return sorted(leading, key=lambda one: one.route_table_id)
