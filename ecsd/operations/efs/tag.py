"""Tags of file systems and access points. Source: Amazon EFS API Reference, TagResource."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import merged, page, tag_list
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import FileSystem
from ecsd.store.finders.efs import id_of, require_access_point, require_file_system
from ecsd.store.store import View


@operation("efs", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add and replace tags."""
    return await _tag(call, request["ResourceId"], request["Tags"])


@operation("efs", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""
    return await _untag(call, request["ResourceId"], request["TagKeys"])


@operation("efs", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List tags."""
    found = _require(call.view, request["ResourceId"])
    shown, token = page(request, found.tags, lambda one: one.key, ("MaxResults", "NextToken"))
    return {"Tags": tag_list(shown), "NextToken": token}


@operation("efs", "CreateTags")
async def create_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add and replace a file system's tags (the older way)."""
    return await _tag(call, request["FileSystemId"], request["Tags"])


@operation("efs", "DeleteTags")
async def delete_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a file system's tags (the older way)."""
    return await _untag(call, request["FileSystemId"], request["TagKeys"])


@operation("efs", "DescribeTags")
async def describe_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a file system's tags (the older way)."""
    found = require_file_system(call.view, request["FileSystemId"])
    shown, marker = page(request, found.tags, lambda one: one.key)
    return {"Marker": request.get("Marker"), "Tags": tag_list(shown), "NextMarker": marker}


async def _tag(call: Call, given: str, tags: Iterable[dict[str, Any]]) -> dict[str, Any]:
    async with call.transaction() as change:
        found = _require(change, given)
        change.put(replace(found, tags=merged(found.tags, tags)))
    return {}


async def _untag(call: Call, given: str, keys: Iterable[str]) -> dict[str, Any]:
    gone = set(keys)
    async with call.transaction() as change:
        found = _require(change, given)
        change.put(replace(found, tags=tuple(one for one in found.tags if one.key not in gone)))
    return {}


def _require(view: View, given: str) -> FileSystem | AccessPoint:
    is_point = id_of(given).startswith("fsap-")
    return require_access_point(view, given) if is_point else require_file_system(view, given)
