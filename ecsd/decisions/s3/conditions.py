"""Conditional requests: If-Match and its kin.

Source: RFC 9110, 13; S3 User Guide, Conditional requests.
"""

from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """What becomes of a request."""

    GO_ON = "go on"
    NOT_MODIFIED = "304"
    FAILED = "412"


class Conditions(NamedTuple):
    """The four headers, as given."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None


def judge(asked: Conditions, etag: str, modified_at: datetime) -> Verdict:
    """Return what becomes of a read. ``etag`` is without quotation marks."""
    modified = modified_at.replace(microsecond=0)
    if asked.if_match is not None:
        if not names(asked.if_match, etag):
            return Verdict.FAILED
    elif asked.if_unmodified_since is not None and modified > asked.if_unmodified_since:
        return Verdict.FAILED
    if asked.if_none_match is not None:
        if names(asked.if_none_match, etag):
            return Verdict.NOT_MODIFIED
    elif asked.if_modified_since is not None and modified <= asked.if_modified_since:
        return Verdict.NOT_MODIFIED
    return Verdict.GO_ON


def names(header: str, etag: str) -> bool:
    """Say whether a header's list of entity tags, or ``*``, names one."""
    given = {one.strip().removeprefix("W/").strip('"') for one in header.split(",")}
    return "*" in given or etag in given
