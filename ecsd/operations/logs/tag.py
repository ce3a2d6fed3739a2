"""Tags of log groups, by ARN and by the older operations by name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import invalid
from ecsd.records.logs.log_group import LogGroup
from ecsd.records.tag import Tag
from ecsd.store.finders.logs import require_log_group, require_log_group_by_identifier
from ecsd.store.store import Transaction, View

MOST = 50  # tags of a group


def merged(known: Sequence[Tag], given: Mapping[str, str], resource: str) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: reserved keys, more than 50."""
    for key in given:
        if key.lower().startswith("aws:"):
            raise invalid(f"Tag key {key} is reserved: keys beginning with aws: are for AWS.")
    tags = {tag.key: tag for tag in known}
    tags |= {key: Tag(key=key, value=value) for key, value in given.items()}
    if len(tags) > MOST:
        raise AwsError(
            "TooManyTagsException",
            f"A resource can have no more than {MOST} tags.",
            details={"resourceName": resource},
        )
    return tuple(tags.values())


@operation("logs", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of the group with this ARN."""
    async with call.transaction() as change:
        _tag(change, _by_arn(change, request["resourceArn"]), request["tags"])
    return {}


@operation("logs", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of the group with this ARN."""
    async with call.transaction() as change:
        _untag(change, _by_arn(change, request["resourceArn"]), request["tagKeys"])
    return {}


@operation("logs", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the tags of the group with this ARN."""
    return {"tags": _listed(_by_arn(call.view, request["resourceArn"]))}


@operation("logs", "TagLogGroup")
async def tag_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of a group."""
    async with call.transaction() as change:
        _tag(change, require_log_group(change, request["logGroupName"]), request["tags"])
    return {}


@operation("logs", "UntagLogGroup")
async def untag_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a group."""
    async with call.transaction() as change:
        _untag(change, require_log_group(change, request["logGroupName"]), request["tags"])
    return {}


@operation("logs", "ListTagsLogGroup")
async def list_tags_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the tags of a group."""
    return {"tags": _listed(require_log_group(call.view, request["logGroupName"]))}


def _by_arn(view: View, arn: str) -> LogGroup:
    if not arn.startswith("arn:"):
        raise invalid(f"Invalid resource ARN: {arn}")
    return require_log_group_by_identifier(view, arn)


def _tag(change: Transaction, group: LogGroup, given: Mapping[str, str]) -> None:
    change.put(replace(group, tags=merged(group.tags, given, group.log_group_name)))


def _untag(change: Transaction, group: LogGroup, keys: Iterable[str]) -> None:
    gone = set(keys)
    change.put(replace(group, tags=tuple(tag for tag in group.tags if tag.key not in gone)))


def _listed(group: LogGroup) -> dict[str, str]:
    return {tag.key: tag.value for tag in group.tags}
