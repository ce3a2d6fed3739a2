"""Log streams on disk: compressed blocks in segments, made durable by one shared journal.

Appends gather while the last group commit runs; one thread writes them, syncs the journal once for
all of them and publishes them to readers. Reading happens in threads of its own. A stream's blocks
are listed from its segments when it is first touched and forgotten when many others were touched
since; nothing happens while nobody asks. Source: shared reference control_plane 4.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ecsd.errors import StoreError
from ecsd.store import blocks
from ecsd.store.segment_files import SegmentFiles, location_of, place_of
from ecsd.store.stream_journal import Entry, EntryKind, Journal
from ecsd.store.stream_notices import Notices
from ecsd.store.stream_order import Block, BlockSpan, gather
from ecsd.store.stream_recovery import next_journal, recover
from ecsd.store.streams import (
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

log = logging.getLogger(__name__)

BLOCK_EVENTS = 10_000


class Limits(NamedTuple):
    """When a file is closed and the next begun, and what is kept in memory."""

    segment_bytes: int = 64 * 1024 * 1024
    segment_milliseconds: int = 86_400_000  # between the first and the last arrival
    journal_bytes: int = 64 * 1024 * 1024
    listed_blocks: int = 200_000  # of all streams together


class _Write(NamedTuple):
    kind: EntryKind
    storage: str
    events: Sequence[LogEvent] = ()
    before: int = 0
    first_kept: int | None = None  # of TRIM: a segment, instead of a time


class _Stream:
    """A stream's blocks, as published; and where the next one goes."""

    def __init__(self, spans: list[BlockSpan], segment: int) -> None:
        self.spans = spans
        self.segment = segment  # the one that is written to
        self.end = 0  # bytes of it that are published
        self.began: int | None = None  # first arrival in it, milliseconds
        if spans and location_of(spans[-1].place)[0] == segment:
            self.end = location_of(spans[-1].place)[1] + spans[-1].length
            self.began = next(one.ingested for one in spans if location_of(one.place)[0] == segment)


