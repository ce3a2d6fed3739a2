"""Disks of a host: images made whole or not at all, mounted for tasks, gone by order alone."""

import asyncio

import pytest

from ecsd.agent.drivers import disk_images, mounts
from ecsd.agent.ebs_volumes import HostDisks
from ecsd.clock import VirtualClock
from ecsd.errors import FileSystemError
from ecsd.records.plan_files import DiskImage, EbsMount, ImagePlan
from ecsd.settings import Settings
from tests.agent.task_world import ARN, plan

OWN, SNAP = "vol-0123456789abcdef0", "snap-0123456789abcdef0"
GIB = 1 << 30


class Kernel:
    """What is mounted where, without a kernel; and which tools were run."""

    def __init__(self, monkeypatch):
        self.table, self.ran, self.words = [], [], ""
        self.copying, self.held = asyncio.Event(), asyncio.Event()  # copies wait for the second
        self.held.set()
        monkeypatch.setattr(mounts, "points", lambda: list(self.table))
        monkeypatch.setattr(mounts, "unmount", lambda target: self.table.remove(str(target)))
        monkeypatch.setattr(disk_images, "_quietly", lambda *_: self.ran.append("thaw"))
        monkeypatch.setattr(disk_images.fcntl, "ioctl", lambda *_: self.ran.append("freeze"))
        monkeypatch.setattr(disk_images, "attempt", self.attempt)

    async def attempt(self, clock, *argv, seconds):
        self.ran.append(argv[0])
        if self.words:
            return 1, "", self.words
        if argv[0] == "mount":
            self.table.append(argv[-1])
        if argv[0] == "cp":
            self.copying.set()
            await self.held.wait()
            source, target = (disk_images.Path(one) for one in argv[-2:])
            with source.open("rb") as file:
                target.write_bytes(file.read(100))
        return 0, "", ""


class Room:
    def __init__(self, folder, kernel):
        self.kernel = kernel
        settings = Settings(data_dir=folder / "data", run_dir=folder / "run")
        self.images = settings.ebs_folder
        self.heard = []
        self.disks = HostDisks(settings, VirtualClock(), self.heard.append)

    def fill(self, own, content=b"kept"):
        self.images.mkdir(parents=True, exist_ok=True)
        disk_images.file_of(self.images, own).write_bytes(content)

    @property
    def files(self):
        return sorted(one.name for one in self.images.iterdir()) if self.images.exists() else []


@pytest.fixture
def room(tmp_path, monkeypatch):
    return Room(tmp_path, Kernel(monkeypatch))


def mounted(own=OWN, **members):
    given = {"size": 1, "filesystem": "ext4"} | members.pop("image", {})
    image = DiskImage(image_id=own, **given)
    return plan(ebs_mounts=(EbsMount(volume="data", image=image, **members),))


def order(own=OWN, *, erased=False, size=1, source=""):
    image = DiskImage(image_id=own, size=size, source=source)
    return ImagePlan(arn=f"arn:{own}", image=image, erased=erased)


# ------------------------------------------------------------------ tasks
async def test_a_tasks_disk_is_made_and_mounted_once(room):
    for _ in range(2):
        await room.disks.provide(mounted())
    assert room.kernel.ran == ["mkfs.ext4", "mount"]
    assert room.files == [f"{OWN}.img"]
    assert (room.images / f"{OWN}.img").stat().st_size == GIB
    assert room.images.stat().st_mode & 0o777 == 0o700
    assert room.disks.present() == {ARN}
    await room.disks.release(ARN)
    assert (room.kernel.table, room.disks.present()) == ([], set())
    assert room.files == [f"{OWN}.img"]  # the data stays
    await room.disks.release(ARN)


async def test_whom_a_disk_is_writable_for(room):
    await room.disks.provide(mounted(open_to=-1))
    (place,) = room.kernel.table
    assert disk_images.Path(place).stat().st_mode & 0o777 == 0o777


async def test_a_refused_disk_is_not_made(room):
    with pytest.raises(FileSystemError, match="why"):
        await room.disks.provide(mounted(refusal="why"))
    assert (room.kernel.ran, room.disks.present(), room.files) == ([], set(), [])


