"""Access points: a directory of a file system, and whom all that come this way act as.

Source: Amazon EFS API Reference, CreateAccessPoint and its kin.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import bad_request, merged, name_of, page, tag_list
from ecsd.records.efs.access_point import AccessPoint, DirectoryCreation, PosixUser
from ecsd.store.finders.efs import (
    arn_of,
    require_access_point,
    require_available,
    require_file_system,
)
from ecsd.store.store import View

NEXT = ("MaxResults", "NextToken")


@operation("efs", "CreateAccessPoint")
async def create_access_point(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a way in; its directory is made when somebody first comes by it."""
    tags = merged((), request.get("Tags"))
    async with call.transaction() as change:
        token = request["ClientToken"]
        for known in change.select(AccessPoint, client_token=token):
            raise AwsError(
                "AccessPointAlreadyExists",
                f"Access point '{known.access_point_id}' already exists with client token "
                f"'{token}'",
                details={"AccessPointId": known.access_point_id},
            )
        file_system = require_available(change, request["FileSystemId"])
        own = call.ids.resource_id("fsap")
        root = request.get("RootDirectory") or {}
        made = AccessPoint(
            access_point_id=own,
            arn=arn_of(change, "access-point", own),
            file_system_id=file_system.file_system_id,
            client_token=token,
            user=_user(request.get("PosixUser")),
            path=root.get("Path") or "/",
            creation=_creation(root.get("CreationInfo")),
            tags=tags,
        )
        change.put(made)
        return _show(change, made)


@operation("efs", "DescribeAccessPoints")
async def describe_access_points(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe all, those of a file system, or the one of an id."""
    view = call.view
    if request.get("AccessPointId") and request.get("FileSystemId"):
        raise bad_request("Only one of AccessPointId and FileSystemId may be given.")
    if request.get("AccessPointId"):
        found = [require_access_point(view, request["AccessPointId"])]
    elif request.get("FileSystemId"):
        own = require_file_system(view, request["FileSystemId"]).file_system_id
        found = view.select(AccessPoint, file_system_id=own)
    else:
        found = view.select(AccessPoint)
    shown, token = page(request, found, lambda one: one.access_point_id, NEXT)
    return {"AccessPoints": [_show(view, one) for one in shown], "NextToken": token}


@operation("efs", "DeleteAccessPoint")
async def delete_access_point(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let nobody come this way any more; who is inside stays, as on AWS."""
    async with call.transaction() as change:
        change.remove(require_access_point(change, request["AccessPointId"]))
    return {}


def _user(given: dict[str, Any] | None) -> PosixUser | None:
    if given is None:
        return None
    return PosixUser(
        uid=given["Uid"], gid=given["Gid"], secondary_gids=tuple(given.get("SecondaryGids") or ())
    )


def _creation(given: dict[str, Any] | None) -> DirectoryCreation | None:
    if given is None:
        return None
    return DirectoryCreation(
        owner_uid=given["OwnerUid"],
        owner_gid=given["OwnerGid"],
        permissions=given["Permissions"],
    )


def _show(view: View, one: AccessPoint) -> dict[str, Any]:
    root: dict[str, Any] = {"Path": one.path}
    if one.creation is not None:
        root["CreationInfo"] = {
            "OwnerUid": one.creation.owner_uid,
            "OwnerGid": one.creation.owner_gid,
            "Permissions": one.creation.permissions,
        }
    user = None
    if one.user is not None:
        user = {
            "Uid": one.user.uid,
            "Gid": one.user.gid,
            "SecondaryGids": list(one.user.secondary_gids) or None,
        }
    return {
        "ClientToken": one.client_token,
        "Name": name_of(one.tags),
        "Tags": tag_list(one.tags),
        "AccessPointId": one.access_point_id,
        "AccessPointArn": one.arn,
        "FileSystemId": one.file_system_id,
        "PosixUser": user,
        "RootDirectory": root,
        "OwnerId": view.scope.account,
        "LifeCycleState": "available",
    }
