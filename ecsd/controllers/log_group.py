"""Log events go when their group's retention says so, and with their stream."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.logs.retention import kept_from, milliseconds, next_trim
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store
from ecsd.store.streams import LogStreams

GROUP, STORAGE = "group", "storage"


class LogGroupController:
    """Trims streams of groups with a retention; frees the storage of streams that are gone."""

    name = "log_group"
    watches: tuple[type[Record], ...] = (LogGroup, StorageToFree)

    def __init__(self, store: Store, streams: LogStreams, clock: Clock) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return the group that keeps events for a while, or the storage to free."""
        if isinstance(change.after, LogGroup) and change.after.retention_in_days is not None:
            return [(change.scope, f"{GROUP}|{change.key}")]
        if isinstance(change.after, StorageToFree):
            return [(change.scope, f"{STORAGE}|{change.key}")]
        return []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Trim a group's streams, or free a storage; return when events may expire next."""
        kind, _, name = key.partition("|")
        if kind == STORAGE:
            await self._free(scope, name)
            return None
        return await self._trim(scope, name)

    async def _free(self, scope: Scope, storage: str) -> None:
        await self._streams.drop(storage)
        async with self._store.transaction(scope) as change:
            change.remove(StorageToFree(storage=storage))

    async def _trim(self, scope: Scope, name: str) -> datetime | None:
        view, now = self._store.view(scope), self._clock.now()
        group = view.get(LogGroup, name)
        if group is None or group.retention_in_days is None:
            return None
        if group.trim_at is not None and group.trim_at > now:
            return group.trim_at
        cutoff = kept_from(milliseconds(now), group.retention_in_days)
        storages = [one.storage for one in view.select(LogStream, log_group_name=name)]
        summaries = await self._streams.summarize(storages)
        for storage in storages:
            first = summaries[storage].first_timestamp
            if first is not None and first < cutoff:
                await self._streams.trim(storage, cutoff)
        summaries = await self._streams.summarize(storages)
        firsts = [one.first_timestamp for one in summaries.values()]
        oldest = min((one for one in firsts if one is not None), default=None)
        when = next_trim(now, group.retention_in_days, oldest)
        return await self._remember(scope, group, when)

    async def _remember(self, scope: Scope, trimmed: LogGroup, when: datetime) -> datetime | None:
        async with self._store.transaction(scope) as change:
            group = change.get(LogGroup, trimmed.log_group_name)
            if group is None or group.retention_in_days != trimmed.retention_in_days:
                return None  # its own change has it looked at once more
            change.put(replace(group, trim_at=when))
        return when
