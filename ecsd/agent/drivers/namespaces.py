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
PREFIX = "ecsd-"
HOST = f"{PREFIX}host"  # the host's own namespace, under a name that HAProxy can be told
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def path_of(vpc_id: str) -> str:
    """Return the path of a VPC's namespace."""
    return str(FOLDER / f"{PREFIX}{vpc_id}")


def exists(vpc_id: str) -> bool:
    """Tell whether a VPC has a namespace here."""
    return Path(path_of(vpc_id)).exists()


def is_named_host() -> bool | None:
    """Tell whether the host's own namespace has its name; None when the name is not there."""
    path = FOLDER / HOST
    if not path.exists():
        return None
    return path.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino


def present() -> set[str]:
    """Return the ids of the VPCs that have a namespace here."""
    if not FOLDER.exists():
        return set()
    names = {
        one.name.removeprefix(PREFIX) for one in FOLDER.iterdir() if one.name.startswith(PREFIX)
    }
    return names - {HOST.removeprefix(PREFIX)}


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
