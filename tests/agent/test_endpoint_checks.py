"""Endpoints asked in virtual time: intervals, thresholds, what goes up and when."""

import asyncio

from msgspec.structs import replace

from ecsd.agent.traffic.endpoint_checks import HostEndpointChecks
from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.decisions.dns.endpoint_check import Found
from ecsd.records.plan import EndpointCheckPlan
from ecsd.settings import Settings

PLAN = EndpointCheckPlan(
    health_check_id="hc", account="1", kind="HTTP", port=80, interval=10, threshold=3
)
WELL, ILL = Found(passed=True, words="fine", checker="a"), Found(passed=False, words="ill")


class Host:
    """Endpoints of a host whose probe finds what a test says."""

    def __init__(self):
        self.clock = VirtualClock()
        self.reports, self.asked = [], []
        self.finding = WELL
        self.endpoint_checks = HostEndpointChecks(
            Settings(), self.clock, self.reports.append, self._probe
        )

    async def _probe(self, plan, clock, *, strict):
        assert not strict
        self.asked.append((asyncio.get_running_loop().time(), plan))
        await clock.sleep(1)
        return self.finding


def in_host(scenario):
    async def main():
        host = Host()
        running = asyncio.create_task(host.endpoint_checks.run())
        await asyncio.sleep(0)
        await scenario(host)
        running.cancel()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_an_endpoint_is_asked_at_once_and_at_its_interval_until_it_is_gone():
    async def scenario(host):
        await host.endpoint_checks.apply(PLAN)
        await host.clock.advance(15)
        await host.endpoint_checks.apply(replace(PLAN, path="/new"))
        await host.clock.advance(10)
        assert [at for at, _ in host.asked] == [0, 10, 20]
        assert [plan.path for _, plan in host.asked] == ["/", "/", "/new"]
        await host.endpoint_checks.remove("hc")
        await host.clock.advance(60)
        assert len(host.asked) == 3

    in_host(scenario)


def test_a_plan_that_came_before_the_host_was_running_is_asked():
    async def main():
        host = Host()
        await host.endpoint_checks.apply(PLAN)
        assert host.asked == []
        running = asyncio.create_task(host.endpoint_checks.run())
        await host.clock.advance(5)
        assert len(host.asked) == 1
        running.cancel()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_health_changes_at_the_threshold_and_news_goes_up_at_once():
    async def scenario(host):
        await host.endpoint_checks.apply(PLAN)
        await host.clock.advance(35)
        assert [one.healthy for one in host.reports] == [None, True]
        host.finding = ILL
        await host.clock.advance(10)
        assert (host.reports[-1].healthy, host.reports[-1].words) == (True, "ill")
        assert not host.reports[-1].passed
        await host.clock.advance(20)
        assert host.reports[-1].healthy is False
        host.finding = WELL
        await host.clock.advance(10)
        assert host.reports[-1].healthy is False

    in_host(scenario)


def test_the_same_finding_goes_up_once_a_minute_and_after_a_reconnection():
    async def scenario(host):
        await host.endpoint_checks.apply(replace(PLAN, threshold=1))
        host.endpoint_checks.observe_all()
        await host.clock.advance(55)
        assert len(host.reports) == 1
        host.finding = WELL._replace(detail=" took 3 ms")
        await host.clock.advance(10)
        assert [one.words for one in host.reports] == ["fine", "fine took 3 ms"]
        host.endpoint_checks.observe_all()
        assert host.reports[2] is host.reports[1]

    in_host(scenario)


def test_what_is_found_of_an_endpoint_that_is_gone_is_not_told():
    async def scenario(host):
        await host.endpoint_checks.apply(PLAN)
        await asyncio.sleep(0)
        await host.endpoint_checks.remove("hc")
        await host.clock.advance(30)
        assert len(host.asked) == 1
        assert host.reports == []

    in_host(scenario)
