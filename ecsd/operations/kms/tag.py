"""Tags of keys. Source: AWS Key Management Service API Reference, TagResource."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.requests import customer_key, page
from ecsd.records.tag import Tag
from ecsd.store.finders.kms import check_kept, require_named_key

MOST = 50


@operation("kms", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace a key's tags."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "TagResource")
        check_kept(key)
        change.put(replace(key, tags=merged(key.tags, request["Tags"])))
    return {}


@operation("kms", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    gone = set(request["TagKeys"])
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "UntagResource")
        check_kept(key)
        change.put(replace(key, tags=tuple(one for one in key.tags if one.key not in gone)))
    return {}


@operation("kms", "ListResourceTags")
async def list_resource_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a key's tags."""
    key = require_named_key(call.view, request["KeyId"])
    shown, rest = page(key.tags, request, lambda one: one.key, MOST)
    return {"Tags": [{"TagKey": one.key, "TagValue": one.value} for one in shown], **rest}


def merged(known: Sequence[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: doubled, reserved keys, too many."""
    fresh = [Tag(key=one["TagKey"], value=one["TagValue"]) for one in given or ()]
    if len({one.key for one in fresh}) < len(fresh):
        raise AwsError("TagException", "Duplicate tag keys.")
    for one in fresh:
        if one.key.lower().startswith("aws:"):
            raise AwsError("TagException", f"The tag key {one.key} begins with aws:, reserved.")
    tags = {one.key: one for one in known} | {one.key: one for one in fresh}
    if len(tags) > MOST:
        raise AwsError("LimitExceededException", f"A key may have at most {MOST} tags.")
    return tuple(tags.values())
