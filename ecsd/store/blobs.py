"""Blobs: files that no document should hold, such as the objects of S3, each under a random name.

A file is on disk when ``Writing.finish`` returns, and is never changed afterwards. A document
names it; what no document names is swept at the start. Nothing in a path is the user's.
Each block is encrypted for itself with AES-256-GCM under a key of the blob's own: that keeps it
secret from whoever has the file alone, and says of every byte that is read that it was written.
"""

import asyncio
import hashlib
import hmac
import logging
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ecsd.errors import StoreError
from ecsd.ids import IdSource

if TYPE_CHECKING:  # loaded at first use
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = logging.getLogger(__name__)
BLOCK = 1 << 20  # bytes that are encrypted together, and that are in memory at a time
TAG = 16  # bytes that encryption adds to a block
THREADS = 8  # that wait for the disk
NAME_LENGTH = 32
FAN = 2  # characters of a name that are its folder


class BlobError(StoreError):
    """A blob is damaged or not there."""


class Blobs:
    """Keeps files in a folder.

    key: 32 bytes; without it no blob can be read again.
    """

    def __init__(self, folder: Path, ids: IdSource, key: bytes) -> None:
        self._folder = folder
        self._key = key
        self._ids = ids
        self._threads = ThreadPoolExecutor(THREADS, "blobs")
        self._held: dict[str, int] = {}
        self._doomed: set[str] = set()
        self.damaged: dict[str, str] = {}  # blob → what is wrong with it, as far as it was seen

    def writing(self) -> "Writing":
        """Begin a blob."""
        name = self._ids.hexadecimal(NAME_LENGTH)
        return Writing(name, self._path(name), self._cipher(name), self._threads)

    @contextmanager
    def hold(self, names: Iterable[str]) -> Iterator[None]:
        """Keep blobs that are read from being removed meanwhile."""
        own = list(names)
        for name in own:
            self._held[name] = self._held.get(name, 0) + 1
        try:
            yield
        finally:
            for name in own:
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]
            self.remove(self._doomed & set(own))

    async def read(self, name: str, size: int, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes ``start <= position < end`` of a blob of a size, in pieces.

        Raises:
            BlobError: the blob is not there, or its bytes are not those that were written.
        """
        loop = asyncio.get_running_loop()
        path = self._path(name)
        try:
            file = await loop.run_in_executor(self._threads, path.open, "rb")
            try:
                cipher = self._cipher(name)
                for number in range(start // BLOCK, -(-end // BLOCK) if end > start else 0):
                    block = await loop.run_in_executor(
                        self._threads, _block, file, (size, number), cipher
                    )
                    first = number * BLOCK
                    yield block[max(0, start - first) : end - first]
            finally:
                file.close()
        except OSError as error:
            raise self._damage(name, f"cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise self._damage(name, str(error)) from error

    def remove(self, names: Iterable[str]) -> None:
        """Forget blobs; those that are being read, when they were."""
        for name in list(names):
            if name in self._held:
                self._doomed.add(name)
                continue
            self._doomed.discard(name)
            self.damaged.pop(name, None)
            try:
                self._path(name).unlink(missing_ok=True)
            except OSError as error:  # swept at the next start
                log.warning("a blob stays", extra={"blob": name, "cause": str(error)})

    def sweep(self, named: dict[str, int]) -> int:
        """Remove what no document names; note what is lacking. Before anything else is done.

        named: blob → size of those that documents name. Returns how many were removed.
        """
        removed = 0
        lacking = dict(named)
        for path in self._folder.glob("*/*"):
            size = lacking.pop(path.name, None)
            if size is None:
                path.unlink()
                removed += 1
            elif path.stat().st_size != stored_size(size):
                self._damage(path.name, "has another size than was written")
        for name in lacking:
            self._damage(name, "is not there")
        return removed

    def close(self) -> None:
        """Wait for what is being written."""
        self._threads.shutdown()

    def _damage(self, name: str, words: str) -> BlobError:
        if name not in self.damaged:
            log.error("a blob is damaged", extra={"blob": name, "cause": words})
        self.damaged[name] = words
        return BlobError(f"blob {name} {words}")

    def _cipher(self, name: str) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(hmac.digest(self._key, name.encode(), "sha256"))

    def _path(self, name: str) -> Path:
        return self._folder / name[:FAN] / name


class Writing:
    """A blob in the making: ``write`` what comes, then ``finish`` or ``abandon``."""

    def __init__(
        self, name: str, path: Path, cipher: "AESGCM", threads: ThreadPoolExecutor
    ) -> None:
        self.name = name
        self.size = 0
        self._path = path
        self._cipher = cipher
        self._threads = threads
        self._file: IO[bytes] | None = None
        self._waiting = bytearray()
        self._number = 0  # of the next block
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> bytes:
        """The MD5 of what was written, once it is finished."""
        return self._md5.digest()

    async def write(self, piece: bytes) -> None:
        """Take bytes. Raises StoreError: the disk does not."""
        self._waiting += piece
        while len(self._waiting) >= BLOCK:
            block = bytes(self._waiting[:BLOCK])
            del self._waiting[:BLOCK]
            await self._in_thread(block, last=False)

    async def finish(self) -> None:
        """Return when the blob is on disk. Raises StoreError."""
        await self._in_thread(bytes(self._waiting), last=True)
        self._waiting.clear()

    def abandon(self) -> None:
        """Remove what was written."""
        if self._file is None:
            return  # nothing was
        self._file.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:  # swept at the next start
            log.warning("a blob stays", extra={"blob": self.name, "cause": str(error)})

    async def _in_thread(self, block: bytes, *, last: bool) -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._write, block, last)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])  # nobody removes a file that a thread still writes
            raise
        except OSError as error:
            raise StoreError(f"the blob could not be written: {error.strerror}") from error

    def _write(self, block: bytes, last: bool) -> None:
        if self._file is None:
            if not self._path.parent.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                _sync_folder(self._path.parent.parent)
            self._file = self._path.open("xb")
        if block:
            self._md5.update(block)
            self._file.write(self._cipher.encrypt(_nonce(self._number), block, None))
            self.size += len(block)
            self._number += 1
        if last:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _sync_folder(self._path.parent)


def stored_size(size: int) -> int:
    """Return the bytes that a blob of a size takes on disk."""
    return size + TAG * -(-size // BLOCK)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _nonce(number: int) -> bytes:
    """Return a block's nonce: no two blocks of a blob have the same, and no two blobs a key."""
    return number.to_bytes(12, "big")


def _block(file: IO[bytes], where: tuple[int, int], cipher: "AESGCM") -> bytes:
    from cryptography.exceptions import InvalidTag

    size, number = where
    file.seek(number * (BLOCK + TAG))
    sealed = file.read(min(BLOCK, size - number * BLOCK) + TAG)
    try:
        return cipher.decrypt(_nonce(number), sealed, None)
    except InvalidTag as error:
        raise ValueError(f"holds other bytes than were written, in block {number}") from error
