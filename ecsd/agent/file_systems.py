"""File systems of EFS on this host: a folder each, measured now and then, erased when told so.

Files go by an explicit order alone: neither a plan that is withdrawn nor a server that knows
nothing of a folder takes it away.
"""

import asyncio
import logging
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ecsd.agent.efs_volumes import EfsVolumes
from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.errors import FileSystemError
from ecsd.records.observed import FileSystemObserved
from ecsd.records.plan_files import FileSystemPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

MEASURE_SECONDS = 15.0  # between two measurements, at least
REST = 20  # times as long as the last one took
BLOCK = 512  # bytes, of ``st_blocks``
OWN, OPEN = 0o700, 0o755  # the folder of all; the root directory of each, as EFS makes it


class HostFileSystems:
    """Implements ``rooms.FileSystems``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self.volumes = EfsVolumes(settings, clock, report)
        self._folder = settings.efs_folder
        self._clock = clock
        self._report = report
        self._plans: dict[str, FileSystemPlan] = {}
        self._seen: dict[str, FileSystemObserved] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.volumes.run())
            group.create_task(self._measure_all())

    async def apply(self, plan: FileSystemPlan) -> None:
        """Have a file system's folder, or have its files gone.

        Raises:
            FileSystemError: the host refuses, or a task has it mounted still.
        """
        own = plan.file_system_id
        if plan.erased:
            self._plans.pop(own, None)
            await self._erase(own)
            self._tell(plan, None)
            return
        try:
            self._folder.mkdir(mode=OWN, parents=True, exist_ok=True)
            (self._folder / own).mkdir(mode=OPEN, exist_ok=True)
        except OSError as error:
            raise FileSystemError(f"no folder for {own}: {error}") from error
        self._plans[own] = plan
        await self._measure(plan)

    async def remove(self, file_system_id: str) -> None:
        """Know a file system no more; its files stay where they are."""
        self._plans.pop(file_system_id, None)
        self._seen.pop(file_system_id, None)

    def observe_all(self) -> None:
        """Report every file system again (after a reconnection)."""
        for seen in self._seen.values():
            self._report(seen)

    async def _erase(self, own: str) -> None:
        holders = self.volumes.holders(own)
        if holders:
            raise FileSystemError(f"{own} is not erased: {holders[0]} has it mounted")
        folder, doomed = self._folder / own, self._folder / f".{own}.erased"
        try:
            if folder.exists():
                folder.rename(doomed)
            if doomed.exists():
                await asyncio.to_thread(shutil.rmtree, doomed)
        except OSError as error:
            raise FileSystemError(f"{own} is not erased: {error}") from error
        log.info("a file system's files are erased", extra={"file_system": own})

    async def _measure_all(self) -> None:
        """Measure every file system, for ever."""
        while True:
            before = self._clock.now()
            for plan in list(self._plans.values()):
                try:
                    await self._measure(plan)
                except FileSystemError as error:
                    cause = {"file_system": plan.file_system_id, "cause": str(error)}
                    log.warning("a file system is not measured", extra=cause)
            took = (self._clock.now() - before).total_seconds()
            await self._clock.sleep(max(MEASURE_SECONDS, took * REST))

    async def _measure(self, plan: FileSystemPlan) -> None:
        own = plan.file_system_id
        try:
            size = await asyncio.to_thread(used, self._folder / own)
        except OSError as error:
            raise FileSystemError(f"{own} cannot be measured: {error}") from error
        known = self._seen.get(own)
        if self._plans.get(own) is plan and (known is None or known.size != size):
            self._tell(plan, size)

    def _tell(self, plan: FileSystemPlan, size: int | None) -> None:
        seen = FileSystemObserved(
            file_system_arn=plan.file_system_arn, size=size, at=self._clock.now()
        )
        self._seen[plan.file_system_id] = seen
        self._report(seen)


def used(folder: Path) -> int:
    """Return how many bytes of disk a tree takes; a file of several names counts once.

    What vanishes meanwhile counts nothing. Raises OSError.
    """
    total = folder.stat().st_blocks * BLOCK
    counted: set[int] = set()
    waiting = [str(folder)]
    while waiting:
        for path, found in _entries(waiting.pop()):
            if stat.S_ISDIR(found.st_mode):
                waiting.append(path)
            elif found.st_nlink > 1:
                if found.st_ino in counted:
                    continue
                counted.add(found.st_ino)
            total += found.st_blocks * BLOCK
    return total


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for one in entries:
                found = _status(one)
                if found is not None:
                    yield one.path, found
    except FileNotFoundError:
        return  # removed since it was listed


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # removed since it was listed
