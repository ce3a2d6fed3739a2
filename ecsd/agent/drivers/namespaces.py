"""Network namespaces: one thread of this process visits them.

A socket keeps the namespace in which it was opened, so work in a VPC means: go there, open, come
home. If the way home fails, the process ends: it would otherwise work in the wrong network.
Source: network.md 1.
"""

import asyncio
import ctypes
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ecsd.errors import NetworkError

log = logging.getLogger(__name__)
T = TypeVar("T")

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """How one ecsd calls its namespaces: ``<label>-<VPC id>`` and ``<label>-host``."""

    def __init__(self, label: str) -> None:
        self._prefix = f"{label}-"

    def name_of(self, vpc_id: str) -> str:
        """Return the name of a VPC's namespace."""
        return f"{self._prefix}{vpc_id}"

    def path_of(self, vpc_id: str) -> str:
        """Return the path of a VPC's namespace."""
        return str(FOLDER / self.name_of(vpc_id))

    def exists(self, vpc_id: str) -> bool:
        """Tell whether a VPC has a namespace here; a name that holds none does not count."""
        path = FOLDER / self.name_of(vpc_id)
        return path.exists() and path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev

    def forget(self, vpc_id: str) -> None:
        """Take away a name without a namespace: a creation that was cut off left it."""
        (FOLDER / self.name_of(vpc_id)).unlink(missing_ok=True)

    def present(self) -> set[str]:
        """Return the ids of the VPCs that have a namespace here."""
        if not FOLDER.exists():
            return set()
        names = [one.name for one in FOLDER.iterdir() if one.name.startswith(f"{self._prefix}vpc-")]
        return {one.removeprefix(self._prefix) for one in names}

    @property
    def host(self) -> Path:
        """Where the host's own namespace has a name that HAProxy can be told."""
        return FOLDER / f"{self._prefix}host"

    def is_named_host(self) -> bool | None:
        """Tell whether the host's namespace has that name; None when the name is not there."""
        if not self.host.exists():
            return None
        return self.host.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino


class Visitor:
    """The thread that goes into namespaces."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "namespaces")
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    async def visit(self, path: str, work: Callable[[], T]) -> T:
        """Run work in the namespace at a path; NetworkError when there is none."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._visit, path, work)

    async def open_socket(self, path: str, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking IPv4 socket of that namespace."""
        opened = await self.visit(path, lambda: socket.socket(socket.AF_INET, kind))
        opened.setblocking(False)
        return opened

    def _visit(self, path: str, work: Callable[[], T]) -> T:
        try:
            there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise NetworkError(f"there is no namespace {path}: {error.strerror}") from error
        try:
            _enter(there, path)
            try:
                return work()
            finally:
                self._go_home()
        finally:
            os.close(there)

    def _go_home(self) -> None:
        if _libc.setns(self._home, CLONE_NEWNET) != 0:
            log.critical("the way back into the host's namespace failed; the agent ends")
            os._exit(70)


def _enter(descriptor: int, path: str) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        words = os.strerror(ctypes.get_errno())
        raise NetworkError(f"cannot enter the namespace {path}: {words}")
