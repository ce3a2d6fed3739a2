"""Programs that outlive the agent: found, known again by when they started, buried."""

import os
import shutil
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_program(name: str) -> str | None:
    """Return a program's path, None if it is not installed."""
    return shutil.which(name, path=SEARCH_PATH)


def start_time(process: int) -> str | None:
    """Return when a process started, so that a reused process id is told apart."""
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
