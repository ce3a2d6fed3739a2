"""CloudWatch Logs groups and streams; their events are in the log streams store."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class LogGroup(Record, frozen=True, kw_only=True):
    """A log group."""

    KIND: ClassVar[str] = "log_group"
    KEY: ClassVar[str] = "log_group_name"

    log_group_name: str
    arn: str  # with :* at its end, as DescribeLogGroups shows it
    created_at: datetime
    log_group_class: str = "STANDARD"
    retention_in_days: int | None = None
    deletion_protection: bool = False
    tags: tuple[Tag, ...] = ()
    trim_at: datetime | None = None  # when events may have expired; None: look now


class LogStream(Record, frozen=True, kw_only=True):
    """A log stream of a group. ``storage`` names its segments in the log streams store."""

    KIND: ClassVar[str] = "log_stream"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("log_group_name", "storage")

    place: str  # <group>|<stream>
    log_group_name: str
    log_stream_name: str
    arn: str
    storage: str  # unguessable, never reused
    created_at: datetime
