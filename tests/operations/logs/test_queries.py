"""Logs Insights as clients see it: a query is started, runs, and its rows are fetched."""

from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers import log_query
from ecsd.controllers.log_query import LogQueryController
from ecsd.decisions.logs.retention import DAY, milliseconds
from ecsd.ids import SeededIds
from ecsd.records.logs.log_query import LogQuery
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.store.scope import Scope
from ecsd.store.store import Change

NOW = milliseconds(VIRTUAL_START)
SECOND = NOW // 1000
SCOPE = Scope("000000000000", "us-east-1")
KEPT = timedelta(hours=1)


@pytest.fixture
def controller(store, streams, clock):
    return LogQueryController(store, streams, clock, SeededIds(11), KEPT)


@pytest.fixture
def run(ask, controller):
    """Return what starts a query, lets it run and returns its answer."""

    async def run_query(text, **more):
        where = (
            {"logGroupName": "g"}
            if not set(more) & {"logGroupNames", "logGroupIdentifiers"}
            else {}
        )
        when = {"startTime": SECOND - 3600, "endTime": SECOND + 60}
        query = (await ask("StartQuery", queryString=text, **{**when, **where, **more}))["queryId"]
        assert (await ask("GetQueryResults", queryId=query))["status"] == "Scheduled"
        await controller.reconcile(SCOPE, query)
        return await ask("GetQueryResults", queryId=query)

    return run_query


def values(answer):
    return [
        {one["field"]: one["value"] for one in row if one["field"] != "@ptr"}
        for row in answer["results"]
    ]


async def test_a_query_runs_and_tells_what_it_read(run, put):
    await put('{"level": "ERROR", "ms": 5}', '{"level": "INFO", "ms": 7}', "plain")
    answer = await run("filter level = 'ERROR' | fields ms, @logStream, @log")
    assert answer["status"] == "Complete"
    assert values(answer) == [{"ms": "5", "@logStream": "s", "@log": "000000000000:g"}]
    size = sum(
        len(one) + 26 for one in ('{"level": "ERROR", "ms": 5}', '{"level": "INFO", "ms": 7}')
    )
    assert answer["statistics"] == {
        "recordsMatched": 1.0,
        "recordsScanned": 3.0,
        "bytesScanned": float(size + len("plain") + 26),
        "logGroupsScanned": 1.0,
        "resultCount": 1.0,
    }
    assert values(await run("stats count(*) as n by level | sort level")) == [
        {"n": "1"},
        {"level": "ERROR", "n": "1"},
        {"level": "INFO", "n": "1"},
    ]


