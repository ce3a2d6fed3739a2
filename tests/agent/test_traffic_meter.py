"""Periods of balancers' metrics, as the agent reports them."""

from datetime import UTC, datetime, timedelta

import pytest

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.traffic.balancer_proxy import BalancerProxy
from ecsd.agent.traffic.request_logs import Errors
from ecsd.agent.traffic.traffic_meter import Sources, TrafficMeter
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.listener_names import frontend_name
from ecsd.records.observed import RECENT
from tests.decisions.listener_plans import ARN, GROUP, plan

START = datetime(2026, 3, 1, tzinfo=UTC)
FRONT, BACK = frontend_name("arn:listener"), backend_name(GROUP)
COUNTED = {(FRONT, "FRONTEND", "conn_tot"): 3}


class Proxy(BalancerProxy):
    """A carrier whose HAProxy counts what it is told to."""

    def __init__(self):
        self.plans = {ARN: plan()}
        self.grown = Grown(COUNTED, {}, complete=True)

    async def period(self, seconds):
        assert seconds == 60
        return self.grown


class Checks:
    def healths(self, arn, group):
        return {("10.0.1.5", 8080): Health("healthy")}


class Lines:
    since = START

    def take_errors(self):
        return Errors({(BACK, "502"): 2}, {})


class World:
    def __init__(self):
        self.proxy, self.lines, self.told = Proxy(), Lines(), []
        self.carriers = [self.proxy]
        sources = Sources(lambda: self.carriers, Checks(), self.lines)
        self.meter = TrafficMeter(None, 60, sources, self.told.append)

    async def measured(self, minute=0):
        await self.meter.measure(START + timedelta(minutes=minute))
        return {one.metric: one.sum for one in self.told[-1].datapoints}


@pytest.fixture
def world():
    return World()


async def test_a_period_is_reported_and_again_when_asked(world):
    found = await world.measured()
    assert (found["NewConnectionCount"], found["HTTPCode_ELB_502_Count"]) == (3, 2)
    assert found["HealthyHostCount"] == 1
    [seen] = world.told
    assert (seen.resource_arn, seen.at, seen.seconds) == (ARN, START, 60)
    assert seen.counted
    world.meter.observe_all()
    assert world.told == [seen, seen]


async def test_no_code_is_told_of_a_period_of_which_lines_may_be_missing(world):
    world.lines.since = START + timedelta(seconds=1)
    assert "HTTPCode_ELB_502_Count" not in await world.measured()
    assert "HTTPCode_ELB_502_Count" in await world.measured(1)
    world.proxy.grown = world.proxy.grown._replace(complete=False)
    assert "HTTPCode_ELB_502_Count" not in await world.measured(2)


async def test_what_was_not_counted_is_not_told(world):
    world.proxy.grown = None
    assert set(await world.measured()) == {"HealthyHostCount", "UnHealthyHostCount"}
    assert not world.told[-1].counted


async def test_few_periods_are_kept_and_none_of_balancers_that_are_gone(world):
    for minute in range(RECENT + 5):
        await world.measured(minute)
    world.told.clear()
    world.meter.observe_all()
    assert len(world.told) == RECENT
    world.carriers.clear()
    await world.meter.measure(START)
    world.told.clear()
    world.meter.observe_all()
    assert world.told == []
