"""Blobs: written, read in spans, damaged, swept after a crash."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsd.errors import StoreError
from ecsd.ids import SeededIds
from ecsd.store import blobs as module
from ecsd.store.blobs import BLOCK, BlobError, Blobs, stored_size

CONTENT = bytes(range(251)) * 9000  # a little over two blocks
SIZE = len(CONTENT)


@pytest.fixture
def blobs(tmp_path):
    kept = Blobs(tmp_path / "objects", SeededIds(1), bytes(32))
    yield kept
    kept.close()


async def written(blobs, content):
    writing = blobs.writing()
    for start in range(0, len(content), 100_000):
        await writing.write(content[start : start + 100_000])
    await writing.finish()
    assert writing.size == len(content)
    return writing.name


async def span(blobs, name, start, end, size=SIZE):
    return b"".join([piece async for piece in blobs.read(name, size, start, end)])


def path_of(tmp_path, name):
    return tmp_path / "objects" / name[:2] / name


@settings(max_examples=15)
@given(start=st.integers(0, len(CONTENT)), length=st.integers(0, 2 * BLOCK))
def test_any_span_is_read(tmp_path_factory, start, length):
    import asyncio

    async def scenario():
        blobs = Blobs(tmp_path_factory.mktemp("b"), SeededIds(1), bytes(32))
        name = await written(blobs, CONTENT)
        end = min(start + length, len(CONTENT))
        assert await span(blobs, name, start, end) == CONTENT[start:end]
        blobs.close()

    asyncio.run(scenario())


async def test_what_is_on_disk_is_encrypted(blobs, tmp_path):
    name = await written(blobs, CONTENT)
    content = path_of(tmp_path, name).read_bytes()
    assert len(content) == stored_size(len(CONTENT))
    assert CONTENT[:64] not in content
    other = Blobs(tmp_path / "objects", SeededIds(1), b"1" * 32)
    with pytest.raises(BlobError, match="other bytes"):
        await span(other, name, 0, 10)
    other.close()


@pytest.mark.parametrize("at", [0, BLOCK + 3, -1])
async def test_a_byte_that_is_changed_is_seen(blobs, tmp_path, at):
    name = await written(blobs, CONTENT)
    content = bytearray(path_of(tmp_path, name).read_bytes())
    content[at] ^= 1
    path_of(tmp_path, name).write_bytes(content)
    with pytest.raises(BlobError, match="holds other bytes"):
        await span(blobs, name, 0, len(CONTENT))
    assert set(blobs.damaged) == {name}


async def test_blocks_cannot_change_places(blobs, tmp_path):
    name = await written(blobs, bytes(2 * BLOCK))
    content, sealed = path_of(tmp_path, name).read_bytes(), BLOCK + module.TAG
    path_of(tmp_path, name).write_bytes(content[sealed:] + content[:sealed])
    with pytest.raises(BlobError, match="holds other bytes"):
        await span(blobs, name, 0, 5, 2 * BLOCK)


async def test_a_blob_that_is_gone_is_told(blobs, tmp_path):
    name = await written(blobs, CONTENT)
    path_of(tmp_path, name).unlink()
    with pytest.raises(BlobError, match="cannot be read"):
        await span(blobs, name, 0, 5)


async def test_a_start_sweeps_what_no_record_names_and_tells_what_lacks(blobs, tmp_path):
    kept, orphan, short = [await written(blobs, CONTENT) for _ in range(3)]
    path_of(tmp_path, short).write_bytes(b"short")
    size = len(CONTENT)
    assert blobs.sweep({kept: size, short: size, "lost": size}) == 1
    assert not path_of(tmp_path, orphan).exists()
    assert await span(blobs, kept, 0, size) == CONTENT
    assert set(blobs.damaged) == {short, "lost"}


async def test_a_disk_that_refuses_leaves_nothing(blobs, tmp_path):
    (tmp_path / "objects").write_text("a file where a folder should be")
    writing = blobs.writing()
    with pytest.raises(StoreError, match="could not be written"):
        await writing.write(bytes(BLOCK))
    writing.abandon()


DIES = """
import asyncio, os, sys
from pathlib import Path
from ecsd.ids import IdSource
from ecsd.store.blobs import Blobs

async def main():
    blobs = Blobs(Path(sys.argv[1]), IdSource(), bytes(32))
    writing = blobs.writing()
    await writing.write(bytes(3 << 20))
    if sys.argv[2] == "finished":
        await writing.finish()
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["half", "finished"])
def test_a_kill_before_the_record_leaves_a_file_that_the_next_start_removes(tmp_path, when):
    folder = tmp_path / "objects"
    done = subprocess.run([sys.executable, "-c", DIES, folder, when], check=False, timeout=50)
    assert done.returncode == -9
    assert len(list(folder.glob("*/*"))) == 1
    blobs = Blobs(folder, SeededIds(1), bytes(32))
    assert blobs.sweep({}) == 1
    assert list(folder.glob("*/*")) == []
    blobs.close()
