"""Everything that an account's permissions are made of, in one answer."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import (
    attachments,
    boundary_of,
    boundary_uses,
    encoded,
    full_policy,
    full_role,
    instance_profile,
    listed_user,
    page,
    policy_version,
    shown_group,
    tags_of,
)
from ecsd.operations.iam.entity_policy import Entity, attached_to, shown_attached
from ecsd.records.iam.role import InstanceProfile, Policy, Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.aws_managed_policies import aws_managed_policies
from ecsd.store.store import View

LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


class _Item(NamedTuple):
    order: str
    member: str  # which list it belongs to
    show: Callable[[], dict[str, Any]]


@operation("iam", "GetAccountAuthorizationDetails")
async def get_account_authorization_details(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return users, groups, roles and policies; of AWS's policies those that are in use."""
    view = call.view.globally()
    wanted = request.get("Filter") or [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ]
    items = [item for kind in wanted for item in _SORTS[kind](view)]
    shown, rest = page(request, items, lambda item: item.order)
    answer: dict[str, Any] = {
        member: [item.show() for item in shown if item.member == member] for member in LISTS
    }
    return {**answer, **rest}


def _users(view: View) -> Iterator[_Item]:
    for user in view.select(User):
        yield _Item(f"0 {user.user_name}", LISTS[0], partial(_user, view, user))


def _groups(view: View) -> Iterator[_Item]:
    for group in view.select(Group):
        yield _Item(f"1 {group.group_name}", LISTS[1], partial(_group, view, group))


def _roles(view: View) -> Iterator[_Item]:
    for role in view.select(Role):
        yield _Item(f"2 {role.role_name}", LISTS[2], partial(_role, view, role))


def _own_policies(view: View) -> Iterator[_Item]:
    for policy in view.select(Policy):
        yield _Item(f"3 {policy.arn}", LISTS[3], partial(_policy, view, policy))


def _published_policies(view: View) -> Iterator[_Item]:
    for policy in aws_managed_policies().values():
        if attachments(view, policy.arn) or boundary_uses(view, policy.arn):
            yield _Item(f"4 {policy.arn}", LISTS[3], partial(_policy, view, policy))


_SORTS: dict[str, Callable[[View], Iterator[_Item]]] = {
    "User": _users,
    "Group": _groups,
    "Role": _roles,
    "LocalManagedPolicy": _own_policies,
    "AWSManagedPolicy": _published_policies,
}


def _user(view: View, user: User) -> dict[str, Any]:
    return {
        **listed_user(user),
        **boundary_of(user),
        **_policies(view, user, "UserPolicyList"),
        "GroupList": list(user.groups),
        "Tags": tags_of(user.tags),
    }


def _group(view: View, group: Group) -> dict[str, Any]:
    return {**shown_group(group), **_policies(view, group, "GroupPolicyList")}


def _role(view: View, role: Role) -> dict[str, Any]:
    shown = full_role(role)
    for name in ("Description", "MaxSessionDuration"):  # not among the members of RoleDetail
        shown.pop(name, None)
    profiles = view.select(InstanceProfile, roles=role.role_name)
    return {
        **shown,
        **_policies(view, role, "RolePolicyList"),
        "InstanceProfileList": [instance_profile(view, one, listed=True) for one in profiles],
        "Tags": tags_of(role.tags),
    }


def _policy(view: View, policy: Policy) -> dict[str, Any]:
    shown = full_policy(view, policy)
    del shown["Tags"]
    versions = [policy_version(one, with_document=True) for one in policy.versions]
    return {**shown, "PolicyVersionList": versions}


def _policies(view: View, entity: Entity, member: str) -> dict[str, Any]:
    return {
        member: [
            {"PolicyName": name, "PolicyDocument": encoded(text)}
            for name, text in sorted(entity.inline_policies.items())
        ],
        "AttachedManagedPolicies": [shown_attached(one) for one in attached_to(view, entity)],
    }
