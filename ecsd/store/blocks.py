"""A block: some events of one stream, compressed, behind a header that says what is inside.

Header, little-endian: magic, length of what follows, CRC-32 of it, first and last timestamp, newest
ingestion time, number of events, bytes as the Logs API counts. Behind it zlib level 1 of a msgpack
array of ``[timestamp, ingestion time, message]``. Measured in shared reference control_plane 4.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ecsd.errors import StoreError
from ecsd.store.streams import EVENT_OVERHEAD, LogEvent

MAGIC = 0xEC5D
_HEADER = struct.Struct("<HIIqqqII")
HEADER_BYTES = _HEADER.size
_DECODER = msgspec.msgpack.Decoder(list[LogEvent])


class BlockHeader(NamedTuple):
    """What a block says of itself."""

    magic: int
    length: int
    crc: int
    first: int
    last: int
    ingested: int
    events: int
    raw_bytes: int


def encode(events: Sequence[LogEvent]) -> bytes:
    """Return a block of events that are in order of time."""
    packed = msgspec.msgpack.encode(events)
    body = zlib.compress(packed, 1)
    raw = sum(len(one.message.encode()) for one in events) + EVENT_OVERHEAD * len(events)
    ingested = max(one.ingestion_time for one in events)
    header = _HEADER.pack(
        MAGIC,
        len(body),
        zlib.crc32(body),
        events[0].timestamp,
        events[-1].timestamp,
        ingested,
        len(events),
        raw,
    )
    return header + body


def header_of(head: bytes) -> BlockHeader | None:
    """Return the header that begins here, or None where none does: the torn end of a file."""
    if len(head) < HEADER_BYTES:
        return None
    header = BlockHeader(*_HEADER.unpack_from(head))
    return header if header.magic == MAGIC else None


def raw_body(block: bytes) -> bytes:
    """Return a block's events, still packed; their messages are in it literally.

    Raises:
        StoreError: the block is damaged.
    """
    header = header_of(block)
    body = block[HEADER_BYTES:]
    if header is None or header.length != len(body) or header.crc != zlib.crc32(body):
        raise StoreError("a block of log events is damaged on disk")
    return zlib.decompress(body)


def events_of(raw: bytes) -> list[LogEvent]:
    """Return the events of a packed body."""
    return _DECODER.decode(raw)
