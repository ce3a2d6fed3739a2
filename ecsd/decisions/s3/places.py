"""Where versions of objects stand in the store, so that its order is S3's order.

Buckets' names hold no ``/`` and objects' names no NUL, so places sort by bucket, name (by code
point, which is UTF-8's byte order), and within a name from the newest version to the oldest.
"""

from datetime import datetime

LAST = 10**19  # above every ordinal: microseconds since 1970


def place(bucket: str, name: str, ordinal: int) -> str:
    """Return the key of a version's record."""
    return f"{bucket}/{name}\0{LAST - ordinal:020d}"


def ordinal_of(own: str) -> int:
    """Return the ordinal that a place was made with."""
    return LAST - int(own.rpartition("\0")[2])


def next_ordinal(now: datetime, newest: str | None) -> int:
    """Return the ordinal of a version put now: above the newest's, whatever clocks do."""
    mine = int(now.timestamp() * 1_000_000)
    return mine if newest is None else max(mine, ordinal_of(newest) + 1)


def first_of(bucket: str, name: str) -> str:
    """Return what no version of a name stands before."""
    return f"{bucket}/{name}\0"


def after_name(bucket: str, name: str) -> str:
    """Return what every version of a name stands before, and no version of a later name."""
    return f"{bucket}/{name}\x01"
