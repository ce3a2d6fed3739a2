"""The share of the disk that log events have."""

from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.controllers.log_disk import MIB, LogDiskController
from ecsd.records.logs.log_group import LogGroup
from ecsd.records.logs.logs_shed import SHED, LogsShed
from ecsd.store.findings import all_findings
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change, Store
from ecsd.store.stream_memory import MemoryLogStreams
from ecsd.store.streams import LogEvent


class FixedClock(SystemClock):
    def __init__(self):
        self.moment = VIRTUAL_START

    def now(self):
        return self.moment


@pytest.fixture
def world():
    store, streams, clock = Store.in_memory(), MemoryLogStreams(), FixedClock()
    return store, streams, clock, LogDiskController(store, streams, clock, 1)


async def test_what_is_over_the_share_goes_and_is_told_for_a_day(world):
    store, streams, clock, controller = world
    for number in range(3):
        await streams.append("a", [LogEvent(number, number, "x" * (MIB // 2))])
    when = await controller.reconcile(HOSTS, SHED)
    assert when == clock.moment + timedelta(minutes=1)
    summary = (await streams.summarize(["a"]))["a"]
    assert summary.stored_bytes <= MIB
    assert summary.first_timestamp == 2
    (finding,) = all_findings(store)
    assert finding.severity == "warning"
    assert "ECSD_LOGS_DISK" in finding.words
    assert "1 MiB of the oldest" in finding.words
    clock.moment += timedelta(days=1)
    await controller.reconcile(HOSTS, SHED)
    assert not [*all_findings(store)]


async def test_within_the_share_nothing_goes(world):
    store, streams, _, controller = world
    await streams.append("a", [LogEvent(1, 1, "x")])
    await controller.reconcile(HOSTS, SHED)
    assert store.view(HOSTS).get(LogsShed, SHED) is None
    unbounded = LogDiskController(store, streams, FixedClock(), 0)
    await streams.append("a", [LogEvent(1, 1, "x" * 2 * MIB)])
    await unbounded.reconcile(HOSTS, SHED)
    assert (await streams.summarize(["a"]))["a"].events == 2


def test_it_begins_with_the_first_group(world):
    group = LogGroup(log_group_name="g", arn="a", created_at=VIRTUAL_START)
    scope = Scope("0" * 12, "us-east-1")
    controller = world[3]
    assert controller.keys(Change(1, scope, LogGroup, "g", None, group)) == [(HOSTS, SHED)]
    assert controller.keys(Change(1, scope, LogGroup, "g", group, None)) == []
