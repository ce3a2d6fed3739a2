"""Putting events into streams, and getting them out of one stream or many."""

from itertools import pairwise
from typing import Any

from ecsd.decisions.logs.retention import DAY, Accepted, accepted, kept_from, milliseconds
from ecsd.decisions.logs.token import event_id, event_number, read_token, token
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.log_stream import sequence_token
from ecsd.operations.logs.requests import (
    compiled_pattern,
    group_of,
    invalid,
    next_token,
    read_next_token,
    refuse_infrequent,
)
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.store.finders.logs import require_log_group, require_log_stream
from ecsd.store.store import View
from ecsd.store.streams import EVENT_OVERHEAD, FOREVER, Located, LogEvent, Position, Search

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
SCAN_BYTES = 256 * 1024 * 1024  # looked at in one FilterLogEvents, found or not


@operation("logs", "PutLogEvents")
async def put_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a batch; what is too old, expired or too far ahead is left out and told."""
    given = request["logEvents"]
    group = require_log_group(call.view, request["logGroupName"])
    stream = require_log_stream(call.view, group, request["logStreamName"])
    _check_size(given)
    timestamps = [one["timestamp"] for one in given]
    if any(late < early for early, late in pairwise(timestamps)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if timestamps[-1] - timestamps[0] > DAY:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than "
            "24 hours."
        )
    now = milliseconds(call.clock.now())
    part = accepted(timestamps, now, group.retention_in_days)
    kept = given[part.first : part.end]
    await call.streams.append(
        stream.storage, [LogEvent(one["timestamp"], now, one["message"]) for one in kept]
    )
    require_log_stream(call.view, group, stream.log_stream_name)  # not deleted meanwhile
    summary = (await call.streams.summarize([stream.storage]))[stream.storage]
    answer: dict[str, Any] = {"nextSequenceToken": sequence_token(stream, summary)}
    rejected = _rejected(part)
    if rejected:
        answer["rejectedLogEventsInfo"] = rejected
    if "entity" in request:  # events are kept; entities have no meaning here
        answer["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
    return answer


@operation("logs", "GetLogEvents")
async def get_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return events of one stream, in order of time, and where to go on in both directions.

    Without a token the newest ones, unless startFromHead. At an end the same token comes back.
    """
    view = call.view
    group = group_of(view, request)
    refuse_infrequent(group, "GetLogEvents")
    stream = require_log_stream(view, group, request["logStreamName"])
    floor = _floor(call, group, request)
    search = Search(
        start=Position(floor),
        end=Position(request.get("endTime", FOREVER)),
        limit=request.get("limit", MOST_EVENTS),
        forward=request.get("startFromHead", False),
    )
    came_by = request.get("nextToken")
    if came_by is not None:
        search = _continued(search, stream, came_by)
    found = await call.streams.read([stream.storage], search)
    forward, backward = _tokens(stream, found.events, came_by, floor)
    return {
        "events": [
            {
                "timestamp": one.event.timestamp,
                "message": one.event.message,
                "ingestionTime": one.event.ingestion_time,
            }
            for one in found.events
        ],
        "nextForwardToken": forward,
        "nextBackwardToken": backward,
    }


@operation("logs", "FilterLogEvents")
async def filter_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return events of a group's streams that match a pattern, interleaved by time."""
    pattern = compiled_pattern(request.get("filterPattern", ""))
    view = call.view
    group = group_of(view, request)
    refuse_infrequent(group, "FilterLogEvents")
    streams = {one.storage: one for one in _chosen(view, group, request)}
    search = Search(
        start=Position(_floor(call, group, request)),
        end=Position(request.get("endTime", FOREVER - 1) + 1),  # unlike GetLogEvents: inclusive
        limit=request.get("limit", MOST_EVENTS),
        forward=request.get("startFromHead", True),
        wanted=pattern.matches,
        literal=pattern.literal.encode() if pattern.literal else None,
        scan_bytes=SCAN_BYTES,
    )
    if "nextToken" in request:
        forward, position = read_next_token(request["nextToken"], tuple[bool, Position])
        search = search._replace(forward=forward)
        search = (
            search._replace(start=max(position, search.start))
            if forward
            else search._replace(end=min(position, search.end))
        )
    found = await call.streams.read(list(streams), search)
    events = found.events if search.forward else found.events[::-1]
    answer: dict[str, Any] = {
        "events": [_filtered(streams[one.position.storage], one) for one in events],
        "searchedLogStreams": [],
    }
    if found.reached is not None:
        answer["nextToken"] = next_token((search.forward, found.reached))
    return answer


def _check_size(given: list[dict[str, Any]]) -> None:
    if not 1 <= len(given) <= MOST_EVENTS:
        raise invalid(
            f"1 validation error detected: Value at 'logEvents' failed to satisfy constraint: "
            f"Member must have length between 1 and {MOST_EVENTS}, inclusive"
        )
    try:
        sizes = [len(one["message"].encode()) + EVENT_OVERHEAD for one in given]
    except UnicodeEncodeError as error:
        raise invalid("A message of 'logEvents' is not valid Unicode.") from error
    if max(sizes) > MOST_BYTES:
        raise invalid(f"Log event too large: {max(sizes)} bytes exceeds limit of {MOST_BYTES}")
    if sum(sizes) > MOST_BYTES:
        raise invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of {MOST_BYTES}")


def _rejected(part: Accepted) -> dict[str, int]:
    answer = {
        "tooOldLogEventEndIndex": part.too_old_end,
        "expiredLogEventEndIndex": part.expired_end,
        "tooNewLogEventStartIndex": part.too_new_start,
    }
    return {name: value for name, value in answer.items() if value is not None}


def _floor(call: Call, group: LogGroup, request: dict[str, Any]) -> int:
    oldest = kept_from(milliseconds(call.clock.now()), group.retention_in_days)
    start: int = request.get("startTime", 0)
    return max(oldest, start)


def _continued(search: Search, stream: LogStream, came_by: str) -> Search:
    read = read_token(came_by)
    if read is None:
        raise invalid("The specified nextToken is invalid.")
    direction, timestamp, place = read
    position = Position(timestamp, stream.storage, place)
    if direction == "f":
        start = max(position.just_after(), search.start)
        return search._replace(start=start, forward=True)
    return search._replace(end=min(position, search.end), forward=False)


def _tokens(
    stream: LogStream, events: list[Located], came_by: str | None, floor: int
) -> tuple[str, str]:
    """Return the forward and the backward token; without events the reader stays where it was."""
    if events:
        first, last = (_number(events[at]) for at in (0, -1))
        return token("f", last), token("b", first)
    if came_by is None:
        here = event_number(floor, stream.storage, 0)
        return token("f", here), token("b", here)
    return f"f{came_by[1:]}", f"b{came_by[1:]}"


def _number(located: Located) -> int:
    return event_number(*located.position)


def _chosen(view: View, group: LogGroup, request: dict[str, Any]) -> list[LogStream]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise invalid("logStreamNames and logStreamNamePrefix cannot be both specified.")
    if names:
        return [require_log_stream(view, group, name) for name in dict.fromkeys(names)]
    streams = view.select(LogStream, log_group_name=group.log_group_name)
    return [one for one in streams if one.log_stream_name.startswith(prefix or "")]


def _filtered(stream: LogStream, located: Located) -> dict[str, Any]:
    return {
        "logStreamName": stream.log_stream_name,
        "timestamp": located.event.timestamp,
        "message": located.event.message,
        "ingestionTime": located.event.ingestion_time,
        "eventId": event_id(_number(located)),
    }
