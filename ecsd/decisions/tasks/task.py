"""The life of a task: made, observed, asked to stop, ended.

States pass in AWS's order, each step raising ``version``; the first reason to stop is the root
cause and is never replaced. Source: ecs_semantics 1; Amazon ECS Developer Guide, task lifecycle.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ecsd.records.ecs.task import Container, Task
from ecsd.records.observed import ContainerObserved, TaskObserved

ORDER = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)
RANK = {status: rank for rank, status in enumerate(ORDER)}
STARTING = frozenset(ORDER[:3])
NOT_STOPPING = frozenset(ORDER[:4])


def is_live(task: Task) -> bool:
    """Tell whether the task still has something on a host, or will."""
    return task.last_status != "STOPPED"


def is_wanted(task: Task) -> bool:
    """Tell whether the task is to run."""
    return task.desired_status == "RUNNING"


def is_protected(task: Task, now: datetime) -> bool:
    """Tell whether deployments and scale-in have to leave the task alone (ecs_semantics 1.5)."""
    return task.protected_until is not None and now < task.protected_until


def advance(task: Task, status: str, now: datetime) -> Task:
    """Move forward to a state, through every state between; never backward.

    A stopping task passes DEACTIVATING even without registrations; a starting one never does.
    """
    steps = RANK[status] - RANK[task.last_status]
    if steps <= 0:
        return task
    changes: dict[str, Any] = {"last_status": status, "version": task.version + steps}
    if RANK[task.last_status] < RANK["PENDING"] <= RANK[status]:
        changes |= {"connectivity_at": now}
    if status == "STOPPED":
        changes |= {"stopped_at": now}
    return replace(task, **changes)


def stop(task: Task, code: str, reason: str, now: datetime) -> Task:
    """Ask for an end. The first cause stands.

    code: a stopCode of the API, such as ``UserInitiated``.
    """
    if task.desired_status == "STOPPED":
        return task
    return replace(
        task,
        desired_status="STOPPED",
        stop_code=code,
        stopped_reason=reason,
        stopping_at=now,
        version=task.version + 1,
    )


def begin_deactivating(task: Task, now: datetime) -> Task:
    """Show that a running task's registrations are being taken back."""
    return advance(task, "DEACTIVATING", now) if task.last_status == "RUNNING" else task


def is_ready_to_end(task: Task, draining: int) -> bool:
    """Tell whether the host may be told to stop it: wanted gone, nothing draining any more."""
    return task.desired_status == "STOPPED" and draining == 0


def observe(task: Task, seen: TaskObserved, now: datetime) -> Task:
    """Take in what the host sees, up to RUNNING or STOPPING.

    RUNNING and STOPPED themselves are the controller's to declare: it registers targets first,
    and releases the interface first.
    """
    if task.last_status == "STOPPED":
        return task
    task = _with_containers(task, seen)
    if seen.interface_attached and task.attachment_status == "PRECREATED":
        task = replace(task, attachment_status="ATTACHED")
    task = replace(
        task,
        pull_started_at=task.pull_started_at or seen.pull_started_at,
        pull_stopped_at=task.pull_stopped_at or seen.pull_stopped_at,
        execution_stopped_at=task.execution_stopped_at or seen.execution_stopped_at,
    )
    if seen.phase in {"PENDING", "ACTIVATING", "RUNNING"}:
        floor = "ACTIVATING" if seen.phase == "RUNNING" else seen.phase
        return advance(task, floor, now) if task.desired_status == "RUNNING" else task
    if task.desired_status == "RUNNING":
        code = seen.stop_code or "EssentialContainerExited"
        task = stop(task, code, seen.stopped_reason or "Essential container in task exited", now)
    return advance(task, "STOPPING", now)


def run(task: Task, started_at: datetime | None, now: datetime) -> Task:
    """Declare RUNNING: containers are up and targets registered."""
    if task.last_status not in STARTING or task.desired_status != "RUNNING":
        return task
    return replace(advance(task, "RUNNING", now), started_at=started_at or now)


def end(task: Task, now: datetime) -> Task:
    """Declare STOPPED: nothing of it is left on a host; its interface goes in the same change."""
    task = advance(task, "STOPPED", now)
    attachment = "DELETED" if task.network_interface_id else task.attachment_status
    return replace(
        task,
        stopping_at=task.stopping_at or now,
        attachment_status=attachment,
        containers=tuple(
            replace(container, last_status="STOPPED") for container in task.containers
        ),
    )


def health(containers: tuple[Container, ...]) -> str:
    """Return a task's healthStatus out of its essential containers'.

    Source: Amazon ECS API Reference, HealthCheck.
    """
    essential = [one.health_status for one in containers if one.essential]
    if "UNHEALTHY" in essential:
        return "UNHEALTHY"
    return "HEALTHY" if essential and "UNKNOWN" not in essential else "UNKNOWN"


def _with_containers(task: Task, seen: TaskObserved) -> Task:
    by_name = {one.name: one for one in seen.containers}
    containers = tuple(
        _seen(one, by_name[one.name]) if one.name in by_name else one for one in task.containers
    )
    if containers == task.containers:
        return task
    status = health(containers)
    version = task.version + (status != task.health_status)
    return replace(task, containers=containers, health_status=status, version=version)


def _seen(container: Container, seen: ContainerObserved) -> Container:
    healthy = seen.health if container.has_health_check else "UNKNOWN"
    return replace(
        container,
        last_status=seen.status,
        health_status=healthy,
        runtime_id=seen.runtime_id or container.runtime_id,
        image_digest=seen.image_digest or container.image_digest,
        image_reference=seen.image_reference or container.image_reference,
        exit_code=seen.exit_code if seen.status == "STOPPED" else None,
        reason=seen.reason or container.reason,
        ran_seconds=seen.ran_seconds,
        last_lines=seen.last_lines or container.last_lines,
    )
