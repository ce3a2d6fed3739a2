"""Inline policies of roles, and managed ones attached to them."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.policy_document import PolicyKind, minified_size
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import encoded, page
from ecsd.operations.iam.guards import check_changeable, check_document, over_limit
from ecsd.records.iam.role import SERVICE_LINKED_PATH, Policy
from ecsd.store.finders.iam import find_policy, no_such_entity, require_role

INLINE_SIZE = 10_240  # characters without white space, all inline policies of a role together
MOST_ATTACHED = 10  # managed policies of a role


@operation("iam", "PutRolePolicy")
async def put_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set an inline policy of a role."""
    document = request["PolicyDocument"]
    check_document(document, PolicyKind.IDENTITY)
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        policies = {**role.inline_policies, request["PolicyName"]: document}
        if sum(minified_size(one) for one in policies.values()) > INLINE_SIZE:
            raise over_limit(
                f"Maximum policy size of {INLINE_SIZE} bytes exceeded for role {role.role_name}"
            )
        change.put(replace(role, inline_policies=policies))
    return {}


@operation("iam", "GetRolePolicy")
async def get_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an inline policy of a role."""
    role = require_role(call.view.globally(), request["RoleName"])
    name = request["PolicyName"]
    if name not in role.inline_policies:
        raise _no_inline(name)
    return {
        "RoleName": role.role_name,
        "PolicyName": name,
        "PolicyDocument": encoded(role.inline_policies[name]),
    }


@operation("iam", "ListRolePolicies")
async def list_role_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the names of a role's inline policies."""
    role = require_role(call.view.globally(), request["RoleName"])
    shown, rest = page(request, role.inline_policies, str)
    return {"PolicyNames": shown, **rest}


@operation("iam", "DeleteRolePolicy")
async def delete_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove an inline policy of a role."""
    name = request["PolicyName"]
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        if name not in role.inline_policies:
            raise _no_inline(name)
        rest = {known: text for known, text in role.inline_policies.items() if known != name}
        change.put(replace(role, inline_policies=rest))
    return {}


@operation("iam", "AttachRolePolicy")
async def attach_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Attach a managed policy to a role; twice is the same as once."""
    arn = request["PolicyArn"]
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        policy = find_policy(change, arn)
        if policy is None:
            raise no_such_entity(f"Policy {arn} does not exist or is not attachable.")
        if policy.path.startswith(SERVICE_LINKED_PATH):
            raise AwsError(
                "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role."
            )
        if arn not in role.attached_policy_arns:
            if len(role.attached_policy_arns) >= MOST_ATTACHED:
                raise over_limit(f"Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")
            change.put(replace(role, attached_policy_arns=(*role.attached_policy_arns, arn)))
    return {}


@operation("iam", "DetachRolePolicy")
async def detach_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a managed policy from a role."""
    arn = request["PolicyArn"]
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        if arn not in role.attached_policy_arns:
            raise no_such_entity(f"Policy {arn} was not found.")
        rest = tuple(one for one in role.attached_policy_arns if one != arn)
        change.put(replace(role, attached_policy_arns=rest))
    return {}


@operation("iam", "ListAttachedRolePolicies")
async def list_attached_role_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the managed policies of a role."""
    view = call.view.globally()
    role = require_role(view, request["RoleName"])
    prefix = request.get("PathPrefix", "/")
    found = [find_policy(view, arn) for arn in role.attached_policy_arns]
    policies = [one for one in found if one is not None and one.path.startswith(prefix)]
    shown, rest = page(request, policies, _order)
    attached = [{"PolicyName": one.policy_name, "PolicyArn": one.arn} for one in shown]
    return {"AttachedPolicies": attached, **rest}


def _order(policy: Policy) -> str:
    return f"{policy.policy_name} {policy.policy_id}"  # AWS's and the account's may share a name


def _no_inline(name: str) -> AwsError:
    return no_such_entity(f"The role policy with name {name} cannot be found.")
