"""Sessions inside containers that may be opened. Source: API Reference, ExecuteCommand, Session."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class ExecSession(Record, frozen=True, kw_only=True):
    """An invitation: it goes when somebody opens the session, or when its time is over."""

    KIND: ClassVar[str] = "exec_session"
    KEY: ClassVar[str] = "session_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("task_arn",)

    session_id: str  # ecs-execute-command-<17 letters and digits>
    token: str
    task_arn: str
    host: str
    container_name: str
    runtime_id: str
    command: str
    log_group: str = ""
    created_at: datetime
    expires_at: datetime
