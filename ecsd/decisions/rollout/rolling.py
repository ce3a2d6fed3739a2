"""The rolling update: a service moves towards what is wanted within its percentages.

One step is computed from what is there now; the controller applies it and asks again when
something has changed. Limits: minimumHealthyPercent rounds up, maximumPercent rounds down.
Source: ecs_semantics 4.3; Amazon ECS API Reference, DeploymentConfiguration.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecsd.decisions.rollout.fleet import (
    USEFUL,
    Condition,
    Member,
    Step,
    count,
    held,
    of,
    spent,
    surplus,
    useful,
)


class Limits(NamedTuple):
    """What may never be passed.

    floor: healthy tasks that must remain. ceiling: tasks RUNNING or before that may exist.
    """

    floor: int
    ceiling: int


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
    new = of(members, primary)
    old = [one for one in members if one.deployment_id != primary]
    stop = surplus(new, desired) + spent(new, desired)
    stop += _old_to_stop(new, old, stop, desired, bounds)
    room = max(0, bounds.ceiling - len(members))
    missing = max(0, desired - useful(new))
    start = min(missing, room) if may_start else 0
    if not stop and not start and missing and may_start and not _in_motion(members):
        stop = _make_room(members, bounds)
        return Step(stop=tuple(stop), blocked=not stop)
    return Step(start=start, stop=tuple(dict.fromkeys(stop)), held=_held(new, old, desired))


def is_early_success(
    criteria: Mapping[str, Any] | None, desired: int, healthy_new: int, older: int
) -> bool:
    """Tell whether a deployment counts as successful before the service has settled.

    criteria: earlySuccessCriteria as given. older: live tasks of earlier revisions; they matter
    unless their clean-up is DEFERRED. Source: API Reference, DeploymentEarlySuccessCriteria.
    """
    if not criteria or not criteria.get("enable"):
        return False
    if older and criteria.get("sourceServiceRevisionCleanup") != "DEFERRED":
        return False
    return healthy_new >= -(-desired * int(criteria.get("healthyPercent", 100)) // 100)


def _held(new: Sequence[Member], old: Sequence[Member], desired: int) -> int:
    """Count the tasks that only their protection keeps, once the new ones are well."""
    if count(new, Condition.HEALTHY) < desired:
        return 0
    return held(new, desired) + sum(one.protected for one in old if one.condition in USEFUL)


def _in_motion(members: Sequence[Member]) -> bool:
    moving = {Condition.STARTING, Condition.UNJUDGED, Condition.LEAVING}
    return any(one.condition in moving for one in members)


def _old_to_stop(
    new: Sequence[Member],
    old: Sequence[Member],
    stopping: Sequence[str],
    desired: int,
    bounds: Limits,
) -> list[str]:
    """Stop older revisions' tasks: useless ones at once, healthy ones down to the floor.

    An old task that never was healthy holds nothing up. One that was, and is failing or not known
    now, may be all that serves: it waits until the new ones hold the floor. A protected one stays,
    unless it is failing.
    """
    gone = set(stopping)
    healthy_new = sum(
        one.condition is Condition.HEALTHY and one.task_arn not in gone for one in new
    )
    healthy_old = [one for one in old if one.condition is Condition.HEALTHY]
    free = [one for one in old if not one.protected]
    never_well = {Condition.STARTING, Condition.UNJUDGED}
    useless = [one.task_arn for one in free if one.condition in never_well]
    waiting = [one.task_arn for one in old if one.condition is Condition.FAILING]
    waiting += [one.task_arn for one in free if one.condition is Condition.DOUBTED]
    spare = max(0, healthy_new + len(healthy_old) - bounds.floor)
    by_age = sorted((one for one in healthy_old if not one.protected), key=lambda one: one.number)
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
