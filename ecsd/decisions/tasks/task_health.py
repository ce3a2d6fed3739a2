"""Is a service's task well, not yet known, or to be replaced?

Source: ecs_semantics 4.3 (minimumHealthyPercent, healthCheckGracePeriodSeconds, unhealthy tasks).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ecsd.records.ecs.task import Task
from ecsd.records.elbv2.target_group import Target

SETTLE_SECONDS = 2.0  # a task without any check counts as healthy after running this long
# AWS waits 40 s here; a crash within the first moments must not pass for health.


class Verdict(NamedTuple):
    """What a rollout makes of a task.

    Attributes:
        healthy: it may count towards minimumHealthyPercent.
        failing: the stoppedReason with which it is to be replaced, or None.
        report: the service event's text about the failure, without the service's name.
        look_again: when time alone may change this verdict.
    """

    healthy: bool = False
    failing: str | None = None
    report: str | None = None
    look_again: datetime | None = None


def judge(task: Task, targets: Sequence[Target], grace_seconds: int, now: datetime) -> Verdict:
    """Judge a task by its own checks and by its targets (one for each of its bindings)."""
    if task.last_status != "RUNNING" or task.desired_status != "RUNNING":
        return Verdict()
    started = task.started_at or now
    failure = _failure(task, targets)
    if failure is not None:
        grace_ends = started + timedelta(seconds=grace_seconds)
        if now < grace_ends:
            return Verdict(look_again=grace_ends)
        return failure
    checked = any(one.essential and one.has_health_check for one in task.containers)
    if checked and task.health_status != "HEALTHY":
        return Verdict()
    if task.target_bindings:
        registered = {target.target_group_arn for target in targets if target.state == "healthy"}
        wanted = {binding.target_group_arn for binding in task.target_bindings}
        return Verdict(healthy=wanted <= registered)
    if checked:
        return Verdict(healthy=True)
    settled = started + timedelta(seconds=SETTLE_SECONDS)
    return Verdict(healthy=True) if now >= settled else Verdict(look_again=settled)


def _failure(task: Task, targets: Sequence[Target]) -> Verdict | None:
    if task.health_status == "UNHEALTHY":
        return Verdict(
            failing="Task failed container health checks",
            report=f"(task {task.task_id}) failed container health checks.",
        )
    for target in targets:
        if target.state == "unhealthy" and target.draining_since is None:
            group = target.target_group_arn
            return Verdict(
                failing=f"Task failed ELB health checks in (target-group {group})",
                report=(
                    f"(task {task.task_id}) (port {target.port}) is unhealthy in "
                    f"(target-group {group}) due to (reason {target.description})."
                ),
            )
    return None
