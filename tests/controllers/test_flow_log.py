"""Flow logs' records on their way into log streams, and whose permission that takes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ecsd.clock import SystemClock
from ecsd.controllers.flow_log import RECORDS_AT_ONCE, FlowLogDelivery
from ecsd.controllers.observations import Observations
from ecsd.decisions.vpc.flow_log_records import DEFAULT_FORMAT
from ecsd.ids import SeededIds
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.iam.role import Role
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.observed import CountedFlow, CountedInterface, FlowsObserved
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.stream_memory import MemoryLogStreams
from ecsd.store.streams import Search

HOME = Scope("000000000000", "us-east-1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROLE = "arn:aws:iam::000000000000:role/flows"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:/flows"
STREAM = "eni-1-all"
LOG = FlowLog(
    flow_log_id="fl-1",
    resource_id="vpc-1",
    vpc_id="vpc-1",
    traffic_type="ALL",
    log_group_name="/flows",
    deliver_logs_permission_arn=ROLE,
    log_format=DEFAULT_FORMAT,
    max_aggregation_interval=60,
    created_at=NOW,
)
WINDOW = FlowsObserved(
    vpc_arn="arn:aws:ec2:us-east-1:000000000000:vpc/vpc-1",
    interval=60,
    began_at=NOW + timedelta(seconds=1),
    ended_at=NOW + timedelta(seconds=61),
    interfaces=(
        CountedInterface(network_interface_id="eni-1", address="10.0.0.4", subnet_id="subnet-1"),
    ),
    flows=(CountedFlow(source="10.0.0.4", destination="10.0.0.5", protocol=1, left=(1, 84)),),
)
LINE = "2 000000000000 eni-1 10.0.0.4 10.0.0.5 0 0 1 1 84 1767225601 1767225661 ACCEPT OK"
GROUP = LogGroup(log_group_name="/flows", arn=f"{LOGS}:*", created_at=NOW)


class Still(SystemClock):
    def now(self):
        return NOW + timedelta(seconds=62)


def role(*actions, service="vpc-flow-logs.amazonaws.com", resource=f"{LOGS}:*", **condition):
    """Return the flow log's role, with what it may do."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust |= {"Condition": condition} if condition else {}
    allowed = {"Effect": "Allow", "Action": actions, "Resource": resource}
    documents = [
        json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in (trust, allowed)
    ]
    return Role(
        role_name="flows",
        role_id="AROA",
        path="/",
        arn=ROLE,
        assume_role_policy_document=documents[0],
        inline_policies={"p": documents[1]},
        created_at=NOW,
    )


class World:
    def __init__(self, store):
        self.store, self.streams = store, MemoryLogStreams()
        self.settings = Settings()

    async def put(self, *records, scope=HOME):
        async with self.store.transaction(scope) as change:
            change.put(*records)

    async def deliver(self, window=WINDOW):
        delivery = FlowLogDelivery(self.store, self.streams, Still(), SeededIds(1), self.settings)
        await delivery.deliver(window)

    async def lines(self, name=STREAM):
        stream = self.store.view(HOME).get(LogStream, f"/flows|{name}")
        if stream is None:
            return None
        found = await self.streams.read([stream.storage], Search(most_bytes=10**8))
        return [(one.event.timestamp, one.event.message) for one in found.events]

    def status(self):
        known = self.store.view(HOME).get(FlowLog, "fl-1")
        return known.deliver_logs_status, known.deliver_logs_error_message


@pytest.fixture
def world(store):
    return World(store)


async def test_records_are_in_a_stream_of_their_interface_at_the_interval_s_beginning(world):
    await world.put(LOG)
    await world.deliver()
    began = int(WINDOW.began_at.timestamp() * 1000)
    assert await world.lines() == [(began, LINE)]
    group = world.store.view(HOME).get(LogGroup, "/flows")
    stream = world.store.view(HOME).get(LogStream, f"/flows|{STREAM}")
    assert (group.arn, stream.arn) == (f"{LOGS}:*", f"{LOGS}:log-stream:{STREAM}")
    assert world.status() == ("SUCCESS", None)
    await world.deliver(replace(WINDOW, flows=()))
    assert [line.split()[-1] for _, line in await world.lines()] == ["OK", "NODATA"]


