"""Mount targets: where the tasks of a zone reach a file system.

Source: Amazon EFS API Reference, CreateMountTarget and its kin.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import is_usable
from ecsd.decisions.network.availability_zone import find_zone
from ecsd.decisions.network.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import bad_request, page
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.ecs.task import Task
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.store.finders.ec2 import default_security_group, free_address
from ecsd.store.finders.efs import (
    require_access_point,
    require_available,
    require_file_system,
    require_interface,
    require_mount_target,
    tasks_mounting,
)
from ecsd.store.store import View

MOST_GROUPS = 5


@operation("efs", "CreateMountTarget")
async def create_mount_target(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a file system an address in a subnet."""
    if request.get("Ipv6Address") or request.get("IpAddressType", "IPV4_ONLY") != "IPV4_ONLY":
        raise bad_request("IpAddressType: ecsd's mount targets are IPV4_ONLY.")
    async with call.transaction() as change:
        file_system = require_available(change, request["FileSystemId"])
        subnet = change.get(Subnet, request["SubnetId"])
        if subnet is None:
            raise AwsError(
                "SubnetNotFound", f"The subnet ID '{request['SubnetId']}' does not exist"
            )
        _check_place(change, file_system, subnet)
        own = call.ids.resource_id("fsmt")
        groups = request.get("SecurityGroups") or [
            default_security_group(change, subnet.vpc_id).group_id
        ]
        interface = new_interface(
            subnet,
            network_interface_id=call.ids.resource_id("eni"),
            address=_address(change, subnet, request.get("IpAddress")),
            mac_address=call.ids.mac_address(),
            group_ids=_checked_groups(change, subnet.vpc_id, groups),
            description=f"EFS mount target for {file_system.file_system_id} ({own})",
            owner=own,
            requester_id="amazon-efs",
        )
        target = MountTarget(
            mount_target_id=own,
            file_system_id=file_system.file_system_id,
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.subnet_id,
            availability_zone=subnet.availability_zone,
            network_interface_id=interface.network_interface_id,
            ip_address=interface.private_ip_address,
        )
        change.put(interface, target)
    return _show(call.view, target)


@operation("efs", "DescribeMountTargets")
async def describe_mount_targets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe the mount targets of a file system, or the one of an id."""
    view = call.view
    named = [one for one in ("FileSystemId", "MountTargetId", "AccessPointId") if request.get(one)]
    if len(named) != 1:
        raise bad_request("Exactly one of FileSystemId, MountTargetId, AccessPointId is needed.")
    if request.get("MountTargetId"):
        found = [require_mount_target(view, request["MountTargetId"])]
    else:
        if request.get("AccessPointId"):
            own = require_access_point(view, request["AccessPointId"]).file_system_id
        else:
            own = require_file_system(view, request["FileSystemId"]).file_system_id
        found = view.select(MountTarget, file_system_id=own)
    shown, marker = page(request, found, lambda one: one.mount_target_id)
    return {
        "Marker": request.get("Marker"),
        "MountTargets": [_show(view, one) for one in shown],
        "NextMarker": marker,
    }


@operation("efs", "DeleteMountTarget")
async def delete_mount_target(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take an address away; not while a task has the file system mounted through it.

    AWS cuts such mounts. Here the answer is the error that clients try again after: the tasks may
    be ending.
    """
    async with call.transaction() as change:
        target = require_mount_target(change, request["MountTargetId"])
        tasks = [one for one in tasks_mounting(change, target.file_system_id) if _by(one, target)]
        if tasks:
            raise AwsError(
                "DependencyTimeout",
                f"Mount target '{target.mount_target_id}' is in use by {tasks[0].task_arn}: "
                "stop the task first.",
            )
        interface = change.get(NetworkInterface, target.network_interface_id)
        change.remove(target, *((interface,) if interface else ()))
    return {}


@operation("efs", "DescribeMountTargetSecurityGroups")
async def describe_mount_target_security_groups(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """List the groups of a mount target's interface."""
    target = require_mount_target(call.view, request["MountTargetId"])
    return {"SecurityGroups": list(require_interface(call.view, target).group_ids)}


@operation("efs", "ModifyMountTargetSecurityGroups")
async def modify_mount_target_security_groups(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Let other groups judge who may mount from now on; what is mounted stays so."""
    async with call.transaction() as change:
        target = require_mount_target(change, request["MountTargetId"])
        interface = require_interface(change, target)
        groups = request.get("SecurityGroups") or [
            default_security_group(change, target.vpc_id).group_id
        ]
        checked = _checked_groups(change, target.vpc_id, groups)
        change.put(replace(interface, group_ids=checked))
    return {}


def _check_place(view: View, file_system: FileSystem, subnet: Subnet) -> None:
    """Refuse a second VPC, a second target of a zone, and another zone than a One Zone one's."""
    own, zone = file_system.availability_zone, subnet.availability_zone
    if own is not None and zone != own:
        raise AwsError(
            "AvailabilityZonesMismatch",
            f"The file system is in the Availability Zone {own}, the subnet in {zone}.",
        )
    for one in view.select(MountTarget, file_system_id=file_system.file_system_id):
        if one.vpc_id != subnet.vpc_id:
            raise AwsError(
                "MountTargetConflict",
                f"mount targets of '{file_system.file_system_id}' are in {one.vpc_id} already",
            )
        if one.availability_zone == zone:
            raise AwsError("MountTargetConflict", "mount target already exists in this AZ")


def _address(view: View, subnet: Subnet, wanted: str | None) -> str:
    """Return the address asked for, else a free one."""
    if not wanted:
        address = free_address(view, subnet)
        if address is None:
            raise AwsError(
                "NoFreeAddressesInSubnet",
                "The specified subnet does not have enough free addresses to satisfy the request.",
            )
        return address
    if not is_usable(subnet.cidr_block, wanted):
        raise bad_request(f"Address {wanted} does not fall within the subnet's address range")
    if any(
        one.private_ip_address == wanted
        for one in view.select(NetworkInterface, subnet_id=subnet.subnet_id)
    ):
        raise AwsError("IpAddressInUse", f"Address {wanted} is in use.")
    return wanted


def _checked_groups(view: View, vpc_id: str, group_ids: list[str]) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(group_ids))
    if len(unique) > MOST_GROUPS:
        raise AwsError(
            "SecurityGroupLimitExceeded", f"A mount target has at most {MOST_GROUPS} groups."
        )
    for group_id in unique:
        group = view.get(SecurityGroup, group_id)
        if group is None or group.vpc_id != vpc_id:
            raise AwsError(
                "SecurityGroupNotFound",
                f"The security group '{group_id}' does not exist in {vpc_id}",
            )
    return unique


def _by(task: Task, target: MountTarget) -> bool:
    """Tell whether a task reaches its file system by this target."""
    return (task.vpc_id, task.availability_zone) == (target.vpc_id, target.availability_zone)


def _show(view: View, one: MountTarget) -> dict[str, Any]:
    zone = find_zone(view.scope.region, one.availability_zone)
    return {
        "OwnerId": view.scope.account,
        "MountTargetId": one.mount_target_id,
        "FileSystemId": one.file_system_id,
        "SubnetId": one.subnet_id,
        "LifeCycleState": "available",
        "IpAddress": one.ip_address,
        "NetworkInterfaceId": one.network_interface_id,
        "AvailabilityZoneId": zone.zone_id if zone else None,
        "AvailabilityZoneName": one.availability_zone,
        "VpcId": one.vpc_id,
    }
