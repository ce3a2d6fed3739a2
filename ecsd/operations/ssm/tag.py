"""Tags of parameters. Source: AWS Systems Manager API Reference, AddTagsToResource."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.ssm.parameter import Parameter
from ecsd.records.tag import Tag
from ecsd.store.finders.ssm import find_parameter
from ecsd.store.store import View

MOST = 50


@operation("ssm", "AddTagsToResource")
async def add_tags_to_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace a parameter's tags."""
    async with call.transaction() as change:
        parameter = _require(change, request)
        change.put(replace(parameter, tags=merged(parameter.tags, request["Tags"])))
    return {}


@operation("ssm", "RemoveTagsFromResource")
async def remove_tags_from_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a parameter's tags by key."""
    gone = set(request["TagKeys"])
    async with call.transaction() as change:
        parameter = _require(change, request)
        kept = tuple(one for one in parameter.tags if one.key not in gone)
        change.put(replace(parameter, tags=kept))
    return {}


@operation("ssm", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a parameter's tags."""
    parameter = _require(call.view, request)
    return {"TagList": [{"Key": one.key, "Value": one.value} for one in parameter.tags]}


def _require(view: View, request: dict[str, Any]) -> Parameter:
    if request["ResourceType"] != "Parameter":
        raise AwsError(
            "InvalidResourceType",
            f"ResourceType {request['ResourceType']} is not supported by ecsd yet",
        )
    found = find_parameter(view, request["ResourceId"])
    if found is None:
        raise AwsError("InvalidResourceId", f"There is no parameter {request['ResourceId']}.")
    return found[0]


def merged(known: Sequence[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: reserved keys, too many."""
    tags = {one.key: one for one in known}
    for one in given or ():
        if one["Key"].lower().startswith("aws:"):
            raise AwsError(
                "ValidationException", f"The tag key {one['Key']} begins with aws:, reserved."
            )
        tags[one["Key"]] = Tag(key=one["Key"], value=one["Value"])
    if len(tags) > MOST:
        raise AwsError("TooManyTagsError", f"A parameter may have at most {MOST} tags.")
    return tuple(tags.values())
