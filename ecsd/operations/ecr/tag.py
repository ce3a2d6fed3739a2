"""Tags of repositories."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.refusal import invalid
from ecsd.records.ecr.repository import Repository
from ecsd.records.tag import Tag
from ecsd.store.finders.ecr import no_repository
from ecsd.store.store import View

MOST = 50


@operation("ecr", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags of a repository."""
    async with call.transaction() as change:
        repository = _by_arn(change, request["resourceArn"])
        change.put(replace(repository, tags=merged(repository.tags, request["tags"])))
    return {}


@operation("ecr", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a repository by key."""
    gone = set(request["tagKeys"])
    async with call.transaction() as change:
        repository = _by_arn(change, request["resourceArn"])
        kept = tuple(one for one in repository.tags if one.key not in gone)
        change.put(replace(repository, tags=kept))
    return {}


@operation("ecr", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the tags of a repository."""
    repository = _by_arn(call.view, request["resourceArn"])
    return {"tags": [{"Key": one.key, "Value": one.value} for one in repository.tags]}


def merged(known: Sequence[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; refused: reserved keys, too many."""
    tags = {one.key: one for one in known}
    for one in given or ():
        if one["Key"].lower().startswith("aws:"):
            raise AwsError(
                "InvalidTagParameterException",
                f"The tag key {one['Key']} begins with aws:, a reserved prefix.",
            )
        tags[one["Key"]] = Tag(key=one["Key"], value=one["Value"])
    if len(tags) > MOST:
        raise AwsError("TooManyTagsException", f"A repository may have at most {MOST} tags.")
    return tuple(tags.values())


def _by_arn(view: View, arn: str) -> Repository:
    if ":repository/" not in arn:
        raise invalid("resourceArn", "Invalid ARN")
    found = view.get(Repository, arn)
    if found is None:
        raise no_repository(view.scope.account, arn.partition(":repository/")[2])
    return found
