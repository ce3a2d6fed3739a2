"""What security groups and route tables admit, as AWS decides it, without a packet filter.

The packet filter says the same in nftables' words; tests hold the two against each other.
Source: Amazon VPC User Guide, Security groups; EC2 User Guide, Security group connection tracking.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ecsd.decisions.network.addresses import resolver
from ecsd.records.plan_network import InterfacePlan, PacketRule, VpcPlan

NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp"}
WORLD = "0.0.0.0/0"
LAST_PORT = 65535
STATELESS = frozenset({"tcp", "udp"})  # AWS tracks every flow of any other protocol
FREE = frozenset({"169.254.169.253", "169.254.169.254", "169.254.170.2"})
FILTERED = frozenset(
    {"task", "load_balancer", "mount_target"}
)  # kinds of interfaces that have groups in force
NETWORK = "network_load_balancer"


class Flow(NamedTuple):
    """A connection, or datagrams, from who began it. protocol: tcp, udp, icmp, or a number.

    For ICMP ``port`` is the type and ``code`` the code.
    """

    protocol: str
    source: str
    destination: str
    port: int = 0
    code: int = 0
    source_port: int = 0


class Opinion(NamedTuple):
    """What the groups of an interface say: the rule that admits a flow, None where none does."""

    interface: InterfacePlan
    side: str  # ingress, egress
    group_id: str = ""
    rule: PacketRule | None = None


def admits(plan: VpcPlan, flow: Flow) -> bool:
    """Tell whether both ends' groups let a flow begin. Addresses of no interface have no say."""
    return all(one.rule is not None for one in opinions(plan, flow))


def opinions(plan: VpcPlan, flow: Flow) -> Iterator[Opinion]:
    """Yield what the sender's groups say of a flow, and what the receiver's do."""
    sender, receiver = (_interface(plan, one) for one in (flow.source, flow.destination))
    if sender is not None and flow.destination not in FREE | {resolver(plan.cidr)}:
        yield _opinion(plan, sender, "egress", flow, flow.destination)
    if receiver is not None:
        yield _opinion(plan, receiver, "ingress", flow, flow.source)


def _opinion(plan: VpcPlan, interface: InterfacePlan, side: str, flow: Flow, peer: str) -> Opinion:
    for group in plan.security_groups:
        if group.group_id in interface.group_ids:
            for rule in group.ingress if side == "ingress" else group.egress:
                if _matches(plan, rule, flow, peer):
                    return Opinion(interface, side, group.group_id, rule)
    return Opinion(interface, side)


def cut_flows(old: VpcPlan, new: VpcPlan, flows: Iterable[Flow]) -> list[Flow]:
    """Return the open flows that end with this change.

    A flow that the old rules let through both ways for everybody was not tracked: it lives by the
    rules alone. A tracked one lives on, whatever happens to its rule.
    """
    return [one for one in flows if _untracked(old, one) and not admits(new, one)]


def narrowed(old: VpcPlan, new: VpcPlan) -> bool:
    """Tell whether a change took an open rule from an interface: some flow may have to end."""
    after = {one.network_interface_id: one.group_ids for one in new.interfaces}
    judged = {  # most interfaces have the groups of others
        (one.group_ids, after[one.network_interface_id])
        for one in old.interfaces
        if is_filtered(one) and one.network_interface_id in after
    }
    return any(not _open_rules(old, was) <= _open_rules(new, now) for was, now in judged)


def is_filtered(interface: InterfacePlan) -> bool:
    """Tell whether groups judge an interface; one of a network load balancer may have none."""
    if interface.kind == NETWORK:
        return bool(interface.group_ids)
    return interface.kind in FILTERED


def rules_of(plan: VpcPlan, interface: InterfacePlan, side: str) -> Sequence[PacketRule]:
    """Return the ``ingress`` or ``egress`` rules of all groups of an interface."""
    return [
        rule
        for group in plan.security_groups
        if group.group_id in interface.group_ids
        for rule in (group.ingress if side == "ingress" else group.egress)
    ]


def _interface(plan: VpcPlan, address: str) -> InterfacePlan | None:
    """Return the interface of an address, if security groups apply to it."""
    found = (one for one in plan.interfaces if one.address == address and is_filtered(one))
    return next(found, None)


def _matches(plan: VpcPlan, rule: PacketRule, flow: Flow, peer: str) -> bool:
    return _speaks_of(rule, flow) and _names(plan, rule, peer)


def _speaks_of(rule: PacketRule, flow: Flow) -> bool:
    protocol = NUMBERS.get(rule.protocol, rule.protocol)
    if protocol == "-1":
        return True
    if protocol != flow.protocol:
        return False
    every = rule.from_port in {None, -1}
    if protocol == "icmp":
        return every or (flow.port == rule.from_port and rule.to_port in {None, -1, flow.code})
    if protocol not in STATELESS or rule.from_port is None or every:
        return True
    last = rule.from_port if rule.to_port is None else rule.to_port
    return rule.from_port <= flow.port <= last


def _names(plan: VpcPlan, rule: PacketRule, peer: str) -> bool:
    if rule.prefix_list_id is not None:
        return any(
            IPv4Address(peer) in IPv4Network(cidr)
            for one in plan.prefix_lists
            if one.prefix_list_id == rule.prefix_list_id
            for cidr in one.cidrs
        )
    if rule.group_id is None:
        return IPv4Address(peer) in IPv4Network(rule.cidr or WORLD)
    if all(one.group_id != rule.group_id for one in plan.security_groups):
        # A peer's group; of a stale rule there is none.
        return any(
            one.group_id == rule.group_id and peer in one.addresses
            for peering in plan.peerings
            for one in peering.groups
        )
    return any(one.address == peer and rule.group_id in one.group_ids for one in plan.interfaces)


def _untracked(plan: VpcPlan, flow: Flow) -> bool:
    """Tell whether an end of the flow did not track it: open to all one way and back."""
    sides = (("ingress", flow.destination, "egress"), ("egress", flow.source, "ingress"))
    for side, address, back in sides:
        interface = _interface(plan, address)
        if interface is None or flow.protocol not in STATELESS:
            continue
        there = _open(rules_of(plan, interface, side), flow)
        whole = [one for one in rules_of(plan, interface, back) if _is_whole(one)]
        if there and _open(whole, flow):
            return True
    return False


def _open(rules: Iterable[PacketRule], flow: Flow) -> bool:
    return any(one.cidr == WORLD and _speaks_of(one, flow) for one in rules)


def _is_whole(rule: PacketRule) -> bool:
    """Tell whether a rule is about every port of its protocol."""
    every = rule.protocol == "-1" or rule.from_port in {None, -1}
    return every or (rule.from_port == 0 and rule.to_port == LAST_PORT)


def _open_rules(plan: VpcPlan, group_ids: tuple[str, ...]) -> set[tuple[str, PacketRule]]:
    return {
        (side, rule)
        for group in plan.security_groups
        if group.group_id in group_ids
        for side, rules in (("ingress", group.ingress), ("egress", group.egress))
        for rule in rules
        if rule.cidr == WORLD
    }
