"""Tags of every resource. Source: Amazon EC2 API Reference, CreateTags, DeleteTags."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.described_filter import matches
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import checked_filters, page
from ecsd.operations.ec2.tagging import check_count, parsed
from ecsd.records.record import Record
from ecsd.records.tag import Tag
from ecsd.store.finders.ec2 import IDENTITIES, require
from ecsd.store.store import View

KINDS = {identity.prefix: kind for kind, identity in IDENTITIES.items()}
FILTERS = {
    "key": "Key",
    "resource-id": "ResourceId",
    "resource-type": "ResourceType",
    "value": "Value",
}


@action("CreateTags", "Resources", "Tags")
async def create_tags(call: Call, request: Request) -> Answer:
    """Add or overwrite tags of resources, all or none."""
    new = {tag.key: tag for tag in parsed(request["Tags"])}
    async with call.transaction() as change:
        for resource_id in request["Resources"]:
            resource = _require_resource(change, resource_id)
            tags = {tag.key: tag for tag in _tags(resource)} | new
            check_count(len(tags))
            change.put(_retagged(resource, tuple(tags.values())))
    return {}


@action("DeleteTags", "Resources", "Tags")
async def delete_tags(call: Call, request: Request) -> Answer:
    """Take tags away: by key, by key and value, or all when none is named."""
    named = request.get("Tags")
    async with call.transaction() as change:
        for resource_id in request["Resources"]:
            resource = _require_resource(change, resource_id)
            kept = tuple(tag for tag in _tags(resource) if named and not _is_named(tag, named))
            change.put(_retagged(resource, kept))
    return {}


def _is_named(tag: Tag, named: list[dict[str, Any]]) -> bool:
    return any(one.get("Key") == tag.key and one.get("Value") in (None, tag.value) for one in named)


@action("DescribeTags", *DESCRIBING)
async def describe_tags(call: Call, request: Request) -> Answer:
    """Return tags, one document each."""
    filters = checked_filters(request, FILTERS)
    documents = [
        {
            "Key": tag.key,
            "Value": tag.value,
            "ResourceId": resource.key,
            "ResourceType": identity.resource_type,
            "Tags": [{"Key": tag.key, "Value": tag.value}],
        }
        for kind, identity in IDENTITIES.items()
        for resource in call.view.select(kind)
        for tag in _tags(resource)
    ]
    passing = [one for one in documents if matches(one, filters, FILTERS)]
    for one in passing:
        del one["Tags"]
    return page(request, "Tags", passing, lambda one: f"{one['ResourceId']}/{one['Key']}")


def _require_resource(view: View, resource_id: str) -> Record:
    kind = KINDS.get(resource_id.partition("-")[0])
    if kind is None:
        raise AwsError("InvalidID", f"The ID '{resource_id}' is not valid")
    return require(view, kind, resource_id)


def _tags(resource: Record) -> tuple[Tag, ...]:
    tags: tuple[Tag, ...] = getattr(resource, "tags")  # noqa: B009
    return tags


def _retagged(resource: Record, tags: tuple[Tag, ...]) -> Record:
    changed: dict[str, Any] = {"tags": tags}
    return replace(resource, **changed)
