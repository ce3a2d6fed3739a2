"""The files of log streams: ``<ab>/<storage>/<number>.seg``, blocks one after the other.

Blocking; called in the threads of ``SegmentStreams`` only.
"""

import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ecsd.store.blocks import HEADER_BYTES, header_of
from ecsd.store.stream_journal import sync_folder, write_at
from ecsd.store.stream_order import BlockSpan

OFFSET_SHIFT = 24  # an event's number inside its block has 24 bits
SEGMENT_SHIFT = 64
MOST_OPEN = 64  # files kept open for writing
FIRST_READ = 1 << 16  # bytes; many headers of small blocks in one read

Key = tuple[str, int]  # storage, segment


def place_of(segment: int, offset: int) -> int:
    """Return the place of a block's first event."""
    return segment << SEGMENT_SHIFT | offset << OFFSET_SHIFT


def location_of(place: int) -> tuple[int, int]:
    """Return segment and offset of a block by its place."""
    return place >> SEGMENT_SHIFT, (place & (1 << SEGMENT_SHIFT) - 1) >> OFFSET_SHIFT


class FileOnDisk(NamedTuple):
    """One segment's file. ``written_at``: seconds since 1970 of its last write."""

    written_at: float
    storage: str
    segment: int
    size: int


class SegmentFiles:
    """Reads and writes blocks; remembers which files are not synced yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[Key, int] = OrderedDict()
        self._unsynced: set[Key] = set()

    def folder_of(self, storage: str) -> Path:
        """Return where a stream's segments are."""
        return self._folder / storage[:2] / storage

    def segments(self, storage: str) -> list[int]:
        """Return the numbers of a stream's segments, ascending."""
        try:
            paths = list(self.folder_of(storage).iterdir())
        except FileNotFoundError:
            return []  # nothing was ever written
        return sorted(int(path.stem) for path in paths if path.suffix == ".seg")

    def everything(self) -> list[FileOnDisk]:
        """Return every segment of every stream, the one that was written to longest ago first."""
        found = [_on_disk(path) for path in self._folder.glob("*/*/*.seg")]
        return sorted(one for one in found if one is not None)

    def scan(self, storage: str, segment: int) -> Iterator[BlockSpan]:
        """Yield the blocks of a segment; stops at a torn end."""
        with self._path(storage, segment).open("rb", buffering=FIRST_READ) as file:
            size = os.fstat(file.fileno()).st_size
            offset = 0
            while offset < size:
                file.seek(offset)
                header = header_of(file.read(HEADER_BYTES))
                if header is None or offset + HEADER_BYTES + header.length > size:
                    return
                length = HEADER_BYTES + header.length
                yield BlockSpan(
                    place_of(segment, offset),
                    length,
                    header.first,
                    header.last,
                    header.ingested,
                    header.events,
                    header.raw_bytes,
                )
                offset += length

    def read(self, storage: str, span: BlockSpan) -> bytes | None:
        """Return a block, or None when its segment was removed meanwhile."""
        segment, offset = location_of(span.place)
        try:
            descriptor = os.open(self._path(storage, segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # trimmed or dropped since the search began
        try:
            return os.pread(descriptor, span.length, offset)
        finally:
            os.close(descriptor)

    def write(self, storage: str, segment: int, offset: int, block: bytes) -> None:
        """Write a block without syncing it."""
        write_at(self._descriptor((storage, segment)), block, offset)
        self._unsynced.add((storage, segment))

    def cut(self, storage: str, segment: int, size: int) -> None:
        """Set a segment's size: to forget what was written and not acknowledged."""
        os.ftruncate(self._descriptor((storage, segment)), size)
        self._unsynced.add((storage, segment))

    def remove_before(self, storage: str, segment: int) -> None:
        """Remove the segments before this one, which stays, though it be empty."""
        self._descriptor((storage, segment))
        self._unsynced.add((storage, segment))
        for number in self.segments(storage):
            if number < segment:
                self._forget((storage, number))
                self._path(storage, number).unlink(missing_ok=True)

    def remove(self, storage: str) -> None:
        """Remove a stream's files."""
        for key in [one for one in {*self._open, *self._unsynced} if one[0] == storage]:
            self._forget(key)
        folder = self.folder_of(storage)
        if folder.exists():
            shutil.rmtree(folder)

    def sync(self) -> None:
        """Make everything written so far durable."""
        folders = set()
        for key in sorted(self._unsynced):
            os.fsync(self._descriptor(key))
            folder = self.folder_of(key[0])
            folders |= {folder, folder.parent, self._folder}
        for folder in sorted(folders):
            sync_folder(folder)
        self._unsynced.clear()

    def close(self) -> None:
        """Close what is open."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, key: Key) -> int:
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        path = self._path(*key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._open[key] = descriptor
        if len(self._open) > MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def _forget(self, key: Key) -> None:
        self._unsynced.discard(key)
        descriptor = self._open.pop(key, None)
        if descriptor is not None:
            os.close(descriptor)

    def _path(self, storage: str, segment: int) -> Path:
        return self.folder_of(storage) / f"{segment:08d}.seg"


def _on_disk(path: Path) -> FileOnDisk | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None  # removed since it was listed
    return FileOnDisk(state.st_mtime, path.parent.name, int(path.stem), state.st_size)
