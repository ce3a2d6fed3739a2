"""Groups, and who belongs to them. Source: IAM API Reference; IAM and AWS STS quotas."""

from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import listed_user, page, shown_group
from ecsd.operations.iam.guards import check_no_policies, exists_already, in_use, over_limit
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import no_such_entity, require_group, require_user

MOST = 300  # groups of an account
MOST_OF_USER = 10


@operation("iam", "CreateGroup")
async def create_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a group without users; names are the same whatever their case."""
    name, path = request["GroupName"], request.get("Path", "/")
    group = Group(
        group_name=name,
        group_id=call.ids.unique_id("AGPA"),
        path=path,
        arn=f"arn:aws:iam::{call.scope.account}:group{path}{name}",
        created_at=call.clock.now(),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(Group, "folded_name", group.folded_name):
            raise exists_already(f"Group with name {name} already exists.")
        if len(change.select(Group)) >= MOST:
            raise over_limit(f"Cannot exceed quota for GroupsPerAccount: {MOST}")
        change.put(group)
    return {"Group": shown_group(group)}


@operation("iam", "GetGroup")
async def get_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a group and its users, by name."""
    view = call.view.globally()
    group = require_group(view, request["GroupName"])
    users = view.select(User, groups=group.group_name)
    shown, rest = page(request, users, lambda user: user.user_name)
    return {"Group": shown_group(group), "Users": [listed_user(one) for one in shown], **rest}


@operation("iam", "ListGroups")
async def list_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the groups under a path, by name."""
    prefix = request.get("PathPrefix", "/")
    groups = [one for one in call.view.globally().select(Group) if one.path.startswith(prefix)]
    return _listed(request, groups)


@operation("iam", "ListGroupsForUser")
async def list_groups_for_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the groups that a user belongs to."""
    view = call.view.globally()
    user = require_user(view, request["UserName"])
    return _listed(request, [require_group(view, name) for name in user.groups])


@operation("iam", "UpdateGroup")
async def update_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a group another name or path; its users stay in it."""
    async with call.store.transaction(call.scope.globally()) as change:
        group = require_group(change, request["GroupName"])
        name = request.get("NewGroupName", group.group_name)
        path = request.get("NewPath", group.path)
        moved = replace(
            group,
            group_name=name,
            path=path,
            arn=f"arn:aws:iam::{call.scope.account}:group{path}{name}",
        )
        if moved.folded_name != group.folded_name and change.count(
            Group, "folded_name", moved.folded_name
        ):
            raise exists_already(f"Group with name {name} already exists.")
        change.remove(group)
        change.put(moved)
        for user in change.select(User, groups=group.group_name):
            groups = tuple(name if one == group.group_name else one for one in user.groups)
            change.put(replace(user, groups=groups))
    return {}


@operation("iam", "DeleteGroup")
async def delete_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a group that has neither users nor policies."""
    async with call.store.transaction(call.scope.globally()) as change:
        group = require_group(change, request["GroupName"])
        if change.count(User, "groups", group.group_name):
            raise in_use("Cannot delete entity, must remove users from group first.")
        check_no_policies(group)
        change.remove(group)
    return {}


@operation("iam", "AddUserToGroup")
async def add_user_to_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a user share a group's policies; twice is the same as once."""
    async with call.store.transaction(call.scope.globally()) as change:
        group = require_group(change, request["GroupName"])
        user = require_user(change, request["UserName"])
        if group.group_name not in user.groups:
            if len(user.groups) >= MOST_OF_USER:
                raise over_limit(f"Cannot exceed quota for GroupsPerUser: {MOST_OF_USER}")
            change.put(replace(user, groups=(*user.groups, group.group_name)))
    return {}


@operation("iam", "RemoveUserFromGroup")
async def remove_user_from_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a user out of a group."""
    async with call.store.transaction(call.scope.globally()) as change:
        group = require_group(change, request["GroupName"])
        user = require_user(change, request["UserName"])
        if group.group_name not in user.groups:
            raise no_such_entity(
                f"The user with name {user.user_name} is not in group {group.group_name}."
            )
        rest = tuple(one for one in user.groups if one != group.group_name)
        change.put(replace(user, groups=rest))
    return {}


def _listed(request: dict[str, Any], groups: list[Group]) -> dict[str, Any]:
    shown, rest = page(request, groups, lambda group: group.group_name)
    return {"Groups": [shown_group(one) for one in shown], **rest}
