"""Which bytes a Range header asks for. Source: RFC 9110, 14; S3 API Reference, GetObject."""

import re
from typing import NamedTuple

RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class Span(NamedTuple):
    """Bytes from ``start`` up to but without ``end``."""

    start: int
    end: int


def span_of(header: str, size: int) -> Span | None:
    """Return the bytes that a header asks for; None: all, as the header is none that S3 knows.

    Raises:
        ValueError: it begins behind the object's end (InvalidRange).
    """
    found = RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        count = int(found[2])
        if count == 0 or size == 0:
            raise ValueError(header)
        return Span(max(0, size - count), size)
    start = int(found[1])
    end = int(found[2]) + 1 if found[2] else size
    if end <= start and found[2]:
        return None
    if start >= size:
        raise ValueError(header)
    return Span(start, min(end, size))


def parts_of(sizes: list[int], span: Span) -> list[tuple[int, Span]]:
    """Return which pieces of an object hold a span, and which of their bytes."""
    found = []
    first = 0
    for number, size in enumerate(sizes):
        own = Span(max(span.start - first, 0), min(span.end - first, size))
        if own.start < own.end:
            found.append((number, own))
        first += size
    return found
