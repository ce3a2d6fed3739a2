"""``ecsd down``: stop ecsd and take away everything that it made on this machine."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from ecsd.cli.screen import done, failed, step
from ecsd.cli.up import running_pid
from ecsd.clock import SystemClock
from ecsd.processes.teardown import remove_everything
from ecsd.settings import Settings

STOP_SECONDS = 20.0
POLL_SECONDS = 0.05


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("down", help="stop ecsd; containers and networks go too")
    parser.add_argument("--state", action="store_true", help="delete the stored state too")
    parser.add_argument("--yes", action="store_true", help="do not ask before deleting state")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Stop the processes, then the containers, namespaces, rules and names; state if asked."""
    if os.geteuid() != 0:
        failed("ecsd down removes namespaces and packet filters: it needs root")
        return 1
    pid = running_pid(settings)
    if pid is not None:
        step("stopping ecsd")
        if not _stop(pid):
            failed(f"the supervisor (pid {pid}) does not end")
            return 1
    step("removing containers, load balancers, networks and names")
    left = asyncio.run(remove_everything(settings))
    for one in left:
        failed(one)
    if arguments.state and not _delete_state(settings, sure=arguments.yes):
        return 1
    if not left:
        done("nothing of ecsd is left running on this machine")
    return 1 if left else 0


def _stop(pid: int) -> bool:
    clock = SystemClock()
    os.kill(pid, signal.SIGTERM)
    deadline = clock.now().timestamp() + STOP_SECONDS
    while clock.now().timestamp() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return True
        clock.pause(POLL_SECONDS)
    return False


def _file_systems(settings: Settings) -> str:
    """Return how many file systems have files on this machine, in words; empty: none has."""
    folder = settings.efs_folder
    count = len([one for one in folder.iterdir() if one.is_dir()]) if folder.exists() else 0
    return f"{count} file system{'s' if count > 1 else ''}" if count else ""


def _delete_state(settings: Settings, *, sure: bool) -> bool:
    if not settings.data_dir.exists():
        return True
    kept = _file_systems(settings)
    if kept and settings.efs_folder.is_relative_to(settings.data_dir):
        step(f"the files of {kept} of EFS in {settings.efs_folder} are part of the state")
    elif kept:
        step(f"the files of {kept} of EFS in {settings.efs_folder} are kept")
    images = settings.ebs_folder
    if images.exists() and any(images.iterdir()):
        fate = "part of the state" if images.is_relative_to(settings.data_dir) else "kept"
        step(f"volumes and snapshots of EBS in {images} are {fate}")
    if not sure:
        if not sys.stdin.isatty():
            failed(f"to delete {settings.data_dir} without being asked, add --yes")
            return False
        answer = input(f"Delete all state in {settings.data_dir}? [y/N] ")
        if answer.strip().lower() not in {"y", "yes"}:
            step("state is kept")
            return True
    shutil.rmtree(settings.data_dir)
    done(f"{settings.data_dir} is deleted")
    return True
