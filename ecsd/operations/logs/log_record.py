"""What one log event, or those of a group, consist of."""

from collections import Counter
from typing import Any

from ecsd.decisions.insights.row import discovered
from ecsd.decisions.insights.values import text_of
from ecsd.decisions.logs.pointer import read_pointer
from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import group_of, invalid
from ecsd.records.logs.log_group import LogStream
from ecsd.store.log_rows import rows_of, sources_of
from ecsd.store.streams import Position, Search

OWN_FIELDS = ("@timestamp", "@ingestionTime", "@message", "@logStream", "@log")
SAMPLE_EVENTS = 1000
AROUND = 8 * 60_000  # milliseconds before and after the time that is asked for
LATEST = 15 * 60_000  # milliseconds, where none is


@operation("logs", "GetLogRecord")
async def get_log_record(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return all fields of the event that an ``@ptr`` of a query's results means."""
    read = read_pointer(request["logRecordPointer"])
    if read is None:
        raise invalid("The specified logRecordPointer is invalid.")
    storage, timestamp, place = read
    position = Position(timestamp, storage, place)
    view = call.view
    stream = view.newest(LogStream, "storage", storage)
    found = []
    if stream is not None:
        sources = sources_of(view, [stream.log_group_name], milliseconds(call.clock.now()))
        search = Search(start=position, end=position.just_after(), limit=1)
        found = rows_of((await call.streams.read([storage], search)).events, sources).rows
    if not found:
        raise AwsError("ResourceNotFoundException", "The specified log record does not exist.")
    own = found[0].values
    record = discovered(str(own["@message"])) | {name: own[name] for name in OWN_FIELDS}
    return {
        "logRecord": {key: text_of(value) for key, value in record.items() if value is not None}
    }


@operation("logs", "GetLogGroupFields")
async def get_log_group_fields(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return which fields the events of some minutes have, and how many percent have each."""
    view = call.view
    group = group_of(view, request)
    now = milliseconds(call.clock.now())
    start, end = now - LATEST, now + 1
    if "time" in request:
        at = request["time"] * 1000
        start, end = at - AROUND, at + AROUND
    sources = sources_of(view, [group.log_group_name], now)
    search = Search(
        start=Position(max(0, start)), end=Position(max(0, end)), limit=SAMPLE_EVENTS, forward=False
    )
    events = (await call.streams.read(list(sources), search)).events
    rows = rows_of(events, sources).rows
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(OWN_FIELDS)
        counts.update(discovered(str(row.values["@message"])).keys())
    return {
        "logGroupFields": [
            {"name": name, "percent": count * 100 // len(rows)}
            for name, count in counts.most_common()
        ]
    }
