"""A process that outlives the agent: told apart from a later one of the same id, and watched.

Source: pidfd_open(2); proc(5), stat.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str | None:
    """Return the path of one of the host's programs; None: it is not installed."""
    return shutil.which(name, path=SEARCH_PATH)


def spawn(command: list[str], said: Path, environment: Mapping[str, str]) -> int:
    """Start a process in a session of its own, that is not ended with the agent; return its id.

    said: the file to which what it says is added.
    """
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        {"PATH": SEARCH_PATH, **environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(said), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


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
