"""TCP sockets of one VPC, opened several at a time: a visit of its namespace costs more than they.

A spare socket holds its namespace, so a stock is closed when its VPC goes. Should another namespace
have taken the name meanwhile, sockets of the earlier one are not handed out.
"""

import asyncio
import socket
from collections import deque
from pathlib import Path

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.clock import Clock
from ecsd.errors import NetworkError

MOST = 64  # sockets of one visit
VISIT_SECONDS = 10.0
IP_BIND_ADDRESS_NO_PORT = 24  # ip(7): a source's port is chosen with the destination: none runs out
SOON = 1.0  # seconds: sockets that were used up sooner are followed by more of them


def next_count(count: int, seconds: float, waiting: int) -> int:
    """Return how many sockets to open when ``count`` have lasted for some seconds."""
    return min(MOST, max(waiting, 2 * count if seconds < SOON else 1))


class SocketStock:
    """Non-blocking IPv4 stream sockets of the namespace at a path."""

    def __init__(self, visitor: Visitor, path: str, clock: Clock) -> None:
        self._visitor = visitor
        self._path = Path(path)
        self._clock = clock
        self._spare: deque[socket.socket] = deque()
        self._namespace = 0  # inode of the one that the spare ones are of
        self._count = self._waiting = 0
        self._opened_at = clock.now()
        self._opening = asyncio.Lock()
        self._closed = False

    async def take(self) -> socket.socket:
        """Return one, which the caller closes.

        Raises:
            NetworkError: there is no such namespace, or it cannot be entered in time.
        """
        while not (self._spare and self._is_same()):
            self._waiting += 1
            try:
                async with self._opening:
                    if not self._spare:
                        await self._open()
            finally:
                self._waiting -= 1
        return self._spare.popleft()

    def spare(self) -> socket.socket | None:
        """Return one that is at hand, or None. Raises NetworkError: there is no such namespace."""
        return self._spare.popleft() if self._spare and self._is_same() else None

    def close(self) -> None:
        """Close the spare ones, and keep none that are being opened."""
        self._closed = True
        self._clear()

    def _is_same(self) -> bool:
        """Tell whether spare sockets are of the namespace that has the name now; else close all."""
        try:
            same = self._path.stat().st_ino == self._namespace
        except OSError as error:
            self._clear()
            raise NetworkError(f"there is no namespace {self._path}: {error.strerror}") from error
        if not same:
            self._clear()
        return same

    async def _open(self) -> None:
        lasted = (self._clock.now() - self._opened_at).total_seconds()
        count = next_count(self._count, lasted, self._waiting)
        self._count = 0  # if this fails

        def work() -> tuple[int, list[socket.socket]]:
            inode = Path("/proc/thread-self/ns/net").stat().st_ino
            return inode, [_stream() for _ in range(count)]

        try:
            async with self._clock.deadline(VISIT_SECONDS):
                self._namespace, opened = await self._visitor.visit(str(self._path), work)
        except TimeoutError as error:
            raise NetworkError(f"cannot enter the namespace {self._path} in time") from error
        self._opened_at, self._count = self._clock.now(), count
        self._spare.extend(opened)
        if self._closed:
            self._clear()
            raise NetworkError(f"the namespace {self._path} goes")

    def _clear(self) -> None:
        while self._spare:
            self._spare.popleft().close()


def _stream() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    opened.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    return opened
