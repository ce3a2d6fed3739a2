"""When objects, versions and uploads expire.

Source: S3 User Guide, Managing the lifecycle of objects; Lifecycle configuration elements:
days count from the midnight UTC that follows.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ecsd.records.s3.bucket import LifecycleRule
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject

DAY = timedelta(days=1)


class Expiry(NamedTuple):
    """When something expires, and by which rule."""

    at: datetime
    rule_id: str


def midnight_after(moment: datetime, days: int) -> datetime:
    """Return the first midnight UTC that is not before ``days`` after a moment."""
    added = moment + days * DAY
    midnight = added.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return midnight if midnight == added else midnight + DAY


def next_midnight(now: datetime) -> datetime:
    """Return the midnight after now."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY


def applies(rule: LifecycleRule, one: StoredObject) -> bool:
    """Say whether a rule is about an object."""
    return (
        rule.enabled
        and one.name.startswith(rule.prefix)
        and (rule.greater_than is None or one.size > rule.greater_than)
        and (rule.less_than is None or one.size < rule.less_than)
        and all(tag in one.tags for tag in rule.tags)
    )


def expiry_of(rules: Iterable[LifecycleRule], newest: StoredObject) -> Expiry | None:
    """Return when an object's newest version expires: the earliest, or None."""
    found = []
    for rule in rules:
        if newest.delete_marker or not applies(rule, newest):
            continue
        if rule.expiration_days is not None:
            at = midnight_after(newest.modified_at, rule.expiration_days)
            found.append(Expiry(at, rule.rule_id))
        if rule.expiration_date is not None:
            found.append(Expiry(max(rule.expiration_date, newest.modified_at), rule.rule_id))
    return min(found, default=None)


def is_stray_marker(rules: Iterable[LifecycleRule], versions: Sequence[StoredObject]) -> bool:
    """Say whether all that is left of an object is a delete marker that a rule removes."""
    if len(versions) != 1 or not versions[0].delete_marker:
        return False
    return any(rule.expired_delete_marker and applies(rule, versions[0]) for rule in rules)


def expired_versions(
    rules: Iterable[LifecycleRule], versions: Sequence[StoredObject], now: datetime
) -> list[StoredObject]:
    """Return which noncurrent versions of an object have expired; its newest comes first."""
    gone: dict[str, StoredObject] = {}
    for rule in rules:
        if rule.noncurrent_days is None:
            continue
        for number, one in enumerate(versions[1:]):
            kept = rule.newer_noncurrent is not None and number < rule.newer_noncurrent
            if kept or one.noncurrent_at is None or not applies(rule, one):
                continue
            if midnight_after(one.noncurrent_at, rule.noncurrent_days) <= now:
                gone[one.place] = one
    return list(gone.values())


def abort_of(rules: Iterable[LifecycleRule], upload: MultipartUpload) -> Expiry | None:
    """Return when an upload that is not complete is given up, or None."""
    found = [
        Expiry(midnight_after(upload.initiated_at, rule.abort_days), rule.rule_id)
        for rule in rules
        if rule.enabled and rule.abort_days is not None and upload.name.startswith(rule.prefix)
    ]
    return min(found, default=None)
