"""Tags of secrets. Source: AWS Secrets Manager API Reference, TagResource."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import invalid
from ecsd.records.tag import Tag
from ecsd.store.finders.secretsmanager import require_living_secret

MOST = 50


@operation("secretsmanager", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace a secret's tags."""
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        change.put(replace(secret, tags=merged(secret.tags, request["Tags"])))
    return {}


@operation("secretsmanager", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a secret's tags by key."""
    gone = set(request["TagKeys"])
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        change.put(replace(secret, tags=tuple(one for one in secret.tags if one.key not in gone)))
    return {}


def merged(known: Sequence[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: reserved keys, too many."""
    tags = {one.key: one for one in known}
    for one in given or ():
        if not one.get("Key"):
            raise invalid("A tag needs a Key.")
        if one["Key"].lower().startswith("aws:"):
            raise invalid(f"The tag key {one['Key']} begins with aws:, which is reserved.")
        tags[one["Key"]] = Tag(key=one["Key"], value=one.get("Value") or "")
    if len(tags) > MOST:
        raise AwsError("LimitExceededException", f"A secret may have at most {MOST} tags.")
    return tuple(tags.values())
