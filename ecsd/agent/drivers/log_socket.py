"""A datagram socket on which HAProxies of this host tell what they observe.

The kernel lets so many datagrams wait as the network namespace says in which the socket was made,
by default ten: fewer than come while one is read. So it is made in a namespace of its own, which
nothing else is in; its path is reached from anywhere. What is left is the sender's own limit,
about 150 lines. Source: unix(7); net.unix.max_dgram_qlen.
"""

import asyncio
import ctypes
import logging
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

log = logging.getLogger(__name__)

CLONE_NEWNET = 0x40000000
WAITING = 20_000  # datagrams
WAITING_BYTES = 64 << 20
LARGEST = 1 << 16  # bytes of a datagram
AT_ONCE = 500  # datagrams, before others get their turn
QUEUE = Path("/proc/sys/net/unix/max_dgram_qlen")
_libc = ctypes.CDLL(None, use_errno=True)


class LogSocket:
    """Hears while it is open. user: that HAProxy's workers run as; empty: root."""

    def __init__(self, path: Path, user: str, heard: Callable[[list[bytes]], None]) -> None:
        self.path = path
        self._user = user
        self._heard = heard
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Hear from now on; what an earlier agent left of the socket goes."""
        if self._socket is not None:
            return
        with ThreadPoolExecutor(1, "log-socket") as thread:
            opened = thread.submit(_opened).result()
        self.path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        opened.bind(str(self.path))
        if self._user:
            os.chown(self.path, pwd.getpwnam(self._user).pw_uid, -1)
        self.path.chmod(0o600)
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._readable)

    def close(self) -> None:
        """Hear no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _readable(self) -> None:
        if self._socket is not None:
            self._heard([*_waiting(self._socket)])


def _waiting(opened: socket.socket) -> Iterator[bytes]:
    """Yield what waits."""
    for _ in range(AT_ONCE):
        try:
            yield opened.recv(LARGEST)
        except BlockingIOError:
            return


def _opened() -> socket.socket:
    """Return the socket, made in a namespace where many may wait.

    The thread is used for nothing else: it stays where it went.
    """
    if _libc.unshare(CLONE_NEWNET) == 0:
        try:
            QUEUE.write_text(str(WAITING))
        except OSError as error:
            log.warning("few log lines of HAProxy can wait", extra={"cause": str(error)})
    else:
        words = os.strerror(ctypes.get_errno())
        log.warning("few log lines of HAProxy can wait", extra={"cause": words})
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_BYTES)
    return opened