async def test_many_records_are_all_there_in_their_order(world):
    count = RECORDS_AT_ONCE + 3
    flows = tuple(replace(WINDOW.flows[0], source_port=port) for port in range(count))
    await world.put(LOG)
    await world.deliver(replace(WINDOW, flows=flows))
    assert [line.split()[5] for _, line in await world.lines()] == [str(it) for it in range(count)]


@pytest.mark.parametrize(
    "changes",
    [
        {"max_aggregation_interval": 600},
        {"vpc_id": "vpc-2", "resource_id": "vpc-2"},
        {"created_at": WINDOW.began_at + timedelta(seconds=1)},
        {"resource_id": "subnet-2"},
    ],
    ids=str,
)
async def test_what_an_interval_is_not_about_is_not_written(world, changes):
    await world.put(replace(LOG, **changes))
    await world.deliver()
    assert world.store.view(HOME).select(LogGroup) == []


EVERYTHING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


@pytest.mark.parametrize(
    ("own", "may"),
    [
        (role(*EVERYTHING), True),
        (role("logs:CreateLogGroup", "logs:CreateLogStream"), False),
        (role("logs:CreateLogGroup", "logs:PutLogEvents"), False),
        (role("logs:CreateLogStream", "logs:PutLogEvents"), False),
        (role(*EVERYTHING, resource=f"{LOGS}other:*"), False),
        (role(*EVERYTHING, service="ecs-tasks.amazonaws.com"), False),
        (role(*EVERYTHING, ArnLike={"aws:SourceArn": "arn:aws:ec2:*:*:vpc-flow-log/fl-1"}), True),
        (role(*EVERYTHING, ArnLike={"aws:SourceArn": "arn:aws:ec2:*:*:vpc-flow-log/fl-2"}), False),
        (role(*EVERYTHING, StringEquals={"aws:SourceAccount": "111122223333"}), False),
    ],
)
async def test_the_role_is_judged_in_local_mode_too(world, own, may):
    await world.put(LOG)
    await world.put(own, scope=HOME.globally())
    await world.deliver()
    assert world.status() == (("SUCCESS", None) if may else ("FAILED", "Access error"))
    assert (await world.lines()) == ([(1767225601000, LINE)] if may else None)


async def test_a_group_and_a_stream_that_are_there_need_not_be_made(world):
    await world.put(LOG, GROUP)
    for actions in (("logs:CreateLogStream", "logs:PutLogEvents"), ("logs:PutLogEvents",)):
        await world.put(role(*actions), scope=HOME.globally())
        await world.deliver()
    assert (len(await world.lines()), world.status()[0]) == (2, "SUCCESS")


async def test_what_failed_succeeds_once_the_role_may(world):
    await world.put(LOG)
    await world.put(role("logs:PutLogEvents"), scope=HOME.globally())
    await world.deliver()
    assert world.status()[0] == "FAILED"
    await world.put(role("logs:*"), scope=HOME.globally())
    await world.deliver()
    assert world.status() == ("SUCCESS", None)


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (Settings(), "SUCCESS"),
        (Settings(iam="off"), "SUCCESS"),
        (Settings(mode="strict", access_key_id="a", secret_access_key="b"), "FAILED"),
    ],
)
async def test_a_role_that_is_made_elsewhere_counts_in_strict_mode_alone(world, settings, status):
    world.settings = settings
    await world.put(LOG)
    await world.deliver()
    assert world.status()[0] == status


async def test_a_host_s_report_of_each_interval_is_handed_on(store):
    heard = []

    async def deliver(window):
        heard.append(window)

    observations = Observations(store, Still(), SeededIds(1), deliver)
    later = replace(WINDOW, began_at=WINDOW.ended_at)
    for one in (WINDOW, later, replace(WINDOW, interval=600)):
        observations.receive("host", one)
    for key in list(observations._messages):
        await observations._enter(key)
    assert heard == [WINDOW, later, replace(WINDOW, interval=600)]
