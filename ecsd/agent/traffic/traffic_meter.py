"""Periods of load balancers' metrics: counters are read at the end of each, and reported.

An agent that was not here for a whole period reports nothing of its requests.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.rooms import Report
from ecsd.agent.traffic.balancer_proxy import BalancerProxy
from ecsd.agent.traffic.balancer_rules import BalancerRules
from ecsd.agent.traffic.health_checks import HealthChecks
from ecsd.agent.traffic.periods import Periods
from ecsd.agent.traffic.request_logs import Errors, RequestLogs
from ecsd.clock import Clock
from ecsd.decisions.telemetry.balancer_metrics import (
    NAMESPACES,
    Healths,
    Minute,
    application_metrics,
    network_metrics,
)
from ecsd.records.observed import TrafficObserved
from ecsd.records.plan import BalancerPlan

Carriers = Callable[[], Iterable[BalancerProxy | BalancerRules]]


class Sources(NamedTuple):
    """Where a period's numbers come from."""

    carriers: Carriers
    checks: HealthChecks
    lines: RequestLogs


class TrafficMeter:
    """Reports each period of ``seconds`` of every balancer."""

    def __init__(self, clock: Clock, seconds: int, sources: Sources, report: Report) -> None:
        self._periods = Periods(clock, seconds, report)
        self._sources = sources
        self._owed: dict[str, dict[str, int]] = {}

    async def run(self) -> None:
        """Measure until cancelled."""
        await self._periods.run(self.measure, self._tend)

    def observe_all(self) -> None:
        """Report the latest periods again."""
        self._periods.tell_again()

    async def measure(self, at: datetime) -> None:
        """Report the period that began then and ends now."""
        errors = self._sources.lines.take_errors()
        heard = self._sources.lines.since
        whole = heard is not None and heard <= at
        arns = set()
        for carrier in [*self._sources.carriers()]:
            grown = None
            if isinstance(carrier, BalancerProxy):
                grown = await carrier.period(self._periods.seconds)
            for plan in [*carrier.plans.values()]:
                arns.add(plan.load_balancer_arn)
                self._periods.tell(self._observed(plan, at, grown, errors, whole=whole))
        self._periods.keep(arns)
        self._owed = {arn: owed for arn, owed in self._owed.items() if arn in arns}

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
            resource_arn=arn,
            namespace=NAMESPACES[plan.kind],
            at=at,
            seconds=self._periods.seconds,
            counted=grown is not None,
            datapoints=points,
        )

    def _healths(self, plan: BalancerPlan) -> dict[str, Healths]:
        arn = plan.load_balancer_arn
        return {
            one.target_group_arn: self._sources.checks.healths(arn, one)
            for one in plan.target_groups
        }

    async def _tend(self) -> None:
        for carrier in [*self._sources.carriers()]:
            if isinstance(carrier, BalancerProxy):
                await carrier.tend_counters()
