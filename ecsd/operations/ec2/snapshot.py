"""Snapshots of volumes. Source: Amazon EC2 API Reference, CreateSnapshot, DescribeSnapshots."""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.volume import (
    AVAILABLE,
    COMPLETED,
    CREATING,
    DELETING,
    IN_USE,
    PENDING,
    Snapshot,
    Volume,
)
from ecsd.store.finders.ec2 import require
from ecsd.store.store import View

SNAPSHOTS = Listing(
    "Snapshots",
    "SnapshotId",
    {
        "description": "Description",
        "encrypted": "Encrypted",
        "owner-id": "OwnerId",
        "progress": "Progress",
        "snapshot-id": "SnapshotId",
        "start-time": "StartTime",
        "status": "State",
        "storage-tier": "StorageTier",
        "volume-id": "VolumeId",
        "volume-size": "VolumeSize",
    },
)


@action("CreateSnapshot", "VolumeId", "Description", "TagSpecifications")
async def create_snapshot(call: Call, request: Request) -> Answer:
    """Have a volume copied as it is when its host begins; a task may go on with it."""
    tags = specified_tags(request, "snapshot")
    async with call.transaction() as change:
        volume = require(change, Volume, request["VolumeId"])
        if volume.state not in {AVAILABLE, IN_USE}:
            raise AwsError(
                "IncorrectState",
                f"The volume '{volume.volume_id}' is '{volume.state}' and has no data to copy.",
            )
        snapshot = Snapshot(
            snapshot_id=call.ids.resource_id("snap"),
            volume_id=volume.volume_id,
            volume_size=volume.size,
            description=request.get("Description") or "",
            encrypted=volume.encrypted,
            filesystem=volume.filesystem,
            host=volume.host,
            started_at=call.clock.now(),
            tags=tags,
        )
        change.put(snapshot)
        return described(call, snapshot)


@action("DescribeSnapshots", "SnapshotIds", "OwnerIds", "RestorableByUserIds", *DESCRIBING)
async def describe_snapshots(call: Call, request: Request) -> Answer:
    """Return the account's snapshots; there are no others."""
    owners = set(request.get("OwnerIds") or ()) | set(request.get("RestorableByUserIds") or ())
    ids = request.get("SnapshotIds")
    found = [_require(call.view, one) for one in dict.fromkeys(ids or ())]
    if not ids and (not owners or owners & {"self", "all", call.scope.account}):
        found = [one for one in call.view.select(Snapshot) if one.state != DELETING]
    return listed(request, SNAPSHOTS, [described(call, one) for one in found])


@action("DeleteSnapshot", "SnapshotId")
async def delete_snapshot(call: Call, request: Request) -> Answer:
    """Have a snapshot's data erased; volumes that were made of it have their own."""
    async with call.transaction() as change:
        snapshot = _require(change, request["SnapshotId"])
        for volume in change.select(Volume, snapshot_id=snapshot.snapshot_id):
            if volume.state == CREATING:
                raise AwsError(
                    "InvalidSnapshot.InUse",
                    f"The snapshot {snapshot.snapshot_id} is currently in use by "
                    f"{volume.volume_id}",
                )
        change.put(replace(snapshot, state=DELETING))
    return {}


def described(call: Call, snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot in EC2's shape."""
    shown: dict[str, Any] = {
        "SnapshotId": snapshot.snapshot_id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.volume_size,
        "OwnerId": call.scope.account,
        "Description": snapshot.description,
        "Encrypted": snapshot.encrypted,
        "State": snapshot.state,
        "StateMessage": snapshot.state_message or None,
        "StartTime": snapshot.started_at,
        "CompletionTime": snapshot.completed_at if snapshot.state == COMPLETED else None,
        "Progress": {COMPLETED: "100%", PENDING: "0%"}.get(snapshot.state, ""),
        "StorageTier": "standard",
        "Tags": tag_set(snapshot.tags),
    }
    return {member: value for member, value in shown.items() if value is not None}


def _require(view: View, snapshot_id: str) -> Snapshot:
    found = require(view, Snapshot, snapshot_id)
    if found.state == DELETING:
        raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return found
