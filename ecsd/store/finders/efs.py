"""Look-ups in EFS: ``require`` → EFS's own error.

Error codes: Amazon EFS API Reference.
"""

from ecsd.errors import AwsError
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import AVAILABLE, FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.store.store import View


def id_of(given: str) -> str:
    """Return an id as it is stored: an ARN stands for its id."""
    return given.rpartition("/")[2]


def arn_of(view: View, kind: str, own: str) -> str:
    """Return an ARN. kind: ``file-system``, ``access-point``."""
    scope = view.scope
    return f"arn:aws:elasticfilesystem:{scope.region}:{scope.account}:{kind}/{own}"


def require_file_system(view: View, given: str) -> FileSystem:
    """Return a file system by its id or ARN, or refuse with FileSystemNotFound."""
    own = id_of(given)
    found = view.get(FileSystem, own)
    if found is None or given not in {own, found.arn}:
        raise AwsError("FileSystemNotFound", f"File system '{given}' does not exist.")
    return found


def require_available(view: View, given: str) -> FileSystem:
    """Return a file system that is whole, or refuse: it is being made or deleted."""
    found = require_file_system(view, given)
    if found.state != AVAILABLE:
        raise AwsError(
            "IncorrectFileSystemLifeCycleState",
            f"File system '{found.file_system_id}' is {found.state}, it has to be available.",
        )
    return found


def require_mount_target(view: View, own: str) -> MountTarget:
    """Return a mount target, or refuse with MountTargetNotFound."""
    found = view.get(MountTarget, own)
    if found is None:
        raise AwsError("MountTargetNotFound", f"Mount target '{own}' does not exist.")
    return found


def require_access_point(view: View, given: str) -> AccessPoint:
    """Return an access point by its id or ARN, or refuse with AccessPointNotFound."""
    own = id_of(given)
    found = view.get(AccessPoint, own)
    if found is None or given not in {own, found.arn}:
        raise AwsError("AccessPointNotFound", f"Access point '{given}' does not exist.")
    return found


def require_interface(view: View, target: MountTarget) -> NetworkInterface:
    """Return a mount target's network interface: it has one as long as it is there."""
    found = view.get(NetworkInterface, target.network_interface_id)
    if found is None:
        raise AwsError(
            "IncorrectMountTargetState",
            f"Mount target '{target.mount_target_id}' has no network interface.",
        )
    return found


def tasks_mounting(view: View, file_system_id: str) -> list[Task]:
    """Return the tasks on hosts, until they have stopped, that have volumes in a file system."""
    uses: dict[str, bool] = {}
    found = []
    for task in view.select(Task):
        if task.host is None or task.last_status == "STOPPED":
            continue
        name = task.task_definition
        if name not in uses:
            definition = view.get(TaskDefinition, name)
            uses[name] = definition is not None and file_system_id in _file_systems(definition)
        if uses[name]:
            found.append(task)
    return found


def _file_systems(definition: TaskDefinition) -> set[str]:
    given = [one.get("efsVolumeConfiguration") or {} for one in definition.volumes]
    return {id_of(one["fileSystemId"]) for one in given if one}
