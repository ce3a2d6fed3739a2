"""Proxies of a host without HAProxy's help: who waits for what, and what is told."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.rooms import Place
from ecsd.agent.task_roles import TaskRoles
from ecsd.agent.traffic.proxies import HostProxies
from ecsd.clock import VirtualClock
from ecsd.decisions.haproxy.observation import buckets_file
from ecsd.errors import BalancerError, NetworkError
from ecsd.link.messages import PlanApplied
from ecsd.records.observed import TrafficObserved
from ecsd.records.plan import ProxyPlan
from ecsd.settings import Settings
from tests.decisions.connect_plans import PORT

ARN = "arn:aws:ecs:us-east-1:000000000000:task/c/0123"
PLAN = ProxyPlan(task_arn=ARN, task_id="0123")
KEY = f"connect/{ARN}"


class Networks:
    """Refuses every table, with words."""

    def __init__(self):
        self.asked = []

    async def enforce(self, sandbox, table):
        self.asked.append((sandbox, table.name))
        raise NetworkError("the kernel says no")


class World:
    """A host's proxies, and what they report."""

    def __init__(self, folder):
        self.heard = []
        self.networks = Networks()
        self.clock = VirtualClock()
        settings = Settings(run_dir=folder, data_dir=folder)
        self.proxies = HostProxies(
            settings, self.clock, self.networks, TaskRoles(), self.heard.append
        )


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_proxy_waits_for_its_plan_and_says_so_when_none_comes(world, run_virtual):
    async def scenario():
        with pytest.raises(BalancerError, match="no plan of the proxy"):
            await world.proxies.provide(ARN, Place("/sandbox"))

    run_virtual(scenario())
    assert world.networks.asked == []


def test_a_plan_that_comes_later_is_brought_into_force_in_the_tasks_namespace(world, run_virtual):
    async def scenario():
        providing = asyncio.create_task(world.proxies.provide(ARN, Place("/sandbox")))
        await world.clock.advance(1)
        assert not providing.done()
        await world.proxies.apply(PLAN)
        with pytest.raises(NetworkError, match="the kernel says no"):
            await providing

    run_virtual(scenario())
    assert world.networks.asked == [("/sandbox", "ip service_connect")]


def test_what_is_wrong_is_told_once_and_taken_back_with_the_task(world, run_virtual):
    async def scenario():
        await world.proxies.apply(PLAN)  # its task has no namespace yet
        assert world.heard == []
        for _ in range(2):
            with pytest.raises(NetworkError):
                await world.proxies.provide(ARN, Place("/sandbox"))
        told = PlanApplied(key=KEY, fault="the kernel says no")
        assert world.heard == [told]
        world.proxies.observe_all()
        assert world.heard == [told, told]
        assert await world.proxies.present() == {ARN}
        await world.proxies.remove(ARN)
        assert world.heard[-1] == PlanApplied(key=KEY)
        assert await world.proxies.present() == set()

    run_virtual(scenario())


def test_what_an_earlier_agent_left_is_found_and_taken_away(world, tmp_path, run_virtual):
    folder = tmp_path / "connect" / "0123"
    folder.mkdir(parents=True)
    (folder / "task").write_text(ARN)

    async def scenario():
        assert await world.proxies.present() == {ARN}
        await world.proxies.end(ARN)
        assert await world.proxies.present() == set()

    run_virtual(scenario())
    assert not folder.exists()


class Led:
    """Stands for a task's proxy that follows at once, or as soon as it may."""

    has_begun = False

    def __init__(self, *_):
        self.free = asyncio.Event()
        self.free.set()

    async def bring(self, plan, home):
        self.home = home
        await self.free.wait()

    async def begin_log(self, _):
        pass

    send_log = begin_log

    async def end(self):
        self.has_begun = False


class Counts(Led):
    """One that has counted a connection."""

    has_begun = True

    async def period(self, _):
        assert self.has_begun
        counted = {("in-80", "FRONTEND", "conn_tot"): 1}
        return Grown(counted, {}, complete=True)

    async def tend_counters(self):
        pass

    def release(self):
        pass


async def test_shares_that_a_proxy_keeps_to_are_told_when_they_change(world, monkeypatch):
    monkeypatch.setattr("ecsd.agent.traffic.proxies._TaskProxy", Led)
    await world.proxies.apply(PLAN)
    await world.proxies.provide(ARN, Place("/sandbox"))
    none = PlanApplied(key=KEY, traffic="")  # what an earlier agent said may be otherwise
    assert world.heard == [none]
    for traffic in ("some", "some", ""):
        await world.proxies.apply(replace(PLAN, traffic=traffic))
    some = PlanApplied(key=KEY, traffic="some")
    assert world.heard == [none, some, none]
    world.proxies.observe_all()
    assert world.heard == [none, some, none, none]


async def test_a_proxy_that_ended_meanwhile_keeps_to_nothing(world, monkeypatch):
    proxy = Led()
    proxy.free.clear()
    monkeypatch.setattr("ecsd.agent.traffic.proxies._TaskProxy", lambda *_: proxy)
    world.proxies.adopt(ARN, Place("/sandbox"))
    bringing = asyncio.create_task(world.proxies.apply(replace(PLAN, traffic="some")))
    await asyncio.sleep(0)
    await world.proxies.end(ARN)
    proxy.free.set()
    await bringing
    assert world.heard == []


def test_a_proxys_numbers_are_told_each_minute_and_after_its_end(world, monkeypatch, run_virtual):
    monkeypatch.setattr("ecsd.agent.traffic.proxies._TaskProxy", Counts)
    service = "arn:aws:ecs:us-east-1:000000000000:service/c/web"
    plan = replace(PLAN, service_arn=service, ports=(PORT,))

    def told():
        seen = [one for one in world.heard if isinstance(one, TrafficObserved)]
        return [(one.resource_arn, one.datapoints[0].sum) for one in seen]

    async def scenario():
        await world.proxies.apply(plan)
        await world.proxies.provide(ARN, Place("/sandbox"))
        running = asyncio.create_task(world.proxies.run())
        await world.clock.advance(61)
        assert told() == [(service, 1)]
        world.proxies.observe_all()
        assert told() == [(service, 1)] * 2
        await world.proxies.end(ARN)
        await world.clock.advance(120)
        assert told() == [(service, 1)] * 3
        world.proxies.observe_all()
        assert told() == [(service, 1)] * 3  # it has gone from here
        running.cancel()

    run_virtual(scenario())


def test_what_proxies_count_times_by_is_there_before_them(world, monkeypatch, run_virtual):
    proxy = Led()
    monkeypatch.setattr("ecsd.agent.traffic.proxies._TaskProxy", lambda *_: proxy)

    async def scenario():
        await world.proxies.apply(PLAN)
        await world.proxies.provide(ARN, Place("/sandbox"))
        assert await world.proxies.present() == set()  # it is nobody's proxy

    run_virtual(scenario())
    assert Path(proxy.home.observed.buckets).read_text() == buckets_file()
