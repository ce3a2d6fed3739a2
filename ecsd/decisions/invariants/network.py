"""What must always hold between VPCs, subnets, interfaces, security groups and routes."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal, warning
from ecsd.decisions.network.addressing import contains, is_usable, overlaps
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import (
    Address,
    InternetGateway,
    NatGateway,
    RouteTable,
    Subnet,
    Vpc,
)
from ecsd.records.ec2.vpc_endpoint import GATEWAY, VpcEndpoint
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection


class Network(NamedTuple):
    """Every network record of one account and region."""

    vpcs: Sequence[Vpc] = ()
    subnets: Sequence[Subnet] = ()
    interfaces: Sequence[NetworkInterface] = ()
    security_groups: Sequence[SecurityGroup] = ()
    rules: Sequence[SecurityGroupRule] = ()
    route_tables: Sequence[RouteTable] = ()
    internet_gateways: Sequence[InternetGateway] = ()
    nat_gateways: Sequence[NatGateway] = ()
    addresses: Sequence[Address] = ()
    network_acls: Sequence[NetworkAcl] = ()
    prefix_lists: Sequence[ManagedPrefixList] = ()
    peerings: Sequence[VpcPeeringConnection] = ()
    endpoints: Sequence[VpcEndpoint] = ()


def check_network(network: Network) -> Iterator[Finding]:
    """Yield what contradicts itself in one account and region."""
    yield from _check_births(network)
    yield from _check_blocks(network)
    yield from _check_subnets(network)
    yield from _check_interfaces(network)
    yield from _check_security_groups(network)
    yield from _check_route_tables(network)
    yield from _check_network_acls(network)
    yield from _check_internet_gateways(network)
    yield from _check_nat_gateways(network)
    yield from _check_addresses(network)
    yield from _check_peerings(network)
    yield from _check_endpoints(network)


def check_vpc_numbers(vpcs_everywhere: Sequence[Vpc]) -> Iterator[Finding]:
    """Yield VPCs, of all accounts and regions, that share a number: their uplinks would clash."""
    holders: dict[int, str] = {}
    for vpc in vpcs_everywhere:
        if vpc.number < 1:
            yield fatal(vpc.vpc_id, "has no number")
        elif vpc.number in holders:
            yield fatal(vpc.vpc_id, f"has number {vpc.number}, as {holders[vpc.number]} has")
        holders.setdefault(vpc.number, vpc.vpc_id)


def _check_births(network: Network) -> Iterator[Finding]:
    for vpc in network.vpcs:
        named = [one for one in network.security_groups if one.vpc_id == vpc.vpc_id]
        tables = [one for one in network.route_tables if one.vpc_id == vpc.vpc_id]
        acls = [one for one in network.network_acls if one.vpc_id == vpc.vpc_id]
        mains = [one for table in tables for one in table.associations if one.main]
        for count, what in (
            (len([one for one in named if one.group_name == "default"]), "default groups"),
            (len(mains), "main route tables"),
            (len([one for one in acls if one.is_default]), "default network ACLs"),
        ):
            if count != 1:
                yield fatal(vpc.vpc_id, f"has {count} {what} instead of one")
    if len([vpc for vpc in network.vpcs if vpc.is_default]) > 1:
        yield fatal("vpc", "there is more than one default VPC")


def _check_blocks(network: Network) -> Iterator[Finding]:
    """A VPC's ranges are apart, and every table of its own has a way to each."""
    for vpc in network.vpcs:
        for one, other in combinations(vpc.cidr_blocks, 2):
            if overlaps(one, other):
                yield fatal(vpc.vpc_id, f"its {one} overlaps its {other}")
        for table in network.route_tables:
            local = {one.destination for one in table.routes if one.gateway_id == "local"}
            if table.vpc_id == vpc.vpc_id and local != set(vpc.cidr_blocks):
                yield fatal(table.route_table_id, f"has other local routes than {vpc.vpc_id}")


def _check_subnets(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id: vpc for vpc in network.vpcs}
    by_vpc: dict[str, list[Subnet]] = {}
    for subnet in network.subnets:
        vpc = vpcs.get(subnet.vpc_id)
        if vpc is None:
            yield fatal(subnet.subnet_id, f"is in {subnet.vpc_id}, which does not exist")
        elif not any(contains(one, subnet.cidr_block) for one in vpc.cidr_blocks):
            ranges = ", ".join(vpc.cidr_blocks)
            yield fatal(subnet.subnet_id, f"{subnet.cidr_block} is not in {ranges}")
        for other in by_vpc.setdefault(subnet.vpc_id, []):
            if overlaps(other.cidr_block, subnet.cidr_block):
                yield fatal(subnet.subnet_id, f"{subnet.cidr_block} overlaps {other.subnet_id}")
        by_vpc[subnet.vpc_id].append(subnet)


