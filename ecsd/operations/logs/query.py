"""Queries of Logs Insights: started here, run by the log query controller."""

from typing import Any

import msgspec
from msgspec.structs import replace

from ecsd.decisions.insights.parser import parse_query
from ecsd.decisions.insights.syntax import QueryFault
from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import (
    invalid,
    newest_first,
    next_token,
    read_next_token,
    refuse_other_language,
)
from ecsd.records.logs.log_query import CANCELLED, LogQuery
from ecsd.store.finders.logs import require_log_group, require_log_group_by_identifier
from ecsd.store.store import View
from ecsd.store.streams import Position, Search

MOST_AT_ONCE = 30
MOST_GROUPS = 50
DEFAULT_ROWS = MOST_SHOWN = 10_000
PAGE_BYTES = 32 * 1024 * 1024
LISTED = 1000
NAMING = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
ROW = msgspec.json.Decoder(list[tuple[str, str]])


@operation("logs", "StartQuery")
async def start_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Enter a query of one or more groups; GetQueryResults tells how it goes."""
    refuse_other_language(request)
    start, end = request["startTime"], request["endTime"]
    if end < start:
        raise invalid("endTime must not be before startTime.")
    parsed = parse_query(request["queryString"])
    if isinstance(parsed, QueryFault):
        raise malformed(request["queryString"], parsed)
    async with call.transaction() as change:
        if change.count(LogQuery, "is_going_on", value=True) >= MOST_AT_ONCE:
            raise AwsError(
                "LimitExceededException", f"No more than {MOST_AT_ONCE} queries may run at a time."
            )
        query = LogQuery(
            query_id=call.ids.uuid(),
            query_string=request["queryString"],
            log_group_names=_groups(change, request),
            start=start * 1000,
            end=(end + 1) * 1000,  # the last second is inside
            most_rows=request.get("limit", DEFAULT_ROWS),
            user_arn=call.caller.arn,
            created_at=call.clock.now(),
        )
        change.put(query)
    return {"queryId": query.query_id}


@operation("logs", "GetQueryResults")
async def get_query_results(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return how a query goes; its rows, in pages, once it is complete."""
    query = _require_query(call.view, request["queryId"])
    position = Position(0)
    if "nextToken" in request:
        position = Position(read_next_token(request["nextToken"], int))
    search = Search(
        start=position, limit=min(request.get("maxItems", MOST_SHOWN), MOST_SHOWN)
    )._replace(most_bytes=PAGE_BYTES)
    rows = []
    rest: dict[str, str] = {}
    if query.rows:
        found = await call.streams.read([query.storage], search)
        rows = [ROW.decode(one.event.message) for one in found.events]
        if found.reached is not None:
            rest = {"nextToken": next_token(found.reached.timestamp)}
    return {
        "queryLanguage": "CWLI",
        "results": [[{"field": name, "value": text} for name, text in row] for row in rows],
        "statistics": {
            "recordsMatched": float(query.matched),
            "recordsScanned": float(query.scanned),
            "bytesScanned": float(query.scanned_bytes),
            "logGroupsScanned": float(len(query.log_group_names)),
            "resultCount": float(query.rows),
        },
        "status": query.status,
        **rest,
    }


@operation("logs", "StopQuery")
async def stop_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """End a query that waits or runs."""
    async with call.transaction() as change:
        query = _require_query(change, request["queryId"])
        if not query.is_going_on:
            raise invalid(
                f"Query {query.query_id} is not running: it has ended with status {query.status}."
            )
        change.put(replace(query, status=CANCELLED, ended_at=call.clock.now()))
    return {"success": True}


@operation("logs", "DescribeQueries")
async def describe_queries(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the queries of late, the newest first."""
    refuse_other_language(request)
    group, status = request.get("logGroupName"), request.get("status")
    found = [
        (milliseconds(one.created_at), one.query_id, one)
        for one in call.view.select(LogQuery)
        if group in (None, *one.log_group_names) and status in (None, one.status)
    ]
    shown, rest = newest_first(request, found, request.get("maxResults", LISTED))
    return {"queries": [_described(one) for one in shown], **rest}


@operation("logs", "ListLogGroupsForQuery")
async def list_log_groups_for_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the groups that a query is about."""
    names = _require_query(call.view, request["queryId"]).log_group_names
    return {"logGroupIdentifiers": list(names)}


def malformed(query: str, fault: QueryFault) -> AwsError:
    """Return CloudWatch Logs' error for a query that is none, with its place."""
    line = query.count("\n", 0, fault.start) + 1
    column = fault.start - (query.rfind("\n", 0, fault.start) + 1) + 1
    message = f"{fault.words} (line {line}, position {column})"
    place = {"startCharOffset": fault.start, "endCharOffset": fault.end}
    return AwsError(
        "MalformedQueryException",
        message,
        details={"queryCompileError": {"location": place, "message": message}},
    )


def _groups(view: View, request: dict[str, Any]) -> tuple[str, ...]:
    given = [name for name in NAMING if request.get(name)]
    if len(given) != 1:
        raise invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified."
        )
    named = request[given[0]]
    names = [named] if isinstance(named, str) else named
    if len(names) > MOST_GROUPS:
        raise invalid(f"{given[0]} may name no more than {MOST_GROUPS} log groups.")
    by_name = given[0] != "logGroupIdentifiers"
    find = require_log_group if by_name else require_log_group_by_identifier
    return tuple(dict.fromkeys(find(view, one).log_group_name for one in names))


def _require_query(view: View, query_id: str) -> LogQuery:
    query = view.get(LogQuery, query_id)
    if query is None:
        raise AwsError("ResourceNotFoundException", f"Query {query_id} does not exist.")
    return query


def _described(query: LogQuery) -> dict[str, Any]:
    answer = {
        "queryLanguage": "CWLI",
        "queryId": query.query_id,
        "queryString": query.query_string,
        "status": query.status,
        "createTime": milliseconds(query.created_at),
        "logGroupName": query.log_group_names[0],
        "bytesScanned": float(query.scanned_bytes),
        "userIdentity": query.user_arn,
    }
    if query.began_at is not None and query.ended_at is not None:
        answer["queryDuration"] = milliseconds(query.ended_at) - milliseconds(query.began_at)
    return answer
