"""Periods of Service Connect's metrics, as the agent reports them."""

import asyncio
from datetime import UTC, datetime, timedelta

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.traffic.connect_meter import AT_ONCE, LAST_SECONDS, ConnectMeter
from ecsd.clock import VirtualClock
from ecsd.records.observed import RECENT
from ecsd.records.plan import ProxyPlan
from tests.decisions.connect_plans import PORT

START = datetime(2026, 3, 1, tzinfo=UTC)
SERVICE, OTHER = (f"arn:aws:ecs:us-east-1:000000000000:service/prod/{one}" for one in "ab")


class Proxy:
    """A task's proxy that counts what it is told to."""

    reading = most = 0

    def __init__(self, connections, service_arn=SERVICE):
        self.plan = ProxyPlan(task_arn="t", task_id="1", service_arn=service_arn, ports=(PORT,))
        counted = {("in-80", "FRONTEND", "conn_tot"): connections}
        self.grown = Grown(counted, {("in-80", "FRONTEND", "scur"): 1}, complete=True)
        self.free = asyncio.Event()
        self.free.set()

    async def period(self, seconds):
        assert seconds == 60
        Proxy.reading += 1
        Proxy.most = max(Proxy.most, Proxy.reading)
        try:
            await asyncio.sleep(0)
            await self.free.wait()
        finally:
            Proxy.reading -= 1
        return self.grown

    async def tend_counters(self):
        pass


class World:
    def __init__(self, *proxies):
        self.proxies, self.told, self.clock = [*proxies], [], VirtualClock()
        self.meter = ConnectMeter(
            self.clock, 60, lambda: [(one.plan, one) for one in self.proxies], self.told.append
        )

    async def measured(self, minute=0):
        """Return what was told of a minute: service → metric → sum for the service."""
        self.told.clear()
        await self.meter.measure(START + timedelta(minutes=minute))
        return {
            one.resource_arn: {each.metric: each.sum for each in one.datapoints}
            for one in self.told
        }


async def test_proxies_of_a_service_are_told_together():
    world = World(Proxy(2), Proxy(3), Proxy(7, OTHER))
    found = await world.measured()
    assert found[SERVICE] == {"NewConnectionCount": 5, "ActiveConnectionCount": 2}
    assert found[OTHER]["NewConnectionCount"] == 7
    first = world.told[0]
    assert (first.namespace, first.at, first.seconds, first.counted) == ("AWS/ECS", START, 60, True)
    again = [*world.told]
    world.meter.observe_all()
    assert world.told == again * 2


async def test_a_service_of_which_a_proxy_was_not_read_tells_nothing():
    world = World(Proxy(2), Proxy(3), Proxy(7, OTHER))
    world.proxies[0].grown = None
    found = await world.measured()
    assert (found[SERVICE], found[OTHER]["NewConnectionCount"]) == ({}, 7)
    assert [one.counted for one in world.told] == [False, True]


async def test_what_a_proxy_counted_before_its_end_belongs_to_the_period_it_ended_in():
    world = World(Proxy(2))
    ended = Proxy(3)
    await world.meter.last(ended.plan, ended)
    found = await world.measured()
    assert found[SERVICE] == {"NewConnectionCount": 5, "ActiveConnectionCount": 1}
    assert (await world.measured(1))[SERVICE]["NewConnectionCount"] == 2
    world.proxies.clear()
    await world.meter.last(ended.plan, ended)
    assert (await world.measured(2))[SERVICE] == {"NewConnectionCount": 3}
    assert await world.measured(3) == {}


def test_a_proxy_that_does_not_answer_ends_uncounted(run_virtual):
    async def scenario():
        world = World(Proxy(2))
        stuck = Proxy(3)
        stuck.free.clear()
        began = world.clock.now()
        await world.meter.last(stuck.plan, stuck)
        assert (world.clock.now() - began).total_seconds() == LAST_SECONDS
        assert (await world.measured())[SERVICE] == {}
        assert not world.told[0].counted
        assert (await world.measured(1))[SERVICE]["NewConnectionCount"] == 2

    run_virtual(scenario())


async def test_few_proxies_are_read_at_a_time_and_few_periods_kept():
    world = World(*(Proxy(1) for _ in range(3 * AT_ONCE)))
    Proxy.most = 0
    for minute in range(RECENT + 5):
        await world.measured(minute)
    assert Proxy.most == AT_ONCE
    world.told.clear()
    world.meter.observe_all()
    assert len(world.told) == RECENT
    world.proxies.clear()
    await world.measured()
    world.meter.observe_all()
    assert world.told == []


async def test_a_proxy_of_an_older_plan_belongs_to_no_service():
    world = World(Proxy(2, ""))
    assert await world.measured() == {}


def test_each_period_is_measured_when_it_is_over(run_virtual):
    async def scenario():
        world = World(Proxy(2))
        await world.clock.sleep(20)
        running = asyncio.create_task(world.meter.run())
        await world.clock.advance(125)
        running.cancel()
        begins = [one.at.timestamp() for one in world.told]
        assert [one % 60 for one in begins] == [0, 0]
        assert begins[1] - begins[0] == 60
        assert 60 <= world.clock.now().timestamp() - begins[1] < 120

    run_virtual(scenario())
