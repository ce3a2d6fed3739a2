"""Both ends of the link over a real unix socket."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from websockets.asyncio.client import unix_connect

from ecsd.clock import SystemClock
from ecsd.link.client import MOST_INTERVALS, Link
from ecsd.link.hub import Hub, encode
from ecsd.link.messages import Assign, Hello, HostFaults, PlanApplied, Snapshot, Up, Withdraw
from ecsd.records.observed import (
    EndpointObserved,
    FileSystemObserved,
    FlowsObserved,
    HookObserved,
    ImageObserved,
    SessionOpened,
    TargetGroupObserved,
    TaskObserved,
    TrafficObserved,
)
from ecsd.records.plan_network import VpcPlan

PATIENCE = 10.0  # seconds


def vpc(number):
    return VpcPlan(
        vpc_id=f"vpc-{number}", number=number, cidr="10.0.0.0/16", dns_support=True, subnets=()
    )


class Heard(list):
    """What came in, in order; ``until`` waits for something of it."""

    def __init__(self):
        super().__init__()
        self._news = asyncio.Event()

    def enter(self, one):
        self.append(one)
        self._news.set()

    async def until(self, wanted):
        async with asyncio.timeout(PATIENCE):
            while wanted not in self:
                self._news.clear()
                await self._news.wait()


class Server:
    """A hub whose listener remembers."""

    def __init__(self, path):
        self._path = path
        self.heard = Heard()
        self.hub = Hub(self)

    async def host_came(self, host, boot_id):
        self.heard.enter(("came", host, boot_id))

    async def host_went(self, host):
        self.heard.enter(("went", host))

    def receive(self, host, message):
        self.heard.enter((host, message))

    @contextlib.asynccontextmanager
    async def serving(self, *, opened=True):
        if opened:
            self.hub.open_up()
        async with ended(self.hub.serve(self._path)):
            yield


class Agent:
    """A link that remembers what it was told, and reports its name on every connection."""

    def __init__(self, path, name="h1"):
        self.heard = Heard()
        self.link = Link(
            path,
            SystemClock(),
            lambda: Hello(host=name, boot_id="boot"),
            self.heard.enter,
            lambda: self.link.report(HostFaults(faults={"name": name})),
        )

    def connected(self):
        return ended(self.link.run())


@contextlib.asynccontextmanager
async def ended(work):
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s"


async def test_a_host_gets_its_own_plans_first_and_then_each_change(path):
    server, agent = Server(path), Agent(path)
    server.hub.publish("vpc/1", vpc(1))
    server.hub.publish("task/mine", vpc(2), host="h1")
    server.hub.publish("task/theirs", vpc(3), host="h2")
    async with server.serving(), agent.connected():
        await agent.heard.until(Snapshot(plans={"vpc/1": vpc(1), "task/mine": vpc(2)}))
        assert ("came", "h1", "boot") in server.heard
        server.hub.publish("vpc/1", vpc(1))  # as it was: nothing to say
        server.hub.publish("task/mine", vpc(2), host="h2")  # moved
        server.hub.publish("vpc/1", vpc(9))
        server.hub.withdraw("task/theirs")
        server.hub.withdraw("vpc/1")
        server.hub.publish("vpc/4", vpc(4))
        await agent.heard.until(Assign(key="vpc/4", plan=vpc(4)))
    # Of a key's waiting messages only the newest is sent.
    assert agent.heard[1:] == [
        Withdraw(key="task/mine"),
        Withdraw(key="vpc/1"),
        Assign(key="vpc/4", plan=vpc(4)),
    ]


async def test_every_interval_of_flow_logs_is_told_once_the_server_is_there_but_not_without_end(
    path,
):
    def window(minute):
        began_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
        ended_at = began_at + timedelta(minutes=1)
        return FlowsObserved(vpc_arn="arn:v", interval=60, began_at=began_at, ended_at=ended_at)

    server, agent = Server(path), Agent(path)
    for minute in range(MOST_INTERVALS + 2):
        agent.link.report(window(minute))
    async with server.serving(), agent.connected():
        await server.heard.until(("h1", window(MOST_INTERVALS + 1)))
    told = [one[1] for one in server.heard if isinstance(one[1], FlowsObserved)]
    assert told == [window(minute) for minute in range(2, MOST_INTERVALS + 2)]


async def test_its_owner_alone_may_connect(path):
    before = os.umask(0)
    try:
        server, agent = Server(path), Agent(path)
        async with server.serving(), agent.connected():
            await agent.heard.until(Snapshot(plans={}))
            assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


async def test_no_host_is_told_anything_before_all_plans_are_known(path):
    server, agent = Server(path), Agent(path)
    async with server.serving(opened=False), agent.connected():
        server.hub.publish("vpc/1", vpc(1))
        await asyncio.sleep(0)
        assert (server.heard, agent.heard) == ([], [])
        server.hub.publish("vpc/2", vpc(2))
        server.hub.open_up()
        await agent.heard.until(Snapshot(plans={"vpc/1": vpc(1), "vpc/2": vpc(2)}))


async def test_observations_wait_for_the_server_newest_only(path):
    server, agent = Server(path), Agent(path)
    agent.link.report(PlanApplied(key="vpc/1", fault="not yet"))
    agent.link.report(PlanApplied(key="vpc/1"))
    agent.link.report(PlanApplied(key="vpc/2"))
    async with agent.connected(), server.serving():
        await server.heard.until(("h1", HostFaults(faults={"name": "h1"})))
    observed = [message for host, message in server.heard[1:4]]
    assert observed == [
        PlanApplied(key="vpc/1"),
        PlanApplied(key="vpc/2"),
        HostFaults(faults={"name": "h1"}),
    ]


def test_what_is_about_different_things_never_takes_another_s_place():
    """Every kind has a subject that tells apart all that its instances are about."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    pairs = [
        [TaskObserved(task_arn=one, phase="RUNNING") for one in "ab"],
        [TargetGroupObserved(load_balancer_arn="lb", target_group_arn=one) for one in "ab"],
        [TargetGroupObserved(load_balancer_arn=one, target_group_arn="tg") for one in "ab"],
        [HookObserved(deployment_arn="d", hook_id=one, call=1) for one in "ab"],
        [SessionOpened(task_arn="t", session_id=one) for one in "ab"],
        [FileSystemObserved(file_system_arn=one, size=1, at=at) for one in "ab"],
        [ImageObserved(arn=one, outcome="made", at=at) for one in "ab"],
        [checked(one, at) for one in "ab"],
        [counted(one, at) for one in "ab"],
        [counted("a", at), counted("a", at + timedelta(minutes=1))],
        [
            FlowsObserved(vpc_arn=one, interval=60, began_at=at, ended_at=at)
            for one in ("vpc-1", "vpc-2")
        ],
        [PlanApplied(key=one) for one in ("vpc/a", "vpc/b")],
    ]
    assert {type(one) for pair in pairs for one in pair} == set(get_args(Up)) - {Hello, HostFaults}
    told = [one.subject for pair in pairs for one in pair]
    for first, second in pairs:
        assert first.subject != second.subject
    assert not {one.partition("/")[0] for one in told} & {"Hello", "HostFaults"}


