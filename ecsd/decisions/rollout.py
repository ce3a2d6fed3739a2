"""How a service moves towards what is wanted: which tasks to start, which to stop.

One step is computed from what is there now; the controller applies it and asks again when
something has changed. Limits: minimumHealthyPercent rounds up, maximumPercent rounds down.
Source: ecs_semantics 4.3; Amazon ECS API Reference, DeploymentConfiguration.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
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


class Member(NamedTuple):
    """A task of the service."""

    task_arn: str
    deployment_id: str
    condition: Condition
    zone: str
    number: int  # order of creation


class Limits(NamedTuple):
    """What may never be passed.

    floor: healthy tasks that must remain. ceiling: tasks RUNNING or before that may exist.
    """

    floor: int
    ceiling: int


class Step(NamedTuple):
    """What to do now: ``start`` so many tasks of the primary deployment, ``stop`` these (ARNs)."""

    start: int = 0
    stop: tuple[str, ...] = ()
    blocked: bool = False  # the percentages allow neither a start nor a stop


def limits(desired: int, minimum_percent: int, maximum_percent: int) -> Limits:
    """Return floor and ceiling for a desired count."""
    return Limits(-(-desired * minimum_percent // 100), desired * maximum_percent // 100)


def next_step(
    members: Sequence[Member],
    primary: str,
    desired: int,
    bounds: Limits,
    *,
    may_start: bool = True,
) -> Step:
    """Move one step towards ``desired`` healthy tasks of the primary deployment.

    Args:
        members: every task of the service that is RUNNING or before.
        primary: the primary deployment's id.
        desired: the service's desiredCount.
        bounds: what may not be passed.
        may_start: False while launches are throttled or the deployment has failed.
    """
    new = [one for one in members if one.deployment_id == primary]
    old = [one for one in members if one.deployment_id != primary]
    stop = _surplus_new(new, desired) + _spent(new, desired)
    stop += _old_to_stop(new, old, stop, desired, bounds)
    room = max(0, bounds.ceiling - len(members))
    missing = max(0, desired - _useful(new))
    start = min(missing, room) if may_start else 0
    if not stop and not start and missing and may_start and not _in_motion(members):
        stop = _make_room(members, bounds)
        return Step(stop=tuple(stop), blocked=not stop)
    return Step(start=start, stop=tuple(dict.fromkeys(stop)))


def _useful(members: Sequence[Member]) -> int:
    """Count tasks that are, or may become, what is wanted."""
    return sum(
        one.condition in {*UNDECIDED, Condition.STARTING, Condition.HEALTHY} for one in members
    )


def _count(members: Sequence[Member], condition: Condition) -> int:
    return sum(one.condition is condition for one in members)


def _in_motion(members: Sequence[Member]) -> bool:
    moving = {Condition.STARTING, Condition.UNJUDGED, Condition.LEAVING}
    return any(one.condition in moving for one in members)


def _surplus_new(new: Sequence[Member], desired: int) -> list[str]:
    """Scale in: least useful first, then from the fullest zone, then the newest."""
    surplus = _useful(new) - desired
    order = (Condition.STARTING, Condition.UNJUDGED, Condition.DOUBTED, Condition.HEALTHY)
    stop: list[str] = []
    for condition in order:
        candidates = [one for one in new if one.condition is condition]
        while surplus > 0 and candidates:
            victim = _from_fullest_zone(candidates)
            candidates.remove(victim)
            stop.append(victim.task_arn)
            surplus -= 1
    return stop


def _from_fullest_zone(candidates: Sequence[Member]) -> Member:
    zones = Counter(one.zone for one in candidates)
    return max(candidates, key=lambda one: (zones[one.zone], one.number))


def _spent(new: Sequence[Member], desired: int) -> list[str]:
    """Stop failing tasks once their replacements are well, or have shown no better themselves."""
    failing = [one for one in new if one.condition is Condition.FAILING]
    if _count(new, Condition.HEALTHY) >= desired:
        return [one.task_arn for one in failing]
    if any(one.condition in {*UNDECIDED, Condition.STARTING} for one in new):
        return []
    surplus = _useful(new) + len(failing) - desired
    return [one.task_arn for one in failing[: max(0, surplus)]]


def _old_to_stop(
    new: Sequence[Member],
    old: Sequence[Member],
    stopping: Sequence[str],
    desired: int,
    bounds: Limits,
) -> list[str]:
    """Stop older revisions' tasks: useless ones at once, healthy ones down to the floor.

    An old task that never was healthy holds nothing up. One that was, and is failing or not known
    now, may be all that serves: it waits until the new ones hold the floor.
    """
    gone = set(stopping)
    healthy_new = sum(
        one.condition is Condition.HEALTHY and one.task_arn not in gone for one in new
    )
    healthy_old = [one for one in old if one.condition is Condition.HEALTHY]
    useless = [
        one.task_arn for one in old if one.condition in {Condition.STARTING, Condition.UNJUDGED}
    ]
    unwell = {Condition.FAILING, Condition.DOUBTED}
    waiting = [one.task_arn for one in old if one.condition in unwell]
    spare = max(0, healthy_new + len(healthy_old) - bounds.floor)
    by_age = sorted(healthy_old, key=lambda one: one.number)
    stop = [one.task_arn for one in by_age[:spare]]
    if healthy_new >= min(desired, bounds.floor):
        stop += waiting
    return useless + stop


def _make_room(members: Sequence[Member], bounds: Limits) -> list[str]:
    """At the ceiling: one task that is not well makes room for its replacement, failing first."""
    if len(members) < bounds.ceiling:
        return []
    for condition in (Condition.FAILING, Condition.DOUBTED):
        unwell = [one for one in members if one.condition is condition]
        if unwell:
            return [min(unwell, key=lambda one: one.number).task_arn]
    return []