async def test_both_ends_of_the_range_are_inside_and_what_expired_is_not(ask, run, put):
    for second in (-2, -1, 0, 1):
        await put(f"{second}", at=NOW + 1000 * second)
    found = await run("display @message | sort @timestamp", startTime=SECOND - 1, endTime=SECOND)
    assert [one["@message"] for one in values(found)] == ["-1", "0"]
    await ask("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    wide = await run("stats count(*) as n", startTime=0, endTime=SECOND + 9)
    assert values(wide) == [{"n": "4"}]


async def test_events_of_an_expired_day_are_not_seen(ask, run, put, clock):
    await put("old")
    clock.moment += timedelta(days=2)
    later = NOW + 2 * DAY
    await put("new", at=later)
    await ask("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    found = await run("display @message", startTime=0, endTime=later // 1000 + 5)
    assert values(found) == [{"@message": "new"}]


async def test_many_groups_are_read_as_one(ask, run, put):
    await ask("CreateLogGroup", logGroupName="h")
    await ask("CreateLogStream", logGroupName="h", logStreamName="t")
    await put("first", "third")
    await put("second", group="h", stream="t", at=NOW)
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:h"
    for named in ({"logGroupNames": ["g", "h"]}, {"logGroupIdentifiers": ["g", arn]}):
        found = await run("stats count(*) as n by @log | sort @log", **named)
        assert [one["n"] for one in values(found)] == ["2", "1"]


async def test_results_come_in_pages(ask, run, put):
    await put(*(f"m{number}" for number in range(7)))
    answer = await run("display @message | limit 5")
    query = (await ask("DescribeQueries"))["queries"][0]["queryId"]
    seen, more = [], {}
    while True:
        page = await ask("GetQueryResults", queryId=query, maxItems=2, **more)
        seen += values(page)
        if "nextToken" not in page:
            break
        more = {"nextToken": page["nextToken"]}
    assert seen == values(answer) == [{"@message": f"m{number}"} for number in (6, 5, 4, 3, 2)]


async def test_a_pointer_leads_to_the_whole_record(ask, run, put, refused):
    await put('{"a": {"b": 1}, "n": null}')
    answer = await run("fields a.b")
    pointer = next(one["value"] for one in answer["results"][0] if one["field"] == "@ptr")
    record = (await ask("GetLogRecord", logRecordPointer=pointer))["logRecord"]
    assert record["a.b"] == "1"
    assert record["@message"] == '{"a": {"b": 1}, "n": null}'
    assert record["@logStream"] == "s"
    assert "n" not in record
    assert (await refused("GetLogRecord", logRecordPointer="x")).code == "InvalidParameterException"
    await ask("DeleteLogStream", logGroupName="g", logStreamName="s")
    gone = await refused("GetLogRecord", logRecordPointer=pointer)
    assert gone.code == "ResourceNotFoundException"


async def test_the_fields_of_a_group_with_how_many_percent_have_them(ask, put):
    await put('{"a": 1}', '{"a": 2, "b": 3}', "plain", "plain", at=NOW - 10)
    for more in ({}, {"time": SECOND}):
        fields = (await ask("GetLogGroupFields", logGroupName="g", **more))["logGroupFields"]
        percent = {one["name"]: one["percent"] for one in fields}
        assert percent["@message"] == 100
        assert (percent["a"], percent["b"]) == (50, 25)
    assert await ask("GetLogGroupFields", logGroupName="g", time=5) == {"logGroupFields": []}


async def test_a_malformed_query_is_refused_with_its_place(refused):
    error = await refused(
        "StartQuery", logGroupName="g", startTime=1, endTime=2, queryString="fields a\n| wish b"
    )
    assert error.code == "MalformedQueryException"
    assert error.message == "expected a command, found 'wish' (line 2, position 3)"
    compiled = error.details["queryCompileError"]
    assert compiled["location"] == {"startCharOffset": 11, "endCharOffset": 15}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "Exactly one of logGroupName"),
        ({"logGroupName": "g", "logGroupNames": ["g"]}, "Exactly one of logGroupName"),
        ({"logGroupNames": ["g"] * 51}, "no more than 50"),
        ({"logGroupName": "g", "queryLanguage": "SQL"}, "queryLanguage SQL"),
        ({"logGroupName": "g", "endTime": 0}, "endTime"),
    ],
)
async def test_what_is_wrong_with_a_start_is_named(refused, more, words):
    request = {"startTime": 1, "endTime": 2, "queryString": "limit 1"} | more
    error = await refused("StartQuery", **request)
    assert (error.code, words in error.message) == ("InvalidParameterException", True)


async def test_unknown_groups_and_queries_are_refused(refused):
    when = {"startTime": 1, "endTime": 2, "queryString": "limit 1"}
    assert (await refused("StartQuery", logGroupName="x", **when)).code == (
        "ResourceNotFoundException"
    )
    for name in ("GetQueryResults", "StopQuery", "ListLogGroupsForQuery"):
        assert (await refused(name, queryId="x")).code == "ResourceNotFoundException"


async def test_thirty_queries_wait_and_no_more(ask, refused, controller):
    when = {"startTime": 1, "endTime": 2, "queryString": "limit 1", "logGroupName": "g"}
    made = [(await ask("StartQuery", **when))["queryId"] for _ in range(30)]
    assert (await refused("StartQuery", **when)).code == "LimitExceededException"
    await controller.reconcile(SCOPE, made[0])
    await ask("StartQuery", **when)


async def test_a_stopped_query_does_not_run(ask, refused, controller):
    started = {"startTime": 1, "endTime": 2, "queryString": "limit 1", "logGroupName": "g"}
    query = (await ask("StartQuery", **started))["queryId"]
    assert await ask("StopQuery", queryId=query) == {"success": True}
    await controller.reconcile(SCOPE, query)
    assert (await ask("GetQueryResults", queryId=query))["status"] == "Cancelled"
    assert "has ended with status Cancelled" in (await refused("StopQuery", queryId=query)).message


async def test_a_query_that_is_stopped_while_it_runs_stays_stopped(
    ask, put, controller, clock, monkeypatch, store
):
    monkeypatch.setattr(log_query, "PAGE_EVENTS", 2)
    await put(*"abcdef")
    query = (
        await ask(
            "StartQuery",
            startTime=SECOND - 1,
            endTime=SECOND,
            queryString="stats count(*)",
            logGroupName="g",
        )
    )["queryId"]
    read, pages = controller._streams.read, []

    async def read_and_stop(*given):
        pages.append(given)
        clock.moment += timedelta(seconds=5)
        if len(pages) == 2:
            await ask("StopQuery", queryId=query)
        return await read(*given)

    monkeypatch.setattr(controller._streams, "read", read_and_stop)
    await controller.reconcile(SCOPE, query)
    answer = await ask("GetQueryResults", queryId=query)
    assert (answer["status"], answer["results"], len(pages)) == ("Cancelled", [], 2)
    assert store.view(SCOPE).select(StorageToFree)


