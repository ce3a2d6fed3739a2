"""What is remembered of a task when it has ended, and for how many."""

from collections.abc import Sequence
from datetime import datetime

from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_end import TaskEnd

KEPT = 50  # ends of one group in one cluster


def task_end(task: Task, now: datetime) -> TaskEnd:
    """Return what is remembered of a stopped task."""
    return TaskEnd(
        task_arn=task.task_arn,
        place=f"{task.cluster}/{task.group}",
        task_definition=task.task_definition,
        stopped_at=task.stopped_at or now,
        stop_code=task.stop_code,
        stopped_reason=task.stopped_reason,
        containers=task.containers,
    )


def surplus(ends: Sequence[TaskEnd]) -> list[TaskEnd]:
    """Return the ends of one place that are too old to be kept: all but the newest ``KEPT``."""
    newest_first = sorted(ends, key=lambda one: (one.stopped_at, one.task_arn), reverse=True)
    return newest_first[KEPT:]
