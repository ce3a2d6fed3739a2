"""Managed policies of the account, and the look at AWS's own."""

from collections.abc import Iterable
from typing import Any

from ecsd.decisions.iam.policy_document import PolicyKind, minified_size
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import (
    attachments,
    boundary_uses,
    full_policy,
    listed_policy,
    page,
)
from ecsd.operations.iam.guards import (
    check_document,
    check_owned,
    exists_already,
    in_use,
    over_limit,
)
from ecsd.operations.iam.tag import first_tags
from ecsd.records.iam.role import Policy, PolicyVersion, Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.aws_managed_policies import aws_managed_policies
from ecsd.store.finders.iam import require_policy
from ecsd.store.store import View

MOST = 1500  # policies of an account
POLICY_SIZE = 6144  # characters without white space
ENTITIES: tuple[tuple[str, type[Role | User | Group]], ...] = (
    ("User", User),
    ("Group", Group),
    ("Role", Role),
)


def checked_document(document: str) -> str:
    """Return the document of a managed policy, or refuse it."""
    check_document(document, PolicyKind.IDENTITY)
    if minified_size(document) > POLICY_SIZE:
        raise over_limit(f"Cannot exceed quota for PolicySize: {POLICY_SIZE}")
    return document


@operation("iam", "CreatePolicy")
async def create_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a managed policy; names are the same whatever their case or path."""
    name, path, now = request["PolicyName"], request.get("Path", "/"), call.clock.now()
    version = PolicyVersion(
        version_id="v1",
        document=checked_document(request["PolicyDocument"]),
        is_default=True,
        created_at=now,
    )
    policy = Policy(
        arn=f"arn:aws:iam::{call.scope.account}:policy{path}{name}",
        policy_name=name,
        policy_id=call.ids.unique_id("ANPA"),
        path=path,
        created_at=now,
        updated_at=now,
        versions=(version,),
        description=request.get("Description"),
        tags=first_tags(request),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(Policy, "folded_name", policy.folded_name):
            raise exists_already(
                f"A policy called {name} already exists. Duplicate names are not allowed."
            )
        if len(change.select(Policy)) >= MOST:
            raise over_limit(f"Cannot exceed quota for PoliciesPerAccount: {MOST}")
        change.put(policy)
        answer = listed_policy(change, policy)
    return {"Policy": answer}


@operation("iam", "GetPolicy")
async def get_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a managed policy, the account's or AWS's."""
    view = call.view.globally()
    return {"Policy": full_policy(view, require_policy(view, request["PolicyArn"]))}


@operation("iam", "ListPolicies")
async def list_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return managed policies by scope, path and use."""
    view = call.view.globally()
    prefix = request.get("PathPrefix", "/")
    policies = [
        one
        for one in _in_scope(view, request.get("Scope", "All"))
        if one.path.startswith(prefix) and _is_wanted(view, request, one)
    ]
    shown, rest = page(request, policies, lambda one: f"{one.policy_name} {one.policy_id}")
    return {"Policies": [listed_policy(view, one) for one in shown], **rest}


@operation("iam", "DeletePolicy")
async def delete_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a policy that nothing uses and that has one version."""
    arn = request["PolicyArn"]
    check_owned(arn, "DeletePolicy")
    async with call.store.transaction(call.scope.globally()) as change:
        policy = require_policy(change, arn)
        if attachments(change, arn) or boundary_uses(change, arn):
            raise in_use("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise in_use(
                "This policy has more than one version. Before you delete a policy, you must "
                "delete the policy's versions. The default version is deleted with the policy."
            )
        change.remove(policy)
    return {}


@operation("iam", "ListEntitiesForPolicy")
async def list_entities_for_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the users, groups and roles that use a policy, in this order."""
    view = call.view.globally()
    arn = require_policy(view, request["PolicyArn"]).arn
    usage, only = request.get("PolicyUsageFilter"), request.get("EntityFilter")
    found: dict[str, Role | User | Group] = {}
    for name, kind in ENTITIES:
        if only not in (None, name):
            continue
        using: list[Role | User | Group] = []
        if usage != "PermissionsBoundary":
            using += view.select(kind, attached_policy_arns=arn)
        if usage != "PermissionsPolicy" and kind is not Group:
            using += view.select(kind, permissions_boundary=arn)
        prefix = request.get("PathPrefix", "/")
        found |= {f"{name} {one.key}": one for one in using if one.path.startswith(prefix)}
    shown, rest = page(request, found, str)
    some = [found[name] for name in shown]
    return {
        "PolicyGroups": [
            {"GroupName": one.group_name, "GroupId": one.group_id}
            for one in some
            if isinstance(one, Group)
        ],
        "PolicyUsers": [
            {"UserName": one.user_name, "UserId": one.user_id}
            for one in some
            if isinstance(one, User)
        ],
        "PolicyRoles": [
            {"RoleName": one.role_name, "RoleId": one.role_id}
            for one in some
            if isinstance(one, Role)
        ],
        **rest,
    }


def _in_scope(view: View, scope: str) -> Iterable[Policy]:
    own = view.select(Policy) if scope != "AWS" else []
    published = aws_managed_policies().values() if scope != "Local" else []
    return [*own, *published]


def _is_wanted(view: View, request: dict[str, Any], policy: Policy) -> bool:
    attached = attachments(view, policy.arn) > 0
    bounding = boundary_uses(view, policy.arn) > 0
    usage = request.get("PolicyUsageFilter")
    if usage == "PermissionsPolicy" and not attached:
        return False
    if usage == "PermissionsBoundary" and not bounding:
        return False
    return not request.get("OnlyAttached", False) or attached or bounding
