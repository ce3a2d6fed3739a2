"""Users. Source: IAM API Reference; IAM and AWS STS quotas."""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import full_user, listed_user, page
from ecsd.operations.iam.guards import (
    check_boundary,
    check_no_policies,
    exists_already,
    in_use,
    over_limit,
)
from ecsd.operations.iam.tag import first_tags
from ecsd.records.iam.user import AccessKey, User
from ecsd.store.finders.iam import require_user

MOST = 5000  # users of an account
USER = ":user/"


@operation("iam", "CreateUser")
async def create_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a user without keys and permissions; names are the same whatever their case."""
    name, path = request["UserName"], request.get("Path", "/")
    user = User(
        user_name=name,
        user_id=call.ids.unique_id("AIDA"),
        path=path,
        arn=f"arn:aws:iam::{call.scope.account}:user{path}{name}",
        created_at=call.clock.now(),
        permissions_boundary=request.get("PermissionsBoundary"),
        tags=first_tags(request),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(User, "folded_name", user.folded_name):
            raise exists_already(f"User with name {name} already exists.")
        if len(change.select(User)) >= MOST:
            raise over_limit(f"Cannot exceed quota for UsersPerAccount: {MOST}")
        check_boundary(change, user.permissions_boundary)
        change.put(user)
    return {"User": full_user(user)}


@operation("iam", "GetUser")
async def get_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a user; without a name, the caller."""
    return {"User": full_user(require_user(call.view.globally(), named_user(call, request)))}


@operation("iam", "ListUsers")
async def list_users(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the users under a path, by name."""
    prefix = request.get("PathPrefix", "/")
    users = [one for one in call.view.globally().select(User) if one.path.startswith(prefix)]
    shown, rest = page(request, users, lambda user: user.user_name)
    return {"Users": [listed_user(user) for user in shown], **rest}


@operation("iam", "UpdateUser")
async def update_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a user another name or path; its keys go with it."""
    async with call.store.transaction(call.scope.globally()) as change:
        user = require_user(change, request["UserName"])
        name = request.get("NewUserName", user.user_name)
        path = request.get("NewPath", user.path)
        moved = replace(
            user,
            user_name=name,
            path=path,
            arn=f"arn:aws:iam::{call.scope.account}:user{path}{name}",
        )
        if moved.folded_name != user.folded_name and change.count(
            User, "folded_name", moved.folded_name
        ):
            raise exists_already(f"User with name {name} already exists.")
        change.remove(user)
        change.put(moved)
        for key in change.select(AccessKey, user_name=user.user_name):
            change.put(replace(key, user_name=name))
    return {}


@operation("iam", "DeleteUser")
async def delete_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a user that has nothing any more."""
    async with call.store.transaction(call.scope.globally()) as change:
        user = require_user(change, request["UserName"])
        if user.groups:
            raise in_use("Cannot delete entity, must remove users from group first.")
        check_no_policies(user)
        if change.count(AccessKey, "user_name", user.user_name):
            raise in_use("Cannot delete entity, must delete access keys first.")
        change.remove(user)
    return {}


def named_user(call: Call, request: dict[str, Any]) -> str:
    """Return the user that is asked about: the caller when none is named."""
    if "UserName" in request:
        return str(request["UserName"])
    _, is_user, rest = call.caller.arn.partition(USER)
    if not is_user:
        raise AwsError(
            "ValidationError", "Must specify userName when calling with non-User credentials"
        )
    return rest.rsplit("/", 1)[-1]
