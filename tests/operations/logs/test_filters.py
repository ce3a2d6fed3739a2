"""Metric filters and subscription filters as clients see them; the class of a group."""

import base64
import gzip
import json
from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers.log_subscription import LogSubscriptionController
from ecsd.decisions.invariants.finding import Finding
from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import FunctionError
from ecsd.records.logs.log_filter import SubscriptionFilter, SubscriptionProgress
from ecsd.records.logs.log_group import LogStream
from ecsd.settings import Settings
from ecsd.store.findings import all_findings
from ecsd.store.scope import Scope
from ecsd.store.store import Change

SCOPE = Scope("000000000000", "us-east-1")
NOW = milliseconds(VIRTUAL_START)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:ship"
METRIC = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1"}
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a HTTP/1.0" 200 1534'


@pytest.fixture
async def ask(client, streams, clock):
    settings = Settings(lambda_endpoint="http://functions")
    logs = client("logs", streams=streams, clock=clock, settings=settings)
    await logs("CreateLogGroup", logGroupName="g")
    await logs("CreateLogStream", logGroupName="g", logStreamName="s")
    return logs


# ------------------------------------------------------------- metric filters
async def test_a_metric_filter_is_kept_counted_shown_and_forgotten(ask, refused):
    transformation = {**METRIC, "metricValue": "$.ms", "dimensions": {"Path": "$.path"}}
    made = {"logGroupName": "g", "filterName": "slow", "filterPattern": "{ $.ms > 9 }"}
    await ask("PutMetricFilter", **made, metricTransformations=[transformation])
    await ask(
        "PutMetricFilter",
        logGroupName="g",
        filterName="errors",
        filterPattern="ERROR",
        metricTransformations=[{**METRIC, "defaultValue": 0, "unit": "Count"}],
    )
    shown = (await ask("DescribeMetricFilters", logGroupName="g"))["metricFilters"]
    assert [one["filterName"] for one in shown] == ["errors", "slow"]
    assert shown[1]["metricTransformations"] == [{**transformation, "unit": "None"}]
    assert shown[0]["metricTransformations"][0]["defaultValue"] == 0
    group = (await ask("DescribeLogGroups"))["logGroups"][0]
    assert group["metricFilterCount"] == 2
    named = await ask("DescribeMetricFilters", metricName="Errors", metricNamespace="App")
    assert len(named["metricFilters"]) == 2
    assert (await ask("DescribeMetricFilters", filterNamePrefix="x"))["metricFilters"] == []
    await ask("DeleteMetricFilter", logGroupName="g", filterName="slow")
    gone = await refused("DeleteMetricFilter", logGroupName="g", filterName="slow")
    assert gone.code == "ResourceNotFoundException"
    await ask("DeleteLogGroup", logGroupName="g")
    assert (await ask("DescribeMetricFilters"))["metricFilters"] == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"filterPattern": "[a"}, "Invalid filter pattern"),
        ({"metricTransformations": [{**METRIC, "metricValue": "x"}]}, "metricValue 'x'"),
        ({"metricTransformations": [{**METRIC, "metricValue": "$.a"}]}, "metricValue '$.a'"),
        (
            {
                "filterPattern": "[a]",
                "metricTransformations": [{**METRIC, "defaultValue": 0, "dimensions": {"A": "$a"}}],
            },
            "cannot be both",
        ),
        (
            {
                "filterPattern": "[a]",
                "metricTransformations": [{**METRIC, "dimensions": dict.fromkeys("ABCD", "$a")}],
            },
            "no more than 3",
        ),
        ({"metricTransformations": [METRIC, METRIC]}, "exactly one"),
        ({"applyOnTransformedLogs": True}, "applyOnTransformedLogs"),
        ({"emitSystemFieldDimensions": ["@aws.account"]}, "emitSystemFieldDimensions"),
    ],
)
async def test_a_metric_filter_that_means_nothing_is_refused(refused, more, words):
    made = {"logGroupName": "g", "filterName": "f", "filterPattern": "x"}
    request = {**made, "metricTransformations": [METRIC], **more}
    error = await refused("PutMetricFilter", **request)
    assert (error.code, words in error.message) == ("InvalidParameterException", True)


