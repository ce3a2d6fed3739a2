"""Log streams: append-only, read by time. Not documents: they grow without bound."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

EVENT_OVERHEAD = 26  # bytes that the Logs API counts for an event beside its message
FOREVER = 2**62  # milliseconds; later than any event


class LogEvent(NamedTuple):
    """One event. Times are milliseconds since 1970 (the Logs API's own unit)."""

    timestamp: int
    ingestion_time: int
    message: str


class Position(NamedTuple):
    """Where an event stands among all events of all streams: by time, then stream, then arrival.

    Positions never change, so they serve as paging tokens. ``place`` grows with arrival.
    """

    timestamp: int
    storage: str = ""
    place: int = 0

    def just_after(self) -> "Position":
        """Return the first position behind this one."""
        return self._replace(place=self.place + 1)


class Located(NamedTuple):
    """An event and where it stands."""

    position: Position
    event: LogEvent


class Search(NamedTuple):
    """Which events to return: those in ``start <= position < end``.

    Attributes:
        forward: the first ones that fit the limits, else the last ones; in order either way.
        wanted: which messages; called in a thread.
        literal: bytes (UTF-8) that every wanted message contains: blocks without are skipped.
        scan_bytes: stop after having looked at about this much, found or not.
    """

    start: Position = Position(0)
    end: Position = Position(FOREVER)
    limit: int = 10_000
    most_bytes: int = 1_048_576
    forward: bool = True
    wanted: Callable[[str], bool] | None = None
    literal: bytes | None = None
    scan_bytes: int | None = None


class Found(NamedTuple):
    """What a search brought.

    Attributes:
        events: in order of position.
        reached: the next search's ``start`` (forward) or ``end``; None when all was seen.
    """

    events: list[Located]
    reached: Position | None


class Summary(NamedTuple):
    """What a stream holds. Times are None while it holds nothing.

    Attributes:
        stored_bytes: as the Logs API counts: UTF-8 messages and 26 bytes for each.
    """

    first_timestamp: int | None = None
    last_timestamp: int | None = None
    last_ingestion_time: int | None = None
    events: int = 0
    stored_bytes: int = 0


class Shed(NamedTuple):
    """What went to keep within the disk's share: bytes and files; both 0 when nothing had to."""

    freed_bytes: int = 0
    segments: int = 0


class Arrived(NamedTuple):
    """Events of one stream in the order in which they came.

    Attributes:
        after: the place to go on behind; the given one where nothing came.
    """

    events: list[Located]
    after: int


Notice = Callable[[str, Sequence[LogEvent]], None]


class LogStreams(Protocol):
    """Append durably, read by time, drop.

    ``storage`` is ``LogStream.storage``: an opaque unique name of letters, digits and ``-``, never
    used again after a drop. A stream need not be created: one without events is empty. Every
    method may raise StoreError; what it was to change is then unchanged.
    """

    async def append(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Keep events; returns when they are on disk. A dropped stream keeps nothing more."""
        ...

    async def read(self, storages: Sequence[str], search: Search) -> Found:
        """Return events of one or more streams, merged by position."""
        ...

    async def summarize(self, storages: Sequence[str]) -> Mapping[str, Summary]:
        """Return what each of these streams holds."""
        ...

    async def trim(self, storage: str, before: int) -> None:
        """Free the space of events older than ``before`` (milliseconds).

        Storage is freed in whole segments, so older events may stay readable for a while: readers
        begin at the moment their retention allows.
        """
        ...

    async def drop(self, storage: str) -> None:
        """Forget a stream."""
        ...

    async def shed(self, most_bytes: int) -> Shed:
        """Remove the oldest segments of all streams until at most this is on disk."""
        ...

    async def arrived(self, storage: str, after: int, most_bytes: int) -> Arrived:
        """Return what came behind the event at place ``after`` (0: from the first on).

        Some events at least, and no more than about ``most_bytes``; whole batches where they fit.
        """
        ...

    def watch(self, notice: Notice) -> Callable[[], None]:
        """Call with every durable append, in the event loop; returns the end of it.

        Appends of one stream come in order. It must not block or raise.
        """
        ...

    def close(self) -> None:
        """Finish what is being written; blocks until it is."""
        ...
