"""Counting the packets of a VPC that has flow logs: a table of its namespace that refuses nothing.

A packet is counted at three points of its way: before anything has judged it (``seen``), behind
what judges its sender (``left``), and behind what judges its receiver (``came``). What was seen and
did not leave was refused on the sender's side, what left and did not come on the receiver's.
A flow through a network load balancer is counted as its two halves, where each carries its own
addresses: they have passed, what was refused before the translation is not seen here. Where targets
see the client's address, the second half carries it though the client has no part in that: it is
counted for the target alone, as ``got`` and as ``gave``.

Elements that nobody updates for a while go by themselves. A full set takes no new ones: those
packets are counted in the chain ``lost``.
Source: nft(8), set statement; Amazon VPC User Guide, Flow log limitations.
"""

from collections.abc import Mapping

from ecsd.decisions.balancers.nlb_ruleset import (
    AFTER_TRANSLATION,
    BEFORE_TRANSLATION,
    TRANSLATED,
)
from ecsd.decisions.network.addresses import router
from ecsd.decisions.network.ruleset import Chain, Collection, Table
from ecsd.records.plan_network import VpcPlan

NAME = "ip flow_logs"
SEEN, LEFT, CAME = POINTS = ("seen", "left", "came")
PRIORITIES = {SEEN: -30, LEFT: -8, CAME: 0}  # security groups: -10 and -5; ACLs: -20 and -7
HOOKS = ("forward", "input", "output")
PORTS, PLAIN = KINDS = ("ports", "plain")  # TCP and UDP; everything else
GAVE, GOT = "gave", "got"
SETS: Mapping[str, tuple[str, ...]] = {  # in the order in which they are read
    **dict.fromkeys(POINTS, KINDS),
    **dict.fromkeys((GAVE, GOT), (PORTS,)),
}
LOST = "lost"
MOST_FLOWS = 65_536  # of each point and kind
KEPT_SECONDS = 150  # without a packet; more than between two readings
WITHOUT_RECORDS = "169.254.0.0/16"  # time, metadata, credentials, the resolver
TYPES = {
    PORTS: "ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service",
    PLAIN: "ipv4_addr . ipv4_addr . inet_proto",
}
WITH_PORTS = "meta l4proto { tcp, udp }"
WITHOUT_PORTS = "meta l4proto != { tcp, udp }"
BEFORE, BEHIND = BEFORE_TRANSLATION + 5, AFTER_TRANSLATION + 3
ALREADY_TRANSLATED = -95  # in prerouting


def compile_flow_counters(plan: VpcPlan, free: frozenset[str]) -> Table:
    """Return the table; an empty one where the VPC has no flow logs.

    Args:
        plan: the VPC.
        free: addresses whose traffic has no records, beside the subnets' routers.
    """
    if plan.flow_logs is None:
        return Table(NAME, {}, {})
    routers = {router(one.cidr) for one in plan.subnets}
    inside = frozenset(one for one in free if not one.startswith("169.254."))
    collections = {
        "free": Collection(
            "set", "type ipv4_addr; flags interval;", inside | routers | {WITHOUT_RECORDS}
        )
    }
    chains = {LOST: Chain(("counter",))}
    for point, kinds in SETS.items():
        for kind in kinds:
            collections[f"{point}_{kind}"] = Collection("set", _header(kind))
    for point in (GAVE, GOT):
        counting, *_, otherwise = _counting(point).rules
        chains[point] = Chain((f"{WITHOUT_PORTS} return", counting, otherwise))
    for point in POINTS:
        chains[point] = _counting(point)
        chains[f"{point}_asked"] = _counting(point, "ct original ip daddr", "ct original proto-dst")
    chains["passed"] = Chain(tuple(f"jump {point}" for point in POINTS))
    chains["passed_asked"] = Chain(tuple(f"jump {point}_asked" for point in POINTS))
    return Table(NAME, collections, chains | _base_chains())


def _header(kind: str) -> str:
    flags = f"flags dynamic,timeout; timeout {KEPT_SECONDS}s;"
    return f"type {TYPES[kind]}; size {MOST_FLOWS}; {flags}"


def _counting(point: str, to: str = "ip daddr", port: str = "th dport") -> Chain:
    key = f"ip saddr . {to} . meta l4proto"
    return Chain(
        (
            f"{WITH_PORTS} update @{point}_{PORTS} {{ {key} . th sport . {port} counter }} return",
            f"{WITHOUT_PORTS} update @{point}_{PLAIN} {{ {key} counter }} return",
            f"goto {LOST}",
        )
    )


def _base_chains() -> dict[str, Chain]:
    unless_free = ("ip saddr @free accept", "ip daddr @free accept")
    chains = {
        f"{hook}_{point}": Chain(
            (
                *(('iifname "lo" accept',) if hook == "input" else ()),  # counted when it was sent
                *unless_free,
                "ct status dnat accept",
                f"jump {point}",
            ),
            f"type filter hook {hook} priority {priority}; policy accept;",
        )
        for hook in HOOKS
        for point, priority in PRIORITIES.items()
    }
    asked, answered = "ct status dnat ct direction original", "ct status dnat ct direction reply"
    hidden, kept = f"ct mark {TRANSLATED}", f"ct mark != {TRANSLATED}"  # the client's address
    halves = {
        "answered": (
            f"prerouting priority {BEFORE}",
            (f"{answered} {hidden} jump passed", f"{answered} {kept} jump {GAVE}"),
        ),
        "asked": (
            f"prerouting priority {ALREADY_TRANSLATED}",
            (f"{asked} jump passed_asked",),
        ),
        "behind": (
            f"postrouting priority {BEHIND}",
            (
                f"{answered} jump passed",
                f"{asked} {hidden} jump passed",
                f"{asked} {kept} jump {GOT}",
            ),
        ),
    }
    for name, (where, rules) in halves.items():
        chains[name] = Chain((*unless_free, *rules), f"type filter hook {where}; policy accept;")
    return chains
