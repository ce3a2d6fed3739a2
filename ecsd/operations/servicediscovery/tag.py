"""Tags of namespaces and services. Source: AWS Cloud Map API Reference, TagResource."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.servicediscovery.requests import invalid
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.records.tag import Tag
from ecsd.store.finders.servicediscovery import find_namespace, find_service
from ecsd.store.store import View

MOST = 50


def parse(given: Iterable[Mapping[str, str]] | None, resource: str) -> tuple[Tag, ...]:
    """Return tags, or refuse: duplicates, the reserved prefix, too many."""
    tags = tuple(Tag(key=one["Key"], value=one["Value"]) for one in given or ())
    if len({one.key for one in tags}) < len(tags):
        raise invalid("Tags: duplicate keys are not allowed.")
    for one in tags:
        if one.key.lower().startswith("aws:"):
            raise invalid(f"Tags: the key {one.key} begins with aws:, which is reserved.")
    _check_number(tags, resource)
    return tags


@operation("servicediscovery", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags."""
    added = parse(request["Tags"], request["ResourceARN"])
    async with call.transaction() as change:
        resource = _require(change, request["ResourceARN"])
        merged = tuple({one.key: one for one in (*resource.tags, *added)}.values())
        _check_number(merged, request["ResourceARN"])
        change.put(replace(resource, tags=merged))
    return {}


@operation("servicediscovery", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    gone = set(request["TagKeys"])
    async with call.transaction() as change:
        resource = _require(change, request["ResourceARN"])
        kept = tuple(one for one in resource.tags if one.key not in gone)
        change.put(replace(resource, tags=kept))
    return {}


@operation("servicediscovery", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a resource's tags."""
    resource = _require(call.view, request["ResourceARN"])
    return {"Tags": [{"Key": one.key, "Value": one.value} for one in resource.tags]}


def _require(view: View, arn: str) -> Namespace | DiscoveryService:
    if arn.startswith("arn:"):
        found = find_namespace(view, arn) or find_service(view, arn)
        if found is not None:
            return found
    raise AwsError("ResourceNotFoundException", f"The resource {arn} was not found.")


def _check_number(tags: tuple[Tag, ...], resource: str) -> None:
    if len(tags) > MOST:
        raise AwsError(
            "TooManyTagsException",
            f"A resource can have at most {MOST} tags.",
            details={"ResourceName": resource},
        )
