"""Security groups and gateways as nftables, the tables of a VPC's namespace.

Egress and ingress are base chains of their own on every hook: ``accept`` ends its own base chain
only, so what egress has let out is still judged by ingress. Source: network.md 2 and 6.
"""

from collections.abc import Iterable, Iterator

from ecsd.decisions.addresses import Uplink, link_name
from ecsd.decisions.ruleset import Chain, Collection, Table
from ecsd.decisions.security_group import FILTERED, FREE
from ecsd.records.plan import InterfacePlan, PacketRule, SecurityGroupPlan, VpcPlan

RESOLVER = "169.254.169.253"
PROBE_MARK = "0xec5"


def compile_vpc_filter(plan: VpcPlan, resolver: str, link: Uplink) -> tuple[Table, ...]:
    """Return the VPC's tables.

    Args:
        plan: the VPC.
        resolver: VPC+2; as on AWS, security groups do not filter it.
        link: the VPC's uplink.
    """
    return (_security_groups(plan, resolver), _gateways(plan, link))


def _security_groups(plan: VpcPlan, resolver: str) -> Table:
    filtered = [one for one in plan.interfaces if one.kind in FILTERED]
    known = {one.group_id for one in plan.security_groups}
    collections = {
        "free4": Collection("set", "type ipv4_addr;", FREE | {resolver}),
        "out4": _verdicts(f"{one.address} : goto eo_{_short(one)}" for one in filtered),
        "in4": _verdicts(f"{one.address} : goto ei_{_short(one)}" for one in filtered),
        "routers": Collection(  # may send foreign addresses; their groups judge those too
            "map",
            "type ifname : verdict;",
            frozenset(
                f'"{link_name(one.network_interface_id)}" : goto eo_{_short(one)}'
                for one in filtered
                if not one.source_dest_check
            ),
        ),
    }
    chains = {
        "egress": Chain(
            (
                "ip daddr @free4 accept",
                "ip saddr vmap @out4",
                "iifname vmap @routers",
                'iifname "e*" counter drop',  # of a task whose interface is gone
            )
        ),
        "ingress": Chain(("ip daddr vmap @in4", 'oifname "e*" counter drop')),
        "state": Chain(
            ("ct state vmap { established : accept, related : accept, invalid : drop }",)
        ),
    }
    for group in plan.security_groups:
        members = [one.address for one in plan.interfaces if group.group_id in one.group_ids]
        collections[f"m_{name(group.group_id)}"] = _addresses(members)
        chains |= _group_chains(group, known)
    for interface in filtered:
        chains |= _interface_chains(interface, known)
    for hook in ("forward", "input"):
        chains |= _base_chains(hook, ())
    chains |= _base_chains("output", (f"meta mark {PROBE_MARK} accept",))
    return Table("inet sg", collections, chains)


def _base_chains(hook: str, first: tuple[str, ...]) -> dict[str, Chain]:
    return {
        f"{hook[0]}_{direction}": Chain(
            (*first, "jump state", f"jump {direction}"),
            f"type filter hook {hook} priority {priority}; policy accept;",
        )
        for direction, priority in (("egress", -10), ("ingress", -5))
    }


def _group_chains(group: SecurityGroupPlan, known: set[str]) -> dict[str, Chain]:
    return {
        f"{letter}_{name(group.group_id)}": Chain(
            tuple(
                match
                for rule in rules
                if rule.group_id is None or rule.group_id in known
                for match in _matches(rule, side)
            )
        )
        for letter, side, rules in (("i", "saddr", group.ingress), ("o", "daddr", group.egress))
    }


def _matches(rule: PacketRule, side: str) -> Iterator[str]:
    """Yield nft rules that accept what the security group rule allows."""
    if rule.group_id is not None:
        peer = f"ip {side} @m_{name(rule.group_id)} "
    elif rule.cidr == "0.0.0.0/0":
        peer = "meta nfproto ipv4 "
    else:
        peer = f"ip {side} {rule.cidr} "
    protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(rule.protocol, rule.protocol)
    match protocol:
        case "-1":
            yield f"{peer}accept"
        case "tcp" | "udp":
            yield f"{peer}{protocol} dport {_ports(rule)} accept"
        case "icmp":
            yield f"{peer}{_icmp(rule)}accept"
        case "icmpv6" | "58":
            return  # no IPv6 traffic exists to admit
        case _:
            yield f"{peer}meta l4proto {protocol} accept"


def _ports(rule: PacketRule) -> str:
    if rule.from_port is None or rule.from_port == -1:
        return "0-65535"
    last = rule.from_port if rule.to_port is None else rule.to_port
    return f"{rule.from_port}-{last}"


def _icmp(rule: PacketRule) -> str:
    if rule.from_port is None or rule.from_port == -1:
        return "meta l4proto icmp "
    code = "" if rule.to_port in {None, -1} else f"icmp code {rule.to_port} "
    return f"icmp type {rule.from_port} {code}"


def _interface_chains(interface: InterfacePlan, known: set[str]) -> dict[str, Chain]:
    groups = [one for one in interface.group_ids if one in known]
    return {
        f"e{letter}_{_short(interface)}": Chain(
            (*(f"jump {letter}_{name(one)}" for one in groups), "counter drop")
        )
        for letter in "io"
    }


def _gateways(plan: VpcPlan, link: Uplink) -> Table:
    """Who may leave by the uplink: public addresses, and what a route sends to a NAT gateway."""
    public = [one.address for one in plan.interfaces if one.public]
    chains = {
        "leave": Chain(
            ("ip saddr @pub accept", f"rt ip nexthop {link.nat} accept", "counter drop")
        ),
        "forw": Chain(
            ('oifname "up0" ct state new jump leave',),
            "type filter hook forward priority 10; policy accept;",
        ),
        "post": Chain(
            (f'oifname "up0" ip saddr {plan.cidr} snat ip to {link.vpc}',),
            "type nat hook postrouting priority 110; policy accept;",
        ),
    }
    return Table("ip igw", {"pub": _addresses(public)}, chains)


def name(identifier: str) -> str:
    """Return an id as nft accepts it in a name."""
    return identifier.replace("-", "_")


def _short(interface: InterfacePlan) -> str:
    return name(interface.network_interface_id)


def _addresses(values: Iterable[str]) -> Collection:
    return Collection("set", "type ipv4_addr;", frozenset(values))


def _verdicts(values: Iterable[str]) -> Collection:
    return Collection("map", "type ipv4_addr : verdict;", frozenset(values))
