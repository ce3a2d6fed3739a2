"""Tags on load balancers, target groups, listeners, rules and trust stores.

Source: Elastic Load Balancing API Reference, AddTags, RemoveTags, DescribeTags.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore
from ecsd.records.tag import Tag
from ecsd.store.finders.elbv2 import (
    listener_of_default,
    require_listener,
    require_load_balancer,
    require_rule,
    require_target_group,
    require_trust_store,
)
from ecsd.store.store import View

MOST = 50
MOST_DESCRIBED = 20
Tagged = LoadBalancer | TargetGroup | Listener | Rule | TrustStore


@operation("elbv2", "AddTags")
async def add_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags on resources."""
    added = parse(request["Tags"])
    async with call.transaction() as change:
        for arn in request["ResourceArns"]:
            resource = require(change, arn)
            merged = {one.key: one for one in (*resource.tags, *added)}
            _check_number(len(merged))
            change.put(replace(resource, tags=tuple(merged.values())))
    return {}


@operation("elbv2", "RemoveTags")
async def remove_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    gone = set(request["TagKeys"])
    async with call.transaction() as change:
        for arn in request["ResourceArns"]:
            resource = require(change, arn)
            kept = tuple(one for one in resource.tags if one.key not in gone)
            change.put(replace(resource, tags=kept))
    return {}


@operation("elbv2", "DescribeTags")
async def describe_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the tags of up to twenty resources."""
    arns = request["ResourceArns"]
    if len(arns) > MOST_DESCRIBED:
        raise AwsError(
            "ValidationError", f"ResourceArns may name at most {MOST_DESCRIBED} resources"
        )
    return {
        "TagDescriptions": [
            {
                "ResourceArn": arn,
                "Tags": [{"Key": one.key, "Value": one.value} for one in _tags_of(call.view, arn)],
            }
            for arn in arns
        ]
    }


def parse(tags: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return tags, or refuse duplicates, the reserved prefix, too many."""
    parsed = tuple(Tag(key=one["Key"], value=one.get("Value") or "") for one in tags or ())
    keys = [one.key for one in parsed]
    if len(set(keys)) < len(keys):
        raise AwsError("DuplicateTagKeys", "Tag keys must be unique")
    for key in keys:
        if key.lower().startswith("aws:"):
            raise AwsError(
                "ValidationError", f"Tags: the key {key} begins with aws:, a reserved prefix"
            )
    _check_number(len(parsed))
    return parsed


def require(view: View, arn: str) -> Tagged:
    """Return the resource that an ARN names, or refuse in ELBv2's words."""
    kind = arn.split(":", 5)[-1].partition("/")[0]
    match kind:
        case "loadbalancer":
            return require_load_balancer(view, arn)
        case "targetgroup":
            return require_target_group(view, arn)
        case "listener":
            return require_listener(view, arn)
        case "listener-rule":
            return require_rule(view, arn)
        case "truststore":
            return require_trust_store(view, arn)
        case _:
            raise AwsError("ValidationError", f"'{arn}' is not a valid load balancing resource ARN")


def _tags_of(view: View, arn: str) -> tuple[Tag, ...]:
    """A default rule has no tags: it has no life beside its listener."""
    return () if listener_of_default(view, arn) else require(view, arn).tags


def _check_number(count: int) -> None:
    if count > MOST:
        raise AwsError("TooManyTags", f"A resource may have at most {MOST} tags")
