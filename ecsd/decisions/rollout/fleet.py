"""A service's tasks as a rollout sees them, and what every strategy does with one revision's.

Source: ecs_semantics 4.3 (unhealthy tasks, scale-in).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import NamedTuple


class Condition(StrEnum):
    """What a rollout needs to know of a task."""

    STARTING = "starting"  # not RUNNING yet
    UNJUDGED = "unjudged"  # RUNNING, health not known yet
    DOUBTED = "doubted"  # RUNNING, was healthy, at this moment not known: it may well be serving
    HEALTHY = "healthy"
    FAILING = "failing"  # to be replaced
    LEAVING = "leaving"  # asked to stop, still RUNNING or before; nothing serves after that


UNDECIDED = frozenset({Condition.UNJUDGED, Condition.DOUBTED})
USEFUL = frozenset({*UNDECIDED, Condition.STARTING, Condition.HEALTHY})


class Member(NamedTuple):
    """A task of the service. protected: neither a deployment nor a scale-in may stop it."""

    task_arn: str
    deployment_id: str
    condition: Condition
    zone: str
    number: int  # order of creation
    protected: bool = False


class Step(NamedTuple):
    """What to do now: ``start`` so many tasks of a deployment, ``stop`` these (ARNs).

    blocked: the percentages allow neither. held: so many tasks stay for their protection alone.
    """

    start: int = 0
    stop: tuple[str, ...] = ()
    blocked: bool = False
    held: int = 0


def useful(members: Iterable[Member]) -> int:
    """Count tasks that are, or may become, what is wanted."""
    return sum(one.condition in USEFUL for one in members)


def count(members: Iterable[Member], condition: Condition) -> int:
    """Count tasks in a condition."""
    return sum(one.condition is condition for one in members)


def of(members: Iterable[Member], deployment_id: str) -> list[Member]:
    """Return the tasks of a deployment."""
    return [one for one in members if one.deployment_id == deployment_id]


def hold(members: Sequence[Member], wanted: int, *, may_start: bool = True) -> Step:
    """Keep so many tasks of one deployment, whatever the others do: ``members`` are its own."""
    stop = surplus(members, wanted) + spent(members, wanted)
    start = max(0, wanted - useful(members)) if may_start else 0
    return Step(start=start, stop=tuple(dict.fromkeys(stop)), held=held(members, wanted))


def surplus(members: Sequence[Member], wanted: int) -> list[str]:
    """Scale in: least useful first, then from the fullest zone, then the newest."""
    excess = useful(members) - wanted
    order = (Condition.STARTING, Condition.UNJUDGED, Condition.DOUBTED, Condition.HEALTHY)
    stop: list[str] = []
    for condition in order:
        if len(stop) < excess:
            free = (one for one in members if one.condition is condition and not one.protected)
            victims = _from_fullest_zones(free)
            stop += (one.task_arn for one in islice(victims, excess - len(stop)))
    return stop


def held(members: Sequence[Member], wanted: int) -> int:
    """Count the tasks of a deployment that are too many and that only protection keeps."""
    present = [one for one in members if one.condition in USEFUL]
    return max(0, min(len(present) - wanted, sum(one.protected for one in present)))


def spent(members: Sequence[Member], wanted: int) -> list[str]:
    """Stop failing tasks once their replacements are well, or have shown no better themselves."""
    failing = [one for one in members if one.condition is Condition.FAILING]
    if count(members, Condition.HEALTHY) >= wanted:
        return [one.task_arn for one in failing]
    if any(one.condition in {*UNDECIDED, Condition.STARTING} for one in members):
        return []
    excess = useful(members) + len(failing) - wanted
    return [one.task_arn for one in failing[: max(0, excess)]]


def _from_fullest_zones(candidates: Iterable[Member]) -> Iterator[Member]:
    """Yield them one by one, always the newest of the zone that has most left."""
    zones: defaultdict[str, list[Member]] = defaultdict(list)
    for one in sorted(candidates, key=lambda one: one.number):
        zones[one.zone].append(one)
    fullest = [(-len(of), -of[-1].number, zone) for zone, of in zones.items()]
    heapify(fullest)
    while fullest:
        zone = heappop(fullest)[2]
        left = zones[zone]
        yield left.pop()
        if left:
            heappush(fullest, (-len(left), -left[-1].number, zone))
