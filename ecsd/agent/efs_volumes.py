"""Tasks' volumes of EFS: directories of file systems, mounted where the Engine finds them.

What is mounted is in the kernel and in files beside the mounts: it does not depend on this process.
An access point that has a user has one bindfs, shared by all tasks that come that way, so that they
see each other's locks.
"""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from ecsd.agent.drivers import mounts
from ecsd.agent.drivers.beneath import open_beneath
from ecsd.agent.drivers.bindfs import Bindfs
from ecsd.agent.rooms import Report
from ecsd.agent.turns import Turns
from ecsd.clock import Clock
from ecsd.decisions.efs import failures as efs_failures
from ecsd.errors import FileSystemError
from ecsd.link.messages import HostFaults
from ecsd.records.efs.access_point import PosixUser
from ecsd.records.plan import TaskPlan
from ecsd.records.plan_files import EfsMount
from ecsd.settings import Settings
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

HELD = "held.json"
OWN = 0o700
PASSED_BY = 0o711  # bindfs goes through as any user; only root may list


class Held(msgspec.Struct, frozen=True):
    """What a task has mounted. points: folders of access points."""

    task_arn: str
    file_systems: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class EfsVolumes:
    """Implements ``rooms.Volumes``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self._report = report
        self._files = settings.efs_folder
        run_dir = settings.run_dir.resolve()  # as the table of mounts shows it
        self._tasks = run_dir / "efs" / "tasks"
        self._points_folder = run_dir / "efs" / "points"
        self._clock = clock
        self._points: dict[str, Bindfs] = {}
        self._users: dict[str, PosixUser] = {}
        self._faults: dict[str, str] = {}
        self._turns = Turns(1)
        self._queue: WorkQueue[str] = WorkQueue("access points", clock, self._look, workers=2)

    @property
    def root(self) -> str:
        """Where a task's volumes are mounted: ``<root>/<task id>/<volume>``."""
        return str(self._tasks)

    async def run(self) -> None:
        """Keep access points working until cancelled; they go on afterwards."""
        for folder in sorted(_folders(self._points_folder)):
            self._adopt(folder.name)
        try:
            await self._queue.run()
        finally:
            for point in self._points.values():
                point.release()

    async def provide(self, plan: TaskPlan) -> None:
        """Mount a task's volumes of EFS; those that are mounted already stay.

        Raises:
            FileSystemError: why one cannot be mounted, as a task's reason.
        """
        if not plan.efs_mounts:
            return
        async with self._turns.turn():
            for one in plan.efs_mounts:
                if one.refusal:
                    raise FileSystemError(one.refusal)
            held = Held(
                plan.task_arn,
                tuple(one.file_system_id for one in plan.efs_mounts),
                tuple(_key(one, one.user) for one in plan.efs_mounts if one.user is not None),
            )
            folder = self._tasks / plan.task_id
            _provide_folder(self._tasks, OWN)
            folder.mkdir(exist_ok=True)
            (folder / HELD).write_bytes(msgspec.json.encode(held))
            for one in plan.efs_mounts:
                await self._provide(one, folder / one.volume)

    async def release(self, task_arn: str) -> None:
        """Unmount all that a task has; nothing when it has nothing.

        Raises:
            FileSystemError: the kernel refuses, or bindfs does not end.
        """
        folder = self._tasks / task_arn.rpartition("/")[2]
        if not folder.exists():
            return
        async with self._turns.turn():
            held = _held(folder)
            for one in _folders(folder):
                mounts.unmount(one)
                one.rmdir()  # never more: it would be somebody's files
            for key in set(held.points) - self._points_in_use(folder):
                await self._point(key).stop()
                self._points.pop(key, None)
                self._users.pop(key, None)
                self._queue.forget(key)
                self._fault(key, None)
            (folder / HELD).unlink(missing_ok=True)
            folder.rmdir()

    def holders(self, file_system_id: str) -> list[str]:
        """Return the ARNs of the tasks that have a file system mounted."""
        known = [_held(one) for one in _folders(self._tasks)]
        return [one.task_arn for one in known if file_system_id in one.file_systems]

    def present(self) -> set[str]:
        """Return the ARNs of all tasks that have something mounted here."""
        return {_held(one).task_arn for one in _folders(self._tasks)} - {""}

    async def remove_everything(self) -> None:
        """Unmount everything; ``run`` need not be running. Files stay."""
        for folder in list(_folders(self._tasks)):
            await self.release(folder.name)
        for folder in list(_folders(self._points_folder)):
            await self._point(folder.name).stop()

    # ------------------------------------------------------------------ inside

    async def _provide(self, one: EfsMount, target: Path) -> None:
        if not _made(target):
            return
        with self._opened(one) as descriptor:
            if one.user is None:
                place = f"/proc/self/fd/{descriptor}"
                with _told():
                    mounts.show(place, target, read_only=one.read_only)
                return
            point = self._point(_key(one, one.user))
            with _told():
                if not point.runs:
                    await point.start(descriptor, one.user)
                self._users[_key(one, one.user)] = one.user
                mounts.copy(point.shown, target, read_only=one.read_only)

    @contextmanager
    def _opened(self, one: EfsMount) -> Iterator[int]:
        """Open the directory of a volume, beneath its file system's."""
        try:
            found = open_beneath(self._files / one.file_system_id, one.path, one.creation)
        except (FileNotFoundError, NotADirectoryError) as error:
            words = error.strerror or "No such file or directory"
            raise FileSystemError(efs_failures.missing(one.server, one.path, words)) from error
        except OSError as error:
            if error.errno in {errno.EXDEV, errno.ELOOP, errno.EACCES}:
                raise FileSystemError(efs_failures.denied(one.server, one.path)) from error
            raise FileSystemError(efs_failures.unable(str(error))) from error
        try:
            yield found
        finally:
            os.close(found)

    def _point(self, key: str) -> Bindfs:
        if key not in self._points:
            _provide_folder(self._points_folder, PASSED_BY)
            folder, died = self._points_folder / key, partial(self._queue.add, key)
            self._points[key] = point = Bindfs(folder, self._clock, died)
            user = point.adopt()
            if user is not None:
                self._users[key] = user
        return self._points[key]

    def _adopt(self, key: str) -> None:
        if not self._point(key).runs:
            self._queue.add(key)

    async def _look(self, key: str) -> datetime | None:
        """Start an access point's bindfs again that has ended, while somebody uses it."""
        async with self._turns.turn():
            point, user = self._point(key), self._users.get(key)
            if key not in self._points_in_use(None):
                await point.stop()
                self._points.pop(key, None)
            elif not point.runs and user is not None:
                try:
                    await point.start(None, user)
                except FileSystemError as error:
                    self._fault(key, str(error))
                    raise
                log.info("an access point works again", extra={"access_point": key})
            self._fault(key, None)
        return None

    def _fault(self, key: str, words: str | None) -> None:
        """Tell what keeps an access point from working, once; None: nothing does."""
        if words == self._faults.get(key):
            return
        self._faults.pop(key, None)
        if words is not None:
            self._faults[key] = words
        faults = {f"access point {one}": self._faults[one] for one in self._faults}
        self._report(HostFaults(faults=faults))

    def _points_in_use(self, apart_from: Path | None) -> set[str]:
        others = [one for one in _folders(self._tasks) if one != apart_from]
        return {key for one in others for key in _held(one).points}


