"""Pointers to log records, ``@ptr`` in the results of queries: where an event stands."""

import base64
import binascii


def pointer(storage: str, timestamp: int, place: int) -> str:
    """Return the pointer of an event."""
    return base64.b64encode(f"{timestamp}/{storage}/{place}".encode()).decode()


def read_pointer(text: str) -> tuple[str, int, int] | None:
    """Return storage, timestamp and place of a pointer; None for what is none."""
    try:
        parts = base64.b64decode(text, validate=True).decode("ascii").split("/")
        timestamp, storage, place = parts
        return storage, int(timestamp), int(place)
    except (binascii.Error, UnicodeDecodeError, ValueError):  # not base64, or not such parts
        return None
