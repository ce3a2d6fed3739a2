"""Log streams: append-only, read by time. Not documents: they grow without bound."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class LogEvent(NamedTuple):
    """One event. Times are milliseconds since 1970 (the Logs API's own unit)."""

    timestamp: int
    ingestion_time: int
    message: str


class LogStreams(Protocol):
    """Append durably, read by time, drop.

    ``storage`` is ``LogStream.storage``: an opaque unique name. Every method may raise StoreError.
    """

    async def append(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Keep events; returns when they are on disk."""
        ...

    async def drop(self, storage: str) -> None:
        """Forget a stream."""
        ...
