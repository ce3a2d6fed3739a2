"""What is said of a task: always complete, each time something changed, never twice the same."""

from datetime import datetime

from msgspec import Struct

from ecsd.decisions.containers.container_order import NOTHING, Seen, View
from ecsd.decisions.tasks.stop_cause import StopCause
from ecsd.records.observed import ContainerObserved, TaskObserved
from ecsd.records.plan import TaskPlan

SHOWN = {"ABSENT": "PENDING", "CREATED": "PENDING"}


class Progress(Struct):
    """How far a task's life has come on this host. What has happened stays happened."""

    launched: bool = False
    attached: bool = False
    disks_attached: bool = False
    up: bool = False
    stopping: bool = False
    over: bool = False
    cause: StopCause | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    execution_stopped_at: datetime | None = None

    def phase(self) -> str:
        """Return the phase, as ``TaskObserved`` lists them."""
        if self.over:
            return "STOPPED"
        if self.stopping:
            return "STOPPING"
        if self.up:
            return "RUNNING"
        return "ACTIVATING" if self.launched else "PENDING"


def observation(plan: TaskPlan, view: View, progress: Progress) -> TaskObserved:
    """Return all that is to be said of a task now."""
    cause = progress.cause
    return TaskObserved(
        task_arn=plan.task_arn,
        phase=progress.phase(),
        containers=tuple(
            _container(one["name"], view.get(one["name"], NOTHING), over=progress.over)
            for one in plan.containers
        ),
        interface_attached=progress.attached,
        volumes_attached=progress.disks_attached,
        pull_started_at=progress.pull_started_at,
        pull_stopped_at=progress.pull_stopped_at,
        started_at=progress.started_at,
        execution_stopped_at=progress.execution_stopped_at,
        stop_code=cause.code if cause else None,
        stopped_reason=cause.reason if cause else None,
    )


def _container(name: str, seen: Seen, *, over: bool) -> ContainerObserved:
    return ContainerObserved(
        name=name,
        status="STOPPED" if over else SHOWN.get(seen.status, seen.status),
        health=seen.health,
        runtime_id=seen.runtime_id,
        image_digest=seen.image_digest,
        image_reference=seen.image_reference,
        exit_code=seen.exit_code,
        reason=seen.reason,
        ran_seconds=_ran(seen),
        last_lines=seen.last_lines,
    )


def _ran(seen: Seen) -> float | None:
    if seen.started_at is None or seen.finished_at is None:
        return None
    return round((seen.finished_at - seen.started_at).total_seconds(), 1)
