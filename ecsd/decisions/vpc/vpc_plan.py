"""A VPC's records made into a plan for the hosts that carry it."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses
from typing import NamedTuple

from ecsd.decisions.balancers.balancer_plan import BalancerParts, compile_balancer
from ecsd.decisions.balancers.network_balancer_attributes import ANYWHERE, OWN_ZONE, POLICY
from ecsd.decisions.balancers.nlb_plan import Healths, answering
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.dns.name_affinity import ROUTED
from ecsd.decisions.efs.failures import dns_name
from ecsd.decisions.vpc.endpoint_plan import endpoint_names
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import InternetGateway, NatGateway, Route, RouteTable, Subnet, Vpc
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.plan_network import (
    AclEntry,
    FlowLogsPlan,
    InterfacePlan,
    NetworkAclPlan,
    PacketRule,
    PeerGroup,
    PeeringPlan,
    PrefixListPlan,
    RoutePlan,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)


class PeeringParts(NamedTuple):
    """An active peering connection. groups: of the peer, named by this VPC's rules → members."""

    peering_id: str
    peer: Vpc
    groups: Mapping[str, Sequence[NetworkInterface]]


class VpcParts(NamedTuple):
    """A VPC with everything in it."""

    vpc: Vpc
    subnets: Sequence[Subnet]
    route_tables: Sequence[RouteTable]
    internet_gateways: Sequence[InternetGateway]
    nat_gateways: Sequence[NatGateway]
    security_groups: Sequence[SecurityGroup]
    security_group_rules: Sequence[SecurityGroupRule]
    interfaces: Sequence[NetworkInterface]
    load_balancers: Sequence[LoadBalancer]
    network: Sequence[BalancerParts] = ()  # of the network load balancers among them
    account: str = ""
    mount_targets: Sequence[MountTarget] = ()
    prefix_lists: Sequence[ManagedPrefixList] = ()  # that its rules and routes name
    network_acls: Sequence[NetworkAcl] = ()
    peerings: Sequence[PeeringParts] = ()
    endpoints: Sequence[VpcEndpoint] = ()
    flow_logs: Sequence[FlowLog] = ()
    region: str = ""


def compile_vpc(parts: VpcParts) -> VpcPlan:
    """Return the plan; lists are sorted, so that equal state gives an equal plan."""
    vpc = parts.vpc
    entrances = {
        one.zones[0].network_interface_id: one.entrance
        for one in parts.load_balancers
        if one.type == "network"
    }
    return VpcPlan(
        vpc_id=vpc.vpc_id,
        account=parts.account,
        number=vpc.number,
        cidr=vpc.cidr_block,
        secondary_cidrs=vpc.cidr_blocks[1:],
        domain=_domain(parts.subnets),
        dns_support=vpc.enable_dns_support,
        subnets=tuple(
            SubnetPlan(
                subnet_id=one.subnet_id,
                cidr=one.cidr_block,
                routes=tuple(_routes(one, parts)),
                zone=one.availability_zone,
                network_acl_id=_acl_of(one.subnet_id, parts.network_acls),
            )
            for one in sorted(parts.subnets, key=lambda one: one.subnet_id)
        ),
        security_groups=tuple(
            _group(one, parts.security_group_rules)
            for one in sorted(parts.security_groups, key=lambda one: one.group_id)
        ),
        prefix_lists=tuple(
            PrefixListPlan(prefix_list_id=one.prefix_list_id, cidrs=collapsed(one))
            for one in sorted(parts.prefix_lists, key=lambda one: one.prefix_list_id)
            if one.address_family == "IPv4"
        ),
        peerings=tuple(
            _peering(one) for one in sorted(parts.peerings, key=lambda one: one.peering_id)
        ),
        network_acls=tuple(
            NetworkAclPlan(
                network_acl_id=one.network_acl_id,
                ingress=_acl_entries(one, egress=False),
                egress=_acl_entries(one, egress=True),
            )
            for one in sorted(parts.network_acls, key=lambda one: one.network_acl_id)
        ),
        interfaces=tuple(
            _interface(one, entrances.get(one.network_interface_id, ""))
            for one in sorted(parts.interfaces, key=lambda one: one.network_interface_id)
        ),
        names=dict(sorted(dict(_names(parts)).items())),
        affinities=dict(sorted(dict(_affinities(parts)).items())),
        flow_logs=_flow_logs(parts),
    )


