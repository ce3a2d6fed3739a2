"""CloudWatch Logs as clients see it."""

from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers.log_group import LogGroupController
from ecsd.decisions.invariants.logs import Logging, check_logs
from ecsd.decisions.logs.retention import DAY, milliseconds
from ecsd.errors import AwsError
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.store.segments import SegmentStreams
from ecsd.store.stream_memory import MemoryLogStreams

NOW = milliseconds(VIRTUAL_START)
ARN = "arn:aws:logs:us-east-1:000000000000:log-group:/ecs/app"


@pytest.fixture(params=["memory", "disk"])
def streams(request, tmp_path):
    made = MemoryLogStreams() if request.param == "memory" else SegmentStreams(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def logs(client, streams, clock):
    ask = client("logs", streams=streams, clock=clock)
    await ask("CreateLogGroup", logGroupName="/ecs/app", tags={"team": "a"})
    await ask("CreateLogStream", logGroupName="/ecs/app", logStreamName="web/1")
    return ask


async def put(logs, *messages, stream="web/1", at=NOW):
    given = [{"timestamp": at + number, "message": one} for number, one in enumerate(messages)]
    return await logs(
        "PutLogEvents", logGroupName="/ecs/app", logStreamName=stream, logEvents=given
    )


async def get(logs, **more):
    return await logs("GetLogEvents", logGroupName="/ecs/app", logStreamName="web/1", **more)


async def filtered(logs, **more):
    answer = await logs("FilterLogEvents", logGroupName="/ecs/app", **more)
    return [one["message"] for one in answer["events"]]


def texts(answer):
    return [one["message"] for one in answer["events"]]


async def refused(awaitable):
    with pytest.raises(AwsError) as caught:
        await awaitable
    return caught.value.code, caught.value.message


async def test_unknown_and_doubled_names_are_refused_in_awss_words(logs):
    group, stream = "/ecs/app", "web/1"
    assert await refused(logs("CreateLogGroup", logGroupName=group)) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert await refused(logs("CreateLogStream", logGroupName=group, logStreamName=stream)) == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    no_group = ("ResourceNotFoundException", "The specified log group does not exist.")
    no_stream = ("ResourceNotFoundException", "The specified log stream does not exist.")
    for name, more in [
        ("DeleteLogGroup", {}),
        ("DescribeLogStreams", {}),
        ("FilterLogEvents", {}),
        ("PutRetentionPolicy", {"retentionInDays": 1}),
        ("ListTagsLogGroup", {}),
        ("CreateLogStream", {"logStreamName": "x"}),
    ]:
        assert await refused(logs(name, logGroupName="/none", **more)) == no_group
    for name in ("GetLogEvents", "DeleteLogStream"):
        assert await refused(logs(name, logGroupName=group, logStreamName="x")) == no_stream
    assert await refused(put(logs, "m", stream="x")) == no_stream


async def test_a_group_is_described_with_both_arns_and_true_bytes(logs):
    await put(logs, "hello")
    await logs("PutRetentionPolicy", logGroupName="/ecs/app", retentionInDays=7)
    answer = await logs("DescribeLogGroups", logGroupNamePrefix="/ecs")
    assert answer["logGroups"] == [
        {
            "logGroupName": "/ecs/app",
            "creationTime": NOW,
            "retentionInDays": 7,
            "metricFilterCount": 0,
            "arn": f"{ARN}:*",
            "logGroupArn": ARN,
            "storedBytes": 5 + 26,
            "logGroupClass": "STANDARD",
            "deletionProtectionEnabled": False,
        }
    ]
    by_arn = await logs("DescribeLogGroups", logGroupIdentifiers=[ARN])
    assert by_arn == answer
    short = await logs("DescribeLogGroups", logGroupNamePattern="app")
    assert set(short["logGroups"][0]) == {"logGroupName", "creationTime", "arn"}


async def test_groups_come_in_pages_by_name(logs):
    for number in range(5):
        await logs("CreateLogGroup", logGroupName=f"g{number}")
    seen, token = [], {}
    while token is not None:
        answer = await logs("DescribeLogGroups", limit=2, **token)
        seen += [one["logGroupName"] for one in answer["logGroups"]]
        token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else None
    assert seen == ["/ecs/app", *(f"g{number}" for number in range(5))]
    assert (await refused(logs("DescribeLogGroups", nextToken="%%")))[0] == (
        "InvalidParameterException"
    )
    listed = await logs("ListLogGroups", logGroupNamePattern="^/ecs|none")
    assert [one["logGroupName"] for one in listed["logGroups"]] == ["/ecs/app"]


async def test_what_has_no_effect_is_refused_by_name(logs):
    for name, more in [
        ("kmsKeyId", {"kmsKeyId": "k"}),
        ("logGroupClass", {"logGroupClass": "DELIVERY"}),
    ]:
        code, message = await refused(logs("CreateLogGroup", logGroupName="x", **more))
        assert code == "InvalidParameterException"
        assert name in message
    code, message = await refused(
        logs("PutRetentionPolicy", logGroupName="/ecs/app", retentionInDays=2)
    )
    assert "retentionInDays" in message


async def test_a_batch_is_checked_as_aws_documents(logs):
    code, message = await refused(
        logs(
            "PutLogEvents",
            logGroupName="/ecs/app",
            logStreamName="web/1",
            logEvents=[
                {"timestamp": NOW, "message": "b"},
                {"timestamp": NOW - 1, "message": "a"},
            ],
        )
    )
    assert (code, "chronological" in message) == ("InvalidParameterException", True)
    assert "10000" in (await refused(put(logs, *["x"] * 10_001)))[1]
    assert "Upload too large" in (await refused(put(logs, "x" * 600_000, "x" * 600_000)))[1]
    assert "Log event too large" in (await refused(put(logs, "x" * 1_048_576)))[1]
    assert texts(await get(logs)) == []


async def test_too_old_expired_and_too_new_events_are_left_out_and_told(logs):
    async def rejected(*ages):
        answer = await logs(
            "PutLogEvents",
            logGroupName="/ecs/app",
            logStreamName="web/1",
            logEvents=[{"timestamp": NOW + age, "message": str(age)} for age in ages],
        )
        assert len(answer["nextSequenceToken"]) == 56
        return answer.get("rejectedLogEventsInfo")

    hour = DAY // 24
    old = -14 * DAY
    assert await rejected(old - 1, old, old + 1) == {"tooOldLogEventEndIndex": 1}
    assert await rejected(-1000, 2 * hour, 2 * hour + 1) == {"tooNewLogEventStartIndex": 2}
    assert await rejected(old - 5) == {"tooOldLogEventEndIndex": 1}
    seen = [str(one) for one in (old, old + 1, -1000, 2 * hour)]
    assert texts(await get(logs)) == seen
    await logs("PutRetentionPolicy", logGroupName="/ecs/app", retentionInDays=1)
    assert await rejected(-DAY - 1, -DAY, -5) == {"expiredLogEventEndIndex": 1}
    assert await rejected(-20 * DAY) == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 1}
    assert texts(await get(logs)) == [str(-DAY), "-1000", "-5", str(2 * hour)]