def _check_interfaces(network: Network) -> Iterator[Finding]:
    subnets = {subnet.subnet_id: subnet for subnet in network.subnets}
    groups = {group.group_id: group for group in network.security_groups}
    holders: dict[tuple[str, str], str] = {}
    for interface in network.interfaces:
        name = interface.network_interface_id
        yield from _check_place(interface, subnets.get(interface.subnet_id))
        place = (interface.vpc_id, interface.private_ip_address)
        if place in holders:
            yield fatal(name, f"has {place[1]}, as {holders[place]} has")
        holders.setdefault(place, name)
        for group_id in interface.group_ids:
            if group_id not in groups:
                yield fatal(name, f"wears {group_id}, which does not exist")
            elif groups[group_id].vpc_id != interface.vpc_id:
                yield fatal(name, f"wears {group_id} of another VPC")
        if (interface.status == "in-use") != (interface.attachment_id is not None):
            yield warning(name, f"is {interface.status} with attachment {interface.attachment_id}")


def _check_place(interface: NetworkInterface, subnet: Subnet | None) -> Iterator[Finding]:
    name = interface.network_interface_id
    if subnet is None:
        yield fatal(name, f"is in {interface.subnet_id}, which does not exist")
    elif subnet.vpc_id != interface.vpc_id:
        yield fatal(name, f"is in {interface.vpc_id}, its subnet in {subnet.vpc_id}")
    elif not is_usable(subnet.cidr_block, interface.private_ip_address):
        yield fatal(name, f"{interface.private_ip_address} is none of {subnet.cidr_block}'s")


def _check_security_groups(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id for vpc in network.vpcs}
    groups = {group.group_id: group for group in network.security_groups}
    names: set[tuple[str, str]] = set()
    for group in network.security_groups:
        if group.vpc_id not in vpcs:
            yield fatal(group.group_id, f"is in {group.vpc_id}, which does not exist")
        if (group.vpc_id, group.group_name) in names:
            yield fatal(group.group_id, f"has another group's name, {group.group_name}")
        names.add((group.vpc_id, group.group_name))
    for rule in network.rules:
        yield from _check_rule(rule, groups)
        yield from _check_prefix_list(network, rule.security_group_rule_id, rule.prefix_list_id)
    for table in network.route_tables:
        for route in table.routes:
            named = route.destination_prefix_list_id
            yield from _check_prefix_list(network, table.route_table_id, named)


def _check_prefix_list(
    network: Network, name: str, prefix_list_id: str | None
) -> Iterator[Finding]:
    known = {one.prefix_list_id for one in network.prefix_lists}
    if prefix_list_id is not None and prefix_list_id not in known:
        yield fatal(name, f"names {prefix_list_id}, which does not exist")


def _check_rule(rule: SecurityGroupRule, groups: dict[str, SecurityGroup]) -> Iterator[Finding]:
    name = rule.security_group_rule_id
    peers = (rule.cidr_ipv4, rule.cidr_ipv6, rule.referenced_group_id, rule.prefix_list_id)
    if rule.group_id not in groups:
        yield fatal(name, f"is of {rule.group_id}, which does not exist")
    named = None if rule.vpc_peering_connection_id else rule.referenced_group_id  # may be stale
    if named is not None and named not in groups:
        yield fatal(name, f"names {rule.referenced_group_id}, which does not exist")
    if len([peer for peer in peers if peer is not None]) != 1:
        yield fatal(name, "has not exactly one peer")


def _check_route_tables(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id for vpc in network.vpcs}
    subnets = {subnet.subnet_id: subnet for subnet in network.subnets}
    users: dict[str, str] = {}
    for table in network.route_tables:
        name = table.route_table_id
        if table.vpc_id not in vpcs:
            yield fatal(name, f"is in {table.vpc_id}, which does not exist")
        for association in table.associations:
            subnet_id = association.subnet_id
            if subnet_id is None:
                continue
            subnet = subnets.get(subnet_id)
            if subnet is None or subnet.vpc_id != table.vpc_id:
                yield fatal(name, f"is used by {subnet_id}, which is not in its VPC")
            if subnet_id in users:
                yield fatal(name, f"is used by {subnet_id}, which uses {users[subnet_id]} too")
            users[subnet_id] = name
        yield from _check_routes(network, table)


