"""What passed or was refused in VPCs that have flow logs, counted up at the end of each interval.

The kernel counts; here its counters are read every minute, and told as what happened in an
aggregation interval with the interfaces that were there. Where this process begins while packets
are being counted already, what was counted before it is unknown: its first intervals say so.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.decisions.vpc.flow_counters import (
    Advances,
    FlowKey,
    Happened,
    Reading,
    Settled,
    added,
    settle,
    told_flows,
)
from ecsd.decisions.vpc.flow_ruleset import KEPT_SECONDS, SETS
from ecsd.records.observed import CountedInterface, FlowsObserved
from ecsd.records.plan_network import FlowLogsPlan, VpcPlan
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

KEPT = timedelta(seconds=KEPT_SECONDS)  # counters, without a packet
MINUTE = 60  # seconds of an aggregation interval
COUNTED = frozenset({"task", "load_balancer", "network_load_balancer", "vpc_endpoint"})
NEW = Reading({point: {} for point in SETS})
NO_INTERFACES: Mapping[str, CountedInterface] = {}


class _Interval:
    """An aggregation interval that goes on."""

    def __init__(
        self, began_at: datetime, interfaces: Mapping[str, CountedInterface] = NO_INTERFACES
    ) -> None:
        self.began_at = began_at
        self.minutes = 0
        self.interfaces = dict(interfaces)  # all that were there at some time of it
        self.flows: dict[FlowKey, Happened] = {}
        self.lost = False


class _Counted:
    """A VPC whose packets are counted. reading: the last one; None before the first."""

    def __init__(self, plan: FlowLogsPlan, reading: Reading | None) -> None:
        self.plan = plan
        self.reading = reading
        self.read_at: datetime | None = None
        self.due_at: datetime | None = None  # the next minute's end
        self.advances: Advances = {}
        self.interfaces: dict[str, CountedInterface] = {}
        self.intervals: dict[int, _Interval] = {}


class FlowLogs:
    """Reads the counters of VPCs and reports."""

    def __init__(
        self,
        clock: Clock,
        report: Report,
        read: Callable[[str], Awaitable[Reading]],
        minute: int,
    ) -> None:
        """``read`` returns a VPC's counters; ``minute``: the seconds that one lasts here."""
        self._clock = clock
        self._report = report
        self._read = read
        self._minute = timedelta(seconds=minute)
        self._known: set[str] = set()  # VPCs that this process has told to count, or not to
        self._counted: dict[str, _Counted] = {}
        self._queue: WorkQueue[str] = WorkQueue("flow logs", clock, self._look, workers=1)

    async def run(self) -> None:
        """Count up until cancelled."""
        await self._queue.run()

    async def idle(self) -> None:
        """Return when nothing waits to be counted up (tests)."""
        await self._queue.idle()

    def note(self, plan: VpcPlan) -> None:
        """Take note of a plan that is in force from now on."""
        is_first = plan.vpc_id not in self._known
        self._known.add(plan.vpc_id)
        if plan.flow_logs is None:
            self._end(plan.vpc_id)
            return
        counted = self._counted.get(plan.vpc_id)
        if counted is None:
            counted = _Counted(plan.flow_logs, None if is_first else NEW)
            now = self._clock.now()
            counted.intervals = {one: _Interval(now) for one in plan.flow_logs.intervals}
            self._counted[plan.vpc_id] = counted
            self._queue.add(plan.vpc_id)
        elif counted.plan != plan.flow_logs:
            self._queue.add(plan.vpc_id)
        counted.plan = plan.flow_logs
        counted.interfaces = {
            one.network_interface_id: CountedInterface(
                network_interface_id=one.network_interface_id,
                address=one.address,
                subnet_id=one.subnet_id,
            )
            for one in plan.interfaces
            if one.kind in COUNTED
        }
        for interval in counted.intervals.values():
            interval.interfaces |= counted.interfaces

    def forget(self, vpc_id: str) -> None:
        """Forget a VPC that is gone."""
        self._known.discard(vpc_id)
        self._end(vpc_id)

    def _end(self, vpc_id: str) -> None:
        if self._counted.pop(vpc_id, None) is not None:
            self._queue.forget(vpc_id)

    async def _look(self, vpc_id: str) -> datetime | None:
        """Count up; return when to do so next."""
        counted = self._counted.get(vpc_id)
        if counted is None:
            return None
        reading = await self._read(vpc_id)
        now = self._clock.now()
        if self._counted.get(vpc_id) is not counted:
            return None  # its flow logs were taken away meanwhile
        if counted.reading is None:
            adopted = any(reading.points.values())
            for interval in counted.intervals.values():
                interval.lost = adopted
        settled = settle(counted.reading or reading, reading, counted.advances)
        if counted.read_at is not None and now - counted.read_at >= KEPT:
            settled = settled._replace(lost=True)
        counted.reading, counted.advances, counted.read_at = reading, settled.advances, now
        is_due = counted.due_at is not None and now >= counted.due_at
        if is_due or counted.due_at is None:
            counted.due_at = now + self._minute
        self._count_up(counted, settled, now, minutes=int(is_due))
        return counted.due_at

    def _count_up(
        self, counted: _Counted, settled: Settled, now: datetime, *, minutes: int
    ) -> None:
        """Add what happened to every interval; end what is over, begin what is new."""
        wanted = counted.plan.intervals
        for length, interval in list(counted.intervals.items()):
            interval.flows = added(interval.flows, settled.flows)
            interval.lost = interval.lost or settled.lost
            interval.minutes += minutes
            if length not in wanted or interval.minutes * MINUTE >= length:
                del counted.intervals[length]
            if length in wanted and interval.minutes * MINUTE >= length:
                self._tell(counted.plan.vpc_arn, length, interval, now)
        for length in wanted:
            if length not in counted.intervals:
                counted.intervals[length] = _Interval(now, counted.interfaces)

    def _tell(self, vpc_arn: str, length: int, interval: _Interval, now: datetime) -> None:
        self._report(
            FlowsObserved(
                vpc_arn=vpc_arn,
                interval=length,
                began_at=interval.began_at,
                ended_at=now,
                interfaces=tuple(interval.interfaces.values()),
                flows=told_flows(interval.flows),
                lost=interval.lost,
            )
        )
