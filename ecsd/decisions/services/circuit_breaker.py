"""When a deployment is given up, and how long launches wait after failures.

Source: ecs_semantics 4.4 (throttle) and 4.5 (circuit breaker); Amazon ECS Developer Guide, How the
Amazon ECS deployment circuit breaker detects failures.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.records.ecs.service import Deployment
from ecsd.records.ecs.task import Task

HALF = 50  # percent
NEVER_RAN_CAP = 27 * 60.0  # seconds; AWS's longest pause for tasks that never reach RUNNING
CRASHED_CAP = 60.0  # for tasks that ran but were never well; AWS's own pace is one in 52 s
FREE_ROUNDS = 1  # the first failure is answered by a new task at once
INCONSISTENT_AFTER = 4  # failed rounds after which the service event is written


def threshold(desired: int, breaker: dict[str, Any] | None = None) -> int:
    """Return how many failures end a deployment: half of desired from 3 to 200, if nothing else.

    breaker: deploymentCircuitBreaker as given. Source: API Reference, ThresholdConfiguration.
    """
    given = (breaker or {}).get("thresholdConfiguration") or {}
    value = int(given.get("value", HALF))
    kind = given.get("type") or "BOUNDED_PERCENT"
    if kind == "COUNT":
        return max(1, value)
    share = -(-desired * value // 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def is_failure(task: Task) -> bool:
    """Tell whether a task's end speaks against its deployment.

    It does when the task never was well and nobody asked it to stop, and when the scheduler
    stopped it for failed health checks.
    """
    if task.desired_status != "STOPPED" or task.end_noted:
        return False
    if task.stop_code == "ServiceSchedulerInitiated":
        return (task.stopped_reason or "").startswith("Task failed ")
    own = task.stop_code in {"TaskFailedToStart", "EssentialContainerExited"}
    return own and task.healthy_at is None


def count_failure(deployment: Deployment, task: Task, now: datetime) -> Deployment:
    """Add a failed task. Tasks that were launched together count as one round of the throttle."""
    last = deployment.last_failure_at
    new_round = last is None or task.created_at >= last
    return replace(
        deployment,
        failed_tasks=deployment.failed_tasks + 1,
        failures=deployment.failures + 1,
        launch_failures=deployment.launch_failures + new_round,
        last_failure_at=now,
        updated_at=now,
    )


def count_success(deployment: Deployment, now: datetime, *, reset: bool) -> Deployment:
    """Enter that a task of it became healthy; what counts consecutive failures begins again.

    reset: deploymentCircuitBreaker's ``resetOnHealthyTask``: the breaker's count begins again too.
    """
    failures = 0 if reset else deployment.failures
    if deployment.ever_ran and deployment.failures == failures and not deployment.launch_failures:
        return deployment
    return replace(
        deployment,
        ever_ran=True,
        failed_tasks=0,
        failures=failures,
        launch_failures=0,
        updated_at=now,
    )


def is_tripped(deployment: Deployment, desired: int, breaker: dict[str, Any] | None) -> bool:
    """Tell whether the deployment has to be given up."""
    return (
        bool((breaker or {}).get("enable"))
        and deployment.rollout_state == "IN_PROGRESS"
        and deployment.failures >= threshold(desired, breaker)
    )


def may_start_at(deployment: Deployment) -> datetime | None:
    """Return when the next launch is allowed, or None for at once. The pause doubles."""
    rounds = deployment.launch_failures - FREE_ROUNDS
    if rounds < 1 or deployment.last_failure_at is None:
        return None
    cap = CRASHED_CAP if deployment.ever_ran else NEVER_RAN_CAP
    pause = min(cap, 2.0 ** min(rounds - 1, 20))
    return deployment.last_failure_at + timedelta(seconds=pause)
