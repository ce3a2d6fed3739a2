"""The journal of all log streams: one file to sync for many streams' blocks.

What the journal holds is durable; segments are written beside it without a sync. After a crash the
entries are written into the segments once more. An entry: length of name and payload, CRC-32 of all
that follows it, number, kind, length of the name, segment, offset; then name and payload. Numbers
only grow, so that what a failed write left behind is never taken for an entry.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct("<IIQBHIQ")
_CHECKED_FROM = 8  # bytes: the CRC covers the header from the number on


class EntryKind(IntEnum):
    """What happened to a stream."""

    APPEND = 1  # a block at an offset of a segment
    TRIM = 2  # segments before this one are gone
    DROP = 3  # the stream is gone


class Entry(NamedTuple):
    """One thing that happened to one stream."""

    kind: EntryKind
    storage: str
    segment: int = 0
    offset: int = 0
    block: bytes = b""


class Journal:
    """An open journal file. OSError when the disk says no; the next write takes the same place."""

    def __init__(self, path: Path, number: int) -> None:
        """Create the file and make its name durable."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.path = path
        self.number = number  # of the newest entry
        self._end = 0
        sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Bytes in the journal."""
        return self._end

    def write(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, all of them; OSError leaves none."""
        parts = []
        for entry in entries:
            self.number += 1
            parts.append(_packed(self.number, entry))
        content = b"".join(parts)
        try:
            write_at(self._descriptor, content, self._end)
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(content)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_entries(path: Path) -> Iterator[tuple[int, Entry]]:
    """Yield number and entry, up to the first that was not written whole."""
    content = memoryview(path.read_bytes())
    position = newest = 0
    while position + _HEADER.size <= len(content):
        length, crc, number, kind, name_length, segment, offset = _HEADER.unpack_from(
            content, position
        )
        end = position + _HEADER.size + length
        if end > len(content) or number <= newest or length < name_length:
            return
        if zlib.crc32(content[position + _CHECKED_FROM : end]) != crc:
            return
        name_end = position + _HEADER.size + name_length
        storage = bytes(content[position + _HEADER.size : name_end]).decode()
        block = bytes(content[name_end:end])
        yield number, Entry(EntryKind(kind), storage, segment, offset, block)
        position, newest = end, number


def write_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of it, however many calls that takes."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _packed(number: int, entry: Entry) -> bytes:
    name = entry.storage.encode()
    body = name + entry.block
    head = _HEADER.pack(len(body), 0, number, entry.kind, len(name), entry.segment, entry.offset)
    crc = zlib.crc32(body, zlib.crc32(head[_CHECKED_FROM:]))
    return head[:4] + crc.to_bytes(4, "little") + head[_CHECKED_FROM:] + body
