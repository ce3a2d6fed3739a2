"""Timestamps as AWS's protocols write them. Inside they are aware UTC datetimes, always."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

Format = Literal["unixTimestamp", "iso8601", "rfc822"]
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.,]+)?([Zz]|[+-][0-9:]+)?")


def from_epoch(seconds: float) -> datetime:
    """Return the moment; ValueError beyond the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is out of range") from error


def from_text(text: str) -> datetime:
    """Read ISO 8601, RFC 822 or epoch seconds; ValueError on anything else."""
    if NUMBER.fullmatch(text):
        return from_epoch(float(text))
    try:
        if ISO.fullmatch(text):
            moment = datetime.fromisoformat(text.upper())
        else:
            moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, IndexError, TypeError) as error:  # of the two parsers, on nonsense
        raise ValueError(f"{text[:40]!r} is no timestamp") from error


def to_epoch(moment: datetime) -> float:
    """Return seconds since 1970, to the millisecond."""
    return round(_utc(moment).timestamp(), 3)


def to_text(moment: datetime, form: str) -> str:
    """Write a moment as ``iso8601`` (milliseconds, Z), ``rfc822`` or ``unixTimestamp``."""
    if form == "rfc822":
        return format_datetime(_utc(moment).replace(microsecond=0), usegmt=True)
    if form == "unixTimestamp":
        return f"{to_epoch(moment):.15g}"
    return _utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)
