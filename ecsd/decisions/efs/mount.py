"""How a task's volume lies in a file system of EFS, or why the task cannot have it.

There is no NFS on the wire: whether packets to TCP 2049 would pass is decided by the groups alone.
Source: Amazon EFS User Guide, Using VPC security groups, Mounting with a DNS name, Working with
access points; Amazon ECS API Reference, EFSVolumeConfiguration.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecsd.decisions.efs import failures as efs_failures
from ecsd.decisions.efs.access import Access
from ecsd.decisions.network.security_group import Flow, admits
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.efs.access_point import AccessPoint, PosixUser
from ecsd.records.efs.file_system import AVAILABLE, FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.plan_files import EfsMount
from ecsd.records.plan_network import VpcPlan

NFS = 2049
NOBODY = 65534
TLS_SERVER = "127.0.0.1"  # the mount helper's own end of the tunnel
ROOT_STAYS_ROOT = (
    "the task's role or the file system's policy lacks elasticfilesystem:ClientRootAccess, and "
    "ecsd cannot make a container's root nobody: grant it, or use an access point with a PosixUser"
)


class Volume(NamedTuple):
    """What efsVolumeConfiguration says. iam: the task's role is asked."""

    name: str
    file_system_id: str
    path: str
    access_point_id: str
    encrypted: bool
    iam: bool


class Around(NamedTuple):
    """What there is for a volume.

    access: None where the task has no role to show. interface, vpc, plan: of a task that has its
    own network; else it is its host that mounts.
    """

    region: str
    file_system: FileSystem | None
    access_point: AccessPoint | None
    targets: Sequence[MountTarget]
    access: Access | None
    interface: NetworkInterface | None = None
    vpc: Vpc | None = None
    plan: VpcPlan | None = None


def volume_of(given: Mapping[str, Any]) -> Volume | None:
    """Return a task definition's volume where it is one of EFS."""
    efs = given.get("efsVolumeConfiguration")
    if not efs:
        return None
    authorization = efs.get("authorizationConfig") or {}
    return Volume(
        name=given["name"],
        file_system_id=efs["fileSystemId"].rpartition("/")[2],
        path=efs.get("rootDirectory") or "/",
        access_point_id=(authorization.get("accessPointId") or "").rpartition("/")[2],
        encrypted=efs.get("transitEncryption") == "ENABLED",
        iam=authorization.get("iam") == "ENABLED",
    )


def compile_mount(volume: Volume, around: Around) -> EfsMount:
    """Return what a host is told of a volume."""
    name = efs_failures.dns_name(volume.file_system_id, around.region)
    server = TLS_SERVER if volume.encrypted else name
    refusal = _refusal(volume, around, name, server)
    point, access = around.access_point, around.access
    return EfsMount(
        volume=volume.name,
        file_system_id=volume.file_system_id,
        server=server,
        path=point.path if point else volume.path,
        access_point_id=point.access_point_id if point else "",
        creation=point.creation if point else None,
        user=_user(point, access),
        read_only=access is not None and not access.write,
        refusal=refusal,
    )


def _refusal(volume: Volume, around: Around, name: str, server: str) -> str:
    file_system, point, access = around.file_system, around.access_point, around.access
    if file_system is None or file_system.state != AVAILABLE:
        return efs_failures.unresolved(name)
    unreached = _unreached(around, name)
    if unreached:
        return unreached
    if access is None:
        return efs_failures.failure(efs_failures.NO_CREDENTIALS, 1)
    if volume.access_point_id and (
        point is None or point.file_system_id != file_system.file_system_id
    ):
        return efs_failures.denied(server, volume.path)
    if not access.mount:
        return efs_failures.denied(server, volume.path)
    if not access.root and (point is None or point.user is None):
        return efs_failures.unable(ROOT_STAYS_ROOT)
    return ""


def _unreached(around: Around, name: str) -> str:
    """Return why no packet would reach the file system; empty: it is reached."""
    interface, vpc, plan = around.interface, around.vpc, around.plan
    if interface is None or vpc is None or plan is None:
        return "" if around.targets else efs_failures.unresolved(name)
    target = next(
        (
            one
            for one in around.targets
            if one.vpc_id == interface.vpc_id
            and one.availability_zone == interface.availability_zone
        ),
        None,
    )
    if target is None or not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        return efs_failures.unresolved(name)
    flow = Flow("tcp", interface.private_ip_address, target.ip_address, NFS)
    return "" if admits(plan, flow) else efs_failures.failure(efs_failures.TIMED_OUT)


def _user(point: AccessPoint | None, access: Access | None) -> PosixUser | None:
    """Return whom everybody acts as: an access point's root is nobody where root is not allowed."""
    if point is None or point.user is None:
        return None
    if access is not None and not access.root and point.user.uid == 0:
        return PosixUser(uid=NOBODY, gid=NOBODY)
    return point.user
