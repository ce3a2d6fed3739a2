"""In which of its two target groups a revision's tasks register.

A deployment that shifts traffic alternates: green gets the group that blue is not in. Source:
ecs_semantics 4.9 (resolvedConfiguration).
"""

from collections.abc import Sequence
from typing import Any

LoadBalancers = tuple[dict[str, Any], ...]


def resolve(
    given: Sequence[dict[str, Any]], source: Sequence[dict[str, Any]], *, alternates: bool
) -> LoadBalancers:
    """Return load balancers with the target group that tasks register in.

    source: the same of the revision that serves now; empty for a service's first. alternates:
    the new revision is to run beside it, in the other group.
    """
    used = {one["targetGroupArn"] for one in source}
    return tuple(
        {**one, "targetGroupArn": _group(one, used, alternates=alternates)} for one in given
    )


def _group(balancer: dict[str, Any], used: set[str], *, alternates: bool) -> str:
    first = str(balancer["targetGroupArn"])
    second = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
    if second is None:
        return first
    if alternates:
        return str(second) if first in used else first
    return str(second) if second in used else first
