"""File systems on a host: folders, sizes, and files that go by order alone."""

import os

import pytest

from ecsd.agent.efs_volumes import EfsVolumes
from ecsd.agent.file_systems import HostFileSystems, used
from ecsd.clock import VirtualClock
from ecsd.decisions.efs.failures import unresolved
from ecsd.errors import FileSystemError
from ecsd.records.plan_files import EfsMount, FileSystemPlan
from ecsd.settings import Settings
from tests.agent.task_world import ARN, plan

OWN = "fs-0123456789abcdef0"
FILES = f"arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/{OWN}"


def order(**more):
    return FileSystemPlan(file_system_arn=FILES, file_system_id=OWN, **more)


class Host:
    def __init__(self, folder):
        self.folder = folder / "data" / "efs" / OWN
        self.settings = Settings(data_dir=folder / "data", run_dir=folder / "run")
        self.heard = []
        self.files = HostFileSystems(self.settings, VirtualClock(), self.heard.append)

    @property
    def sizes(self):
        return [one.size for one in self.heard]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def fill(folder, size):
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "file").write_bytes(os.urandom(size))


async def test_a_folder_is_there_before_it_is_told_of(host):
    await host.files.apply(order())
    assert host.folder.stat().st_mode & 0o777 == 0o755
    assert host.folder.parent.stat().st_mode & 0o777 == 0o700  # nobody else's business
    assert host.sizes == [used(host.folder)]
    await host.files.apply(order())
    assert len(host.sizes) == 1  # nothing is new
    fill(host.folder, 100_000)
    await host.files.apply(order())
    assert host.sizes[1] >= host.sizes[0] + 100_000


async def test_files_stay_whatever_is_withdrawn(host):
    await host.files.apply(order())
    fill(host.folder, 10)
    await host.files.remove(OWN)
    await host.files.volumes.remove_everything()
    assert (host.folder / "deep" / "file").exists()


async def test_files_go_by_order_once_and_again(host):
    await host.files.apply(order())
    fill(host.folder, 10)
    for _ in range(2):
        await host.files.apply(order(erased=True))
        assert not host.folder.exists()
        assert host.sizes[-1] is None
    assert list(host.folder.parent.iterdir()) == []
    host.files.observe_all()
    assert host.sizes[-1] is None


async def test_an_erasure_that_was_cut_off_is_finished(host):
    await host.files.apply(order())
    fill(host.folder, 10)
    host.folder.rename(host.folder.with_name(f".{OWN}.erased"))
    await host.files.apply(order(erased=True))
    assert list(host.folder.parent.iterdir()) == []


async def test_files_that_a_task_has_mounted_are_not_erased(host, monkeypatch):
    await host.files.apply(order())
    monkeypatch.setattr(EfsVolumes, "holders", lambda self, own: [ARN] if own == OWN else [])
    with pytest.raises(FileSystemError, match=ARN):
        await host.files.apply(order(erased=True))
    assert host.folder.exists()
    assert host.sizes[-1] is not None


async def test_a_refused_volume_mounts_nothing(host):
    refusal = unresolved("name")
    mount = EfsMount(volume="v", file_system_id=OWN, server="name", refusal=refusal)
    with pytest.raises(FileSystemError) as caught:
        await host.files.volumes.provide(plan(efs_mounts=(mount,)))
    assert str(caught.value) == refusal
    assert host.files.volumes.present() == set()


async def test_a_directory_that_is_not_there_is_told_in_the_mount_helpers_words(host):
    await host.files.apply(order())
    (host.folder / "out").symlink_to("/etc")
    for path, words in (
        ("/nowhere", "mounting name:/nowhere failed, reason given by server: No such file"),
        ("/out", "access denied by server while mounting name:/out"),
    ):
        mount = EfsMount(volume="v", file_system_id=OWN, server="name", path=path)
        with pytest.raises(FileSystemError, match=words):
            await host.files.volumes.provide(plan(efs_mounts=(mount,)))
    assert host.files.volumes.present() == {ARN}  # so that it is looked at and taken away
    assert host.files.volumes.holders(OWN) == [ARN]
    await host.files.volumes.release(ARN)
    assert host.files.volumes.present() == set()
    await host.files.volumes.release(ARN)


def test_a_file_of_several_names_counts_once(tmp_path):
    fill(tmp_path, 50_000)
    once = used(tmp_path)
    os.link(tmp_path / "deep" / "file", tmp_path / "other")
    assert used(tmp_path) == once
    (tmp_path / "link").symlink_to("/usr")  # not what it leads to
    assert used(tmp_path) < once + 10_000