async def test_a_query_that_lasts_too_long_times_out(ask, controller, clock):
    started = {"startTime": 1, "endTime": 2, "queryString": "limit 1", "logGroupName": "g"}
    query = (await ask("StartQuery", **started))["queryId"]
    store = controller._store
    async with store.transaction(SCOPE) as change:
        known = change.get(LogQuery, query)
        began = clock.moment - timedelta(minutes=61)
        change.put(log_query.replace(known, status="Running", began_at=began, storage="before"))
    await controller.reconcile(SCOPE, query)
    assert (await ask("GetQueryResults", queryId=query))["status"] == "Timeout"
    assert store.view(SCOPE).get(StorageToFree, "before")  # of the server that had begun it


async def test_a_query_that_keeps_too_much_fails(run, put, monkeypatch):
    def small(*given):
        return made(*given, held=3)

    made = log_query.Run
    monkeypatch.setattr(log_query, "Run", small)
    await put(*"abcdefgh")
    answer = await run("stats count(*) by @message")
    assert (answer["status"], answer["results"]) == ("Failed", [])


async def test_results_go_with_their_storage_in_time(ask, run, put, controller, clock, store):
    await put("a")
    await run("limit 1")
    (query,) = store.view(SCOPE).select(LogQuery)
    ended = clock.moment
    assert await controller.reconcile(SCOPE, query.query_id) == ended + KEPT
    clock.moment += KEPT
    await controller.reconcile(SCOPE, query.query_id)
    assert store.view(SCOPE).select(LogQuery) == []
    assert store.view(SCOPE).get(StorageToFree, query.storage)


async def test_queries_are_described_the_newest_first(ask, run, put, clock):
    await put("a")
    for text in ("limit 1", "limit 2", "limit 3"):
        clock.moment += timedelta(seconds=1)
        await run(text, endTime=SECOND + 60)
    page = await ask("DescribeQueries", maxResults=2)
    rest = await ask("DescribeQueries", maxResults=2, nextToken=page["nextToken"])
    shown = [one["queryString"] for one in (*page["queries"], *rest["queries"])]
    assert shown == ["limit 3", "limit 2", "limit 1"]
    one = page["queries"][0]
    assert (one["status"], one["logGroupName"], one["queryDuration"]) == ("Complete", "g", 0)
    assert (await ask("DescribeQueries", status="Failed"))["queries"] == []
    assert (await ask("DescribeQueries", logGroupName="none"))["queries"] == []
    groups = await ask("ListLogGroupsForQuery", queryId=one["queryId"])
    assert groups == {"logGroupIdentifiers": ["g"]}


def test_a_query_is_looked_at_when_it_is_new_and_when_it_has_ended(controller):
    query = LogQuery(
        query_id="q",
        query_string="",
        log_group_names=("g",),
        start=0,
        end=1,
        most_rows=1,
        user_arn="",
        created_at=VIRTUAL_START,
    )
    running = log_query.replace(query, status="Running")
    ended = log_query.replace(query, status="Complete")
    for before, after, looked_at in (
        (None, query, True),
        (query, running, False),
        (running, ended, True),
        (ended, None, False),
    ):
        found = [*controller.keys(Change(1, SCOPE, LogQuery, "q", before, after))]
        assert bool(found) is looked_at


async def test_definitions_are_kept_changed_listed_and_forgotten(ask, refused):
    put = {"name": "errors", "queryString": "filter a = 1", "logGroupNames": ["g"]}
    made = (await ask("PutQueryDefinition", **put, clientToken="t" * 36))["queryDefinitionId"]
    again = await ask("PutQueryDefinition", **put, clientToken="t" * 36)
    assert again == {"queryDefinitionId": made}
    await ask("PutQueryDefinition", queryDefinitionId=made, name="new", queryString="limit 1")
    (shown,) = (await ask("DescribeQueryDefinitions"))["queryDefinitions"]
    assert (shown["name"], shown["queryString"], shown["logGroupNames"]) == ("new", "limit 1", [])
    found = await ask("DescribeQueryDefinitions", queryDefinitionNamePrefix="err")
    assert found["queryDefinitions"] == []
    assert await ask("DeleteQueryDefinition", queryDefinitionId=made) == {"success": True}
    for request in (
        ("DeleteQueryDefinition", {"queryDefinitionId": made}),
        ("PutQueryDefinition", {**put, "queryDefinitionId": made}),
    ):
        assert (await refused(request[0], **request[1])).code == "ResourceNotFoundException"
