"""Live Tail: events as they come, for as long as the client stays, three hours at most."""

from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from ecsd.decisions.logs.filter_pattern import LogFilter
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import compiled_pattern, invalid, refuse_infrequent
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.store.finders.logs import require_log_group_by_identifier
from ecsd.store.streams import LogEvent

MOST_GROUPS = 10
MOST_EVENTS = 500  # of one update; from more a sample
UPDATE_SECONDS = 1.0
SESSION_SECONDS = 3 * 60 * 60


@operation("logs", "StartLiveTail")
async def start_live_tail(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session: what is put into these groups from now on, a message each second."""
    identifiers = request["logGroupIdentifiers"]
    if not 1 <= len(identifiers) <= MOST_GROUPS:
        raise invalid(f"logGroupIdentifiers must name 1 to {MOST_GROUPS} log groups.")
    groups = [require_log_group_by_identifier(call.view, one) for one in identifiers]
    for group in groups:
        refuse_infrequent(group, "StartLiveTail")
    names, prefixes = request.get("logStreamNames"), request.get("logStreamNamePrefixes")
    if names and prefixes:
        raise invalid("logStreamNames and logStreamNamePrefixes cannot be both specified.")
    if (names or prefixes) and len(groups) > 1:
        raise invalid("Log streams can be specified for one log group only.")
    pattern = compiled_pattern(request.get("logEventFilterPattern", ""))
    return {"responseStream": _session(call, request, _Tail(call, request, groups, pattern))}


class _Tail:
    """Gathers what comes between two updates."""

    def __init__(
        self,
        call: Call,
        request: Mapping[str, Any],
        groups: Sequence[LogGroup],
        pattern: LogFilter,
    ) -> None:
        self._view = call.view
        self._groups = {one.log_group_name: one.arn.removesuffix(":*") for one in groups}
        self._names = frozenset(request.get("logStreamNames") or ())
        self._prefixes = tuple(request.get("logStreamNamePrefixes") or ())
        self._matches = pattern.matches
        self._streams: dict[str, LogStream | None] = {}  # by storage; None: not asked for
        self._events: deque[dict[str, Any]] = deque()
        self._sampled = False

    def notice(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Take what came to a stream."""
        if storage not in self._streams:
            stream = self._view.newest(LogStream, "storage", storage)
            self._streams[storage] = stream if stream and self._is_asked_for(stream) else None
        stream = self._streams[storage]
        if stream is None or self._sampled:
            return
        for event in events:
            if self._matches is not None and not self._matches(event.message):
                continue
            if len(self._events) >= MOST_EVENTS:
                self._sampled = True
                return
            self._events.append(
                {
                    "logStreamName": stream.log_stream_name,
                    "logGroupIdentifier": self._groups[stream.log_group_name],
                    "message": event.message,
                    "timestamp": event.timestamp,
                    "ingestionTime": event.ingestion_time,
                }
            )

    def update(self) -> dict[str, Any]:
        """Return what came since the last update."""
        events, self._events = self._events, deque()
        sampled, self._sampled = self._sampled, False
        return {"sessionMetadata": {"sampled": sampled}, "sessionResults": [*events]}

    def _is_asked_for(self, stream: LogStream) -> bool:
        name = stream.log_stream_name
        if stream.log_group_name not in self._groups:
            return False
        if self._names:
            return name in self._names
        return not self._prefixes or name.startswith(self._prefixes)


async def _session(
    call: Call, request: Mapping[str, Any], tail: _Tail
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    end = call.streams.watch(tail.notice)
    began = call.clock.now()
    try:
        yield (
            "sessionStart",
            {
                "requestId": call.request_id,
                "sessionId": call.ids.uuid(),
                "logGroupIdentifiers": list(request["logGroupIdentifiers"]),
                "logStreamNames": list(request.get("logStreamNames") or ()),
                "logStreamNamePrefixes": list(request.get("logStreamNamePrefixes") or ()),
                "logEventFilterPattern": request.get("logEventFilterPattern", ""),
            },
        )
        while (call.clock.now() - began).total_seconds() < SESSION_SECONDS:
            await call.clock.sleep(UPDATE_SECONDS)
            yield "sessionUpdate", tail.update()
    finally:
        end()
    raise AwsError("SessionTimeoutException", "The session has reached its three hours.")
