"""Turns at a bounded resource: the most urgent waits least.

Starting containers is bound by the processor: four at a time is the Engine's best on two cores, and
more only makes each slower. Source: shared reference dataplane 6.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FINISH, BEGIN = 0, 1  # a task that has begun is finished before another begins


class Turns:
    """At most ``places`` holders at a time; lower urgency first, then in order of arrival."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._arrivals = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, urgency: int = FINISH) -> AsyncIterator[None]:
        """Hold a place."""
        await self._take(urgency)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, urgency: int) -> None:
        if self._free:
            self._free -= 1
            return
        self._arrivals += 1
        mine = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, self._arrivals, mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._give_back()  # the place came in the same moment
            raise

    def _give_back(self) -> None:
        while self._waiting:
            _, _, next_one = heapq.heappop(self._waiting)
            if not next_one.done():
                next_one.set_result(None)
                return
        self._free += 1
