"""How tasks ended: kept after a stopped task is no longer shown, for ``ecsd why``."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record


class ContainerEnd(Part, frozen=True, kw_only=True):
    """How one container of the task ended."""

    name: str
    image: str
    health_status: str = "UNKNOWN"
    exit_code: int | None = None
    reason: str | None = None
    ran_seconds: float | None = None
    last_lines: tuple[str, ...] = ()


class TaskEnd(Record, frozen=True, kw_only=True):
    """What is known of a task's end. group: ``service:NAME`` or ``family:NAME``."""

    KIND: ClassVar[str] = "task_end"
    KEY: ClassVar[str] = "task_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("place",)

    task_arn: str
    place: str  # cluster and group
    group: str
    task_definition: str  # family:revision
    started_at: datetime | None = None
    stopped_at: datetime
    stop_code: str | None = None
    stopped_reason: str | None = None
    containers: tuple[ContainerEnd, ...] = ()
