"""``ecsd server`` and ``ecsd agent``: the processes themselves, as the supervisor starts them."""

import argparse
import socket

from ecsd.settings import Settings


def run(words: list[str], settings: Settings) -> int:
    """Run a process until it is told to end."""
    parser = argparse.ArgumentParser(prog="ecsd")
    parser.add_argument("process", choices=("server", "agent"))
    parser.add_argument("--listen", type=int, default=-1, help="descriptor of the API's socket")
    arguments = parser.parse_args(words)
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
