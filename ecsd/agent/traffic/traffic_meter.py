"""Periods of load balancers' metrics: counters are read at the end of each, and reported.

An agent that was not here for a whole period reports nothing of its requests.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.rooms import Report
from ecsd.agent.traffic.balancer_proxy import BalancerProxy
from ecsd.agent.traffic.balancer_rules import BalancerRules
from ecsd.agent.traffic.health_checks import HealthChecks
from ecsd.agent.traffic.request_logs import Errors, RequestLogs
from ecsd.clock import Clock
from ecsd.decisions.telemetry.balancer_metrics import (
    NAMESPACES,
    Healths,
    Minute,
    application_metrics,
    network_metrics,
)
from ecsd.records.observed import RECENT, TrafficObserved
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)

TEND_SECONDS = 3.0  # HAProxy hangs up on who says nothing for 10 seconds
Carriers = Callable[[], Iterable[BalancerProxy | BalancerRules]]


class Sources(NamedTuple):
    """Where a period's numbers come from."""

    carriers: Carriers
    checks: HealthChecks
    lines: RequestLogs


class TrafficMeter:
    """Reports each period of ``seconds`` of every balancer."""

    def __init__(self, clock: Clock, seconds: int, sources: Sources, report: Report) -> None:
        self._clock = clock
        self._seconds = seconds
        self._sources = sources
        self._report = report
        self._owed: dict[str, dict[str, int]] = {}
        self._told: dict[str, deque[TrafficObserved]] = {}

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began = int(self._clock.now().timestamp()) // self._seconds * self._seconds
            end = datetime.fromtimestamp(began + self._seconds, UTC)
            while (left := (end - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(TEND_SECONDS, left))
                await self._tend()
            await self.measure(end - timedelta(seconds=self._seconds))

    def observe_all(self) -> None:
        """Report the latest periods again."""
        for told in self._told.values():
            for one in told:
                self._report(one)

    async def measure(self, at: datetime) -> None:
        """Report the period that began then and ends now."""
        errors = self._sources.lines.take_errors()
        heard = self._sources.lines.since
        whole = heard is not None and heard <= at
        arns = set()
        for carrier in [*self._sources.carriers()]:
            grown = None
            if isinstance(carrier, BalancerProxy):
                grown = await carrier.period(self._seconds)
            for plan in [*carrier.plans.values()]:
                arns.add(plan.load_balancer_arn)
                self._tell(self._observed(plan, at, grown, errors, whole=whole))
        for arn in self._told.keys() - arns:
            del self._told[arn]
            self._owed.pop(arn, None)

    def _observed(
        self, plan: BalancerPlan, at: datetime, grown: Grown | None, errors: Errors, *, whole: bool
    ) -> TrafficObserved:
        arn = plan.load_balancer_arn
        healths = self._healths(plan)
        if plan.kind == "network":
            points = network_metrics(plan, healths)
        else:
            minute = None
            if grown is not None:
                complete = grown.complete and whole
                minute = Minute(grown.counts, grown.levels, errors.answers, errors.own, complete)
            measured = application_metrics(plan, minute, healths, self._owed.get(arn, {}))
            self._owed[arn] = measured.owed
            points = measured.datapoints
        return TrafficObserved(
            load_balancer_arn=arn,
            namespace=NAMESPACES[plan.kind],
            at=at,
            seconds=self._seconds,
            counted=grown is not None,
            datapoints=points,
        )

    def _healths(self, plan: BalancerPlan) -> dict[str, Healths]:
        arn = plan.load_balancer_arn
        return {
            one.target_group_arn: self._sources.checks.healths(arn, one)
            for one in plan.target_groups
        }

    def _tell(self, seen: TrafficObserved) -> None:
        self._told.setdefault(seen.load_balancer_arn, deque(maxlen=RECENT)).append(seen)
        self._report(seen)

    async def _tend(self) -> None:
        for carrier in [*self._sources.carriers()]:
            if isinstance(carrier, BalancerProxy):
                await carrier.tend_counters()
