"""A bucket's lifecycle rules. Source: S3 API Reference, PutBucketLifecycleConfiguration."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import (
    invalid,
    not_supported,
    owned,
    parse_tags,
    present,
    show_tags,
)
from ecsd.records.s3.bucket import LifecycleRule

MOST_RULES = 1000
LONGEST_ID = 255
MOST_NEWER = 100
MIDNIGHT = time()
FILTER = ("Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And")


@operation("s3", "PutBucketLifecycleConfiguration")
async def put_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the rules; they are enforced at once and every midnight UTC."""
    own = owned(call, request)
    given = (request.get("LifecycleConfiguration") or {}).get("Rules", [])
    if not 1 <= len(given) <= MOST_RULES:
        raise _malformed(f"there have to be 1 to {MOST_RULES} rules")
    rules = tuple(_rule(call, one) for one in given)
    if len({rule.rule_id for rule in rules}) != len(rules):
        raise invalid("Rule ID must be unique. Found same ID for more than one rule")
    minimum = request.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        change.put(
            replace(bucket, lifecycle=rules, lifecycle_minimum_size=minimum, lifecycle_next=None)
        )
    return {"TransitionDefaultMinimumObjectSize": minimum}


@operation("s3", "GetBucketLifecycleConfiguration")
async def get_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the rules as they were given."""
    own = owned(call, request)
    if not own.bucket.lifecycle:
        raise AwsError(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
            status=404,
            details={"BucketName": own.bucket.name},
        )
    return {
        "Rules": [_show(rule) for rule in own.bucket.lifecycle],
        "TransitionDefaultMinimumObjectSize": own.bucket.lifecycle_minimum_size,
    }


@operation("s3", "DeleteBucketLifecycle")
async def delete_bucket_lifecycle(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the rules away: nothing expires any more."""
    own = owned(call, request)
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        change.put(replace(bucket, lifecycle=(), lifecycle_next=None))
    return {}


def _rule(call: Call, given: Mapping[str, Any]) -> LifecycleRule:
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        if given.get(name):
            raise not_supported(f"LifecycleConfiguration.Rules.{name}")
    rule_id = given.get("ID") or call.ids.uuid()
    if len(rule_id) > LONGEST_ID:
        raise invalid("ID length should not exceed allowed limit of 255")
    if ("Prefix" in given) == ("Filter" in given):
        raise _malformed("a rule has to have either a Filter or a Prefix")
    rule = LifecycleRule(
        rule_id=rule_id,
        enabled=given["Status"] == "Enabled",
        **_filter(given),
        **_expiration(given.get("Expiration") or {}),
        **_noncurrent(given.get("NoncurrentVersionExpiration")),
        abort_days=_days(given.get("AbortIncompleteMultipartUpload"), "DaysAfterInitiation"),
    )
    _check(rule)
    return rule


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    if "Prefix" in given:
        return {"prefix": given["Prefix"], "written_prefix": True, "filtered": False}
    found = given["Filter"] or {}
    if len([name for name in FILTER if found.get(name) is not None]) > 1:
        raise _malformed("a Filter holds one condition, or several inside And")
    joined = found.get("And")
    inner = found if joined is None else joined
    tags = inner.get("Tags", []) if joined is not None else [found["Tag"]] if "Tag" in found else []
    return {
        "prefix": inner.get("Prefix", ""),
        "written_prefix": "Prefix" in inner,
        "joined": joined is not None,
        "tags": parse_tags(tags, LONGEST_ID),
        "greater_than": inner.get("ObjectSizeGreaterThan"),
        "less_than": inner.get("ObjectSizeLessThan"),
    }


def _expiration(given: Mapping[str, Any]) -> dict[str, Any]:
    if len([name for name in ("Date", "Days", "ExpiredObjectDeleteMarker") if name in given]) > 1:
        raise _malformed("an Expiration has one of Date, Days and ExpiredObjectDeleteMarker")
    date: datetime | None = given.get("Date")
    if date is not None and date.time() != MIDNIGHT:
        raise invalid("'Date' must be at midnight GMT")
    return {
        "expiration_days": _days(given, "Days"),
        "expiration_date": date,
        "expired_delete_marker": given.get("ExpiredObjectDeleteMarker", False),
    }


def _noncurrent(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {}
    newer = given.get("NewerNoncurrentVersions")
    if newer is not None and not 1 <= newer <= MOST_NEWER:
        raise invalid(f"NewerNoncurrentVersions must be 1 to {MOST_NEWER}")
    if given.get("NoncurrentDays") is None:
        raise _malformed("a NoncurrentVersionExpiration has NoncurrentDays")
    return {"noncurrent_days": _days(given, "NoncurrentDays"), "newer_noncurrent": newer}


def _days(given: Mapping[str, Any] | None, name: str) -> int | None:
    days: int | None = (given or {}).get(name)
    if days is not None and not 1 <= days < 1_000_000:  # noqa: PLR2004 - dates end with year 9999
        raise invalid(f"'{name}' must be a positive integer")
    return days


def _check(rule: LifecycleRule) -> None:
    does = (
        rule.expiration_days,
        rule.expiration_date,
        rule.expired_delete_marker or None,
        rule.noncurrent_days,
        rule.abort_days,
    )
    if all(one is None for one in does):
        raise AwsError("InvalidRequest", "At least one action needs to be specified in a rule")
    narrow = rule.tags or rule.greater_than is not None or rule.less_than is not None
    if narrow and (rule.abort_days is not None or rule.expired_delete_marker):
        raise AwsError(
            "InvalidRequest",
            "AbortIncompleteMultipartUpload and ExpiredObjectDeleteMarker cannot be specified "
            "with Tags or sizes of objects",
        )


def _show(rule: LifecycleRule) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ID": rule.rule_id,
        "Status": "Enabled" if rule.enabled else "Disabled",
    }
    if rule.filtered:
        shown["Filter"] = _show_filter(rule)
    else:
        shown["Prefix"] = rule.prefix
    if rule.expiration_days is not None:
        shown["Expiration"] = {"Days": rule.expiration_days}
    elif rule.expiration_date is not None:
        shown["Expiration"] = {"Date": rule.expiration_date}
    elif rule.expired_delete_marker:
        shown["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if rule.noncurrent_days is not None:
        shown["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": rule.noncurrent_days,
            "NewerNoncurrentVersions": rule.newer_noncurrent,
        }
    if rule.abort_days is not None:
        shown["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_days}
    return shown


def _show_filter(rule: LifecycleRule) -> dict[str, Any]:
    shown: dict[str, Any] = {"Prefix": rule.prefix} if rule.written_prefix else {}
    if rule.greater_than is not None:
        shown["ObjectSizeGreaterThan"] = rule.greater_than
    if rule.less_than is not None:
        shown["ObjectSizeLessThan"] = rule.less_than
    if rule.joined:
        if rule.tags:
            shown["Tags"] = show_tags(rule.tags)
        return {"And": shown}
    if rule.tags:
        shown["Tag"] = show_tags(rule.tags)[0]
    return shown


def _malformed(words: str) -> AwsError:
    return AwsError("MalformedXML", f"The XML you provided was not well-formed: {words}")