async def test_messages_are_tested_and_values_extracted(ask):
    tested = await ask(
        "TestMetricFilter",
        filterPattern="[ip, id, user, timestamp, request, status_code = 2*, size]",
        logEventMessages=["no", ACCESS],
    )
    assert tested["matches"] == [
        {
            "eventNumber": 1,
            "eventMessage": ACCESS,
            "extractedValues": {
                "$ip": "127.0.0.1",
                "$id": "-",
                "$user": "frank",
                "$timestamp": "10/Oct/2000:13:25:15 -0700",
                "$request": "GET /a HTTP/1.0",
                "$status_code": "200",
                "$size": "1534",
            },
        }
    ]
    none = await ask("TestMetricFilter", filterPattern="", logEventMessages=["a"])
    assert none["matches"][0]["extractedValues"] == {}


async def test_a_group_of_the_infrequent_class_lacks_what_it_lacks_on_aws(ask, refused):
    await ask("CreateLogGroup", logGroupName="ia", logGroupClass="INFREQUENT_ACCESS")
    await ask("CreateLogStream", logGroupName="ia", logStreamName="s")
    filter_ = {"logGroupName": "ia", "filterName": "f", "filterPattern": ""}
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:ia"
    for name, request in [
        ("GetLogEvents", {"logGroupName": "ia", "logStreamName": "s"}),
        ("FilterLogEvents", {"logGroupName": "ia"}),
        ("PutMetricFilter", {**filter_, "metricTransformations": [METRIC]}),
        ("PutSubscriptionFilter", {**filter_, "destinationArn": FUNCTION}),
        ("StartLiveTail", {"logGroupIdentifiers": [arn]}),
    ]:
        error = await refused(name, **request)
        assert error.code == "InvalidParameterException", name
        assert error.message == (
            f"{name} is not supported for log groups of the class INFREQUENT_ACCESS."
        )
    when = {"startTime": 1, "endTime": 2, "queryString": "limit 1"}
    assert "queryId" in await ask("StartQuery", logGroupName="ia", **when)


# ------------------------------------------------------------- subscription filters
class Shipping:
    """A function that takes log events, or fails, and the controller that invokes it."""

    def __init__(self, store, streams, clock):
        self.taken = []
        self.fails = False
        self.controller = LogSubscriptionController(
            store, streams, clock, self.invoke, "http://functions"
        )
        self.store = store

    async def invoke(self, url, payload):
        if self.fails:
            raise FunctionError("HTTP 500")
        packed = base64.b64decode(json.loads(payload)["awslogs"]["data"])
        self.taken.append((url, json.loads(gzip.decompress(packed))))

    async def work(self):
        for kind in (LogStream, SubscriptionFilter):
            for scope, one in self.store.everywhere(kind):
                change = Change(1, scope, kind, one.key, None, one)
                for scope_of_key, key in self.controller.keys(change):
                    await self.controller.reconcile(scope_of_key, key)

    def messages(self):
        return [event["message"] for _, told in self.taken for event in told["logEvents"]]


@pytest.fixture
def shipping(store, streams, clock):
    return Shipping(store, streams, clock)


async def subscribe(ask, pattern="", **more):
    request = {"logGroupName": "g", "filterName": "f", "filterPattern": pattern}
    await ask("PutSubscriptionFilter", **request, **{"destinationArn": FUNCTION, **more})


async def test_what_comes_is_delivered_once_in_awss_form(ask, put, shipping, clock):
    await put("before")
    clock.moment += timedelta(seconds=1)
    await subscribe(ask, "-DEBUG")
    await put("one", "DEBUG", "two")
    await shipping.work()
    await shipping.work()
    ((url, told),) = shipping.taken
    assert url == "http://functions/2015-03-31/functions/ship/invocations"
    ids = [event.pop("id") for event in told["logEvents"]]
    assert [len(one) for one in ids] == [56, 56]
    assert told == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": "g",
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": [
            {"timestamp": NOW, "message": "one"},
            {"timestamp": NOW + 2, "message": "two"},
        ],
    }
    found = await ask("FilterLogEvents", logGroupName="g", filterPattern="?one ?two")
    assert [one["eventId"] for one in found["events"]] == ids


async def test_a_failure_is_tried_again_and_nothing_is_passed_over(ask, put, shipping):
    await subscribe(ask)
    await put("a")
    shipping.fails = True
    with pytest.raises(FunctionError):
        await shipping.work()
    await put("b", at=NOW - 5)
    shipping.fails = False
    await shipping.work()
    assert shipping.messages() == ["a", "b"]


async def test_what_could_not_be_delivered_for_a_day_is_given_up(ask, put, shipping, clock):
    await subscribe(ask)
    await put("old")
    clock.moment += timedelta(hours=25)
    await put("new", at=milliseconds(clock.moment))
    await shipping.work()
    assert shipping.messages() == ["new"]


