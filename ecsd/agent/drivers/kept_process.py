"""A process that outlives the agent: told apart from a later one of the same id, and watched.

Source: pidfd_open(2); proc(5), stat.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path


def start_time(process: int) -> str | None:
    """Return when a process started, in ticks since boot, so that a reused id is told apart."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return status.rpartition(")")[2].split()[19]


def reap(process: int) -> None:
    """Leave no zombie of an own child."""
    try:
        os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return  # an earlier agent's child: init reaps it


class Watch:
    """Calls back, once, when a process ends. Raises ProcessLookupError where it has ended."""

    def __init__(self, process: int, ended: Callable[[], None]) -> None:
        self._process = process
        self._ended = ended
        self._descriptor: int | None = os.pidfd_open(process)
        asyncio.get_running_loop().add_reader(self._descriptor, self._happened)

    def close(self) -> None:
        """Watch no more."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _happened(self) -> None:
        self.close()
        reap(self._process)
        self._ended()
