"""What an ecsd holds on its machine: memory, open files, namespaces, rules, containers."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.machine import pss
from ecsd.decisions.containers.container_names import OWNER
from ecsd.settings import Settings

KINDS = ("namespaces", "rules", "containers", "processes")
IN_NAMESPACE, RULES = ("ip", "netns", "exec"), ("nft", "list", "ruleset")
CONTAINERS = ("docker", "ps", "-aq", "--filter")


class Holdings(NamedTuple):
    """memory in MB and open files by process; the rest counts of the whole ecsd."""

    memory: dict[str, float]
    files: dict[str, int]
    namespaces: int
    rules: int
    containers: int
    processes: int


def held(ecsd):
    """Return what it holds now."""
    pids = ecsd.pids()
    label = Settings.from_environment(ecsd.environment).label
    spaces = [
        line.split()[0] for line in _lines("ip", "netns", "list") if line.startswith(f"{label}-")
    ]
    # The host's own namespace has a name too; there only the tables of this ecsd are its own.
    vpcs = [name for name in spaces if name != f"{label}-host"]
    rules = [line for name in vpcs for line in _lines(*IN_NAMESPACE, name, *RULES)]
    rules += _lines("nft", "list", "table", "ip", label)
    folder = str(ecsd.folder)
    return Holdings(
        memory={name: pss(pid) for name, pid in pids.items()},
        files={name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in pids.items()},
        namespaces=len(spaces),
        rules=len(rules),
        containers=len(_lines(*CONTAINERS, f"label={OWNER}={ecsd.folder / 'data'}")),
        processes=sum(folder in line for line in _lines("ps", "-eo", "args")),
    )


def growth(before, after):
    """Yield, in words, what has grown though nothing more is wanted.

    Memory may grow by a fifth (allocators, caches, the store's pages), files by a few connections.
    """
    for name, memory in after.memory.items():
        if memory > before.memory[name] * 1.2 + 4:
            yield f"memory of {name}: {before.memory[name]:.0f} MB, then {memory:.0f} MB"
    for name, files in after.files.items():
        if files > before.files[name] + 8:
            yield f"open files of {name}: {before.files[name]}, then {files}"
    for kind in KINDS:
        if getattr(after, kind) > getattr(before, kind):
            yield f"{kind}: {getattr(before, kind)}, then {getattr(after, kind)}"


def _lines(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
