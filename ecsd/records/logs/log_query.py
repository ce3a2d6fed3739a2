"""Queries of Logs Insights, and those that are kept by name."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record

SCHEDULED, RUNNING, COMPLETE = "Scheduled", "Running", "Complete"
FAILED, CANCELLED, TIMEOUT = "Failed", "Cancelled", "Timeout"


class LogQuery(Record, frozen=True, kw_only=True):
    """A query that was started. Its rows lie in the log streams store, one event each."""

    KIND: ClassVar[str] = "log_query"
    KEY: ClassVar[str] = "query_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("is_going_on",)

    query_id: str
    query_string: str
    log_group_names: tuple[str, ...]
    start: int  # milliseconds since 1970, inside
    end: int  # milliseconds since 1970, outside
    most_rows: int
    user_arn: str
    created_at: datetime
    status: str = SCHEDULED
    began_at: datetime | None = None
    ended_at: datetime | None = None
    storage: str = ""  # of the rows
    rows: int = 0
    matched: int = 0  # events
    scanned: int = 0  # events
    scanned_bytes: int = 0

    @property
    def is_going_on(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in (SCHEDULED, RUNNING)


class QueryDefinition(Record, frozen=True, kw_only=True):
    """A query that is kept under a name."""

    KIND: ClassVar[str] = "query_definition"
    KEY: ClassVar[str] = "query_definition_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("client_token",)

    query_definition_id: str
    name: str
    query_string: str
    log_group_names: tuple[str, ...] = ()
    modified_at: datetime
    client_token: str = ""
