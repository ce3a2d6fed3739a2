"""Events of many blocks and streams in one order, lazily: a block is read when its time has come.

Blocks of a stream usually follow each other in time, but a late batch may overlap earlier ones, and
streams overlap each other. So blocks are taken in order of their beginnings (backward: of their
ends); before each is read, what the ones before it hold up to there is due, and sorted once.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ecsd.store.streams import EVENT_OVERHEAD, Found, Located, LogEvent, Position, Search


class BlockSpan(NamedTuple):
    """Which time a block covers. ``place`` is its first event's; ``length`` is in bytes on disk."""

    place: int
    length: int
    first: int
    last: int
    ingested: int
    events: int
    raw_bytes: int


class Block(NamedTuple):
    """A block of one of the streams."""

    storage: str
    span: BlockSpan

    def border(self, *, forward: bool) -> Position:
        """Return where its events begin, or before where they end."""
        span = self.span
        if forward:
            return Position(span.first, self.storage, span.place)
        return Position(span.last, self.storage, span.place + span.events)


Load = Callable[[Block], Sequence[LogEvent]]


class _Run(NamedTuple):
    """A block that was read: ``events[low:high]`` are not due yet."""

    storage: str
    place: int
    events: Sequence[LogEvent]
    low: int
    high: int

    def position(self, number: int) -> Position:
        return Position(self.events[number].timestamp, self.storage, self.place + number)

    def split(self, border: Position) -> int:
        """Return the number of the first event that does not lie before the border."""
        return bisect_left(range(self.high), border, lo=self.low, key=self.position)

    def located(self, low: int, high: int, wanted: Callable[[str], bool] | None) -> list[Located]:
        storage, place = self.storage, self.place
        return [
            Located(Position(event.timestamp, storage, place + number), event)
            for number, event in enumerate(self.events[low:high], low)
            if wanted is None or wanted(event.message)
        ]


def gather(blocks: Iterable[Block], load: Load, search: Search) -> Found:
    """Merge streams and take what the search's limits allow; every search makes some progress."""
    forward = search.forward
    order = sorted(((one.border(forward=forward), one) for one in blocks), reverse=not forward)
    page = _Page(search)
    runs: list[_Run] = []
    for border, block in order:
        runs = page.take(runs, border)
        if page.is_full(border):
            return page.found()
        page.scanned += block.span.raw_bytes
        events = load(block)
        if events:
            runs += _clipped(_Run(block.storage, block.span.place, events, 0, len(events)), search)
    page.take(runs, None)
    return page.found()


def _clipped(run: _Run, search: Search) -> list[_Run]:
    """Return a run's part inside the search, if it has one."""
    clipped = run._replace(low=run.split(search.start), high=run.split(search.end))
    return [clipped] if clipped.low < clipped.high else []


class _Page:
    """What was taken so far."""

    def __init__(self, search: Search) -> None:
        self.scanned = 0  # bytes
        self._search = search
        self._begin = search.start if search.forward else search.end
        self._events: list[Located] = []
        self._bytes = 0
        self._reached: Position | None = None

    def take(self, runs: Sequence[_Run], border: Position | None) -> list[_Run]:
        """Take what is due before the border (None: all); return what remains of the runs."""
        due: list[Located] = []
        rest: list[_Run] = []
        for run in runs:
            at = run.split(border) if border is not None else None
            if self._search.forward:
                low, high = run.low, run.high if at is None else at
                kept = run._replace(low=high)
            else:
                low, high = run.low if at is None else at, run.high
                kept = run._replace(high=low)
            due += run.located(low, high, self._search.wanted)
            if kept.low < kept.high:
                rest.append(kept)
        due.sort(reverse=not self._search.forward)
        self._add(due)
        return rest

    def is_full(self, border: Position) -> bool:
        """Whether a limit is reached, the one on what is scanned being so at this border."""
        most = self._search.scan_bytes
        if self._reached is None and most is not None and self.scanned >= most:
            reached = self._border(border)
            if reached != self._begin:
                self._reached = reached
        return self._reached is not None

    def found(self) -> Found:
        """Return the page."""
        events = self._events if self._search.forward else self._events[::-1]
        return Found(events, self._reached)

    def _add(self, due: Sequence[Located]) -> None:
        limit, most = self._search.limit, self._search.most_bytes
        for one in due:
            size = len(one.event.message) + EVENT_OVERHEAD
            if len(self._events) >= limit or (self._events and self._bytes + size > most):
                self._reached = self._border(one.position)
                return
            self._bytes += size
            self._events.append(one)

    def _border(self, position: Position) -> Position:
        """Return where the search goes on, so that what stands at ``position`` is seen next."""
        if self._search.forward:
            return max(position, self._search.start)
        return min(position.just_after(), self._search.end)
