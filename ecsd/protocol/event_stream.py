"""AWS's event streams: an answer that goes on, one message after the other.

A message: its whole length, its headers' length, CRC-32 of these eight bytes; headers, payload;
CRC-32 of everything before. Source: Smithy 2.0, Amazon Event Stream specification.
"""

import struct
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from ecsd.errors import AwsError

CONTENT_TYPE = "application/vnd.amazon.eventstream"
INITIAL = "initial-response"
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_TEXT = 7  # the type of headers that are texts
Event = tuple[str, Mapping[str, Any]]  # the event's name in the model, its members


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    length = _PRELUDE.size + _CRC.size + len(packed) + len(payload) + _CRC.size
    prelude = _PRELUDE.pack(length, len(packed))
    head = prelude + _CRC.pack(zlib.crc32(prelude)) + packed + payload
    return head + _CRC.pack(zlib.crc32(head))


async def messages(
    initial: bytes,
    events: AsyncGenerator[Event, None],
    write: Callable[[str, Mapping[str, Any]], bytes],
) -> AsyncGenerator[bytes, None]:
    """Yield an answer's messages: its plain members first, then events; an AwsError ends it.

    Args:
        initial: the answer's plain members, as JSON.
        events: what goes on.
        write: returns an event's (or exception's) members as JSON.
    """
    yield _event(INITIAL, initial)
    try:
        async with aclosing(events):
            async for name, members in events:
                yield _event(name, write(name, members))
    except AwsError as error:
        headers = {
            ":message-type": "exception",
            ":exception-type": error.code,
            ":content-type": "application/json",
        }
        yield message(headers, write(error.code, {"message": error.message}))


def _event(name: str, payload: bytes) -> bytes:
    headers = {
        ":message-type": "event",
        ":event-type": name,
        ":content-type": "application/json",
    }
    return message(headers, payload)


def _header(name: str, value: str) -> bytes:
    raw_name, raw_value = name.encode(), value.encode()
    size = struct.pack(">BH", _TEXT, len(raw_value))
    return bytes([len(raw_name)]) + raw_name + size + raw_value
