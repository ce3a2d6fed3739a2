"""Disks of EBS on this host: images made and erased when told so, mounted for tasks.

What is mounted is in the kernel and in files beside the mounts: it does not depend on this process.
Data goes by an explicit order alone, never because nobody knows an image any more.
"""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from ecsd.agent.drivers import disk_images, mounts
from ecsd.agent.rooms import Report
from ecsd.agent.turns import Turns
from ecsd.clock import Clock
from ecsd.errors import FileSystemError
from ecsd.records.observed import ImageObserved
from ecsd.records.plan import TaskPlan
from ecsd.records.plan_files import DiskImage, EbsMount, ImagePlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

HELD = "held.json"
OWN = 0o700


class Held(msgspec.Struct, frozen=True):
    """What a task has mounted. images: volume → image."""

    task_arn: str
    images: dict[str, str] = {}


class HostDisks:
    """Implements ``rooms.Disks``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self._clock = clock
        self._report = report
        self._images = settings.ebs_folder
        self._tasks = (
            settings.run_dir.resolve() / "ebs" / "tasks"
        )  # as the table of mounts shows it
        self._turns: dict[str, Turns] = {}
        self._seen: dict[str, ImageObserved] = {}

    @property
    def root(self) -> str:
        """Where a task's volumes are mounted: ``<root>/<task id>/<volume>``."""
        return str(self._tasks)

    async def run(self) -> None:
        """Undo what an agent that was killed while it copied has left frozen; then nothing."""
        for folder in self._folders():
            for volume in _held(folder).images:
                disk_images.thaw(folder / volume)
        await asyncio.Event().wait()

    # ------------------------------------------------------------------ tasks

    async def provide(self, plan: TaskPlan) -> None:
        """Make and mount a task's volumes of EBS; what is there already stays.

        Raises:
            FileSystemError: why there is one that it cannot have.
        """
        for one in plan.ebs_mounts:
            if one.refusal:
                raise FileSystemError(one.refusal)
        if not plan.ebs_mounts:
            return
        folder = self._tasks / plan.task_id
        images = {one.volume: one.image.image_id for one in plan.ebs_mounts}
        try:
            folder.mkdir(mode=OWN, parents=True, exist_ok=True)
            self._tasks.chmod(OWN)
            (folder / HELD).write_bytes(msgspec.json.encode(Held(plan.task_arn, images)))
            for one in plan.ebs_mounts:
                await self._provide(one, folder / one.volume)
        except OSError as error:
            raise FileSystemError(str(error)) from error

    async def release(self, task_arn: str) -> None:
        """Unmount all that a task has; the data stays. Raises FileSystemError."""
        folder = self._tasks / task_arn.rpartition("/")[2]
        if not folder.exists():
            return
        images = _held(folder).images
        try:
            for one in folder.iterdir():
                if one.is_dir():
                    async with self._turn(images.get(one.name, "")):  # a copy of it is made whole
                        await disk_images.unmount(one)
                    one.rmdir()  # never more: it would be somebody's files
            (folder / HELD).unlink(missing_ok=True)
            folder.rmdir()
        except OSError as error:
            raise FileSystemError(f"a volume of {task_arn} is not released: {error}") from error

    def present(self) -> set[str]:
        """Return the ARNs of all tasks that have something mounted here."""
        return {_held(one).task_arn for one in self._folders()} - {""}

    def devices(self, task_id: str) -> dict[str, str]:
        """Return the block devices of a task's volumes, by volume."""
        folder = self._tasks / task_id
        found = {one: mounts.device(folder / one) for one in _held(folder).images}
        return {volume: device for volume, device in found.items() if device}

    async def remove_everything(self) -> None:
        """Unmount everything; the data stays."""
        for folder in self._folders():
            await self.release(folder.name)

    # ------------------------------------------------------------------ images

    async def apply(self, plan: ImagePlan) -> None:
        """Make an image, or have it gone, and say how that went.

        Raises:
            FileSystemError: it cannot be erased, to be tried again.
        """
        own = plan.image.image_id
        async with self._turn(own):
            if plan.erased:
                if self._mounted(own) is not None:
                    raise FileSystemError(f"{own} is not erased: it is mounted")
                await disk_images.erase(self._images, own)
                self._tell(plan, "erased")
                return
            try:
                await self._make(plan.image)
            except FileSystemError as error:
                log.warning("no image", extra={"image": own, "cause": str(error)})
                self._tell(plan, "failed", str(error))
            else:
                self._tell(plan, "made")

    async def remove(self, image_id: str) -> None:
        """Have nothing more to do about an image; it stays."""
        self._seen.pop(image_id, None)
        self._turns.pop(image_id, None)

    def observe_all(self) -> None:
        """Report every outcome again (after a reconnection)."""
        for one in self._seen.values():
            self._report(one)

    # ------------------------------------------------------------------ inside

    async def _provide(self, one: EbsMount, target: Path) -> None:
        async with self._turn(one.image.image_id):
            if mounts.mounted(target):
                return
            await self._make(one.image)
            _make_place(target)
            await disk_images.mount(self._clock, self._images, one.image, target)
            disk_images.open_to(target, one.open_to)

    async def _make(self, image: DiskImage) -> None:
        """Copies of what is mounted take turns with its unmounting, others not."""
        if self._mounted(image.source) is None:
            await disk_images.make(self._clock, self._images, image)
            return
        async with self._turn(image.source):
            frozen = self._mounted(image.source)
            await disk_images.make(self._clock, self._images, image, frozen)

    def _turn(self, image_id: str) -> AbstractAsyncContextManager[None]:
        return self._turns.setdefault(image_id, Turns(1)).turn()

    def _mounted(self, image_id: str) -> Path | None:
        """Return where an image is mounted; None: nowhere."""
        for folder in self._folders():
            for volume, own in _held(folder).images.items():
                if own == image_id and mounts.mounted(folder / volume):
                    return folder / volume
        return None

    def _tell(self, plan: ImagePlan, outcome: str, words: str = "") -> None:
        seen = ImageObserved(arn=plan.arn, outcome=outcome, words=words, at=self._clock.now())
        self._seen[plan.image.image_id] = seen
        self._report(seen)

    def _folders(self) -> list[Path]:
        return list(self._tasks.iterdir()) if self._tasks.exists() else []


def _held(folder: Path) -> Held:
    try:
        return msgspec.json.decode((folder / HELD).read_bytes(), type=Held)
    except (FileNotFoundError, msgspec.DecodeError):
        return Held("")  # cut off before anything was mounted


def _make_place(target: Path) -> None:
    target.mkdir(exist_ok=True)
