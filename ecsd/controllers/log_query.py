"""Queries of Logs Insights run one after the other reads, keep their rows, and go in time."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.insights.budget import QueryTooLargeError
from ecsd.decisions.insights.parser import parse_query
from ecsd.decisions.insights.run import Run
from ecsd.decisions.insights.syntax import QueryFault
from ecsd.decisions.logs.retention import milliseconds
from ecsd.ids import IdSource
from ecsd.records.logs.log_query import (
    COMPLETE,
    FAILED,
    RUNNING,
    TIMEOUT,
    LogQuery,
)
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.records.record import Record
from ecsd.store.log_rows import Source, rows_of, sources_of
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, Transaction
from ecsd.store.streams import LogEvent, LogStreams, Position, Search

log = logging.getLogger(__name__)

LONGEST = timedelta(minutes=60)
PAGE_EVENTS, PAGE_BYTES = 20_000, 16 * 1024 * 1024
ROWS_AT_ONCE = 1000
TELL_EVERY = timedelta(seconds=2)


class LogQueryController:
    """Runs what was started, also by a server before this one. ``kept``: how long results stay."""

    name = "log_query"
    watches: tuple[type[Record], ...] = (LogQuery,)

    def __init__(
        self, store: Store, streams: LogStreams, clock: Clock, ids: IdSource, kept: timedelta
    ) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock
        self._ids = ids
        self._kept = kept

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return a query when it is new, and when it has ended."""
        before, after = change.before, change.after
        if not isinstance(after, LogQuery):
            return []
        is_news = not isinstance(before, LogQuery) or before.is_going_on != after.is_going_on
        return [(change.scope, after.query_id)] if is_news else []

    async def reconcile(self, scope: Scope, query_id: str) -> datetime | None:
        """Run a query, or forget it when its results were kept long enough."""
        query = self._store.view(scope).get(LogQuery, query_id)
        if query is None:
            return None
        if query.is_going_on:
            await self._run(scope, query)
            return None  # its end is a change, which has it looked at again
        goes_at = (query.ended_at or query.created_at) + self._kept
        if goes_at > self._clock.now():
            return goes_at
        async with self._store.transaction(scope) as change:
            change.remove(query)
            _free(change, query.storage)
        return None

    async def _run(self, scope: Scope, query: LogQuery) -> None:
        storage = self._ids.hexadecimal(32)
        began = query.began_at or self._clock.now()
        left = began + LONGEST - self._clock.now()
        progress = replace(query, status=RUNNING, began_at=began, storage=storage)
        if not await self._tell(scope, progress):
            return
        try:
            async with self._clock.deadline(left.total_seconds()):
                progress = await self._read(scope, progress)
        except TimeoutError:
            progress = replace(progress, status=TIMEOUT)
        except QueryTooLargeError as error:
            log.warning(
                "a query of logs failed", extra={"query": query.query_id, "cause": str(error)}
            )
            progress = replace(progress, status=FAILED)
        if progress.status != RUNNING:
            await self._tell(scope, replace(progress, ended_at=self._clock.now()))

    async def _read(self, scope: Scope, query: LogQuery) -> LogQuery:
        """Return the query as it ended; still RUNNING if somebody else ended it."""
        now = self._clock.now()
        parsed = parse_query(query.query_string)
        if isinstance(parsed, QueryFault):
            return replace(query, status=FAILED)  # of a version that took more than this one
        run = Run(parsed, query.most_rows, int(now.timestamp()))
        sources = sources_of(self._store.view(scope), query.log_group_names, milliseconds(now))
        end: Position | None = Position(query.end)
        while end is not None and not run.done:
            query, end = await self._page(query, run, sources, end)
            if self._clock.now() - now >= TELL_EVERY:
                now = self._clock.now()
                if not await self._tell(scope, query):
                    return query
        rows = await asyncio.to_thread(run.finish)
        await self._keep(query.storage, rows)
        return replace(query, status=COMPLETE, rows=len(rows))

    async def _page(
        self, query: LogQuery, run: Run, sources: dict[str, Source], end: Position
    ) -> tuple[LogQuery, Position | None]:
        search = Search(
            start=Position(query.start),
            end=end,
            limit=PAGE_EVENTS,
            most_bytes=PAGE_BYTES,
            forward=False,
        )
        found = await self._streams.read(list(sources), search)

        def feed() -> tuple[int, int]:
            read = rows_of(reversed(found.events), sources)
            run.feed(read.rows)
            return read.events, read.read_bytes

        events, read_bytes = await asyncio.to_thread(feed)
        progress = replace(
            query,
            matched=run.matched,
            scanned=query.scanned + events,
            scanned_bytes=query.scanned_bytes + read_bytes,
        )
        return progress, found.reached

    async def _keep(self, storage: str, rows: list[list[tuple[str, str]]]) -> None:
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            events = [
                LogEvent(number, 0, msgspec.json.encode(row).decode())
                for number, row in enumerate(rows[begin : begin + ROWS_AT_ONCE], begin)
            ]
            await self._streams.append(storage, events)

    async def _tell(self, scope: Scope, progress: LogQuery) -> bool:
        """Store how far it is; False if it was stopped or forgotten meanwhile."""
        async with self._store.transaction(scope) as change:
            known = change.get(LogQuery, progress.query_id)
            if known is None or not known.is_going_on:
                _free(change, progress.storage)
                return False
            if known.storage != progress.storage:
                _free(change, known.storage)  # of a run that a server before this one began
            change.put(progress)
        return True


def _free(change: Transaction, storage: str) -> None:
    if storage:
        change.put(StorageToFree(storage=storage))