async def test_a_tool_that_refuses_leaves_no_image(room):
    room.kernel.words = "mkfs: no"
    with pytest.raises(FileSystemError, match="mkfs.ext4: mkfs: no"):
        await room.disks.provide(mounted())
    assert f"{OWN}.img" not in room.files
    assert room.disks.present() == {ARN}  # so that it is taken away
    room.kernel.words = ""
    await room.disks.provide(mounted())  # what was begun is begun anew
    assert room.files == [f"{OWN}.img"]


async def test_too_little_room_is_told(room):
    with pytest.raises(FileSystemError, match="60000 GiB are wanted"):
        await room.disks.provide(mounted(image={"size": 60_000}))
    assert room.files == []


async def test_a_copy_that_is_larger_is_grown_with_its_file_system(room):
    room.fill(SNAP)
    await room.disks.provide(mounted(image={"source": SNAP}))
    assert room.kernel.ran == ["cp", "e2fsck", "resize2fs", "mount"]
    await room.disks.release(ARN)
    room.kernel.ran.clear()
    await room.disks.provide(
        mounted(f"{OWN[:-1]}1", image={"source": SNAP, "filesystem": "xfs"}),
    )
    assert room.kernel.ran == ["cp", "mount", "xfs_growfs"]


# ------------------------------------------------------------------ images
async def test_an_image_is_made_and_erased_by_order(room):
    for _ in range(2):
        await room.disks.apply(order())
    assert (room.files, room.kernel.ran) == ([f"{OWN}.img"], [])
    await room.disks.remove(OWN)
    assert room.files == [f"{OWN}.img"]
    (room.images / f".{OWN}.new").touch()  # of an agent that was killed
    for _ in range(2):
        await room.disks.apply(order(erased=True))
        assert room.files == []
    assert [one.outcome for one in room.heard] == ["made", "made", "erased", "erased"]
    room.disks.observe_all()
    assert room.heard[-1] == room.heard[-2]


async def test_a_copy_of_nothing_is_told(room):
    await room.disks.apply(order(SNAP, source=OWN))
    assert [(one.outcome, OWN in one.words) for one in room.heard] == [("failed", True)]
    assert room.files == []


async def test_what_is_mounted_is_not_erased(room):
    await room.disks.provide(mounted())
    with pytest.raises(FileSystemError, match="is mounted"):
        await room.disks.apply(order(erased=True))
    assert room.files == [f"{OWN}.img"]


async def test_a_mounted_disk_is_copied_as_of_one_moment(room):
    await room.disks.provide(mounted())
    await room.disks.apply(order(SNAP, source=OWN))
    assert room.kernel.ran[2:] == ["freeze", "cp", "thaw"]
    room.kernel.ran.clear()
    room.kernel.words = "cp: no"
    await room.disks.apply(order(f"{SNAP[:-1]}1", source=OWN))
    assert room.kernel.ran == ["freeze", "cp", "thaw"]
    assert room.heard[-1].words == "cp: cp: no"


async def test_a_disk_is_unmounted_when_its_copy_is_made(room):
    await room.disks.provide(mounted())
    room.kernel.held.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(room.disks.apply(order(SNAP, source=OWN)))
        await room.kernel.copying.wait()
        ending = group.create_task(room.disks.release(ARN))
        for _ in range(10):
            await asyncio.sleep(0)
        assert room.kernel.table != []
        room.kernel.held.set()
    assert ending.done()
    assert room.kernel.table == []


async def test_what_a_killed_agent_froze_is_thawed_by_the_next(room):
    await room.disks.provide(mounted())
    room.kernel.ran.clear()
    running = asyncio.get_running_loop().create_task(room.disks.run())
    await asyncio.sleep(0)
    running.cancel()
    assert room.kernel.ran == ["thaw"]


async def test_everything_is_unmounted_on_the_way_down_and_the_data_stays(room):
    await room.disks.provide(mounted())
    (room.disks._tasks / "empty").mkdir()  # cut off before anything was mounted
    await room.disks.remove_everything()
    assert room.kernel.table == []
    assert list(room.disks._tasks.iterdir()) == []
    assert room.files == [f"{OWN}.img"]
