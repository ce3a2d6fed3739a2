"""The person's commands: ``ecsd up``, ``down``, ``status``, ``logs``, ``why`` and more."""

import argparse
import sys
from importlib import import_module

from ecsd import __version__
from ecsd.cli.api import ApiError, Unreachable
from ecsd.cli.screen import failed
from ecsd.errors import EcsdError
from ecsd.processes.root_key import with_root_key
from ecsd.settings import Settings

COMMANDS = (
    *("up", "down", "status", "logs", "why", "lb", "open", "dig", "dns"),
    *("doctor", "env", "ca", "demo"),
)
PROCESSES = ("server", "agent")  # started by the supervisor, not by people


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    try:
        settings = with_root_key(Settings.from_environment())
    except EcsdError as error:
        failed(str(error))
        return 1
    if words and words[0] in PROCESSES:
        return int(import_module("ecsd.cli.process").run(words, settings))
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.run(arguments, settings))
    except (ApiError, Unreachable) as error:
        failed(str(error))
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecsd", description="Amazon ECS that you run yourself.")
    parser.add_argument("--version", action="version", version=f"ecsd {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"ecsd.cli.{name}").add(commands)
    return parser
