"""Paging tokens and event ids of CloudWatch Logs: 56 digits that grow with time.

A number is ``timestamp << 144 | stream << 96 | place``: the time in milliseconds, 48 bits that tell
streams apart, and the event's place in its stream.
"""

import re
import zlib
from functools import lru_cache

TIME_SHIFT = 144
STREAM_SHIFT = 96
DIGITS = 56
_TOKEN = re.compile(r"([fb])/(\d{56})/s")


def event_number(timestamp: int, storage: str, place: int) -> int:
    """Return the number of an event."""
    return timestamp << TIME_SHIFT | _stream_bits(storage) | place


@lru_cache(4096)
def _stream_bits(storage: str) -> int:
    name = storage.encode()
    return (zlib.crc32(name) << 16 | zlib.crc32(name[::-1]) & 0xFFFF) << STREAM_SHIFT


def event_id(number: int) -> str:
    """Return an event's id as FilterLogEvents shows it."""
    return f"{number:0{DIGITS}d}"


def token(direction: str, number: int) -> str:
    """Return ``f/…/s`` (what follows the event) or ``b/…/s`` (what precedes it)."""
    return f"{direction}/{number:0{DIGITS}d}/s"


def read_token(text: str) -> tuple[str, int, int] | None:
    """Return direction, timestamp and place of a token; None for what is no token."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    number = int(found[2])
    return found[1], number >> TIME_SHIFT, number & (1 << STREAM_SHIFT) - 1
