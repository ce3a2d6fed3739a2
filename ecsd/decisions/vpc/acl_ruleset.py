"""Network ACLs as nftables: a table of a VPC's namespace in which no connection is known.

A packet is judged on every hook by the addresses that it carries there. The two halves of a flow
through a network load balancer are judged where each carries its own: the client's half before its
address is translated and after the answer's is, the target's half on the other side.
Source: Amazon VPC User Guide, Network ACLs; nft(8); network.md 5.
"""

from collections.abc import Iterator

from ecsd.decisions.balancers.nlb_ruleset import AFTER_TRANSLATION, BEFORE_TRANSLATION
from ecsd.decisions.network.addresses import router
from ecsd.decisions.network.network_acl import EVERYTHING, ICMP, WITH_PORTS, is_open
from ecsd.decisions.network.ruleset import Chain, Collection, Table
from ecsd.records.plan_network import AclEntry, NetworkAclPlan, SubnetPlan, VpcPlan

NAME = "ip acl"
PRIORITY = -20  # before security groups
ENTERING = -7  # behind those of the sender, where flow logs tell the two sides apart
PASSING = ("forward", "input", "output")


def compile_acls(plan: VpcPlan, free: frozenset[str], balancers: frozenset[str]) -> Table:
    """Return the table; an empty one where every ACL in use lets everything pass.

    Args:
        plan: the VPC.
        free: addresses that are not judged, beside the subnets' routers.
        balancers: addresses of network load balancers.
    """
    acls = {one.network_acl_id: one for one in plan.network_acls if not is_open(one)}
    judged = [one for one in plan.subnets if one.network_acl_id in acls]
    if not judged:
        return Table(NAME, {}, {})
    routers = {router(one.cidr) for one in plan.subnets}
    collections = {
        "free": Collection("set", "type ipv4_addr;", free | routers),
        "vips": Collection("set", "type ipv4_addr;", balancers),
        "leave": _subnets(judged, "l"),
        "enter": _subnets(judged, "e"),
    }
    chains = {
        "judge": Chain(("jump leaving", "jump entering")),
        "leaving": Chain((*_unless_free(), "ip saddr vmap @leave")),
        "entering": Chain((*_unless_free(), "ip daddr vmap @enter")),
    }
    for subnet in judged:
        acl = _name(subnet.network_acl_id)
        inside = f"ip {{}} {subnet.cidr} return"  # never judged
        own = _name(subnet.subnet_id)
        chains[f"l_{own}"] = Chain((inside.format("daddr"), f"goto o_{acl}"))
        chains[f"e_{own}"] = Chain((inside.format("saddr"), f"goto i_{acl}"))
    for acl_id in sorted({one.network_acl_id for one in judged}):
        chains |= _acl_chains(acls[acl_id])
    return Table(NAME, collections, chains | _base_chains(apart=plan.flow_logs is not None))


def _base_chains(*, apart: bool) -> dict[str, Chain]:
    """Return the hooks; translated flows pass elsewhere than others.

    apart: whether what leaves a subnet is judged before what enters one, not in one go.
    """
    chains = {hook: _passing(hook, PRIORITY, "leaving" if apart else "judge") for hook in PASSING}
    if apart:
        chains |= {f"{hook}_in": _passing(hook, ENTERING, "entering") for hook in PASSING}
    chains["before"] = Chain(
        (
            "ip daddr @vips goto judge",
            "ct status dnat ct direction reply jump leaving",
        ),
        f"type filter hook prerouting priority {BEFORE_TRANSLATION}; policy accept;",
    )
    chains["after"] = Chain(
        (
            "ip saddr @vips goto judge",
            "ct status dnat ct direction original jump entering",
        ),
        f"type filter hook postrouting priority {AFTER_TRANSLATION}; policy accept;",
    )
    return chains


def _passing(hook: str, priority: int, judge: str) -> Chain:
    return Chain(
        ("ct status dnat accept", f"jump {judge}"),
        f"type filter hook {hook} priority {priority}; policy accept;",
    )


def _unless_free() -> tuple[str, ...]:
    return ("ip saddr @free return", "ip daddr @free return")


def _subnets(judged: list[SubnetPlan], letter: str) -> Collection:
    elements = (f"{one.cidr} : jump {letter}_{_name(one.subnet_id)}" for one in judged)
    header = "type ipv4_addr : verdict; flags interval;"
    return Collection("map", header, frozenset(elements))


def _acl_chains(acl: NetworkAclPlan) -> dict[str, Chain]:
    return {
        f"{letter}_{_name(acl.network_acl_id)}": Chain((*_rules(entries, side), "counter drop"))
        for letter, side, entries in (("i", "saddr", acl.ingress), ("o", "daddr", acl.egress))
    }


def _rules(entries: tuple[AclEntry, ...], side: str) -> Iterator[str]:
    """Yield a rule for each entry: what is allowed goes back to whoever asked."""
    for one in entries:
        peer = "" if one.cidr == EVERYTHING else f"ip {side} {one.cidr} "
        yield f"{peer}{_protocol(one)}{'return' if one.allow else 'counter drop'}"


def _protocol(entry: AclEntry) -> str:
    if entry.protocol == "-1":
        return ""
    if entry.protocol in WITH_PORTS and entry.from_port is not None:
        name = "tcp" if entry.protocol == "6" else "udp"
        return f"{name} dport {entry.from_port}-{entry.to_port} "
    if entry.protocol != ICMP:
        return f"meta l4proto {entry.protocol} "
    parts = (("type", entry.from_port), ("code", entry.to_port))
    named = [f"icmp {what} {number} " for what, number in parts if number not in {None, -1}]
    return "".join(named) or "meta l4proto icmp "


def _name(identifier: str) -> str:
    return identifier.replace("-", "_")
