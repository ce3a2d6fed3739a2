"""Periods of metrics: when one is over, and what was told of the latest ones."""

from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta

from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.records.observed import RECENT, TrafficObserved

TEND_SECONDS = 3.0  # HAProxy hangs up on who says nothing for 10 seconds


class Periods:
    """Periods of ``seconds`` by the clock on the wall, and their reports."""

    def __init__(self, clock: Clock, seconds: int, report: Report) -> None:
        self.seconds = seconds
        self._clock = clock
        self._report = report
        self._told: dict[str, deque[TrafficObserved]] = {}

    async def run(
        self,
        measure: Callable[[datetime], Awaitable[None]],
        tend: Callable[[], Awaitable[None]],
    ) -> None:
        """Measure at each period's end, told its begin, and tend meanwhile, until cancelled."""
        while True:
            began = int(self._clock.now().timestamp()) // self.seconds * self.seconds
            end = datetime.fromtimestamp(began + self.seconds, UTC)
            while (left := (end - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(TEND_SECONDS, left))
                await tend()
            await measure(end - timedelta(seconds=self.seconds))

    def tell(self, seen: TrafficObserved) -> None:
        """Report what was seen in a period."""
        self._told.setdefault(seen.resource_arn, deque(maxlen=RECENT)).append(seen)
        self._report(seen)

    def tell_again(self) -> None:
        """Report the latest periods again."""
        for told in self._told.values():
            for one in told:
                self._report(one)

    def keep(self, arns: Collection[str]) -> None:
        """Forget what was told of other resources."""
        for arn in self._told.keys() - set(arns):
            del self._told[arn]