def checked(own, at):
    return EndpointObserved(
        account="0", health_check_id=own, healthy=True, passed=True, words="", at=at
    )


def counted(own, at):
    return TrafficObserved(resource_arn=own, namespace="AWS/ECS", at=at, seconds=60)


async def test_a_server_that_comes_back_is_found_and_told_again(path):
    agent, everything = Agent(path), HostFaults(faults={"name": "h1"})
    async with agent.connected():
        for _ in range(2):
            server = Server(path)
            async with server.serving():
                await server.heard.until(("h1", everything))
    assert [type(one) for one in agent.heard] == [Snapshot, Snapshot]


async def test_a_host_that_goes_is_said_to_have_gone(path):
    server = Server(path)
    async with server.serving():
        async with Agent(path).connected():
            await server.heard.until(("h1", HostFaults(faults={"name": "h1"})))
        await server.heard.until(("went", "h1"))


@pytest.mark.parametrize("words", ["text", b"\xc1", encode(PlanApplied(key="vpc/1"))])
async def test_a_stranger_is_turned_away_and_others_are_served(path, words, caplog):
    server, agent = Server(path), Agent(path)
    async with server.serving(), agent.connected():
        await agent.heard.until(Snapshot(plans={}))
        async with unix_connect(str(path)) as stranger:
            await stranger.send(words)
            async with asyncio.timeout(PATIENCE):
                await stranger.wait_closed()
        server.hub.publish("vpc/1", vpc(1))
        await agent.heard.until(Assign(key="vpc/1", plan=vpc(1)))
    assert "an agent spoke nonsense" in caplog.text
