"""Tags of certificates. Source: AWS Certificate Manager API Reference, AddTagsToCertificate."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.tag import Tag
from ecsd.store.finders.acm import require_certificate

MOST = 50


@operation("acm", "AddTagsToCertificate")
async def add_tags_to_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags."""
    async with call.transaction() as change:
        certificate = require_certificate(change, request["CertificateArn"])
        tags = merged(certificate.tags, request["Tags"])
        change.put(replace(certificate, tags=tags))
    return {}


@operation("acm", "RemoveTagsFromCertificate")
async def remove_tags_from_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; where a value is given, only the tag that has it."""
    gone = {one["Key"]: one.get("Value") for one in request["Tags"]}
    async with call.transaction() as change:
        certificate = require_certificate(change, request["CertificateArn"])
        kept = [
            one
            for one in certificate.tags
            if one.key not in gone or gone[one.key] not in (None, one.value)
        ]
        change.put(replace(certificate, tags=tuple(kept)))
    return {}


@operation("acm", "ListTagsForCertificate")
async def list_tags_for_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a certificate's tags."""
    certificate = require_certificate(call.view, request["CertificateArn"])
    return {"Tags": [{"Key": one.key, "Value": one.value} for one in certificate.tags]}


def merged(known: Sequence[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: reserved keys, too many."""
    tags = {one.key: one for one in known}
    for one in given or ():
        if one["Key"].lower().startswith("aws:"):
            raise AwsError(
                "InvalidTagException",
                f"The tag key {one['Key']} begins with aws:, a reserved prefix.",
            )
        tags[one["Key"]] = Tag(key=one["Key"], value=one.get("Value") or "")
    if len(tags) > MOST:
        raise AwsError("TooManyTagsException", f"A certificate may have at most {MOST} tags.")
    return tuple(tags.values())
