"""Which sockets can be read or written, by an epoll of our own inside the event loop's.

asyncio makes several objects whenever it begins to watch a socket; where thousands are watched once
and for a moment each, that costs more than the system calls.
"""

import asyncio
import select
from collections.abc import Callable

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT


class Readiness:
    """Callbacks of sockets by their file descriptors, which are forgotten before they close.

    Closing alone would not do: a child process may still hold the socket until it executes.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._dispatch)

    def await_one(self, number: int, events: int, ready: Callable[[], None]) -> None:
        """Call back whenever a socket is ready, in place of what was waited for before."""
        if number in self._callbacks:
            self._epoll.modify(number, events)
        else:
            self._epoll.register(number, events)
        self._callbacks[number] = ready

    def forget(self, number: int) -> None:
        """Wait no more for a socket, if it was waited for."""
        if self._callbacks.pop(number, None) is not None:
            self._epoll.unregister(number)

    def close(self) -> None:
        """Wait for nothing more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._callbacks.clear()

    def _dispatch(self) -> None:
        for number, _ in self._epoll.poll(0):
            ready = self._callbacks.get(number)
            if ready is not None:  # else an earlier callback of this round forgot it
                ready()
