"""Subscription filters at work: events go to Lambda functions in the order in which they came.

Each filter remembers how far it has come in each stream, once the function has answered: after a
crash, or a failure, the same events come again (at least once, as on AWS). A failure is retried
with back-off, what is older than a day is given up.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from ecsd.clock import Clock
from ecsd.decisions.balancers.function_arn import Invoke, invoke_url
from ecsd.decisions.logs.filter_pattern import LogFilter, compile_filter
from ecsd.decisions.logs.retention import milliseconds
from ecsd.decisions.logs.subscription_event import MOST_BYTES, OLDEST_HOURS, subscription_event
from ecsd.decisions.logs.token import event_id, event_number
from ecsd.records.logs.log_filter import SubscriptionFilter, SubscriptionProgress
from ecsd.records.logs.log_group import LogStream
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store
from ecsd.store.streams import Arrived, Located, LogStreams

log = logging.getLogger(__name__)

Place = tuple[Scope, str]


class LogSubscriptionController:
    """One key for each filter and stream: ``<filter's place>|<storage>``."""

    name = "log_subscription"
    watches: tuple[type[Record], ...] = (LogStream, SubscriptionFilter)

    def __init__(
        self, store: Store, streams: LogStreams, clock: Clock, invoke: Invoke, endpoint: str
    ) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock
        self._invoke = invoke
        self._endpoint = endpoint
        self._scopes: dict[str, Scope] = {}  # of streams, by storage

    def keys(self, change: Change) -> Iterable[Place]:
        """Return what to deliver when a filter is new or has changed, or the server has begun."""
        after = change.after
        if isinstance(after, SubscriptionFilter):
            view = self._store.view(change.scope)
            streams = view.select(LogStream, log_group_name=after.log_group_name)
            return [(change.scope, f"{after.place}|{one.storage}") for one in streams]
        if isinstance(after, LogStream):
            self._scopes[after.storage] = change.scope
        elif isinstance(change.before, LogStream):
            self._scopes.pop(change.before.storage, None)
        return []

    def came(self, storage: str) -> Iterable[Place]:
        """Return what to deliver now that a stream has new events."""
        scope = self._scopes.get(storage)
        if scope is None:
            return []
        view = self._store.view(scope)
        stream = view.newest(LogStream, "storage", storage)
        if stream is None:
            return []
        filters = view.select(SubscriptionFilter, log_group_name=stream.log_group_name)
        return [(scope, f"{one.place}|{storage}") for one in filters]

    async def reconcile(self, scope: Scope, key: str) -> None:
        """Deliver everything that has come and was not delivered."""
        place, _, storage = key.rpartition("|")
        while True:
            view = self._store.view(scope)
            wanted = view.get(SubscriptionFilter, place)
            stream = view.newest(LogStream, "storage", storage)
            if wanted is None or stream is None:
                return
            known = view.get(SubscriptionProgress, key)
            after = int(known.after) if known is not None else 0
            arrived = await self._streams.arrived(storage, after, MOST_BYTES)
            if arrived.after == after:
                return
            await self._deliver(scope, wanted, stream, arrived)
            async with self._store.transaction(scope) as change:
                if change.get(SubscriptionFilter, place) is None or not change.select(
                    LogStream, storage=storage
                ):
                    return
                progress = SubscriptionProgress(
                    filter_place=place, storage=storage, after=str(arrived.after)
                )
                change.put(progress)

    async def _deliver(
        self, scope: Scope, wanted: SubscriptionFilter, stream: LogStream, arrived: Arrived
    ) -> None:
        pattern = compile_filter(wanted.filter_pattern)
        if not isinstance(pattern, LogFilter):
            log.error("a subscription filter's pattern is none", extra={"filter": wanted.place})
            return
        events = [one for one in self._fresh(wanted, arrived.events) if _is_wanted(pattern, one)]
        if not events:
            return
        told = [_event(pattern, one) for one in events]
        payload = subscription_event(
            scope.account, wanted.log_group_name, stream.log_stream_name, wanted.filter_name, told
        )
        await self._invoke(invoke_url(self._endpoint, wanted.destination_arn), payload)

    def _fresh(self, wanted: SubscriptionFilter, events: Sequence[Located]) -> list[Located]:
        """Return the events since the filter is there that are not given up yet."""
        now = self._clock.now()
        oldest = milliseconds(now - timedelta(hours=OLDEST_HOURS))
        since = milliseconds(wanted.created_at)
        kept = [one for one in events if one.event.ingestion_time >= since]
        fresh = [one for one in kept if one.event.ingestion_time >= oldest]
        if len(fresh) < len(kept):
            log.warning(
                "log events were not delivered for a day and are given up",
                extra={"filter": wanted.place, "events": len(kept) - len(fresh)},
            )
        return fresh


def _is_wanted(pattern: LogFilter, located: Located) -> bool:
    return pattern.matches is None or pattern.matches(located.event.message)


def _event(pattern: LogFilter, located: Located) -> dict[str, object]:
    position, event = located
    number = event_number(position.timestamp, position.storage, position.place)
    told: dict[str, object] = {
        "id": event_id(number),
        "timestamp": event.timestamp,
        "message": event.message,
    }
    if pattern.kind == "fields":
        values = pattern.values(event.message)
        told["extractedFields"] = {name[1:]: value for name, value in values.items()}
    return told
