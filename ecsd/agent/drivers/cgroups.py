"""A task's own cgroup: what its containers share, and what the kernel did to them.

Files of cgroup v1 and v2. The Engine makes containers' cgroups inside; it leaves the parent, so it
is removed here. Under the systemd driver, systemd makes and removes the slice: limits are written
once it is there. Source: Linux kernel documentation, cgroup-v1/memory, cgroup-v2; dataplane 8.
"""

import errno
import logging
from pathlib import Path

from ecsd.decisions.containers.container_config import PERIOD, TaskLimits
from ecsd.errors import EcsdError

log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS_V1 = ("cpu", "memory")
LARGEST_WEIGHT = 10_000


class CgroupError(EcsdError):
    """The kernel refused a limit or a folder."""


class Cgroups:
    """Task cgroups under ``/ecsd`` (or ``ecsd.slice``). Errors: CgroupError."""

    def __init__(self, driver: str, root: Path = ROOT) -> None:
        self._systemd = driver == "systemd"
        self._root = root
        self._unified = (root / "cgroup.controllers").exists()

    def provide(self, task_id: str, limits: TaskLimits) -> None:
        """Make the task's cgroup with its limits; before its first process starts.

        systemd makes its slice itself when the first container starts: see ``limit``.
        """
        if self._systemd:
            return
        try:
            for folder in self._folders(task_id):
                folder.mkdir(parents=True, exist_ok=True)
            if self._unified:
                self._delegate()
        except OSError as error:
            raise CgroupError(f"task cgroup refused: {error}") from error
        self._write(task_id, limits)

    def limit(self, task_id: str, limits: TaskLimits) -> None:
        """Write the limits into the slice that systemd has made by now."""
        if self._systemd:
            self._write(task_id, limits)

    def seat(self, task_id: str, name: str) -> tuple[str, ...]:
        """Make a cgroup inside the task's; return the files by which a process joins it.

        None under systemd, whose slices are its own.
        """
        if self._systemd:
            return ()
        try:
            inner = [folder / name for folder in self._folders(task_id)]
            for folder in inner:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CgroupError(f"cgroup {name} of the task refused: {error}") from error
        return tuple(str(folder / "cgroup.procs") for folder in inner)

    def oom_kills(self, task_id: str) -> int:
        """Return how many processes of the task the kernel has killed for memory; 0: not known."""
        name = "memory.events" if self._unified else "memory.oom_control"
        total = 0
        for folder in self._folders(task_id, ("memory",)):
            for file in (folder / name, *folder.glob(f"*/{name}")):
                total += _count(file, "oom_kill")
            if self._unified:
                return _count(folder / name, "oom_kill")  # counts its descendants' too
        return total

    def remove(self, task_id: str) -> None:
        """Remove the task's cgroup; its containers are gone."""
        for folder in self._every_folder(task_id):
            _remove(folder)

    def remove_all(self) -> None:
        """Remove every task's cgroup and the folder they lie in."""
        for top in self._tops():
            if top.is_dir():
                for folder in [one for one in top.iterdir() if one.is_dir()]:
                    _remove(folder)
                _remove(top)

    def _folders(self, task_id: str, controllers: tuple[str, ...] = CONTROLLERS_V1) -> list[Path]:
        tail = f"ecsd/{task_id}"
        if self._systemd:
            tail = f"ecsd.slice/ecsd-{task_id}.slice"
        if self._unified:
            return [self._root / tail]
        return [self._root / controller / tail for controller in controllers]

    def _tops(self) -> list[Path]:
        if self._systemd:
            return []  # systemd collects empty slices
        if self._unified:
            return [self._root / "ecsd"]
        return sorted(self._root.glob("*/ecsd"))  # runc makes one in every hierarchy

    def _every_folder(self, task_id: str) -> list[Path]:
        return [top / task_id for top in self._tops()]

    def _delegate(self) -> None:
        """Let the kernel count and limit in our folder (v2: controllers are handed down)."""
        for folder in (self._root, self._root / "ecsd"):
            (folder / "cgroup.subtree_control").write_text("+cpu +memory +pids")

    def _write(self, task_id: str, limits: TaskLimits) -> None:
        wanted = _files_v2(limits) if self._unified else _files_v1(limits)
        for controller, name, value in wanted:
            folder = self._folders(task_id, (controller,))[0]
            try:
                (folder / name).write_text(value)
            except FileNotFoundError as error:
                if name not in OPTIONAL:
                    raise CgroupError(f"task limit {name} refused: {error}") from error
                log.debug("kernel has no such limit", extra={"file": name})
            except OSError as error:
                raise CgroupError(f"task limit {name}={value} refused: {error}") from error


OPTIONAL = frozenset({"memory.memsw.limit_in_bytes", "memory.swap.max"})  # kernels without swap


def _files_v1(limits: TaskLimits) -> list[tuple[str, str, str]]:
    files = [("cpu", "cpu.shares", str(limits.cpu_shares))]
    if limits.cpu_quota is not None:
        files.append(("cpu", "cpu.cfs_period_us", str(PERIOD)))
        files.append(("cpu", "cpu.cfs_quota_us", str(limits.cpu_quota)))
    if limits.memory is not None:
        files.append(("memory", "memory.limit_in_bytes", str(limits.memory)))
        files.append(("memory", "memory.memsw.limit_in_bytes", str(limits.memory)))
    return files


def _files_v2(limits: TaskLimits) -> list[tuple[str, str, str]]:
    # The kernel's own scale: 2..262144 shares are 1..10000 of weight (runc converts the same way).
    weight = 1 + (limits.cpu_shares - 2) * (LARGEST_WEIGHT - 1) // 262_142
    files = [("cpu", "cpu.weight", str(weight))]
    if limits.cpu_quota is not None:
        files.append(("cpu", "cpu.max", f"{limits.cpu_quota} {PERIOD}"))
    if limits.memory is not None:
        files.append(("memory", "memory.max", str(limits.memory)))
        files.append(("memory", "memory.swap.max", "0"))
    return files


def _count(file: Path, key: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0  # the container's cgroup went while we looked
    pairs = [line.split() for line in lines]
    return sum(int(pair[1]) for pair in pairs if len(pair) > 1 and pair[0] == key)


def _remove(folder: Path) -> None:
    """Remove a cgroup and what runc may have left inside; cgroups are removed by rmdir alone."""
    try:
        for inner in [one for one in folder.iterdir() if one.is_dir()]:
            inner.rmdir()
        folder.rmdir()
    except FileNotFoundError:
        return  # gone is what was wanted
    except OSError as error:
        # Busy: tasks of another ecsd of this machine are in it; theirs to remove.
        level = logging.INFO if error.errno == errno.EBUSY else logging.WARNING
        log.log(level, "cgroup is left", extra={"cgroup": str(folder), "cause": str(error)})
