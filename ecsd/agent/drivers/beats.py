"""Timers that go off on beats, so many a second: one wake-up for all that fall due on the same.

Each timer of asyncio's costs as much as a good part of a health check, and each wake-up a check.
There is no way to call one off: what is called finds out itself whether it still matters.
"""

import heapq
from collections.abc import Callable
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

from ecsd.clock import Clock

if TYPE_CHECKING:
    import asyncio

BEATS = 64  # a second
LATEST = 1e-5  # seconds by which an event loop may be early


class Timers(Protocol):
    """What calls back after a while."""

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, not before this many seconds have passed."""
        ...


class Beats:
    """Callbacks by the beat at which they are due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[int, list[Callable[[], None]]] = {}
        self._order: list[int] = []  # a heap of the same beats
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0  # for which beat

    def at(self, moment: float, callback: Callable[[], None]) -> None:
        """Call back on the beat at or before a moment of ``clock.monotonic()``; at once if past."""
        self._enter(floor(moment * BEATS), callback)

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back on the first beat after this many seconds."""
        self._enter(ceil((self._clock.monotonic() + seconds) * BEATS), callback)

    def stop(self) -> None:
        """Call nobody back any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due.clear()
        self._order.clear()

    def _enter(self, beat: int, callback: Callable[[], None]) -> None:
        due = self._due.get(beat)
        if due is not None:
            due.append(callback)
            return
        self._due[beat] = [callback]
        heapq.heappush(self._order, beat)
        if self._timer is None or beat < self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._order[0]
        wait = max(0.0, self._armed / BEATS - self._clock.monotonic())
        self._timer = self._clock.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = (self._clock.monotonic() + LATEST) * BEATS
        rung: list[Callable[[], None]] = []
        while self._order and self._order[0] <= now:
            rung += self._due.pop(heapq.heappop(self._order))
        if self._order:
            self._arm()
        for callback in rung:
            callback()
