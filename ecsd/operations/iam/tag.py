"""Tags of roles, policies and instance profiles."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import page, tags_of
from ecsd.operations.iam.guards import check_changeable, check_owned
from ecsd.records.iam.role import InstanceProfile, Policy, Role
from ecsd.records.tag import Tag
from ecsd.store.finders.iam import require_instance_profile, require_policy, require_role
from ecsd.store.store import Transaction, View

MOST = 50  # tags of one entity
Tagged = Role | Policy | InstanceProfile
Find = Callable[[View, str], Tagged]


def first_tags(request: dict[str, Any]) -> tuple[Tag, ...]:
    """Return the tags that a create brings."""
    return merged((), request.get("Tags", []))


def merged(known: Sequence[Tag], given: Sequence[dict[str, str]]) -> tuple[Tag, ...]:
    """Return the tags after setting the given ones; keys are the same whatever their case.

    Raises:
        AwsError: InvalidInput for doubled or reserved keys, LimitExceeded beyond 50.
    """
    folded = [tag["Key"].lower() for tag in given]
    if len(folded) != len(set(folded)):
        raise AwsError(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if any(key.startswith("aws:") for key in folded):
        raise AwsError("InvalidInput", "Tag keys beginning with aws: are reserved for system use.")
    tags = {tag.key.lower(): tag for tag in known}
    tags |= {tag["Key"].lower(): Tag(key=tag["Key"], value=tag["Value"]) for tag in given}
    if len(tags) > MOST:
        raise AwsError(
            "LimitExceeded", "The number of tags has reached the maximum limit.", status=409
        )
    return tuple(tags.values())


def _without(known: Sequence[Tag], keys: Iterable[str]) -> tuple[Tag, ...]:
    gone = {key.lower() for key in keys}
    return tuple(tag for tag in known if tag.key.lower() not in gone)


def _find(change: View, find: Find, name: str) -> Tagged:
    entity = find(change, name)
    if isinstance(entity, Role):
        check_changeable(entity)
    if isinstance(entity, Policy):
        check_owned(entity.arn, "TagPolicy")
    return entity


async def _tag(call: Call, find: Find, name: str, given: list[dict[str, str]]) -> dict[str, Any]:
    async with _account(call) as change:
        entity = _find(change, find, name)
        change.put(replace(entity, tags=merged(entity.tags, given)))
    return {}


async def _untag(call: Call, find: Find, name: str, keys: list[str]) -> dict[str, Any]:
    async with _account(call) as change:
        entity = _find(change, find, name)
        change.put(replace(entity, tags=_without(entity.tags, keys)))
    return {}


def _list(call: Call, find: Find, name: str, request: dict[str, Any]) -> dict[str, Any]:
    entity = find(call.view.globally(), name)
    shown, rest = page(request, entity.tags, lambda tag: tag.key)
    return {"Tags": tags_of(shown), **rest}


def _account(call: Call) -> Transaction:
    return call.store.transaction(call.scope.globally())


@operation("iam", "TagRole")
async def tag_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of a role."""
    return await _tag(call, require_role, request["RoleName"], request["Tags"])


@operation("iam", "UntagRole")
async def untag_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a role."""
    return await _untag(call, require_role, request["RoleName"], request["TagKeys"])


@operation("iam", "ListRoleTags")
async def list_role_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a role's tags by key."""
    return _list(call, require_role, request["RoleName"], request)


@operation("iam", "TagPolicy")
async def tag_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of a managed policy."""
    return await _tag(call, require_policy, request["PolicyArn"], request["Tags"])


@operation("iam", "UntagPolicy")
async def untag_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a managed policy."""
    return await _untag(call, require_policy, request["PolicyArn"], request["TagKeys"])


@operation("iam", "ListPolicyTags")
async def list_policy_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a managed policy's tags by key."""
    return _list(call, require_policy, request["PolicyArn"], request)


@operation("iam", "TagInstanceProfile")
async def tag_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of an instance profile."""
    name = request["InstanceProfileName"]
    return await _tag(call, require_instance_profile, name, request["Tags"])


@operation("iam", "UntagInstanceProfile")
async def untag_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of an instance profile."""
    name = request["InstanceProfileName"]
    return await _untag(call, require_instance_profile, name, request["TagKeys"])


@operation("iam", "ListInstanceProfileTags")
async def list_instance_profile_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an instance profile's tags by key."""
    name = request["InstanceProfileName"]
    return _list(call, require_instance_profile, name, request)
