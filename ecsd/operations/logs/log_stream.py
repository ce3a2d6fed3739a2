"""Log streams: what they are called, and when their events were."""

from collections.abc import Iterable
from typing import Any

from ecsd.decisions.logs.retention import milliseconds
from ecsd.decisions.logs.token import event_id, event_number
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import (
    group_of,
    invalid,
    next_token,
    page,
    read_next_token,
)
from ecsd.records.logs.log_filter import SubscriptionProgress
from ecsd.records.logs.log_group import LogStream
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.store.finders.logs import place_of, require_log_group, require_log_stream
from ecsd.store.store import Transaction
from ecsd.store.streams import Summary

PAGE = 50


@operation("logs", "CreateLogStream")
async def create_log_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a stream in a group."""
    name = request["logStreamName"]
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        place = place_of(group.log_group_name, name)
        if change.get(LogStream, place) is not None:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log stream already exists"
            )
        change.put(
            LogStream(
                place=place,
                log_group_name=group.log_group_name,
                log_stream_name=name,
                arn=f"{group.arn.removesuffix(':*')}:log-stream:{name}",
                storage=call.ids.hexadecimal(32),
                created_at=call.clock.now(),
            )
        )
    return {}


@operation("logs", "DeleteLogStream")
async def delete_log_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a stream with its events; their storage is freed soon after."""
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        stream = require_log_stream(change, group, request["logStreamName"])
        forget(change, [stream])
    return {}


@operation("logs", "DescribeLogStreams")
async def describe_log_streams(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a group's streams by name or by their last event."""
    by_time = request.get("orderBy") == "LastEventTime"
    prefix = request.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    view = call.view
    group = group_of(view, request)
    streams = [
        one
        for one in view.select(LogStream, log_group_name=group.log_group_name)
        if one.log_stream_name.startswith(prefix)
    ]
    if not by_time and not request.get("descending", False):
        shown, rest = page(request, [(one.log_stream_name, one) for one in streams], PAGE)
        summaries = await call.streams.summarize([one.storage for one in shown])
        return {"logStreams": [_described(one, summaries[one.storage]) for one in shown], **rest}
    summaries = await call.streams.summarize([one.storage for one in streams] if by_time else [])
    keyed = [
        ((_last(one, summaries[one.storage]) if by_time else 0, one.log_stream_name), one)
        for one in streams
    ]
    shown, rest = _page_by_time(request, keyed)
    if not by_time:
        summaries = await call.streams.summarize([one.storage for one in shown])
    return {"logStreams": [_described(one, summaries[one.storage]) for one in shown], **rest}


def forget(change: Transaction, streams: Iterable[LogStream]) -> None:
    """Remove streams; what they hold is freed soon after, what is not delivered stays so."""
    for one in streams:
        change.remove(one, *change.select(SubscriptionProgress, storage=one.storage))
        change.put(StorageToFree(storage=one.storage))


def _page_by_time(
    request: dict[str, Any], keyed: list[tuple[tuple[int, str], LogStream]]
) -> tuple[list[LogStream], dict[str, str]]:
    descending = request.get("descending", False)
    ordered = sorted(keyed, key=lambda one: one[0], reverse=descending)
    if "nextToken" in request:
        last = read_next_token(request["nextToken"], tuple[int, str])
        ordered = [one for one in ordered if (one[0] < last if descending else one[0] > last)]
    shown = ordered[: request.get("limit", PAGE)]
    rest = {"nextToken": next_token(shown[-1][0])} if len(shown) < len(ordered) else {}
    return [stream for _, stream in shown], rest


def _last(stream: LogStream, summary: Summary) -> int:
    """Return when a stream's last event was; one without events counts by its creation."""
    if summary.last_timestamp is None:
        return milliseconds(stream.created_at)
    return summary.last_timestamp


def _described(stream: LogStream, summary: Summary) -> dict[str, Any]:
    answer = {
        "logStreamName": stream.log_stream_name,
        "creationTime": milliseconds(stream.created_at),
        "arn": stream.arn,
        "storedBytes": summary.stored_bytes,
        "uploadSequenceToken": sequence_token(stream, summary),
        "firstEventTimestamp": summary.first_timestamp,
        "lastEventTimestamp": summary.last_timestamp,
        "lastIngestionTime": summary.last_ingestion_time,
    }
    return {name: value for name, value in answer.items() if value is not None}


def sequence_token(stream: LogStream, summary: Summary) -> str:
    """Return a token in AWS's form; nothing depends on it any more."""
    return event_id(event_number(milliseconds(stream.created_at), stream.storage, summary.events))
