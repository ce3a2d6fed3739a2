"""How long log events are kept, and which are taken in.

Source: CloudWatch Logs API Reference, PutRetentionPolicy and PutLogEvents.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

ALLOWED_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
DAY = 86_400_000  # milliseconds
HOUR = 3_600_000
OLDEST_DAYS = 14
NEWEST_HOURS = 2
TRIM_EVERY = timedelta(days=1)  # storage is freed in segments of a day


class Accepted(NamedTuple):
    """Which part of a batch is kept: ``first <= index < end``.

    Attributes:
        too_old_end: index after the last event older than 14 days, or None.
        expired_end: index after the last event older than the retention, or None.
        too_new_start: index of the first event over two hours ahead, or None.
    """

    first: int
    end: int
    too_old_end: int | None
    expired_end: int | None
    too_new_start: int | None


def milliseconds(moment: datetime) -> int:
    """Return a moment in the Logs API's unit."""
    return int(moment.timestamp() * 1000)


def kept_from(now: int, retention_in_days: int | None) -> int:
    """Return the oldest timestamp (milliseconds) that is still to be seen."""
    return 0 if retention_in_days is None else max(0, now - retention_in_days * DAY)


def accepted(timestamps: Sequence[int], now: int, retention_in_days: int | None) -> Accepted:
    """Return what a batch in order of time loses at its ends."""
    too_old = sum(one < now - OLDEST_DAYS * DAY for one in timestamps)
    expired = sum(one < kept_from(now, retention_in_days) for one in timestamps)
    too_new = sum(one > now + NEWEST_HOURS * HOUR for one in timestamps)
    first, end = max(too_old, expired), len(timestamps) - too_new
    return Accepted(
        first,
        max(first, end),
        too_old or None,
        expired or None,
        end if too_new else None,
    )


def next_trim(now: datetime, retention_in_days: int, oldest: int | None) -> datetime:
    """Return when events may next have expired. ``oldest``: the oldest kept, milliseconds."""
    expiry = now + timedelta(days=retention_in_days)
    if oldest is not None:
        age = timedelta(milliseconds=milliseconds(now) - oldest)
        expiry -= age
    return max(expiry, now + TRIM_EVERY)