def _flow_logs(parts: VpcParts) -> FlowLogsPlan | None:
    """Tell what has to be counted; a flow log whose resource is gone asks for nothing."""
    there = {
        parts.vpc.vpc_id,
        *(one.subnet_id for one in parts.subnets),
        *(one.network_interface_id for one in parts.interfaces),
    }
    logs = [one for one in parts.flow_logs if one.resource_id in there]
    if not logs:
        return None
    return FlowLogsPlan(
        vpc_arn=f"arn:aws:ec2:{parts.region}:{parts.account}:vpc/{parts.vpc.vpc_id}",
        intervals=tuple(sorted({one.max_aggregation_interval for one in logs})),
    )


def _names(parts: VpcParts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the balancers' names; a network one's leads past zones that lack targets."""
    of_endpoints = endpoint_names(parts.vpc, parts.endpoints, parts.interfaces)
    yield from (of_endpoints.routed | of_endpoints.everywhere).items()
    for one in parts.load_balancers:
        yield one.dns_name, tuple(zone.private_ip_address for zone in one.zones)
    for own in parts.network:
        plan = compile_balancer(own)
        yield plan.dns_name, answering(plan, _healths(own))

    yield from _file_systems(parts).items()


def _affinities(parts: VpcParts) -> Iterator[tuple[str, str]]:
    """Yield whose answers depend on the zone that asks, and how."""
    for one in parts.load_balancers:
        if one.attributes.get(POLICY, ANYWHERE) != ANYWHERE:
            yield one.dns_name, one.attributes[POLICY]
    yield from ((name, OWN_ZONE) for name in _file_systems(parts))
    routed = endpoint_names(parts.vpc, parts.endpoints, parts.interfaces).routed
    yield from ((name, ROUTED) for name in routed)


def _file_systems(parts: VpcParts) -> dict[str, tuple[str, ...]]:
    """Return the names of file systems of EFS with the addresses of their mount targets.

    Source: EFS User Guide, Mounting with a DNS name: DNS hostnames have to be enabled.
    """
    found: dict[str, tuple[str, ...]] = {}
    if not parts.vpc.enable_dns_hostnames:
        return found
    for one in sorted(parts.mount_targets, key=lambda one: one.mount_target_id):
        name = dns_name(one.file_system_id, one.availability_zone[:-1])
        found[name] = (*found.get(name, ()), one.ip_address)
    return found


def _healths(own: BalancerParts) -> Healths:
    """Return the targets' healths as hosts told them last."""
    found: dict[tuple[str, str], dict[tuple[str, int], Health]] = {}
    for one in own.targets:
        key = (own.balancer.load_balancer_arn, one.target_group_arn)
        found.setdefault(key, {})[one.target_id, one.port] = Health(one.state)
    return found


def _domain(subnets: Sequence[Subnet]) -> str:
    """Return the domain of private names. Source: EC2 User Guide, private IP DNS name."""
    region = subnets[0].availability_zone[:-1] if subnets else "us-east-1"
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def _routes(subnet: Subnet, parts: VpcParts) -> Iterator[RoutePlan]:
    """Yield a subnet's routes; where a list's range is another route's too, that one counts."""
    table = _table_of(subnet.subnet_id, parts.route_tables)
    routes = table.routes if table else ()
    taken = {one.destination_cidr_block for one in routes}
    for route in routes:
        target, via = _target(route, parts), route.target_id
        if route.destination_cidr_block:
            yield RoutePlan(destination=route.destination_cidr_block, target=target, via=via)
            continue
        named = route.destination_prefix_list_id or ""
        for one in parts.prefix_lists:
            if one.prefix_list_id != named:
                continue
            for cidr in collapsed(one):
                if cidr not in taken:
                    taken.add(cidr)
                    yield RoutePlan(destination=cidr, target=target, via=via, prefix_list_id=named)


def collapsed(prefix_list: ManagedPrefixList) -> tuple[str, ...]:
    """Return the ranges of a list of IPv4, each address in one of them only, in order."""
    ranges = (IPv4Network(one.cidr) for one in prefix_list.entries)
    return tuple(str(one) for one in collapse_addresses(ranges))


def _table_of(subnet_id: str, tables: Sequence[RouteTable]) -> RouteTable | None:
    """Return the table that a subnet uses: its own, else the main one."""
    for table in tables:
        if any(one.subnet_id == subnet_id for one in table.associations):
            return table
    return next((one for one in tables if any(a.main for a in one.associations)), None)


def _target(route: Route, parts: VpcParts) -> str:
    if route.gateway_id == "local":
        return "local"
    if route.state != "active":
        return "blackhole"
    if _is_internet(route, parts):
        return "internet"
    if any(one.vpc_endpoint_id == route.gateway_id for one in parts.endpoints):
        return "endpoint"
    if any(one.peering_id == route.vpc_peering_connection_id for one in parts.peerings):
        return "peering"
    nat = next(
        (one for one in parts.nat_gateways if one.nat_gateway_id == route.nat_gateway_id), None
    )
    return "nat" if nat is not None and _lets_out(nat, parts) else "blackhole"


def _is_internet(route: Route, parts: VpcParts) -> bool:
    return route.state == "active" and any(
        one.internet_gateway_id == route.gateway_id
        for one in parts.internet_gateways
        if one.vpc_id == parts.vpc.vpc_id
    )


def _lets_out(nat: NatGateway, parts: VpcParts) -> bool:
    """Tell whether a NAT gateway works: public, and its own subnet leads to the internet."""
    table = _table_of(nat.subnet_id, parts.route_tables)
    leads = table is not None and any(_is_internet(one, parts) for one in table.routes)
    return nat.state == "available" and nat.connectivity_type == "public" and leads


def _group(group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> SecurityGroupPlan:
    own = sorted(
        (one for one in rules if one.group_id == group.group_id),
        key=lambda one: one.security_group_rule_id,
    )
    return SecurityGroupPlan(
        group_id=group.group_id,
        ingress=tuple(_packet_rules(one for one in own if not one.is_egress)),
        egress=tuple(_packet_rules(one for one in own if one.is_egress)),
    )


def _packet_rules(rules: Iterator[SecurityGroupRule]) -> Iterator[PacketRule]:
    """Yield the IPv4 rules; there is no IPv6 traffic to admit."""
    for one in rules:
        if one.cidr_ipv6 is not None:
            continue
        cidr = str(IPv4Network(one.cidr_ipv4, strict=False)) if one.cidr_ipv4 else None
        yield PacketRule(
            protocol=one.ip_protocol,
            from_port=one.from_port,
            to_port=one.to_port,
            cidr=cidr,
            group_id=one.referenced_group_id,
            prefix_list_id=one.prefix_list_id,
            rule_id=one.security_group_rule_id,
        )


def _peering(parts: PeeringParts) -> PeeringPlan:
    return PeeringPlan(
        peering_id=parts.peering_id,
        vpc_id=parts.peer.vpc_id,
        number=parts.peer.number,
        cidr=parts.peer.cidr_block,
        secondary_cidrs=parts.peer.cidr_blocks[1:],
        groups=tuple(
            PeerGroup(
                group_id=group_id, addresses=tuple(sorted(one.private_ip_address for one in own))
            )
            for group_id, own in sorted(parts.groups.items())
        ),
    )


def _acl_of(subnet_id: str, acls: Sequence[NetworkAcl]) -> str:
    """Return the id of the ACL that judges a subnet: the one that names it, else the default."""
    for acl in acls:
        if any(one.subnet_id == subnet_id for one in acl.associations):
            return acl.network_acl_id
    return next((one.network_acl_id for one in acls if one.is_default), "")


def _acl_entries(acl: NetworkAcl, *, egress: bool) -> tuple[AclEntry, ...]:
    """Return the rules about IPv4 in one direction, in the order in which they are asked."""
    own = [one for one in acl.entries if one.egress == egress and one.cidr_block]
    return tuple(
        AclEntry(
            number=one.rule_number,
            allow=one.rule_action == "allow",
            protocol=one.protocol,
            cidr=one.cidr_block or "",
            from_port=one.from_port if one.icmp_type is None else one.icmp_type,
            to_port=one.to_port if one.icmp_code is None else one.icmp_code,
        )
        for one in sorted(own, key=lambda one: one.rule_number)
    )


def _interface(interface: NetworkInterface, entrance: str) -> InterfacePlan:
    return InterfacePlan(
        network_interface_id=interface.network_interface_id,
        address=interface.private_ip_address,
        subnet_id=interface.subnet_id,
        mac_address=interface.mac_address,
        kind=_kind(interface),
        group_ids=tuple(sorted(interface.group_ids)),
        public=interface.public_ip is not None,
        source_dest_check=interface.source_dest_check,
        entrance=entrance,
    )


def _kind(interface: NetworkInterface) -> str:
    if ":task/" in interface.owner:
        return "task"
    if ":loadbalancer/net/" in interface.owner:
        return "network_load_balancer"
    if ":loadbalancer/" in interface.owner:
        return "load_balancer"
    if interface.owner.startswith("fsmt-"):
        return "mount_target"
    if interface.owner.startswith("vpce-"):
        return "vpc_endpoint"
    return "nat" if interface.interface_type == "nat_gateway" else "reserved"
