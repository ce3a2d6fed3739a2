"""Log events as rows of queries: what the query language calls their parts."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ecsd.decisions.insights.row import Row
from ecsd.decisions.insights.values import Moment
from ecsd.decisions.logs.retention import kept_from
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.store.store import View
from ecsd.store.streams import EVENT_OVERHEAD, Located


class Source(NamedTuple):
    """A stream that is read. ``floor``: milliseconds; what is older has expired."""

    log: str  # account:group
    log_stream_name: str
    floor: int


class Rows(NamedTuple):
    """Some events as rows."""

    rows: list[Row]
    events: int
    read_bytes: int


def sources_of(view: View, groups: Iterable[str], now: int) -> dict[str, Source]:
    """Return storage → stream, of all streams of these groups that are still there."""
    found: dict[str, Source] = {}
    for name in groups:
        group = view.get(LogGroup, name)
        if group is None:
            continue  # deleted since the query was started
        floor = kept_from(now, group.retention_in_days)
        for stream in view.select(LogStream, log_group_name=name):
            log = f"{view.scope.account}:{name}"
            found[stream.storage] = Source(log, stream.log_stream_name, floor)
    return found


def rows_of(located: Iterable[Located], sources: Mapping[str, Source]) -> Rows:
    """Return events as rows, without those that have expired."""
    rows: list[Row] = []
    events = read_bytes = 0
    for position, event in located:
        source = sources[position.storage]
        if event.timestamp < source.floor:
            continue
        events += 1
        message = event.message
        size = len(message) if message.isascii() else len(message.encode())
        read_bytes += size + EVENT_OVERHEAD
        rows.append(
            Row(
                {
                    "@timestamp": Moment(event.timestamp),
                    "@ingestionTime": Moment(event.ingestion_time),
                    "@message": message,
                    "@logStream": source.log_stream_name,
                    "@log": source.log,
                },
                message,
                (position.storage, event.timestamp, position.place),
            )
        )
    return Rows(rows, events, read_bytes)
