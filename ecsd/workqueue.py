"""Keys that need looking at: the motor of controllers and of the agent.

A key that is added while it waits is there once; one that is added while it is worked on runs once
more. One key is never worked on twice at a time. A failure is logged, remembered, and tried again
after a pause that doubles. Fixed workers are also the bound on concurrency.
Source: the Kubernetes client-go work queue; measured in shared reference control_plane 6.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from ecsd.clock import Clock

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)

FIRST_PAUSE = 0.005  # seconds
LONGEST_PAUSE = 60.0


class LastError(NamedTuple):
    """Why a key's work failed the last time, since when, and how often in a row."""

    words: str
    at: datetime
    times: int


class WorkQueue(Generic[K]):
    """Runs ``work(key)`` for every added key; its answer is the moment to look again, or None."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        work: Callable[[K], Awaitable[datetime | None]],
        workers: int = 16,
    ) -> None:
        self.name = name
        self.errors: dict[K, LastError] = {}
        self._clock = clock
        self._work = work
        self._workers = workers
        self._order: deque[K] = deque()
        self._dirty: set[K] = set()
        self._running: set[K] = set()
        self._timers: dict[K, tuple[datetime, asyncio.TimerHandle]] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._idle: list[asyncio.Future[None]] = []

    def add(self, key: K) -> None:
        """Have a key looked at soon."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._running:
            self._enqueue(key)

    def add_at(self, key: K, when: datetime) -> None:
        """Have a key looked at at a moment; an earlier appointment stands."""
        known = self._timers.get(key)
        if known is not None:
            if known[0] <= when:
                return
            known[1].cancel()
        self._timers[key] = (when, self._clock.call_at(when, lambda: self._due(key)))

    def forget(self, key: K) -> None:
        """Drop a key's appointment and its last error."""
        known = self._timers.pop(key, None)
        if known is not None:
            known[1].cancel()
        self.errors.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    async def idle(self) -> None:
        """Return when nothing waits and nothing runs (appointments and pauses aside)."""
        if self._dirty or self._running:
            future = asyncio.get_running_loop().create_future()
            self._idle.append(future)
            await future

    def _enqueue(self, key: K) -> None:
        self._order.append(key)
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _worker(self) -> None:
        while True:
            while not self._order:
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
            key = self._order.popleft()
            self._dirty.discard(key)
            self._running.add(key)
            try:
                await self._attempt(key)
            finally:
                self._finished(key)

    async def _attempt(self, key: K) -> None:
        try:
            when = await self._work(key)
        except Exception as error:  # noqa: BLE001 - the one boundary: back-off, visible last error
            self._failed(key, error)
            return
        self.errors.pop(key, None)
        if when is not None:
            self.add_at(key, when)

    def _failed(self, key: K, error: Exception) -> None:
        known = self.errors.get(key)
        times = known.times + 1 if known else 1
        words = str(error) or type(error).__name__
        now = self._clock.now()
        self.errors[key] = LastError(words, now, times)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(times, 20))
        log.warning(
            "work failed and is tried again",
            extra={"queue": self.name, "key": str(key), "times": times, "pause": pause},
            exc_info=error,
        )
        self.add_at(key, now + timedelta(seconds=pause))

    def _finished(self, key: K) -> None:
        self._running.discard(key)
        if key in self._dirty:
            self._enqueue(key)
        if not self._dirty and not self._running:
            idle, self._idle = self._idle, []
            for future in idle:
                if not future.done():
                    future.set_result(None)
