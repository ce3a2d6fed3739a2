"""Keeps server and agent running on one machine, and holds the API's listening socket.

Because the socket outlives the server, a restart refuses no connection: it waits. The supervisor
itself does nothing else, needs no event loop, and its death ends neither tasks nor traffic.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ecsd.clock import Clock
from ecsd.settings import Settings, child_environment

log = logging.getLogger(__name__)
BACKLOG = 1024
FIRST_PAUSE = 0.05  # seconds before a child that died is started again
LONGEST_PAUSE = 1.0
STEADY_SECONDS = 1.0  # a child that lived this long starts without a longer pause
STOP_SECONDS = 10.0


class Child(NamedTuple):
    """A process to keep running."""

    name: str
    argv: tuple[str, ...]
    inherited: tuple[int, ...] = ()


def listen(settings: Settings) -> socket.socket:
    """Bind the API's address; OSError when it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    return listener


def children(listener: socket.socket) -> tuple[Child, ...]:
    """Return what runs under the supervisor."""
    python = (sys.executable, "-m", "ecsd")
    parent = ("--parent", str(os.getpid()))
    listen_on = ("--listen", str(listener.fileno()))
    return (
        Child("server", (*python, "server", *listen_on, *parent), (listener.fileno(),)),
        Child("agent", (*python, "agent", *parent)),
    )


class Supervisor:
    """Starts children, starts them again when they die, stops them when told to."""

    def __init__(self, planned: Sequence[Child], pid_file: Path, clock: Clock) -> None:
        self._clock = clock
        self._planned = {child.name: child for child in planned}
        self._running: dict[int, str] = {}
        self._pauses: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._pid_file = pid_file

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then stop the children."""
        watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGALRM}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        self._pid_file.write_text(f"{os.getpid()}\n")
        try:
            for name in self._planned:
                self._start(name)
            while True:
                match signal.sigwait(watched):
                    case signal.SIGCHLD:
                        self._bury()
                    case signal.SIGALRM:
                        self._start_missing()
                    case _:
                        return
        finally:
            self._stop()
            self._pid_file.unlink(missing_ok=True)

    def _start(self, name: str) -> None:
        child = self._planned[name]
        for descriptor in child.inherited:
            os.set_inheritable(descriptor, True)
        pid = os.posix_spawn(
            child.argv[0], child.argv, child_environment(), setpgroup=0, setsigmask=()
        )
        for descriptor in child.inherited:  # another child, and what it starts, would keep it open
            os.set_inheritable(descriptor, False)
        self._running[pid] = name
        self._started[name] = self._clock.now().timestamp()
        log.info("started", extra={"child": name, "pid": pid})

    def _bury(self) -> None:
        """Take note of dead children and plan their return."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self._running.pop(pid, None)
            if name is None:
                continue
            lived = self._clock.now().timestamp() - self._started[name]
            pause = FIRST_PAUSE
            if lived < STEADY_SECONDS:
                pause = min(LONGEST_PAUSE, self._pauses.get(name, FIRST_PAUSE / 2) * 2)
            self._pauses[name] = pause
            code = os.waitstatus_to_exitcode(status)
            log.warning("ended", extra={"child": name, "code": code, "again in": pause})
            signal.setitimer(signal.ITIMER_REAL, pause)

    def _start_missing(self) -> None:
        for name in set(self._planned) - set(self._running.values()):
            self._start(name)

    def _stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        deadline = self._clock.now().timestamp() + STOP_SECONDS
        while self._running and self._clock.now().timestamp() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.2)
            self._reap()
        for pid in self._running:
            log.warning("does not stop; killed", extra={"child": self._running[pid]})
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid in list(self._running):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._running[pid]
