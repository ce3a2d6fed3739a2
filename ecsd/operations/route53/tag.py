"""Tags of hosted zones and health checks. Source: Route 53 API Reference, ChangeTagsForResource."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import account_change, account_view, id_of, invalid
from ecsd.records.tag import Tag
from ecsd.store.finders.route53 import require_health_check, require_own_zone, require_zone
from ecsd.store.store import View

CHECK = "healthcheck"
MOST = 50  # tags of a zone or a health check
MOST_ASKED = 10  # of one request


@operation("route53", "ChangeTagsForResource")
async def change_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add, replace and remove tags."""
    added, gone = request.get("AddTags") or (), set(request.get("RemoveTagKeys") or ())
    if not added and not gone:
        raise invalid("You must specify at least one of AddTags and RemoveTagKeys.")
    async with account_change(call) as change:
        if request["ResourceType"] == CHECK:
            check = require_health_check(change, request["ResourceId"])
            change.put(replace(check, tags=_merged(check.tags, added, gone)))
        else:
            zone = require_own_zone(change, id_of(request["ResourceId"]))
            change.put(replace(zone, tags=_merged(zone.tags, added, gone)))
    return {}


@operation("route53", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the tags of a zone or a health check."""
    kind = request["ResourceType"]
    return {"ResourceTagSet": _tag_set(account_view(call), kind, request["ResourceId"])}


@operation("route53", "ListTagsForResources")
async def list_tags_for_resources(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the tags of up to ten zones or health checks."""
    if len(request["ResourceIds"]) > MOST_ASKED:
        raise invalid(f"ResourceIds: at most {MOST_ASKED} resources can be asked for at once.")
    view, kind = account_view(call), request["ResourceType"]
    return {"ResourceTagSets": [_tag_set(view, kind, one) for one in request["ResourceIds"]]}


def _merged(
    known: tuple[Tag, ...], added: Iterable[dict[str, str]], gone: set[str]
) -> tuple[Tag, ...]:
    tags = {one.key: one for one in known if one.key not in gone}
    for one in added:
        if not one.get("Key"):
            raise invalid("AddTags: each tag needs a Key.")
        if one["Key"].lower().startswith("aws:"):
            raise invalid(f"AddTags: the key {one['Key']} begins with aws:, which is reserved.")
        tags[one["Key"]] = Tag(key=one["Key"], value=one.get("Value") or "")
    if len(tags) > MOST:
        raise invalid(f"A resource can have at most {MOST} tags.")
    return tuple(tags.values())


def _tag_set(view: View, kind: str, resource_id: str) -> dict[str, Any]:
    if kind == CHECK:
        own, tags = resource_id, require_health_check(view, resource_id).tags
    else:
        zone = require_zone(view, id_of(resource_id))
        own, tags = zone.zone_id, zone.tags
    return {
        "ResourceType": kind,
        "ResourceId": own,
        "Tags": [{"Key": one.key, "Value": one.value} for one in tags],
    }
