"""``ecsd server`` and ``ecsd agent``: the processes themselves, as the supervisor starts them."""

import argparse
import ctypes
import os
import resource
import signal
import socket

from ecsd.settings import Settings

PR_SET_PDEATHSIG = 1


def run(words: list[str], settings: Settings) -> int:
    """Run a process until it is told to end."""
    parser = argparse.ArgumentParser(prog="ecsd")
    parser.add_argument("process", choices=("server", "agent"))
    parser.add_argument("--listen", type=int, default=-1, help="descriptor of the API's socket")
    parser.add_argument("--parent", type=int, default=0, help="end when this process ends")
    arguments = parser.parse_args(words)
    if arguments.parent and not follow(arguments.parent):
        return 0
    problem = settings.obstacle()
    if problem is not None:
        raise SystemExit(f"ecsd: {problem}")
    take_open_files()
    if arguments.process == "agent":
        from ecsd.processes import agent

        agent.main(settings)
        return 0
    from ecsd.processes import server, supervisor

    if arguments.listen >= 0:
        listener = socket.socket(fileno=arguments.listen)
    else:
        listener = supervisor.listen(settings)
    server.main(settings, listener)
    return 0


def take_open_files() -> None:
    """Take as many open files as are granted: the usual limit is for select(2), not used here."""
    _, granted = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, granted))


def follow(parent: int) -> bool:
    """Have this process told to end when its parent dies; False when that has happened already.

    Without it, a killed supervisor would leave a server that nobody watches and that holds the
    port. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent
