"""Tags of hosted zones. Source: Route 53 API Reference, ChangeTagsForResource."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import account_change, account_view, id_of, invalid
from ecsd.records.tag import Tag
from ecsd.store.finders.route53 import require_own_zone, require_zone
from ecsd.store.store import View

MOST = 50  # tags of a zone
MOST_ASKED = 10  # of one request


@operation("route53", "ChangeTagsForResource")
async def change_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add, replace and remove tags."""
    added, gone = request.get("AddTags") or (), set(request.get("RemoveTagKeys") or ())
    if not added and not gone:
        raise invalid("You must specify at least one of AddTags and RemoveTagKeys.")
    async with account_change(call) as change:
        _check_type(request)
        zone = require_own_zone(change, id_of(request["ResourceId"]))
        change.put(replace(zone, tags=_merged(zone.tags, added, gone)))
    return {}


@operation("route53", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a zone's tags."""
    _check_type(request)
    return {"ResourceTagSet": _tag_set(account_view(call), request["ResourceId"])}


@operation("route53", "ListTagsForResources")
async def list_tags_for_resources(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the tags of up to ten zones."""
    _check_type(request)
    if len(request["ResourceIds"]) > MOST_ASKED:
        raise invalid(f"ResourceIds: at most {MOST_ASKED} resources can be asked for at once.")
    view = account_view(call)
    return {"ResourceTagSets": [_tag_set(view, one) for one in request["ResourceIds"]]}


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


def _tag_set(view: View, resource_id: str) -> dict[str, Any]:
    zone = require_zone(view, id_of(resource_id))
    return {
        "ResourceType": "hostedzone",
        "ResourceId": zone.zone_id,
        "Tags": [{"Key": one.key, "Value": one.value} for one in zone.tags],
    }


def _check_type(request: dict[str, Any]) -> None:
    """Refuse tags of health checks: there are none."""
    if request["ResourceType"] == "healthcheck":
        named = request.get("ResourceId") or ", ".join(request.get("ResourceIds") or ())
        raise AwsError(
            "NoSuchHealthCheck", f"No health check exists with the specified ID {named}."
        )
