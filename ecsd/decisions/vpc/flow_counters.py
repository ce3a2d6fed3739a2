"""What the kernel has counted of a VPC's flows, read again and again, made into what happened.

Counters only grow, until nobody has updated one for a while and it begins anew. Points of a
packet's way are read one after the other, in the order of the way: a later point may have counted
packets that the earlier one had not when it was read. Such an advance is owed to the next reading,
so that nothing is ever called refused that has passed.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ecsd.decisions.vpc.flow_ruleset import CAME, GAVE, GOT, LEFT, LOST, SEEN
from ecsd.records.observed import CountedFlow

NOTHING = (0, 0)
Amount = tuple[int, int]  # packets, bytes


class FlowKey(NamedTuple):
    """One direction of a flow. protocol: its number; ports are 0 where it has none."""

    source: str
    destination: str
    protocol: int
    source_port: int = 0
    destination_port: int = 0


Counters = Mapping[FlowKey, Amount]


class Reading(NamedTuple):
    """The counters of every point at about one moment. lost: packets that had no place."""

    points: Mapping[str, Counters]
    lost: int = 0


class Happened(NamedTuple):
    """What became of a direction's packets at each of its two ends."""

    left: Amount = NOTHING
    kept: Amount = NOTHING
    came: Amount = NOTHING
    barred: Amount = NOTHING


Advances = Mapping[tuple[str, FlowKey], Amount]  # by the earlier of two points


class Settled(NamedTuple):
    """What happened between two readings, and what the next one has to take off."""

    flows: Mapping[FlowKey, Happened]
    advances: Advances
    lost: bool


def read_counters(told: Iterable[Mapping[str, Any]]) -> dict[FlowKey, Amount]:
    """Return the counters of sets as ``nft -j list set`` tells them, protocols as numbers."""
    found = {}
    for one in told:
        for element in one.get("set", {}).get("elem", ()):
            held = element["elem"]
            source, destination, *rest = held["val"]["concat"]
            key = FlowKey(source, destination, *(int(part) for part in rest))
            found[key] = (held["counter"]["packets"], held["counter"]["bytes"])
    return found


def read_lost(told: Iterable[Mapping[str, Any]]) -> int:
    """Return how many packets had no place, from ``nft -j list chain``."""
    return sum(
        expression["counter"]["packets"]
        for one in told
        if one.get("rule", {}).get("chain") == LOST
        for expression in one["rule"]["expr"]
        if "counter" in expression
    )


def settle(before: Reading, now: Reading, advances: Advances) -> Settled:
    """Return what happened between two readings. advances: of the settlement before.

    Where packets had no place, a later point may lack what an earlier one has: nothing is called
    refused then.
    """
    lost = _grown((before.lost, 0), (now.lost, 0)) != NOTHING
    grown = {
        point: {key: _grown(before.points[point].get(key, NOTHING), it) for key, it in held.items()}
        for point, held in now.points.items()
    }
    flows, owed = {}, {}
    for key in {key for point in grown.values() for key in point} | {key for _, key in advances}:
        seen, left, came, gave, got = (
            grown[point].get(key, NOTHING) for point in (SEEN, LEFT, CAME, GAVE, GOT)
        )
        kept = _less(seen, left, advances.get((SEEN, key), NOTHING))
        barred = _less(left, came, advances.get((LEFT, key), NOTHING))
        for point, less in ((SEEN, kept), (LEFT, barred)):
            if less[0] <= 0 and less != NOTHING:
                owed[point, key] = (-less[0], -less[1])
        refused = [NOTHING if lost else _at_least_none(one) for one in (kept, barred)]
        happened = Happened(_plus(left, gave), refused[0], _plus(came, got), refused[1])
        if happened != Happened():
            flows[key] = happened
    return Settled(flows, owed, lost)


def added(
    one: Mapping[FlowKey, Happened], other: Mapping[FlowKey, Happened]
) -> dict[FlowKey, Happened]:
    """Return what happened in both times together."""
    sums = dict(one)
    for key, happened in other.items():
        known = sums.get(key, Happened())
        sums[key] = Happened(*(_plus(*pair) for pair in zip(known, happened, strict=True)))
    return sums


def told_flows(flows: Mapping[FlowKey, Happened]) -> tuple[CountedFlow, ...]:
    """Return flows as they are reported, in the order of their keys."""
    return tuple(
        CountedFlow(**key._asdict(), **happened._asdict())
        for key, happened in sorted(flows.items())
    )


def _grown(then: Amount, now: Amount) -> Amount:
    """Return by how much a counter grew; one that is smaller now has begun anew."""
    if now[0] < then[0] or now[1] < then[1]:
        return now
    return (now[0] - then[0], now[1] - then[1])


def _less(earlier: Amount, later: Amount, advance: Amount) -> Amount:
    return (earlier[0] - later[0] - advance[0], earlier[1] - later[1] - advance[1])


def _at_least_none(amount: Amount) -> Amount:
    return amount if amount[0] > 0 else NOTHING


def _plus(one: Amount, other: Amount) -> Amount:
    return (one[0] + other[0], one[1] + other[1])
