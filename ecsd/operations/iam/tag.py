"""Tags of roles, users, policies, instance profiles and OpenID Connect providers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import page, tags_of
from ecsd.operations.iam.guards import check_changeable, check_owned
from ecsd.records.iam.oidc_provider import OidcProvider
from ecsd.records.iam.role import InstanceProfile, Policy, Role
from ecsd.records.iam.user import User
from ecsd.records.tag import Tag
from ecsd.store.finders.iam import (
    require_instance_profile,
    require_oidc_provider,
    require_policy,
    require_role,
    require_user,
)
from ecsd.store.store import View

MOST = 50  # tags of one entity
Tagged = Role | User | Policy | InstanceProfile | OidcProvider


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


class Noun(NamedTuple):
    """What can have tags, and the member that names it."""

    name: str
    find: Callable[[View, str], Tagged]
    member: str


NOUNS = (
    Noun("Role", require_role, "RoleName"),
    Noun("User", require_user, "UserName"),
    Noun("Policy", require_policy, "PolicyArn"),
    Noun("InstanceProfile", require_instance_profile, "InstanceProfileName"),
    Noun("OpenIDConnectProvider", require_oidc_provider, "OpenIDConnectProviderArn"),
)


def _find(change: View, noun: Noun, request: dict[str, Any]) -> Tagged:
    entity = noun.find(change, request[noun.member])
    if isinstance(entity, Role):
        check_changeable(entity)
    if isinstance(entity, Policy):
        check_owned(entity.arn, "TagPolicy")
    return entity


def register(noun: Noun) -> None:
    """Register Tag-, Untag- and ListTags of a noun."""

    @operation("iam", f"Tag{noun.name}")
    async def tag(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        async with call.store.transaction(call.scope.globally()) as change:
            entity = _find(change, noun, request)
            change.put(replace(entity, tags=merged(entity.tags, request["Tags"])))
        return {}

    @operation("iam", f"Untag{noun.name}")
    async def untag(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        async with call.store.transaction(call.scope.globally()) as change:
            entity = _find(change, noun, request)
            change.put(replace(entity, tags=_without(entity.tags, request["TagKeys"])))
        return {}

    @operation("iam", f"List{noun.name}Tags")
    async def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        entity = noun.find(call.view.globally(), request[noun.member])
        shown, rest = page(request, entity.tags, lambda one: one.key)
        return {"Tags": tags_of(shown), **rest}


for _noun in NOUNS:
    register(_noun)
