"""Targets: registered, drained, and how their health is shown.

Source: ecs_semantics 5.1 (stop order), 5.2 (states, reason codes, descriptions).
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.records.elbv2.target_group import Target, TargetGroup

DELAY = "deregistration_delay.timeout_seconds"
DEFAULT_DELAY = 300  # seconds
NOT_IN_USE = "Target group is not configured to receive traffic from the load balancer"
ZONE_OFF = "Target is in an Availability Zone that is not enabled for the load balancer"
DRAINING = "Target deregistration is in progress"
CHECKS_OFF = "Health checks are disabled"


def place(target_group_arn: str, target_id: str, port: int) -> str:
    """Return a target's key."""
    return f"{target_group_arn}|{target_id}|{port}"


def register(
    known: Target | None,
    *,
    target_group_arn: str,
    target_id: str,
    port: int,
    availability_zone: str | None,
    now: datetime,
) -> Target:
    """Return a registered target; one that is registered already stays as it is."""
    if known is not None and known.draining_since is None:
        return known
    return Target(
        place=place(target_group_arn, target_id, port),
        target_group_arn=target_group_arn,
        target_id=target_id,
        port=port,
        availability_zone=availability_zone,
        registered_at=now,
    )


def drain(target: Target, now: datetime) -> Target:
    """Take a target out: nothing new reaches it, what is open may finish."""
    return target if target.draining_since else replace(target, draining_since=now)


def delay_seconds(group: TargetGroup) -> int:
    """Return how long the group's targets drain; a function does not."""
    if group.target_type == "lambda":
        return 0
    return int(group.attributes.get(DELAY, DEFAULT_DELAY))


def drained_at(target: Target, delay: int) -> datetime | None:
    """Return when a draining target is gone; None while it is registered."""
    if target.draining_since is None:
        return None
    return target.draining_since + timedelta(seconds=delay)


def shown_health(
    target: Target, group: TargetGroup, *, in_use: bool, zone_enabled: bool
) -> dict[str, Any]:
    """Return TargetHealth as DescribeTargetHealth answers it; a healthy one has a State only."""
    if target.draining_since is not None:
        return _health("draining", "Target.DeregistrationInProgress", DRAINING)
    if not in_use:
        return _health("unused", "Target.NotInUse", NOT_IN_USE)
    if not zone_enabled:
        return _health("unused", "Target.NotInUse", ZONE_OFF)
    if not group.health_check.enabled:
        return _health("unavailable", "Target.HealthCheckDisabled", CHECKS_OFF)
    if target.state == "healthy":
        return {"State": "healthy"}
    return _health(target.state, target.reason, target.description)


def _health(state: str, reason: str | None, description: str | None) -> dict[str, Any]:
    return {"State": state, "Reason": reason, "Description": description}
