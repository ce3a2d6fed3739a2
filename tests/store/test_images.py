"""The registry of images in memory does as the real one; nothing is freed outside of it."""

from datetime import timedelta

import pytest

from ecsd.certificates.authority import Authority
from ecsd.clock import SystemClock
from ecsd.store.image_memory import MemoryImages
from ecsd.store.images import RegistryImages, Where
from tests.store.image_contract import CONTRACT


@pytest.mark.parametrize("does", CONTRACT, ids=lambda one: one.__name__)
async def test_a_registry_in_memory(does):
    await does(MemoryImages(SystemClock()))


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("000000000000/us-east-1/../../x", ""),
        ("", ""),
        ("000000000000/us-east-1/app", "sha256:../../../x"),
        ("000000000000/us-east-1/app", f"sha256:{'0' * 63}"),
    ],
)
async def test_nothing_outside_the_folder_is_freed(tmp_path, path, digest):
    where = Where(tmp_path / "none.sock", tmp_path, ("127.0.0.1", 1))
    images = RegistryImages(where, Authority(None).token_key, SystemClock())
    with pytest.raises(ValueError, match="nothing that a registry holds"):
        await images.free(path, digest)


async def test_a_registry_that_does_not_answer_is_the_servers_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("ecsd.store.images.AWAY", timedelta(0))
    where = Where(tmp_path / "none.sock", tmp_path, ("127.0.0.1", 1))
    images = RegistryImages(where, Authority(None).token_key, SystemClock())
    with pytest.raises(Exception, match="ServerException") as caught:
        await images.begin_upload("000000000000/us-east-1/app")
    assert caught.value.status == 500
    await images.close()
