"""Inline policies of users, groups and roles, and managed ones attached to them.

The operations are the same for the three but for the noun in their names.
Source: IAM API Reference; IAM and AWS STS quotas.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, minified_size
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import encoded, page
from ecsd.operations.iam.guards import check_changeable, check_document, over_limit
from ecsd.records.iam.role import SERVICE_LINKED_PATH, Policy, Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import (
    find_policy,
    no_such_entity,
    require_group,
    require_role,
    require_user,
)
from ecsd.store.store import View

MOST_ATTACHED = 10  # managed policies of one entity
Entity = Role | User | Group


class Noun(NamedTuple):
    """What the operations of one sort of entity are about.

    Attributes:
        inline_size: characters without white space that all inline policies have together.
    """

    name: str
    require: Callable[[View, str], Entity]
    inline_size: int

    def found(self, view: View, request: Mapping[str, Any]) -> Entity:
        """Return the entity that a request names."""
        return self.require(view, request[f"{self.name}Name"])

    def changeable(self, view: View, request: Mapping[str, Any]) -> Entity:
        """Return the entity, or refuse: only its service may change it."""
        entity = self.found(view, request)
        if isinstance(entity, Role):
            check_changeable(entity)
        return entity

    def no_inline(self, name: str) -> AwsError:
        """Return the error for an inline policy that is not there."""
        return no_such_entity(f"The {self.name.lower()} policy with name {name} cannot be found.")


NOUNS = (
    Noun("Role", require_role, 10_240),
    Noun("User", require_user, 2048),
    Noun("Group", require_group, 5120),
)


def register_inline(noun: Noun) -> None:
    """Register Put-, Get-, List- and DeletePolicy of a noun."""

    @operation("iam", f"Put{noun.name}Policy")
    async def put(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        document = request["PolicyDocument"]
        check_document(document, PolicyKind.IDENTITY)
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            policies = {**entity.inline_policies, request["PolicyName"]: document}
            if sum(minified_size(one) for one in policies.values()) > noun.inline_size:
                raise over_limit(
                    f"Maximum policy size of {noun.inline_size} bytes exceeded for "
                    f"{noun.name.lower()} {entity.key}"
                )
            change.put(replace(entity, inline_policies=policies))
        return {}

    @operation("iam", f"Get{noun.name}Policy")
    async def get(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        entity = noun.found(call.view.globally(), request)
        name = request["PolicyName"]
        if name not in entity.inline_policies:
            raise noun.no_inline(name)
        return {
            f"{noun.name}Name": entity.key,
            "PolicyName": name,
            "PolicyDocument": encoded(entity.inline_policies[name]),
        }

    @operation("iam", f"List{noun.name}Policies")
    async def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        entity = noun.found(call.view.globally(), request)
        shown, rest = page(request, entity.inline_policies, str)
        return {"PolicyNames": shown, **rest}

    @operation("iam", f"Delete{noun.name}Policy")
    async def delete(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        name = request["PolicyName"]
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            if name not in entity.inline_policies:
                raise noun.no_inline(name)
            rest = {known: text for known, text in entity.inline_policies.items() if known != name}
            change.put(replace(entity, inline_policies=rest))
        return {}


def register_attached(noun: Noun) -> None:
    """Register Attach-, Detach- and ListAttachedPolicies of a noun."""

    @operation("iam", f"Attach{noun.name}Policy")
    async def attach(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["PolicyArn"]
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            _check_attachable(change, noun, arn)
            if arn not in entity.attached_policy_arns:
                if len(entity.attached_policy_arns) >= MOST_ATTACHED:
                    raise over_limit(
                        f"Cannot exceed quota for PoliciesPer{noun.name}: {MOST_ATTACHED}"
                    )
                attached = (*entity.attached_policy_arns, arn)
                change.put(replace(entity, attached_policy_arns=attached))
        return {}

    @operation("iam", f"Detach{noun.name}Policy")
    async def detach(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["PolicyArn"]
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            if arn not in entity.attached_policy_arns:
                raise no_such_entity(f"Policy {arn} was not found.")
            rest = tuple(one for one in entity.attached_policy_arns if one != arn)
            change.put(replace(entity, attached_policy_arns=rest))
        return {}

    @operation("iam", f"ListAttached{noun.name}Policies")
    async def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        view = call.view.globally()
        entity = noun.found(view, request)
        prefix = request.get("PathPrefix", "/")
        policies = [one for one in attached_to(view, entity) if one.path.startswith(prefix)]
        shown, rest = page(request, policies, _order)
        return {"AttachedPolicies": [shown_attached(one) for one in shown], **rest}


def attached_to(view: View, entity: Entity) -> list[Policy]:
    """Return the managed policies that are attached to an entity."""
    found = [find_policy(view, arn) for arn in entity.attached_policy_arns]
    return [one for one in found if one is not None]


def shown_attached(policy: Policy) -> dict[str, Any]:
    """Return an attached policy as lists show it."""
    return {"PolicyName": policy.policy_name, "PolicyArn": policy.arn}


def _check_attachable(view: View, noun: Noun, arn: str) -> None:
    policy = find_policy(view, arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} does not exist or is not attachable.")
    if policy.path.startswith(SERVICE_LINKED_PATH):
        raise AwsError(
            "PolicyNotAttachable",
            f"Cannot attach a Service Role Policy to a Customer {noun.name}.",
        )


def _order(policy: Policy) -> str:
    return f"{policy.policy_name} {policy.policy_id}"  # AWS's and the account's may share a name


for _noun in NOUNS:
    register_inline(_noun)
    register_attached(_noun)
