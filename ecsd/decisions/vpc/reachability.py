"""Whether a connection gets through, and what decides it: routes, security groups, network ACLs.

Asked of the same plans that hosts enforce. Tests hold it against the compiled packet filter.
Source: Amazon VPC User Guide, Security groups, Network ACLs, Route tables, VPC peering.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ecsd.decisions.network.addresses import S3_ADDRESS, S3_RANGE
from ecsd.decisions.network.addressing import is_in
from ecsd.decisions.network.network_acl import (
    WITH_PORTS,
    Judgement,
    answer_to,
    free_addresses,
    judgements,
    subnet_of,
)
from ecsd.decisions.network.security_group import FREE, Flow, Opinion, opinions
from ecsd.records.plan_network import (
    AclEntry,
    InterfacePlan,
    PacketRule,
    PeeringPlan,
    RoutePlan,
    SubnetPlan,
    VpcPlan,
)

EPHEMERAL = (32768, 60999)  # the ports that Linux gives to clients
WITH_SOURCE_PORTS = frozenset({"tcp", "udp"})


class Step(NamedTuple):
    """One thing that has a say, and what it says."""

    passes: bool
    words: str


def reaches(plan: VpcPlan, flow: Flow, peers: Mapping[str, VpcPlan] | None = None) -> bool:
    """Tell whether a flow gets through, its answers too."""
    return all(one.passes for one in trace(plan, flow, peers))


def trace(plan: VpcPlan, flow: Flow, peers: Mapping[str, VpcPlan] | None = None) -> Iterator[Step]:
    """Yield what decides about a flow, in its order; the answers' way last.

    Args:
        plan: the VPC of the flow's source, or of its destination where the source lies outside.
        flow: its source_port 0 stands for any that a client may have.
        peers: plans of VPCs that ``plan`` is peered with, by id.
    """
    receiving = plan
    if _inside(plan, flow.source):
        yield from _from(plan, flow.source)
        if not _inside(plan, flow.destination) and flow.destination not in FREE:
            route = route_to(plan, flow.source, flow.destination)
            yield _route_step(plan, flow, route)
            peering = _peering_of(plan, route)
            receiving = (peers or {}).get(peering.vpc_id, plan) if peering else plan
            if peering is not None and receiving is not plan:
                yield from _by_peering(receiving, flow, peering.peering_id)
    if _inside(receiving, flow.destination):
        yield from _to(receiving, flow.destination)
    yield from _groups(plan, receiving, flow)
    yield from _acls(plan, receiving, flow, "the first packet")
    yield from _answers(plan, receiving, flow)


def route_to(plan: VpcPlan, source: str, destination: str) -> RoutePlan | None:
    """Return the route by which an address of the VPC sends to another, the most specific one."""
    subnet = subnet_of(plan, source)
    address = IPv4Address(destination)
    routes = subnet.routes if subnet else ()
    fitting = [one for one in routes if address in IPv4Network(one.destination)]
    return max(fitting, key=lambda one: IPv4Network(one.destination).prefixlen, default=None)


def interface_at(plan: VpcPlan, address: str) -> InterfacePlan | None:
    """Return the interface that has an address, if it exists on a host."""
    found = (one for one in plan.interfaces if one.address == address and one.kind != "reserved")
    return next(found, None)


# ------------------------------------------------------------------ ends and routes


def _inside(plan: VpcPlan, address: str) -> bool:
    return is_in(plan.cidrs, address)


def _from(plan: VpcPlan, address: str) -> Iterator[Step]:
    interface, subnet = interface_at(plan, address), subnet_of(plan, address)
    if interface is None:
        yield Step(False, f"no interface of {plan.vpc_id} has the address {address}")
    else:
        yield Step(True, f"{address} is {_called(interface, subnet)}")


def _to(plan: VpcPlan, address: str) -> Iterator[Step]:
    interface, subnet = interface_at(plan, address), subnet_of(plan, address)
    if interface is not None:
        yield Step(True, f"{address} is {_called(interface, subnet)}")
    elif address not in free_addresses(plan):
        yield Step(False, f"no interface of {plan.vpc_id} has the address {address}")


def _called(interface: InterfacePlan, subnet: SubnetPlan | None) -> str:
    kind = interface.kind.replace("_", " ")
    where = f" in {subnet.subnet_id} ({subnet.cidr})" if subnet else ""
    return f"{interface.network_interface_id} of a {kind}{where}"


def _route_step(plan: VpcPlan, flow: Flow, route: RoutePlan | None) -> Step:
    interface = interface_at(plan, flow.source)
    subnet = subnet_of(plan, flow.source)
    where = subnet.subnet_id if subnet else plan.vpc_id
    if route is None:
        return Step(False, f"no route of {where} leads to {flow.destination}")
    listed = f", of {route.prefix_list_id}" if route.prefix_list_id else ""
    words = f"route {route.destination}{listed} of {where} leads to {route.via or route.target}"
    of_s3 = IPv4Address(flow.destination) in IPv4Network(S3_RANGE)
    if of_s3 and route.target in {"nat", "internet"}:
        return Step(False, f"{words}, but {S3_ADDRESS} is S3 behind a gateway endpoint alone")
    if route.target in {"nat", "local", "endpoint"}:
        return Step(True, words)
    if route.target == "peering":
        peering = _peering_of(plan, route)
        known = peering is not None and _is_of(peering, flow.destination)
        return Step(known, words if known else f"{words}, whose VPC has no {flow.destination}")
    if route.target == "internet":
        public = interface is not None and interface.public
        if public:
            return Step(True, words)
        return Step(False, f"{words}, but {flow.source} has no public address")
    return Step(False, f"{words}, which is a blackhole")


def _peering_of(plan: VpcPlan, route: RoutePlan | None) -> PeeringPlan | None:
    if route is None or route.target != "peering":
        return None
    return next((one for one in plan.peerings if one.peering_id == route.via), None)


def _is_of(peering: PeeringPlan, address: str) -> bool:
    return is_in(peering.cidrs, address)


def _by_peering(peer: VpcPlan, flow: Flow, peering_id: str) -> Iterator[Step]:
    """A peer needs a route of its own to answer; its own services answer nobody else."""
    if flow.destination in free_addresses(peer):
        yield Step(False, f"{flow.destination} answers {peer.vpc_id} alone")
    route = route_to(peer, flow.destination, flow.source)
    subnet = subnet_of(peer, flow.destination)
    where = f"{subnet.subnet_id} of {peer.vpc_id}" if subnet else peer.vpc_id
    if route is not None and (route.target, route.via) == ("peering", peering_id):
        yield Step(True, f"route {route.destination} of {where} leads back by {peering_id}")
    else:
        yield Step(False, f"no route of {where} leads back to {flow.source} by {peering_id}")


# ------------------------------------------------------------------ groups and ACLs


def _groups(plan: VpcPlan, receiving: VpcPlan, flow: Flow) -> Iterator[Step]:
    for own in dict.fromkeys((plan.vpc_id, receiving.vpc_id)):
        for one in opinions(plan if own == plan.vpc_id else receiving, flow):
            yield _group_step(one, flow)


def _group_step(opinion: Opinion, flow: Flow) -> Step:
    incoming = opinion.side == "ingress"
    peer = flow.source if incoming else flow.destination
    what = f"{_words(flow)} {'from' if incoming else 'to'} {peer}"
    if opinion.rule is None:
        groups = ", ".join(opinion.interface.group_ids) or "no security group"
        who = opinion.interface.address
        return Step(False, f"no {opinion.side} rule of {groups}, which {who} has, allows {what}")
    rule = f"{opinion.side} rule {opinion.rule.rule_id}".rstrip()
    return Step(True, f"{rule} of {opinion.group_id} ({_rule_words(opinion.rule)}) allows {what}")


def _rule_words(rule: PacketRule) -> str:
    peer = rule.cidr or rule.group_id or rule.prefix_list_id
    if rule.protocol == "-1":
        return f"all traffic, {peer}"
    return f"{_named(rule.protocol, rule.from_port, rule.to_port)}, {peer}"


def _acls(plan: VpcPlan, receiving: VpcPlan, packet: Flow, which: str) -> Iterator[Step]:
    for own in (plan,) if plan is receiving else (plan, receiving):
        for one in judgements(own, packet):
            yield _acl_step(one, packet, which)


def _acl_step(one: Judgement, packet: Flow, which: str) -> Step:
    side = "egress" if one.egress else "ingress"
    number = "*" if one.entry is None else f"{one.entry.number} ({_entry_words(one.entry)})"
    does = "allows" if one.allows else "denies"
    return Step(
        one.allows,
        f"{side} rule {number} of {one.network_acl_id}, which {one.subnet_id} has, {does} {which}: "
        f"{_words(packet)} from {packet.source} to {packet.destination}",
    )


def _entry_words(entry: AclEntry) -> str:
    if entry.protocol == "-1":
        return f"all traffic, {entry.cidr}"
    return f"{_named(entry.protocol, entry.from_port, entry.to_port)}, {entry.cidr}"


def _answers(plan: VpcPlan, receiving: VpcPlan, flow: Flow) -> Iterator[Step]:
    """Judge answers to every port that a client may have: ACLs know no connections."""
    ports = [flow.source_port]
    if flow.protocol in WITH_SOURCE_PORTS and not flow.source_port:
        ports = sorted(_edges(plan) | _edges(receiving) | set(EPHEMERAL))
    told: list[Step] = []
    for port in ports:
        told = list(_acls(receiving, plan, answer_to(flow._replace(source_port=port)), "answers"))
        if not all(one.passes for one in told):
            break
    yield from told


def _edges(plan: VpcPlan) -> set[int]:
    """Return the ephemeral ports at which some ACL's word may change."""
    found = set()
    for acl in plan.network_acls:
        for one in (*acl.ingress, *acl.egress):
            if one.protocol in WITH_PORTS and one.from_port is not None and one.to_port is not None:
                found |= {one.from_port - 1, one.from_port, one.to_port, one.to_port + 1}
    first, last = EPHEMERAL
    return {one for one in found if first <= one <= last}


def _words(packet: Flow) -> str:
    if packet.protocol == "icmp":
        return f"icmp type {packet.port} code {packet.code}"
    if packet.protocol in WITH_SOURCE_PORTS:
        return f"{packet.protocol} port {packet.port}"
    return f"protocol {packet.protocol}"


def _named(protocol: str, first: int | None, last: int | None) -> str:
    name = {"6": "tcp", "17": "udp", "1": "icmp"}.get(protocol, protocol)
    if first in {None, -1}:
        return f"all {name}"
    return f"{name} {first}" if last in {None, first} else f"{name} {first}-{last}"
