"""Disk images of this host: sparse files with a file system, attached by the kernel's loop driver.

``mount -o loop`` has the kernel give a loop device back with the last mount of it, whoever dies
meanwhile. Source: mount(8), loop(4), ioctl_fsfreeze; xfs(5), ``nouuid`` (copies have one UUID).
"""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ecsd.agent.drivers import mounts
from ecsd.agent.drivers.programs import attempt
from ecsd.clock import Clock
from ecsd.errors import FileSystemError, NetworkError
from ecsd.records.plan_files import DiskImage

GIB = 1 << 30
MAKE_SECONDS, COPY_SECONDS = 60.0, 1800.0
FREEZE, THAW = 0xC0045877, 0xC0045878
MAKERS = {
    "ext3": ("mkfs.ext3", "-q", "-F", "-m", "0"),
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_journal_init=1"),
    "xfs": ("mkfs.xfs", "-q", "-K"),
}
OPTIONS = {"xfs": "loop,nodev,nouuid"}
EVERYBODY, OF_GROUP = 0o777, 0o2775
REPAIRED = {0, 1}  # exit statuses of e2fsck


def file_of(folder: Path, image_id: str) -> Path:
    """Return where an image is."""
    return folder / f"{image_id}.img"


async def make(clock: Clock, folder: Path, image: DiskImage, frozen: Path | None = None) -> None:
    """Have an image: empty, with a file system, or a copy; one that is there stays.

    frozen: where the file system is mounted that it is a copy of; it writes nothing meanwhile.

    Raises:
        FileSystemError: too little room, nothing to copy, a tool refuses.
    """
    target, draft = file_of(folder, image.image_id), folder / f".{image.image_id}.new"
    try:
        if _is_there(target, draft):
            return
        _check_room(folder, image)
        if image.source:
            source = _require(file_of(folder, image.source))
            await _copy(clock, source, draft, frozen)
        grown = await _sized(clock, draft, image)
        if image.filesystem and not image.source:
            await _run(clock, MAKE_SECONDS, *MAKERS[image.filesystem], str(draft))
        elif grown and image.filesystem.startswith("ext"):
            await _run(clock, MAKE_SECONDS, "e2fsck", "-f", "-p", str(draft), fine=REPAIRED)
            await _run(clock, MAKE_SECONDS, "resize2fs", str(draft))
        await asyncio.to_thread(_keep, draft, target)
    except OSError as error:
        raise FileSystemError(f"no image for {image.image_id}: {error}") from error


async def mount(clock: Clock, folder: Path, image: DiskImage, target: Path) -> None:
    """Mount an image's file system and have it fill its disk. Raises FileSystemError."""
    options = OPTIONS.get(image.filesystem, "loop,nodev")
    place = file_of(folder, image.image_id)
    kind = ("-t", image.filesystem, "-o", options)
    await _run(clock, MAKE_SECONDS, "mount", *kind, str(place), str(target))
    if image.filesystem == "xfs" and image.source:
        await _run(clock, MAKE_SECONDS, "xfs_growfs", "-d", str(target))


def open_to(target: Path, group: int | None) -> None:
    """Let containers' users write: a group, -1: everybody, None: root alone. Raises OSError."""
    if group is None:
        return
    if group < 0:
        target.chmod(EVERYBODY)
        return
    os.chown(target, -1, group)
    target.chmod(OF_GROUP)


def thaw(target: Path) -> None:
    """Let a file system write again that somebody froze and could not thaw any more."""
    if mounts.mounted(target):
        with _opened(target) as descriptor:
            _quietly(descriptor, THAW)


async def unmount(target: Path) -> None:
    """Have an image's file system written out and away. Raises OSError, FileSystemError."""
    await asyncio.to_thread(thaw, target)
    await asyncio.to_thread(mounts.unmount, target)


async def erase(folder: Path, image_id: str) -> None:
    """Have an image gone; gone is good. Raises FileSystemError."""
    try:
        for one in (file_of(folder, image_id), folder / f".{image_id}.new"):
            await asyncio.to_thread(one.unlink, missing_ok=True)
    except OSError as error:
        raise FileSystemError(f"{image_id} is not erased: {error}") from error


def _is_there(target: Path, draft: Path) -> bool:
    """Tell whether an image is there; else begin anew."""
    if target.exists():
        return True
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    return False


def _check_room(folder: Path, image: DiskImage) -> None:
    free = shutil.disk_usage(folder).free // GIB
    if free < image.size:
        raise FileSystemError(f"{image.size} GiB are wanted, {free} GiB are free in {folder}")


def _require(source: Path) -> Path:
    if not source.exists():
        raise FileSystemError(f"there is no image {source.name} on this host")
    return source


async def _copy(clock: Clock, source: Path, draft: Path, frozen: Path | None) -> None:
    async with _frozen(frozen):
        argv = ("cp", "--reflink=auto", "--sparse=always", str(source), str(draft))
        await _run(clock, COPY_SECONDS, *argv)


async def _sized(clock: Clock, draft: Path, image: DiskImage) -> bool:
    """Give an image its size; tell whether it had another one."""
    size = image.size * GIB

    def resize() -> bool:
        before = draft.stat().st_size if draft.exists() else 0
        with draft.open("ab") as file:
            file.truncate(size)
        return before != size

    return await asyncio.to_thread(resize)


def _keep(draft: Path, target: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.rename(target)
    with _opened(target.parent) as folder:
        os.fsync(folder)  # it is called made: its name is to outlive the power too


@asynccontextmanager
async def _frozen(target: Path | None) -> AsyncIterator[None]:
    if target is None or not mounts.mounted(target):
        yield
        return
    with _opened(target) as descriptor:
        try:
            await asyncio.to_thread(fcntl.ioctl, descriptor, FREEZE, 0)  # writes out what there is
            yield
        finally:
            _quietly(descriptor, THAW)


@contextmanager
def _opened(target: Path) -> Iterator[int]:
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _quietly(descriptor: int, request: int) -> None:
    try:
        fcntl.ioctl(descriptor, request, 0)
    except OSError:
        return  # EINVAL: it is not frozen


async def _run(
    clock: Clock, seconds: float, *argv: str, fine: frozenset[int] | set[int] = frozenset({0})
) -> None:
    try:
        code, _, words = await attempt(clock, *argv, seconds=seconds)
    except NetworkError as error:
        raise FileSystemError(str(error)) from error
    if code not in fine:
        raise FileSystemError(f"{argv[0]}: {' '.join(words.split())[:300]}")
