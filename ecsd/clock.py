"""The only door to time.

Everything that waits takes a ``Clock``. ``SystemClock`` is the machine's; tests put the same code
on ``VirtualLoop``, an event loop whose time jumps to the next timer as soon as nothing is runnable,
so an hour of grace period costs nothing and no test guesses at quiescence.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

VIRTUAL_START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What code may know of time. Aware UTC datetimes; durations in seconds."""

    def now(self) -> datetime:
        """Return the present moment."""
        ...

    def monotonic(self) -> float:
        """Return seconds that nobody sets back, since some moment; of the event loop's timers."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Bound a block in time: ``TimeoutError`` when it lasts longer."""
        ...

    def call_at(self, when: datetime, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back once at a moment; the handle cancels."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back once after a while; the handle cancels."""
        ...


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds by which event loops' timers go."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Wait where there is no event loop: the command line."""
        time.sleep(seconds)

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Bound a block in time."""
        return asyncio.timeout(seconds)

    def call_at(self, when: datetime, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back once at a moment."""
        return self.call_later(max(0.0, (when - self.now()).total_seconds()), callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back once after a while."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class VirtualClock(SystemClock):
    """The time of a ``VirtualLoop``: moves only when nothing else does."""

    def now(self) -> datetime:
        """Return the virtual moment."""
        return VIRTUAL_START + timedelta(seconds=asyncio.get_running_loop().time())

    def monotonic(self) -> float:
        """Return the loop's virtual seconds."""
        return asyncio.get_running_loop().time()

    async def advance(self, seconds: float) -> None:
        """Let this much virtual time pass, with everything that becomes due in it."""
        await self.sleep(seconds)


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, moves the loop's time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; else jump ahead by ``timeout``."""
        ready = super().select(0)
        if not ready and timeout is None:
            return super().select(None)
        if not ready and timeout:
            self.elapsed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. No threads and no real I/O on it: it would skip their time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # asyncio's own, a nanosecond, is lost in a float after half a year: no timer would be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return virtual seconds since the loop began."""
        return self._jumping.elapsed