def _check_routes(network: Network, table: RouteTable) -> Iterator[Finding]:
    alive = {
        *(one.internet_gateway_id for one in network.internet_gateways if one.vpc_id),
        *(one.nat_gateway_id for one in network.nat_gateways if one.state == "available"),
        *(one.vpc_peering_connection_id for one in network.peerings if one.status == "active"),
        *(one.vpc_endpoint_id for one in network.endpoints if one.vpc_id == table.vpc_id),
        "local",
    }
    for route in table.routes:
        target = route.target_id
        if (target in alive) != (route.state == "active"):
            yield fatal(
                table.route_table_id,
                f"its route to {route.destination} through {target} is {route.state}",
            )


def _check_network_acls(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id for vpc in network.vpcs}
    subnets = {subnet.subnet_id: subnet for subnet in network.subnets}
    judges: dict[str, str] = {}
    for acl in network.network_acls:
        name = acl.network_acl_id
        if acl.vpc_id not in vpcs:
            yield fatal(name, f"is in {acl.vpc_id}, which does not exist")
        for one in acl.associations:
            subnet = subnets.get(one.subnet_id)
            if subnet is None or subnet.vpc_id != acl.vpc_id:
                yield fatal(name, f"judges {one.subnet_id}, which is not in its VPC")
            if one.subnet_id in judges:
                yield fatal(name, f"judges {one.subnet_id}, as {judges[one.subnet_id]} does")
            judges[one.subnet_id] = name
        numbers = [(one.rule_number, one.egress) for one in acl.entries]
        if len(set(numbers)) < len(numbers):
            yield fatal(name, "has two rules of one number")


def _check_internet_gateways(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id for vpc in network.vpcs}
    doors: dict[str, str] = {}
    for gateway in network.internet_gateways:
        name = gateway.internet_gateway_id
        if gateway.vpc_id is None:
            continue
        if gateway.vpc_id not in vpcs:
            yield fatal(name, f"is attached to {gateway.vpc_id}, which does not exist")
        if gateway.vpc_id in doors:
            yield fatal(name, f"is attached to {gateway.vpc_id}, as {doors[gateway.vpc_id]} is")
        doors[gateway.vpc_id] = name


def _check_nat_gateways(network: Network) -> Iterator[Finding]:
    owners = {interface.network_interface_id: interface.owner for interface in network.interfaces}
    for gateway in network.nat_gateways:
        owner = owners.get(gateway.network_interface_id)
        if gateway.state == "available" and owner != gateway.nat_gateway_id:
            yield fatal(gateway.nat_gateway_id, "has no interface")
        if gateway.state == "deleted" and owner is not None:
            yield fatal(gateway.nat_gateway_id, "is deleted and has an interface still")


def _check_peerings(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id: vpc for vpc in network.vpcs}
    for one in network.peerings:
        name = one.vpc_peering_connection_id
        if one.status != "active":
            continue
        for vpc_id in one.vpc_ids:
            if vpc_id not in vpcs:
                yield fatal(name, f"is of {vpc_id}, which does not exist")
        requester, accepter = (vpcs.get(vpc_id) for vpc_id in one.vpc_ids)
        if requester is None or accepter is None:
            continue
        for first, second in product(requester.cidr_blocks, accepter.cidr_blocks):
            if overlaps(first, second):
                yield fatal(name, f"{first} overlaps {second}")


def _check_endpoints(network: Network) -> Iterator[Finding]:
    vpcs = {vpc.vpc_id for vpc in network.vpcs}
    endpoints = {one.vpc_endpoint_id: one for one in network.endpoints}
    for name, one in endpoints.items():
        if one.vpc_id not in vpcs:
            yield fatal(name, f"is in {one.vpc_id}, which does not exist")
    for interface in network.interfaces:
        if interface.interface_type != "vpc_endpoint" or not interface.owner:
            continue
        endpoint = endpoints.get(interface.owner)
        if endpoint is None or endpoint.vpc_id != interface.vpc_id:
            yield fatal(interface.network_interface_id, f"is of {interface.owner}, not in its VPC")
        elif endpoint.endpoint_type == GATEWAY or endpoint.group_ids != interface.group_ids:
            yield fatal(interface.network_interface_id, f"differs from {interface.owner}")


def _check_addresses(network: Network) -> Iterator[Finding]:
    public = {one.network_interface_id: one.public_ip for one in network.interfaces}
    holders: dict[str, str] = {}
    for address in network.addresses:
        name = address.allocation_id
        if address.public_ip in holders:
            yield fatal(name, f"is {address.public_ip}, as {holders[address.public_ip]} is")
        holders.setdefault(address.public_ip, name)
        interface_id = address.network_interface_id
        if (interface_id is None) != (address.association_id is None):
            yield fatal(name, "is half associated")
        if interface_id is not None and public.get(interface_id) != address.public_ip:
            yield fatal(name, f"is associated with {interface_id}, which does not wear it")
