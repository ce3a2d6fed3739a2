"""Log streams that keep nothing: tests and the simulator."""

from collections.abc import Callable, Mapping, Sequence

from ecsd.store.stream_notices import Notices
from ecsd.store.stream_order import Block, BlockSpan, gather
from ecsd.store.streams import (
    EVENT_OVERHEAD,
    Arrived,
    Found,
    Located,
    LogEvent,
    Notice,
    Position,
    Search,
    Shed,
    Summary,
)


class MemoryLogStreams:
    """Streams in memory; ``fail_with`` makes writes fail on demand."""

    def __init__(self) -> None:
        self.fail_with: Exception | None = None
        self._events: dict[str, list[Located]] = {}
        self._places = 0
        self._dropped: set[str] = set()
        self._notices = Notices()

    async def append(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Keep events."""
        self._check()
        if storage in self._dropped:
            return
        located = self._events.setdefault(storage, [])
        for event in sorted(events, key=lambda one: one.timestamp):
            self._places += 1
            located.append(Located(Position(event.timestamp, storage, self._places), event))
        located.sort(key=lambda one: one.position)
        self._notices.tell(storage, events)

    async def read(self, storages: Sequence[str], search: Search) -> Found:
        """Return events of one or more streams, merged by position."""
        events = sorted(
            one
            for storage in dict.fromkeys(storages)
            for one in self._events.get(storage, [])
            if search.start <= one.position < search.end
        )
        blocks = [Block(one.position.storage, _span(one)) for one in events]
        by_place = {(one.position.storage, one.position.place): one.event for one in events}
        return gather(blocks, lambda it: [by_place[it.storage, it.span.place]], search)

    async def summarize(self, storages: Sequence[str]) -> Mapping[str, Summary]:
        """Return what each of these streams holds."""
        return {storage: _summary(self._events.get(storage, [])) for storage in storages}

    async def trim(self, storage: str, before: int) -> None:
        """Forget events older than ``before``."""
        self._check()
        kept = [one for one in self._events.get(storage, []) if one.event.timestamp >= before]
        self._events[storage] = kept

    async def drop(self, storage: str) -> None:
        """Forget a stream."""
        self._check()
        self._events.pop(storage, None)
        self._dropped.add(storage)

    async def shed(self, most_bytes: int) -> Shed:
        """Forget the oldest events of all streams until at most this is kept."""
        self._check()
        order = sorted(
            (one for located in self._events.values() for one in located),
            key=lambda one: (one.event.ingestion_time, one.position.place),
        )
        held = sum(_size(one.event) for one in order)
        gone: list[Located] = []
        for one in order:
            if held <= most_bytes:
                break
            held -= _size(one.event)
            gone.append(one)
        for one in gone:
            self._events[one.position.storage].remove(one)
        return Shed(sum(_size(one.event) for one in gone), len(gone))

    async def arrived(self, storage: str, after: int, most_bytes: int) -> Arrived:
        """Return what came behind the event at place ``after``."""
        later = [one for one in self._events.get(storage, []) if one.position.place > after]
        events: list[Located] = []
        for one in sorted(later, key=lambda it: it.position.place):
            most_bytes -= _size(one.event)
            if events and most_bytes < 0:
                break
            events.append(one)
        return Arrived(events, events[-1].position.place if events else after)

    def watch(self, notice: Notice) -> Callable[[], None]:
        """Call with every append; returns the end of it."""
        return self._notices.add(notice)

    def close(self) -> None:
        """Do nothing."""

    def _check(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with


def _span(located: Located) -> BlockSpan:
    """Return the block that one event is."""
    event, size = located.event, _size(located.event)
    time = event.timestamp
    return BlockSpan(located.position.place, size, time, time, event.ingestion_time, 1, size)


def _size(event: LogEvent) -> int:
    return len(event.message.encode()) + EVENT_OVERHEAD


def _summary(located: Sequence[Located]) -> Summary:
    if not located:
        return Summary()
    events = [one.event for one in located]
    return Summary(
        events[0].timestamp,
        events[-1].timestamp,
        max(one.ingestion_time for one in events),
        len(events),
        sum(_size(one) for one in events),
    )
