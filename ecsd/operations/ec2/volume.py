"""Volumes of EBS: made, described, deleted. Tasks' own ones are ECS's to make.

Source: Amazon EC2 API Reference, CreateVolume, DescribeVolumes, DeleteVolume.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ebs.limits import Wanted, faults, provisioned
from ecsd.decisions.network.availability_zone import find_zone, zones
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, arn
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.volume import COMPLETED, DELETING, IN_USE, Snapshot, Volume
from ecsd.store.finders.ec2 import require
from ecsd.store.store import View

VOLUMES = Listing(
    "Volumes",
    "VolumeId",
    {
        "attachment.attach-time": "Attachments.AttachTime",
        "attachment.delete-on-termination": "Attachments.DeleteOnTermination",
        "attachment.device": "Attachments.Device",
        "attachment.status": "Attachments.State",
        "availability-zone": "AvailabilityZone",
        "availability-zone-id": "AvailabilityZoneId",
        "create-time": "CreateTime",
        "encrypted": "Encrypted",
        "operator.managed": "Operator.Managed",
        "operator.principal": "Operator.Principal",
        "size": "Size",
        "snapshot-id": "SnapshotId",
        "status": "State",
        "volume-id": "VolumeId",
        "volume-type": "VolumeType",
    },
)
CODES = {
    "type": "UnknownVolumeType",
    "size": "InvalidParameterValue",
    "iops": "InvalidParameterCombination",
    "throughput": "InvalidParameterCombination",
}


@action(
    "CreateVolume",
    *("AvailabilityZone", "AvailabilityZoneId", "Size", "SnapshotId", "VolumeType", "Iops"),
    *("Throughput", "Encrypted", "TagSpecifications", "ClientToken"),
)
async def create_volume(call: Call, request: Request) -> Answer:
    """Have an empty volume made, or a copy of a snapshot; it is ``creating`` until there is one."""
    check_encryption(call, request)
    tags = specified_tags(request, "volume")
    async with call.transaction() as change:
        token = request.get("ClientToken") or ""
        known = next((one for one in change.select(Volume) if one.client_token == token), None)
        if token and known is not None:
            return described(call, known)
        size, snapshot = _content(change, request)
        wanted = _provisioned(request, size)
        volume = Volume(
            volume_id=call.ids.resource_id("vol"),
            availability_zone=_zone(call, request),
            size=wanted.size,
            volume_type=wanted.volume_type,
            iops=wanted.iops,
            throughput=wanted.throughput,
            encrypted=bool(request.get("Encrypted")) or bool(snapshot and snapshot.encrypted),
            snapshot_id=snapshot.snapshot_id if snapshot else "",
            host=snapshot.host if snapshot else None,
            created_at=call.clock.now(),
            client_token=token,
            tags=tags,
        )
        change.put(volume)
        return described(call, volume)


@action("DescribeVolumes", "VolumeIds", "IncludeManagedResources", *DESCRIBING)
async def describe_volumes(call: Call, request: Request) -> Answer:
    """Return volumes, tasks' own ones among them."""
    found = chosen(call.view, Volume, request.get("VolumeIds"))
    return listed(request, VOLUMES, [described(call, one) for one in found])


@action("DeleteVolume", "VolumeId")
async def delete_volume(call: Call, request: Request) -> Answer:
    """Have a volume's data erased; refused while a task has it."""
    async with call.transaction() as change:
        volume = require(change, Volume, request["VolumeId"])
        if volume.state == IN_USE or volume.task_arn:
            raise AwsError(
                "VolumeInUse",
                f"Volume {volume.volume_id} is currently attached to {volume.task_arn}",
            )
        change.put(replace(volume, state=DELETING))
    return {}


def described(call: Call, volume: Volume) -> dict[str, Any]:
    """Return a volume in EC2's shape; members without a value are left out."""
    zone = find_zone(call.scope.region, volume.availability_zone)
    shown: dict[str, Any] = {
        "VolumeId": volume.volume_id,
        "VolumeArn": arn(call, "volume", volume.volume_id),
        "OwnerId": call.scope.account,
        "AvailabilityZone": volume.availability_zone,
        "AvailabilityZoneId": zone.zone_id if zone else None,
        "Size": volume.size,
        "VolumeType": volume.volume_type,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
        "VolumeInitializationRate": volume.initialization_rate,
        "Encrypted": volume.encrypted,
        "MultiAttachEnabled": False,
        "SnapshotId": volume.snapshot_id,
        "State": volume.state,
        "CreateTime": volume.created_at,
        "Attachments": _attachments(volume),
        "Operator": {"Managed": True, "Principal": "ecs.amazonaws.com"} if volume.managed else None,
        "Tags": tag_set(volume.tags),
    }
    return {member: value for member, value in shown.items() if value is not None}


def check_encryption(call: Call, request: Request) -> None:
    """Refuse encryption where nobody vouches for the disk; local mode takes it as said."""
    if request.get("Encrypted") and not call.settings.ebs_encryption_vouched:
        raise AwsError(
            "UnsupportedOperation",
            "Encrypted: ecsd does not encrypt volumes itself. Put its folder (ECSD_EBS_DIR) on an "
            "encrypted disk and say so with ECSD_EBS_ENCRYPTED=on.",
        )


def _attachments(volume: Volume) -> list[dict[str, Any]]:
    """Return who has the volume; a task is no instance, so that none is named."""
    if volume.state != IN_USE or volume.task_arn is None:
        return []
    return [
        {
            "VolumeId": volume.volume_id,
            "AssociatedResource": volume.task_arn,
            "InstanceOwningService": "ecs.amazonaws.com",
            "Device": volume.device,
            "State": "attached",
            "AttachTime": volume.attached_at,
            "DeleteOnTermination": volume.delete_on_termination,
        }
    ]


def _content(view: View, request: Request) -> tuple[int, Snapshot | None]:
    """Return the size and what the volume is made of."""
    size = request.get("Size")
    if not request.get("SnapshotId"):
        if size is None:
            raise AwsError(
                "MissingParameter", "The request must contain the parameter size/snapshot"
            )
        return int(size), None
    snapshot = require(view, Snapshot, request["SnapshotId"])
    if snapshot.state != COMPLETED:
        raise AwsError(
            "IncorrectState",
            f"Snapshot is in invalid state - {snapshot.state}: {snapshot.snapshot_id}",
        )
    if size is not None and size < snapshot.volume_size:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume of {size}GiB is smaller than snapshot '{snapshot.snapshot_id}', expect "
            f"size >= {snapshot.volume_size}GiB",
        )
    return int(size or snapshot.volume_size), snapshot


def _provisioned(request: Request, size: int) -> Wanted:
    kind = request.get("VolumeType") or "gp2"
    wanted = Wanted(kind, size, request.get("Iops"), request.get("Throughput"))
    for member, words in faults(wanted):
        raise AwsError(CODES[member], f"{words[0].upper()}{words[1:]}.")
    return provisioned(wanted)


def _zone(call: Call, request: Request) -> str:
    name, zone_id = request.get("AvailabilityZone"), request.get("AvailabilityZoneId")
    if not name and not zone_id:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter AvailabilityZone"
        )
    for zone in zones(call.scope.region):
        if name in {None, "", zone.name} and zone_id in {None, "", zone.zone_id}:
            return zone.name
    raise AwsError("InvalidZone.NotFound", f"The zone '{name or zone_id}' does not exist.")