class SegmentStreams:
    """Log streams in a folder; see ``LogStreams`` for what each method promises."""

    def __init__(self, folder: Path, limits: Limits = Limits()) -> None:  # noqa: B008 - a constant
        """Open, bringing segments up to date after a crash; StoreError when that fails."""
        self._folder = folder
        self._limits = limits
        self._files = SegmentFiles(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._journal: Journal = recover(folder, self._files)
        except OSError as error:
            raise StoreError(f"cannot open the log streams in {folder}: {error}") from error
        self._writer = ThreadPoolExecutor(1, "log-commit")
        self._readers = ThreadPoolExecutor(2, "log-read")
        self._lock = threading.RLock()  # guards what follows
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._summaries: dict[str, Summary] = {}
        self._writing: set[str] = set()
        self._listed = 0  # spans of all streams in memory
        self._dropped: set[str] = set()  # the writing thread's
        self._disk_bytes: int | None = None  # of all segments; None until it is measured
        self._notices = Notices()
        self._waiting: list[_Write] = []  # the rest belongs to the event loop
        self._next: asyncio.Future[None] | None = None
        self._current: asyncio.Future[None] | None = None

    async def append(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Keep events; returns when they are on disk."""
        if events:
            await self._enter(_Write(EntryKind.APPEND, storage, events))

    async def trim(self, storage: str, before: int) -> None:
        """Free the segments whose events are all older than ``before``."""
        await self._enter(_Write(EntryKind.TRIM, storage, before=before))

    async def drop(self, storage: str) -> None:
        """Forget a stream."""
        await self._enter(_Write(EntryKind.DROP, storage))

    async def read(self, storages: Sequence[str], search: Search) -> Found:
        """Return events of one or more streams, merged by position."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, tuple(storages), search)

    async def summarize(self, storages: Sequence[str]) -> Mapping[str, Summary]:
        """Return what each of these streams holds."""
        with self._lock:
            known = {one: self._summaries[one] for one in storages if one in self._summaries}
        unknown = [one for one in storages if one not in known]
        if unknown:
            loop = asyncio.get_running_loop()
            known |= await loop.run_in_executor(self._readers, self._summarize, unknown)
        return known

    async def shed(self, most_bytes: int) -> Shed:
        """Remove the segments that were written to longest ago until at most this is on disk."""
        loop = asyncio.get_running_loop()
        if self._disk_bytes is not None and self._disk_bytes <= most_bytes:
            return Shed()
        files = await loop.run_in_executor(self._readers, self._files.everything)
        held = sum(one.size for one in files)
        first_kept: dict[str, int] = {}
        freed = segments = 0
        for file in files:
            if held - freed <= most_bytes:
                break
            first_kept[file.storage] = max(first_kept.get(file.storage, 0), file.segment + 1)
            freed, segments = freed + file.size, segments + (file.size > 0)
        for storage, first in first_kept.items():
            await self._enter(_Write(EntryKind.TRIM, storage, first_kept=first))
        with self._lock:
            self._disk_bytes = held - freed
        return Shed(freed, segments)

    async def arrived(self, storage: str, after: int, most_bytes: int) -> Arrived:
        """Return what came behind the event at place ``after``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._arrived, storage, after, most_bytes)

    def watch(self, notice: Notice) -> Callable[[], None]:
        """Call with every durable append; returns the end of it."""
        return self._notices.add(notice)

    def close(self) -> None:
        """Finish what is being written, sync it and close."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        try:
            self._files.sync()
            self._journal.close()
            self._journal.path.unlink()
        except OSError as error:
            log.warning("log segments could not be synced", extra={"cause": str(error)})
        self._files.close()

    # ---------------------------------------------------------------- in the event loop

    async def _enter(self, write: _Write) -> None:
        self._waiting.append(write)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._next.add_done_callback(_retrieve)
        entered = self._next
        if self._current is None:
            self._start_commit()
        await asyncio.shield(entered)

    def _start_commit(self) -> None:
        batch, self._waiting = self._waiting, []
        self._current, self._next = self._next, None
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._writer, self._commit, batch)
        done.add_done_callback(lambda it: self._committed(it, batch))

    def _committed(self, done: "asyncio.Future[None]", batch: Sequence[_Write]) -> None:
        current, self._current = self._current, None
        error = done.exception()
        if self._waiting:
            self._start_commit()
        if current is None:
            return
        if error is None:
            current.set_result(None)
            for write in batch:
                if write.kind is EntryKind.APPEND:
                    self._notices.tell(write.storage, write.events)
            return
        log.error("log events could not be kept", extra={"cause": str(error)})
        cause = error if isinstance(error, StoreError) else StoreError(f"log streams: {error!r}")
        current.set_exception(cause)

    # ---------------------------------------------------------------- in the writing thread

    def _commit(self, batch: Sequence[_Write]) -> None:
        with self._lock:
            self._writing = {write.storage for write in batch}
            streams = {storage: self._stream(storage) for storage in self._writing}
        ends = {storage: (one.segment, one.end, one.began) for storage, one in streams.items()}
        spans: dict[str, list[BlockSpan]] = {storage: [] for storage in streams}
        try:
            entries = [
                entry
                for write in batch
                for entry in self._entries(write, streams[write.storage], spans[write.storage])
            ]
            self._journal.write(entries)
        except (OSError, ValueError) as error:  # ValueError: a text that is not Unicode
            self._undo(streams, ends)
            raise StoreError(f"the log streams cannot write: {error}") from error
        finally:
            with self._lock:
                self._writing = set()
        self._publish(streams, spans, entries)
        if self._journal.size >= self._limits.journal_bytes:
            self._checkpoint()

    def _entries(self, write: _Write, stream: _Stream, spans: list[BlockSpan]) -> Iterator[Entry]:
        if write.storage in self._dropped:
            return
        if write.kind is EntryKind.DROP:
            self._dropped.add(write.storage)
            yield Entry(EntryKind.DROP, write.storage)
        elif write.kind is EntryKind.TRIM:
            first = write.first_kept
            if first is None:
                first = _first_kept(stream, spans, write.before)
            if first is not None:
                if first > stream.segment:
                    stream.segment, stream.end, stream.began = first, 0, None
                yield Entry(EntryKind.TRIM, write.storage, first)
        else:
            events = sorted(write.events, key=lambda one: one.timestamp)
            for start in range(0, len(events), BLOCK_EVENTS):
                block = blocks.encode(events[start : start + BLOCK_EVENTS])
                span = self._place(write.storage, stream, block)
                spans.append(span)
                segment, offset = location_of(span.place)
                yield Entry(EntryKind.APPEND, write.storage, segment, offset, block)

    def _place(self, storage: str, stream: _Stream, block: bytes) -> BlockSpan:
        header = blocks.header_of(block)
        assert header is not None
        began = stream.began if stream.began is not None else header.ingested
        is_old = header.ingested - began >= self._limits.segment_milliseconds
        if stream.end and (is_old or stream.end + len(block) > self._limits.segment_bytes):
            stream.segment, stream.end, began = stream.segment + 1, 0, header.ingested
        stream.began = began
        self._files.write(storage, stream.segment, stream.end, block)
        place = place_of(stream.segment, stream.end)
        stream.end += len(block)
        return BlockSpan(
            place,
            len(block),
            header.first,
            header.last,
            header.ingested,
            header.events,
            header.raw_bytes,
        )

    def _undo(
        self, streams: dict[str, _Stream], ends: dict[str, tuple[int, int, int | None]]
    ) -> None:
        for storage, stream in streams.items():
            segment, end, began = ends[storage]
            try:
                for number in range(segment, stream.segment + 1):
                    self._files.cut(storage, number, end if number == segment else 0)
            except OSError as error:
                log.warning("a torn log segment stays", extra={"cause": str(error)})
            stream.segment, stream.end, stream.began = segment, end, began

    def _publish(
        self,
        streams: dict[str, _Stream],
        spans: dict[str, list[BlockSpan]],
        entries: Sequence[Entry],
    ) -> None:
        with self._lock:
            for storage, stream in streams.items():
                stream.spans += spans[storage]
                self._listed += len(spans[storage])
                if self._disk_bytes is not None:
                    self._disk_bytes += sum(one.length for one in spans[storage])
                self._summaries[storage] = _joined(self._summaries[storage], spans[storage])
            for entry in entries:
                if entry.kind is EntryKind.DROP:
                    self._listed -= len(self._streams.pop(entry.storage).spans)
                    self._summaries[entry.storage] = Summary()
                elif entry.kind is EntryKind.TRIM:
                    self._forget_before(entry.storage, entry.segment)
            self._evict()
        for entry in entries:
            self._remove_files(entry)

    def _remove_files(self, entry: Entry) -> None:
        """Free space; what cannot be removed now is removed from the journal after a restart."""
        try:
            if entry.kind is EntryKind.DROP:
                self._files.remove(entry.storage)
            elif entry.kind is EntryKind.TRIM:
                self._files.remove_before(entry.storage, entry.segment)
        except OSError as error:
            log.warning("log segments were not removed", extra={"cause": str(error)})

    def _checkpoint(self) -> None:
        """Sync the segments and begin a new journal; the old one stays when that fails."""
        try:
            self._files.sync()
            journal = next_journal(self._folder, self._journal.number)
            self._journal.close()
            self._journal.path.unlink()
        except OSError as error:
            log.warning("the log journal goes on growing", extra={"cause": str(error)})
            return
        self._journal = journal

    # ---------------------------------------------------------------- in reading threads

    def _read(self, storages: Sequence[str], search: Search) -> Found:
        def load(block: Block) -> list[LogEvent]:
            return self._load(block, search.literal)

        try:
            spans = [one for storage in storages for one in self._blocks(storage, search)]
            return gather(spans, load, search)
        except OSError as error:
            raise StoreError(f"the log streams cannot be read: {error}") from error

    def _blocks(self, storage: str, search: Search) -> list[Block]:
        with self._lock:
            found = [
                Block(storage, one)
                for one in self._stream(storage).spans
                if one.last >= search.start.timestamp and one.first <= search.end.timestamp
            ]
            self._evict()
        return found

    def _load(self, block: Block, literal: bytes | None = None) -> list[LogEvent]:
        """Return a block's events; none where it is gone, or without the literal."""
        content = self._files.read(block.storage, block.span)
        if content is None:
            return []
        raw = blocks.raw_body(content)
        if literal is not None and literal not in raw:
            return []
        return blocks.events_of(raw)

    def _arrived(self, storage: str, after: int, most_bytes: int) -> Arrived:
        try:
            with self._lock:
                spans = [
                    one for one in self._stream(storage).spans if one.place + one.events - 1 > after
                ]
                self._evict()
            found: list[Located] = []
            for span in spans:  # they stand in order of arrival
                if found and span.raw_bytes > most_bytes:
                    break
                most_bytes -= span.raw_bytes
                found += [
                    Located(Position(event.timestamp, storage, place), event)
                    for place, event in enumerate(self._load(Block(storage, span)), span.place)
                    if place > after
                ]
        except OSError as error:
            raise StoreError(f"the log streams cannot be read: {error}") from error
        return Arrived(found, found[-1].position.place if found else after)

    def _summarize(self, storages: Sequence[str]) -> dict[str, Summary]:
        found = {}
        for storage in storages:
            with self._lock:
                try:
                    self._stream(storage)
                except OSError as error:
                    raise StoreError(f"the log streams cannot be read: {error}") from error
                found[storage] = self._summaries[storage]
                self._evict()
        return found

    # ---------------------------------------------------------------- under the lock

    def _stream(self, storage: str) -> _Stream:
        stream = self._streams.get(storage)
        if stream is None:
            segments = self._files.segments(storage)
            spans = [one for number in segments for one in self._files.scan(storage, number)]
            stream = _Stream(spans, segments[-1] if segments else 1)
            self._streams[storage] = stream
            self._listed += len(spans)
            self._summaries[storage] = _joined(Summary(), spans)
        self._streams.move_to_end(storage)
        return stream

    def _evict(self) -> None:
        if self._listed <= self._limits.listed_blocks:
            return
        for storage in list(self._streams)[:-1]:
            if storage not in self._writing:
                self._listed -= len(self._streams.pop(storage).spans)
            if self._listed <= self._limits.listed_blocks:
                return

    def _forget_before(self, storage: str, segment: int) -> None:
        stream = self._streams[storage]
        kept = [one for one in stream.spans if location_of(one.place)[0] >= segment]
        self._listed -= len(stream.spans) - len(kept)
        stream.spans = kept
        self._summaries[storage] = _joined(Summary(), kept)


def _first_kept(stream: _Stream, fresh: Sequence[BlockSpan], before: int) -> int | None:
    """Return the first segment that stays, or None when all do."""
    newest: dict[int, int] = {}
    for span in [*stream.spans, *fresh]:
        segment = location_of(span.place)[0]
        newest[segment] = max(newest.get(segment, span.last), span.last)
    kept = [segment for segment in sorted(newest) if newest[segment] >= before]
    if not newest or (kept and kept[0] == min(newest)):
        return None
    return kept[0] if kept else stream.segment + 1


def _joined(known: Summary, spans: Sequence[BlockSpan]) -> Summary:
    """Return what a stream holds after these blocks came to it."""
    if not spans:
        return known
    ages = (known.first_timestamp, known.last_timestamp, known.last_ingestion_time)
    first, last, ingested = (() if age is None else (age,) for age in ages)
    return Summary(
        min([*first, *(one.first for one in spans)]),
        max([*last, *(one.last for one in spans)]),
        max([*ingested, *(one.ingested for one in spans)]),
        known.events + sum(one.events for one in spans),
        known.stored_bytes + sum(one.raw_bytes for one in spans),
    )


def _retrieve(future: "asyncio.Future[None]") -> None:
    """A failed batch whose writers are gone is no unhandled error: it was logged."""
    if not future.cancelled():
        future.exception()