async def test_fields_of_delimited_messages_come_extracted(ask, put, shipping):
    await subscribe(ask, "[ip, ..., size > 9]")
    await put("1.2.3.4 x 10", "1.2.3.4 x 9")
    await shipping.work()
    ((_, told),) = shipping.taken
    (event,) = told["logEvents"]
    assert event["extractedFields"] == {"ip": "1.2.3.4", "2": "x", "size": "10"}


async def test_only_streams_with_a_filter_wake_the_deliverer(ask, put, shipping, streams):
    came = []
    streams.watch(lambda storage, _: came.extend(shipping.controller.came(storage)))
    await shipping.work()  # as at a start: it learns whose the streams are
    await put("a")
    assert came == []
    await subscribe(ask)
    await put("b")
    ((scope, key),) = came
    await shipping.controller.reconcile(scope, key)
    assert shipping.messages() == ["a", "b"]  # of the same moment as the filter
    await ask("DeleteLogStream", logGroupName="g", logStreamName="s")
    await shipping.controller.reconcile(scope, key)
    assert shipping.controller.came("unknown") == []


async def test_progress_goes_with_the_filter_and_with_the_stream(ask, put, shipping, store):
    await ask("CreateLogStream", logGroupName="g", logStreamName="t")
    await subscribe(ask)
    await put("a")
    await put("b", stream="t")
    await shipping.work()
    view = store.view(SCOPE)
    assert len(view.select(SubscriptionProgress)) == 2
    await ask("DeleteLogStream", logGroupName="g", logStreamName="t")
    assert len(view.select(SubscriptionProgress)) == 1
    assert [*all_findings(store)] == []
    async with store.transaction(SCOPE) as change:
        change.remove(*change.select(SubscriptionFilter))
    assert {one.severity for one in all_findings(store)} == {"fatal"}
    assert isinstance(next(all_findings(store)), Finding)
    await subscribe(ask)
    await ask("DeleteSubscriptionFilter", logGroupName="g", filterName="f")
    assert view.select(SubscriptionProgress) == []
    await subscribe(ask)
    await put("c", at=NOW + 9)
    await shipping.work()
    await ask("DeleteLogGroup", logGroupName="g")
    assert view.select(SubscriptionProgress) == []
    assert [*all_findings(store)] == []


async def test_subscription_filters_are_shown_limited_and_forgotten(ask, refused):
    await subscribe(ask, "x", distribution="ByLogStream")
    await ask(
        "PutSubscriptionFilter",
        logGroupName="g",
        filterName="second",
        filterPattern="",
        destinationArn=FUNCTION,
    )
    shown = (await ask("DescribeSubscriptionFilters", logGroupName="g"))["subscriptionFilters"]
    assert [one["filterName"] for one in shown] == ["f", "second"]
    assert shown[0]["destinationArn"] == FUNCTION
    third = {"logGroupName": "g", "filterName": "third", "filterPattern": ""}
    error = await refused("PutSubscriptionFilter", **third, destinationArn=FUNCTION)
    assert error.code == "LimitExceededException"
    await subscribe(ask, "changed")  # a known name is not one more
    await ask("DeleteSubscriptionFilter", logGroupName="g", filterName="f")
    gone = await refused("DeleteSubscriptionFilter", logGroupName="g", filterName="f")
    assert gone.code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"destinationArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}, "of kinesis"),
        ({"destinationArn": "arn:aws:firehose:us-east-1:000000000000:d/s"}, "of firehose"),
        ({"destinationArn": FUNCTION.replace("000000000000", "111111111111")}, "this account"),
        ({"destinationArn": "x"}, "destinationArn"),
        ({"roleArn": "arn:aws:iam::000000000000:role/r"}, "roleArn"),
        ({"distribution": "Random"}, "distribution Random"),
        ({"fieldSelectionCriteria": "x"}, "fieldSelectionCriteria"),
        ({"filterPattern": "[a"}, "Invalid filter pattern"),
    ],
)
async def test_a_destination_that_is_not_there_is_refused_by_name(refused, more, words):
    request = {"logGroupName": "g", "filterName": "f", "filterPattern": ""}
    error = await refused(
        "PutSubscriptionFilter", **{**request, "destinationArn": FUNCTION, **more}
    )
    assert (error.code, words in error.message) == ("InvalidParameterException", True)


async def test_without_anybody_who_runs_functions_none_is_a_destination(client, streams, clock):
    logs = client("logs", streams=streams, clock=clock)
    await logs("CreateLogGroup", logGroupName="g")
    with pytest.raises(Exception, match="ECSD_LAMBDA_ENDPOINT"):
        await subscribe(logs)
