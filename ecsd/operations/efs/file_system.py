"""File systems: made, shown, changed, deleted.

Source: Amazon EFS API Reference, CreateFileSystem and its kin. Performance and throughput modes
are kept and shown: this machine's disk is as fast as it is.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.availability_zone import find_zone
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import bad_request, merged, name_of, page, tag_list
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import DELETING, FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.store.finders.efs import arn_of, require_available, require_file_system, tasks_mounting
from ecsd.store.store import View


@operation("efs", "CreateFileSystem")
async def create_file_system(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a folder made; it is ``available`` once a host has it."""
    _check_encryption(call, request)
    performance = request.get("PerformanceMode") or "generalPurpose"
    throughput = request.get("ThroughputMode") or "bursting"
    zone = request.get("AvailabilityZoneName")
    if zone is not None and find_zone(call.scope.region, zone) is None:
        raise AwsError("UnsupportedAvailabilityZone", f"There is no Availability Zone '{zone}'.")
    if performance == "maxIO" and (zone is not None or throughput == "elastic"):
        raise bad_request("PerformanceMode maxIO is for regional file systems that are not elastic")
    tags = merged((), request.get("Tags"))
    async with call.transaction() as change:
        token = request["CreationToken"]
        for known in change.select(FileSystem, creation_token=token):
            raise AwsError(
                "FileSystemAlreadyExists",
                f"File system '{known.file_system_id}' already exists with creation token "
                f"'{token}'",
                details={"FileSystemId": known.file_system_id},
            )
        own = call.ids.resource_id("fs")
        backup = request.get("Backup")
        made = FileSystem(
            file_system_id=own,
            arn=arn_of(change, "file-system", own),
            creation_token=token,
            performance_mode=performance,
            throughput_mode=throughput,
            provisioned_throughput=_provisioned(throughput, request),
            encrypted=bool(request.get("Encrypted")),
            availability_zone=zone,
            backup=None if backup is None else ("ENABLED" if backup else "DISABLED"),
            created_at=call.clock.now(),
            tags=tags,
        )
        change.put(made)
        return show(change, made)


@operation("efs", "DescribeFileSystems")
async def describe_file_systems(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe all, or the one of an id or a creation token."""
    view, token = call.view, request.get("CreationToken")
    if request.get("FileSystemId"):
        found = [require_file_system(view, request["FileSystemId"])]
    elif token:
        found = view.select(FileSystem, creation_token=token)
    else:
        found = view.select(FileSystem)
    shown, marker = page(request, found, lambda one: one.file_system_id)
    return {
        "Marker": request.get("Marker"),
        "FileSystems": [show(view, one) for one in shown],
        "NextMarker": marker,
    }


@operation("efs", "UpdateFileSystem")
async def update_file_system(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change how throughput is shown."""
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        mode = request.get("ThroughputMode") or found.throughput_mode
        if mode == "elastic" and found.performance_mode == "maxIO":
            raise bad_request("ThroughputMode elastic needs PerformanceMode generalPurpose.")
        known = {"ProvisionedThroughputInMibps": found.provisioned_throughput}
        asked = {**known, **request} if mode == "provisioned" else request
        changed = replace(
            found, throughput_mode=mode, provisioned_throughput=_provisioned(mode, asked)
        )
        change.put(changed)
        return show(change, changed)


@operation("efs", "UpdateFileSystemProtection")
async def update_file_system_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say whether replication might overwrite it; there is none here that could."""
    wanted = request.get("ReplicationOverwriteProtection") or "ENABLED"
    if wanted == "REPLICATING":
        raise bad_request("ReplicationOverwriteProtection has to be ENABLED or DISABLED.")
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        change.put(replace(found, overwrite_protection=wanted))
    return {"ReplicationOverwriteProtection": wanted}


@operation("efs", "DeleteFileSystem")
async def delete_file_system(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a file system's files erased; it is gone once its host has done so."""
    async with call.transaction() as change:
        found = require_file_system(change, request["FileSystemId"])
        own = found.file_system_id
        targets = change.select(MountTarget, file_system_id=own)
        tasks = tasks_mounting(change, own)
        if targets or tasks:
            holding = [one.mount_target_id for one in targets] or [one.task_arn for one in tasks]
            raise AwsError(
                "FileSystemInUse",
                f"File system '{own}' is in use by {', '.join(sorted(holding)[:3])}.",
            )
        change.remove(*change.select(AccessPoint, file_system_id=own))
        change.put(replace(found, state=DELETING))
    return {}


def show(view: View, one: FileSystem) -> dict[str, Any]:
    """Return a file system in the API's shape."""
    zone = find_zone(view.scope.region, one.availability_zone or "")
    return {
        "OwnerId": view.scope.account,
        "CreationToken": one.creation_token,
        "FileSystemId": one.file_system_id,
        "FileSystemArn": one.arn,
        "CreationTime": one.created_at,
        "LifeCycleState": one.state,
        "Name": name_of(one.tags),
        "NumberOfMountTargets": view.count(MountTarget, "file_system_id", one.file_system_id),
        "SizeInBytes": {
            "Value": one.size,
            "Timestamp": one.measured_at,
            "ValueInIA": 0,
            "ValueInStandard": one.size,
            "ValueInArchive": 0,
        },
        "PerformanceMode": one.performance_mode,
        "Encrypted": one.encrypted,
        "ThroughputMode": one.throughput_mode,
        "ProvisionedThroughputInMibps": one.provisioned_throughput,
        "AvailabilityZoneName": one.availability_zone,
        "AvailabilityZoneId": zone.zone_id if zone else None,
        "Tags": tag_list(one.tags),
        "FileSystemProtection": {"ReplicationOverwriteProtection": one.overwrite_protection},
    }


def _provisioned(mode: str, request: dict[str, Any]) -> float | None:
    """Return the throughput of the mode ``provisioned``, MiB/s; other modes have none."""
    given = request.get("ProvisionedThroughputInMibps") or None
    if (mode == "provisioned") != (given is not None):
        raise bad_request(
            "ProvisionedThroughputInMibps is for the ThroughputMode provisioned, which needs it."
        )
    return given


def _check_encryption(call: Call, request: dict[str, Any]) -> None:
    """Refuse encryption at rest where nobody vouches for the disk; local mode takes it as said.

    Most configurations ask for it, and local mode is one developer's machine: docs/efs.md.
    """
    if request.get("KmsKeyId"):
        raise bad_request("KmsKeyId is not supported by ecsd yet: there are no KMS keys.")
    vouched = call.settings.efs_encrypted == "on" or call.settings.mode == "local"
    if request.get("Encrypted") and not vouched:
        raise bad_request(
            "Encrypted: ecsd does not encrypt files itself. Put its folder (ECSD_EFS_DIR) on an "
            "encrypted disk and say so with ECSD_EFS_ENCRYPTED=on."
        )