async def test_a_batch_of_more_than_a_day_is_refused_whole(logs):
    code, message = await refused(
        logs(
            "PutLogEvents",
            logGroupName="/ecs/app",
            logStreamName="web/1",
            logEvents=[
                {"timestamp": NOW - DAY - 1, "message": "a"},
                {"timestamp": NOW, "message": "b"},
            ],
        )
    )
    assert (code, "24 hours" in message) == ("InvalidParameterException", True)
    assert texts(await get(logs)) == []


async def test_tokens_walk_forward_and_repeat_themselves_at_the_end(logs):
    await put(logs, *(f"m{number}" for number in range(7)))
    page = await get(logs, startFromHead=True, limit=3)
    assert texts(page) == ["m0", "m1", "m2"]
    seen, token = texts(page), page["nextForwardToken"]
    while True:
        page = await get(logs, limit=3, nextToken=token)
        if page["nextForwardToken"] == token:
            break
        seen, token = seen + texts(page), page["nextForwardToken"]
    assert seen == [f"m{number}" for number in range(7)]
    await put(logs, "m7", at=NOW + 100)
    assert texts(await get(logs, nextToken=token)) == ["m7"]
    back = await get(logs, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(back) == ["m4", "m5"]  # m6 is the page's own border


async def test_without_a_token_the_newest_come_and_backward_tokens_lead_to_the_head(logs):
    await put(logs, *(f"m{number}" for number in range(5)))
    page = await get(logs, limit=2)
    assert texts(page) == ["m3", "m4"]
    page = await get(logs, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(page) == ["m1", "m2"]
    page = await get(logs, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(page) == ["m0"]
    end = await get(logs, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(end) == []
    assert end["nextBackwardToken"] == page["nextBackwardToken"]
    assert texts(await get(logs, nextToken=page["nextForwardToken"])) == ["m1", "m2", "m3", "m4"]
    assert (await refused(get(logs, nextToken="x")))[1] == "The specified nextToken is invalid."


async def test_an_empty_stream_can_be_followed_from_its_first_tokens(logs):
    page = await get(logs)
    await put(logs, "first")
    assert texts(await get(logs, nextToken=page["nextForwardToken"])) == ["first"]


async def test_end_time_is_outside_for_get_and_inside_for_filter(logs):
    await put(logs, "a", "b", "c")
    window = {"startTime": NOW, "endTime": NOW + 2}
    assert texts(await get(logs, **window)) == ["a", "b"]
    assert await filtered(logs, **window) == ["a", "b", "c"]


async def test_filter_interleaves_streams_and_pages(logs):
    for name in ("web/2", "db/1"):
        await logs("CreateLogStream", logGroupName="/ecs/app", logStreamName=name)
    for number in range(4):
        await put(logs, f"web1 {number}", at=NOW + 10 * number)
        await put(logs, f"web2 {number} ERROR", stream="web/2", at=NOW + 10 * number + 5)
        await put(logs, f"db {number}", stream="db/1", at=NOW + 10 * number + 7)
    assert await filtered(logs, filterPattern="ERROR -0") == [
        f"web2 {number} ERROR" for number in (1, 2, 3)
    ]
    assert await filtered(logs, logStreamNames=["db/1"]) == [f"db {n}" for n in range(4)]
    assert len(await filtered(logs, logStreamNamePrefix="web/")) == 8
    for forward in (True, False):
        seen, ids, more = [], set(), {"startFromHead": forward}
        while more is not None:
            answer = await logs("FilterLogEvents", logGroupIdentifier=ARN, limit=5, **more)
            seen += [one["timestamp"] for one in answer["events"]]
            ids |= {one["eventId"] for one in answer["events"]}
            more = {"nextToken": answer["nextToken"]} if "nextToken" in answer else None
        assert len(ids) == 12
        assert seen == sorted(seen, reverse=not forward)


async def test_a_bad_pattern_is_refused(logs):
    code, message = await refused(filtered(logs, filterPattern="[a, b"))
    assert code == "InvalidParameterException"
    assert message == "Invalid filter pattern: unexpected end"


async def test_streams_are_described_by_name_and_by_their_last_event(logs, clock):
    for name in ("a", "z"):
        await logs("CreateLogStream", logGroupName="/ecs/app", logStreamName=name)
    await put(logs, "x", "y", stream="a", at=NOW + 50)
    clock.moment += timedelta(seconds=1)
    await put(logs, "x", at=NOW + 10)

    async def names(**more):
        seen, token = [], {}
        while token is not None:
            answer = await logs(
                "DescribeLogStreams", logGroupName="/ecs/app", limit=1, **more, **token
            )
            seen += [one["logStreamName"] for one in answer["logStreams"]]
            token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else None
        return seen

    assert await names() == ["a", "web/1", "z"]
    assert await names(descending=True) == ["z", "web/1", "a"]
    assert await names(orderBy="LastEventTime", descending=True) == ["a", "web/1", "z"]
    assert await names(logStreamNamePrefix="w") == ["web/1"]
    answer = await logs("DescribeLogStreams", logGroupName="/ecs/app", logStreamNamePrefix="a")
    (stream,) = answer["logStreams"]
    assert stream["firstEventTimestamp"] == NOW + 50
    assert stream["lastEventTimestamp"] == NOW + 51
    assert stream["lastIngestionTime"] == NOW
    assert stream["storedBytes"] == 2 * 27
    assert stream["arn"] == f"{ARN}:log-stream:a"
    code, _ = await refused(names(orderBy="LastEventTime", logStreamNamePrefix="w"))
    assert code == "InvalidParameterException"


async def test_tags_by_arn_and_by_name(logs):
    await logs("TagResource", resourceArn=ARN, tags={"env": "dev"})
    await logs("TagLogGroup", logGroupName="/ecs/app", tags={"team": "b"})
    expected = {"tags": {"env": "dev", "team": "b"}}
    assert await logs("ListTagsForResource", resourceArn=ARN) == expected
    assert await logs("ListTagsLogGroup", logGroupName="/ecs/app") == expected
    await logs("UntagResource", resourceArn=ARN, tagKeys=["env"])
    await logs("UntagLogGroup", logGroupName="/ecs/app", tags=["team"])
    assert await logs("ListTagsForResource", resourceArn=ARN) == {"tags": {}}
    many = {str(number): "" for number in range(51)}
    assert (await refused(logs("TagLogGroup", logGroupName="/ecs/app", tags=many)))[0] == (
        "TooManyTagsException"
    )


async def test_resource_policies(logs):
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
        '{"Service":"events.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}]}'
    )
    await logs("PutResourcePolicy", policyName="p", policyDocument=document)
    answer = await logs("DescribeResourcePolicies")
    assert answer["resourcePolicies"][0]["policyDocument"] == document
    await logs("DeleteResourcePolicy", policyName="p")
    assert await logs("DescribeResourcePolicies") == {"resourcePolicies": []}
    assert (await refused(logs("DeleteResourcePolicy", policyName="p")))[0] == (
        "ResourceNotFoundException"
    )
    assert (await refused(logs("PutResourcePolicy", policyName="p", policyDocument="{")))[0] == (
        "InvalidParameterException"
    )


async def test_protection_keeps_a_group(logs):
    for protected in (True, False):
        await logs(
            "PutLogGroupDeletionProtection",
            logGroupIdentifier="/ecs/app",
            deletionProtectionEnabled=protected,
        )
        if protected:
            assert (await refused(logs("DeleteLogGroup", logGroupName="/ecs/app")))[0] == (
                "ValidationException"
            )
    await logs("DeleteLogGroup", logGroupName="/ecs/app")


async def test_deleting_frees_the_storage_and_leaves_no_finding(logs, store, streams, clock, scope):
    await logs("CreateLogStream", logGroupName="/ecs/app", logStreamName="b")
    await put(logs, "x")
    await put(logs, "x", stream="b")
    await logs("DeleteLogStream", logGroupName="/ecs/app", logStreamName="b")
    await logs("DeleteLogGroup", logGroupName="/ecs/app")
    view = store.view(scope)
    storages = [one.storage for one in view.select(StorageToFree)]
    assert len(storages) == 2
    controller = LogGroupController(store, streams, clock)
    for storage in storages:
        assert await controller.reconcile(scope, f"storage|{storage}") is None
    summaries = await streams.summarize(storages)
    assert all(one.events == 0 for one in summaries.values())
    assert view.select(StorageToFree) == view.select(LogStream) == []
    logging = Logging(view.select(LogGroup), view.select(LogStream), view.select(StorageToFree))
    assert list(check_logs(logging)) == []


async def test_retention_hides_at_once_and_trims_when_the_controller_looks(
    logs, store, streams, clock, scope
):
    await put(logs, "old", at=NOW)
    clock.moment += timedelta(days=2)
    await put(logs, "new", at=NOW + 2 * DAY)
    await logs("PutRetentionPolicy", logGroupName="/ecs/app", retentionInDays=1)
    assert texts(await get(logs)) == ["new"]
    assert await filtered(logs) == ["new"]
    controller = LogGroupController(store, streams, clock)
    when = await controller.reconcile(scope, "group|/ecs/app")
    assert when == clock.moment + timedelta(days=1)
    assert await controller.reconcile(scope, "group|/ecs/app") == when
    storage = store.view(scope).select(LogStream)[0].storage
    assert (await streams.summarize([storage]))[storage].events == 1
    await logs("DeleteRetentionPolicy", logGroupName="/ecs/app")
    assert await controller.reconcile(scope, "group|/ecs/app") is None
