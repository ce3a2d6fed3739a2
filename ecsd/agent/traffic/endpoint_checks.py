"""Endpoints of Route 53's health checks, asked from this host at their intervals.

A timer each. What is found goes up when it is another finding, and else once a minute. Source:
Route 53 Developer Guide, how Route 53 determines whether a health check is healthy.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Protocol

from ecsd.agent.drivers.endpoint_probe import ask_endpoint
from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.decisions.dns.endpoint_check import Found, Standing, judge
from ecsd.records.observed import EndpointObserved
from ecsd.records.plan import EndpointCheckPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)
TOLD = timedelta(minutes=1)  # the same finding again
MOST_AT_ONCE = 100  # checks in flight


class Probe(Protocol):
    """What makes a check."""

    def __call__(self, plan: EndpointCheckPlan, clock: Clock, *, strict: bool) -> Awaitable[Found]:
        """Return how it went."""
        ...


class _Watched:
    """An endpoint that is asked."""

    def __init__(self, plan: EndpointCheckPlan) -> None:
        self.plan = plan
        self.standing = Standing()
        self.told: EndpointObserved | None = None
        self.said = ""  # of what was told, the words that are the same each time
        self.timer: asyncio.TimerHandle | None = None
        self.gone = False


class HostEndpointChecks:
    """Implements ``rooms.EndpointChecks``."""

    def __init__(
        self, settings: Settings, clock: Clock, report: Report, probe: Probe = ask_endpoint
    ) -> None:
        self._strict = settings.mode == "strict"
        self._clock = clock
        self._report = report
        self._probe = probe
        self._watched: dict[str, _Watched] = {}
        self._group: asyncio.TaskGroup | None = None
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for one in self._watched.values():
                    self._begin(one)
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None
                for own in list(self._watched):
                    await self.remove(own)

    async def apply(self, plan: EndpointCheckPlan) -> None:
        """Ask so from now on; a new one at once."""
        known = self._watched.get(plan.health_check_id)
        if known is not None:
            known.plan = plan
            return
        one = self._watched[plan.health_check_id] = _Watched(plan)
        self._begin(one)

    async def remove(self, health_check_id: str) -> None:
        """Ask no more."""
        one = self._watched.pop(health_check_id, None)
        if one is not None:
            one.gone = True
            if one.timer is not None:
                one.timer.cancel()

    def observe_all(self) -> None:
        """Report every finding again."""
        for one in self._watched.values():
            if one.told is not None:
                self._report(one.told)

    def _begin(self, one: _Watched) -> None:
        if self._group is not None and not one.gone:
            self._group.create_task(self._ask(one))

    async def _ask(self, one: _Watched) -> None:
        async with self._room:
            started = self._clock.now()
            plan = one.plan
            found = await self._probe(plan, self._clock, strict=self._strict)
        if one.gone:
            return
        one.standing = judge(one.standing, passed=found.passed, threshold=plan.threshold)
        self._tell(one, found)
        waited = (self._clock.now() - started).total_seconds()
        pause = max(0.0, one.plan.interval - waited)
        one.timer = self._clock.call_later(pause, partial(self._begin, one))

    def _tell(self, one: _Watched, found: Found) -> None:
        now, known = self._clock.now(), one.told
        healthy = one.standing.healthy
        if (
            known is not None
            and (known.healthy, known.checker, one.said) == (healthy, found.checker, found.words)
            and now - known.at < TOLD
        ):
            return
        if known is not None and known.healthy != healthy:
            facts = {"check": one.plan.health_check_id, "cause": found.words}
            log.info("an endpoint's health changed", extra=facts | {"healthy": healthy})
        one.said = found.words
        one.told = EndpointObserved(
            account=one.plan.account,
            health_check_id=one.plan.health_check_id,
            healthy=healthy,
            passed=found.passed,
            words=found.words + found.detail,
            at=now,
            checker=found.checker,
        )
        self._report(one.told)