def _provide_folder(folder: Path, mode: int) -> None:
    """Have a folder of the host's own: other users of the machine have no business in it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(PASSED_BY)
    folder.chmod(mode)


def _made(target: Path) -> bool:
    """Make the place of a mount; tell whether nothing is mounted there yet."""
    if mounts.mounted(target):
        return False
    target.mkdir(exist_ok=True)
    return True


def _key(one: EfsMount, user: PosixUser) -> str:
    """Return the folder of an access point: its root may be nobody for some of its clients."""
    return f"{one.access_point_id}-{user.uid}"


@contextmanager
def _told() -> Iterator[None]:
    """Have what the host refuses said as a task's reason."""
    try:
        yield
    except (FileSystemError, OSError) as error:
        raise FileSystemError(efs_failures.unable(str(error))) from error


def _held(folder: Path) -> Held:
    try:
        return msgspec.json.decode((folder / HELD).read_bytes(), type=Held)
    except (FileNotFoundError, msgspec.DecodeError):
        return Held("")  # cut off before anything was mounted


def _folders(parent: Path) -> list[Path]:
    """Return the folders in a folder; a dead mount is one too, and is not looked into."""
    if not parent.exists():
        return []
    return [one for one in parent.iterdir() if not one.name.endswith((".json", ".log"))]
