"""Roles. Source: IAM API Reference; IAM and AWS STS quotas."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, minified_size
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import full_role, listed_role, page
from ecsd.operations.iam.guards import (
    check_boundary,
    check_changeable,
    check_document,
    check_no_policies,
    exists_already,
    in_use,
    over_limit,
)
from ecsd.operations.iam.tag import first_tags
from ecsd.records.iam.role import SERVICE_LINKED_PATH, InstanceProfile, Role
from ecsd.store.finders.iam import require_role

MOST = 1000  # roles of an account
TRUST_POLICY_SIZE = 2048  # characters without white space


@operation("iam", "CreateRole")
async def create_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a role; names are the same whatever their case."""
    _refuse_signin_duration(request)
    name, path = request["RoleName"], request.get("Path", "/")
    document = _trust(request["AssumeRolePolicyDocument"])
    if path.startswith(SERVICE_LINKED_PATH):
        raise AwsError(
            "InvalidInput",
            f"Path {path} is reserved for service-linked roles: use CreateServiceLinkedRole.",
        )
    role = Role(
        role_name=name,
        role_id=call.ids.unique_id("AROA"),
        path=path,
        arn=f"arn:aws:iam::{call.scope.account}:role{path}{name}",
        assume_role_policy_document=document,
        created_at=call.clock.now(),
        description=request.get("Description"),
        max_session_duration=request.get("MaxSessionDuration", 3600),
        permissions_boundary=request.get("PermissionsBoundary"),
        tags=first_tags(request),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(Role, "folded_name", role.folded_name):
            raise exists_already(f"Role with name {name} already exists.")
        if len(change.select(Role)) >= MOST:
            raise over_limit(f"Cannot exceed quota for RolesPerAccount: {MOST}")
        check_boundary(change, role.permissions_boundary)
        change.put(role)
    return {"Role": _created(role)}


@operation("iam", "GetRole")
async def get_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a role."""
    return {"Role": full_role(require_role(call.view.globally(), request["RoleName"]))}


@operation("iam", "ListRoles")
async def list_roles(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the roles under a path, by name."""
    prefix = request.get("PathPrefix", "/")
    roles = [one for one in call.view.globally().select(Role) if one.path.startswith(prefix)]
    shown, rest = page(request, roles, lambda role: role.role_name)
    return {"Roles": [listed_role(role) for role in shown], **rest}


@operation("iam", "UpdateRole")
async def update_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set description and longest session; what is not given falls back to its default."""
    _refuse_signin_duration(request)
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        updated = replace(
            role,
            description=request.get("Description", role.description),
            max_session_duration=request.get("MaxSessionDuration", 3600),
        )
        change.put(updated)
    return {}


@operation("iam", "UpdateRoleDescription")
async def update_role_description(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a role's description; allowed for service-linked roles too."""
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        updated = replace(role, description=request["Description"])
        change.put(updated)
    return {"Role": full_role(updated)}


@operation("iam", "UpdateAssumeRolePolicy")
async def update_assume_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set who may assume a role."""
    document = _trust(request["PolicyDocument"])
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        change.put(replace(role, assume_role_policy_document=document))
    return {}


@operation("iam", "DeleteRole")
async def delete_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a role that nothing hangs on."""
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        if change.count(InstanceProfile, "roles", role.role_name):
            raise in_use("Cannot delete entity, must remove roles from instance profile first.")
        check_no_policies(role)
        change.remove(role)
    return {}


def _trust(document: str) -> str:
    check_document(document, PolicyKind.TRUST)
    if minified_size(document) > TRUST_POLICY_SIZE:
        raise over_limit(f"Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_SIZE}")
    return document


def _created(role: Role) -> dict[str, Any]:
    answer = full_role(role)
    del answer["RoleLastUsed"]  # only reads have it
    return answer


def _refuse_signin_duration(request: dict[str, Any]) -> None:
    for name in ("MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"):
        if name in request:
            raise AwsError("InvalidInput", f"{name} is not supported: there is no console sign-in.")
