"""How tasks ended: kept after a stopped task is no longer shown, for ``ecsd why``."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.ecs.task import Container
from ecsd.records.record import Record


class TaskEnd(Record, frozen=True, kw_only=True):
    """What is known of a task's end."""

    KIND: ClassVar[str] = "task_end"
    KEY: ClassVar[str] = "task_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("place",)

    task_arn: str
    place: str  # cluster/group, such as prod/service:web or prod/family:job
    task_definition: str  # family:revision
    stopped_at: datetime
    stop_code: str | None = None
    stopped_reason: str | None = None
    containers: tuple[Container, ...] = ()
