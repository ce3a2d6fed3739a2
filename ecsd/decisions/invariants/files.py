"""What must always hold between file systems, the ways into them, and the network."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.ec2.network_interface import NetworkInterface
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
