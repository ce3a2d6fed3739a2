"""What must always hold between file systems, the ways into them, the network, and disks."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.volume import DELETING as VOLUME_DELETING
from ecsd.records.ec2.volume import Volume
from ecsd.records.ecs.task import Task
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import DELETING, FileSystem
from ecsd.records.efs.mount_target import MountTarget


class Files(NamedTuple):
    """Everything of EFS in one account and region, and the network's interfaces."""

    file_systems: Sequence[FileSystem] = ()
    mount_targets: Sequence[MountTarget] = ()
    access_points: Sequence[AccessPoint] = ()
    interfaces: Sequence[NetworkInterface] = ()


def check_files(files: Files) -> Iterator[Finding]:
    """Yield what contradicts itself."""
    usable = {one.file_system_id for one in files.file_systems if one.state != DELETING}
    taken: dict[tuple[str, str], str] = {}
    for target in files.mount_targets:
        own, place = target.mount_target_id, (target.file_system_id, target.availability_zone)
        if target.file_system_id not in usable:
            yield fatal(own, f"leads to {target.file_system_id}, which is not there")
        other = taken.setdefault(place, own)
        if other != own:
            yield fatal(own, f"is in one zone with {other}")
    for point in files.access_points:
        if point.file_system_id not in usable:
            yield fatal(point.access_point_id, f"leads to {point.file_system_id}, which is gone")
    yield from _interfaces(files)


def _interfaces(files: Files) -> Iterator[Finding]:
    interfaces = {one.network_interface_id: one for one in files.interfaces}
    for target in files.mount_targets:
        own, interface = target.mount_target_id, interfaces.get(target.network_interface_id)
        if interface is None or interface.owner != own:
            yield fatal(own, f"does not have {target.network_interface_id}")
        elif interface.private_ip_address != target.ip_address:
            yield fatal(own, f"has {target.ip_address}, its interface another address")
    known = {one.mount_target_id for one in files.mount_targets}
    for one in files.interfaces:
        if one.owner.startswith("fsmt-") and one.owner not in known:
            yield fatal(one.network_interface_id, f"outlived {one.owner}")


def check_disks(volumes: Sequence[Volume], tasks: Sequence[Task]) -> Iterator[Finding]:
    """Yield where volumes of EBS and the tasks that have them contradict each other."""
    living = {one.task_arn for one in tasks if one.last_status != "STOPPED"}
    owners = {one.volume_id: one.task_arn for one in volumes if one.state != VOLUME_DELETING}
    for volume, owner in owners.items():
        if owner is not None and owner not in living:
            yield fatal(volume, f"outlived {owner}")
    for task in tasks:
        for one in task.volume_attachments if task.task_arn in living else ():
            if owners.get(one.volume_id) != task.task_arn:
                yield fatal(task.task_arn, f"does not have {one.volume_id}")
