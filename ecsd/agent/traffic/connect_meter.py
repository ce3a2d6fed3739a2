"""Periods of Service Connect's metrics: each proxy's counters are read at the end of each.

A service of which one proxy could not be read reports nothing of that period. What a proxy counted
before it ended, with its task, belongs to the period in which it did.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.rooms import Report
from ecsd.agent.traffic.periods import Periods
from ecsd.clock import Clock
from ecsd.decisions.telemetry.connect_metrics import NAMESPACE, ProxyMinute, service_metrics
from ecsd.records.observed import TrafficObserved
from ecsd.records.plan import ProxyPlan

log = logging.getLogger(__name__)

AT_ONCE = 8  # proxies that are read at a time
LAST_SECONDS = 2.0  # for the last reading of a proxy that is to end


class Counting(Protocol):
    """A task's proxy as something that counts."""

    async def period(self, seconds: float) -> Grown | None:
        """Return what was counted in a period that ends now; None: that was not observed."""
        ...

    async def tend_counters(self) -> None:
        """Let workers go that have nothing more to count."""
        ...


class _Read(NamedTuple):
    plan: ProxyPlan
    grown: Grown | None


class ConnectMeter:
    """Reports each period of ``seconds`` of every service that has proxies on this host."""

    def __init__(
        self,
        clock: Clock,
        seconds: int,
        proxies: Callable[[], Iterable[tuple[ProxyPlan, Counting]]],
        report: Report,
    ) -> None:
        """proxies: those that have begun."""
        self._clock = clock
        self._periods = Periods(clock, seconds, report)
        self._proxies = proxies
        self._ended: list[_Read] = []

    async def run(self) -> None:
        """Measure until cancelled."""
        await self._periods.run(self.measure, self._tend)

    def observe_all(self) -> None:
        """Report the latest periods again."""
        self._periods.tell_again()

    async def last(self, plan: ProxyPlan, proxy: Counting) -> None:
        """Read a proxy that is about to end."""
        grown = None
        try:
            async with self._clock.deadline(LAST_SECONDS):
                grown = await proxy.period(self._periods.seconds)
        except TimeoutError:
            log.warning("a proxy's last requests are not counted", extra={"task": plan.task_arn})
        if grown is not None:
            grown = grown._replace(levels={})  # its connections end with it
        self._ended.append(_Read(plan, grown))

    async def measure(self, at: datetime) -> None:
        """Report the period that began then and ends now."""
        found, self._ended = self._ended, []
        room = asyncio.Semaphore(AT_ONCE)

        async def read(plan: ProxyPlan, proxy: Counting) -> None:
            async with room:
                found.append(_Read(plan, await proxy.period(self._periods.seconds)))

        async with asyncio.TaskGroup() as group:
            for plan, proxy in self._proxies():
                group.create_task(read(plan, proxy))
        services: dict[str, list[_Read]] = {}
        for one in found:
            if one.plan.service_arn:
                services.setdefault(one.plan.service_arn, []).append(one)
        for arn, reads in services.items():
            self._periods.tell(self._observed(arn, at, reads))
        self._periods.keep(services)

    def _observed(self, service_arn: str, at: datetime, reads: list[_Read]) -> TrafficObserved:
        minutes = [
            ProxyMinute(plan, grown.counts, grown.levels)
            for plan, grown in reads
            if grown is not None
        ]
        counted = len(minutes) == len(reads)
        return TrafficObserved(
            resource_arn=service_arn,
            namespace=NAMESPACE,
            at=at,
            seconds=self._periods.seconds,
            counted=counted,
            datapoints=service_metrics(service_arn, minutes) if counted else (),
        )

    async def _tend(self) -> None:
        for _, proxy in [*self._proxies()]:
            await proxy.tend_counters()
