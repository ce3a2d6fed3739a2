"""Log events of all groups stay within their share of the disk; the oldest segments go first."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.records.logs.log_group import LogGroup
from ecsd.records.logs.logs_shed import SHED, LogsShed
from ecsd.records.record import Record
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change, Store
from ecsd.store.streams import LogStreams, Shed

log = logging.getLogger(__name__)

MIB = 1024 * 1024
LOOK_EVERY = timedelta(minutes=1)
TOLD_FOR = timedelta(days=1)


class LogDiskController:
    """Looks every minute, from the first log group on."""

    name = "log_disk"
    watches: tuple[type[Record], ...] = (LogGroup, LogsShed)

    def __init__(self, store: Store, streams: LogStreams, clock: Clock, most_mib: int) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock
        self._most_bytes = most_mib * MIB

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return the one key there is."""
        born = change.before is None and change.after is not None
        return [(HOSTS, SHED)] if born else []

    async def reconcile(self, scope: Scope, _key: str) -> datetime | None:
        """Free what is over the share and remember it; forget it after a day."""
        now = self._clock.now()
        if self._most_bytes:
            shed = await self._streams.shed(self._most_bytes)
            if shed.segments:
                log.warning(
                    "log events went before their time: their share of the disk was full",
                    extra={"freed_bytes": shed.freed_bytes, "most_bytes": self._most_bytes},
                )
                await self._remember(scope, shed, now)
        known = self._store.view(scope).get(LogsShed, SHED)
        if known is not None and now - known.last_at >= TOLD_FOR:
            async with self._store.transaction(scope) as change:
                change.remove(known)
        return now + LOOK_EVERY

    async def _remember(self, scope: Scope, shed: Shed, now: datetime) -> None:
        fresh = LogsShed(freed_bytes=0, most_bytes=0, began_at=now, last_at=now)
        async with self._store.transaction(scope) as change:
            known = change.get(LogsShed, SHED) or fresh
            change.put(
                replace(
                    known,
                    freed_bytes=known.freed_bytes + shed.freed_bytes,
                    most_bytes=self._most_bytes,
                    last_at=now,
                )
            )
