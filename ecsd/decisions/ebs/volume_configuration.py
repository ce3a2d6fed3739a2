"""``volumeConfigurations``: which volume of EBS a task gets, and what is wrong with that.

Source: Amazon ECS API Reference, TaskManagedEBSVolumeConfiguration; Developer Guide, Use Amazon
EBS volumes with Amazon ECS.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.ebs import limits
from ecsd.records.ecs.task_definition import TaskDefinition

FILESYSTEMS = ("xfs", "ext4", "ext3")  # the first is the default
DEFAULT_TYPE = "gp3"
SERVICE_TAGS, DEFINITION_TAGS = "SERVICE", "TASK_DEFINITION"
ROOT = frozenset({"0", "root"})


def launched_volumes(definition: TaskDefinition) -> list[str]:
    """Return the names of the volumes that are configured when a task is launched."""
    return [one["name"] for one in definition.volumes if one.get("configuredAtLaunch")]


def problem(
    given: Sequence[Mapping[str, Any]], definition: TaskDefinition, sizes: Mapping[str, int]
) -> str | None:
    """Return what is wrong with ``volumeConfigurations`` of a launch; None: nothing.

    sizes: snapshot → GiB, of the snapshots that are known; ECS looks at others when a task starts.
    """
    return next(_problems(given, definition, sizes), None)


def filled(managed: Mapping[str, Any], snapshot_size: int | None) -> dict[str, Any]:
    """Return a managedEBSVolume with what it leaves open; it has no problem."""
    size = int(managed.get("sizeInGiB") or snapshot_size or 0)
    kind = managed.get("volumeType") or DEFAULT_TYPE
    wanted = limits.Wanted(kind, size, managed.get("iops"), managed.get("throughput"))
    whole = limits.provisioned(wanted)
    values = {
        **managed,
        "volumeType": kind,
        "sizeInGiB": size,
        "iops": whole.iops,
        "throughput": whole.throughput,
        "encrypted": bool(managed.get("encrypted")),
        "filesystemType": managed.get("filesystemType") or FILESYSTEMS[0],
    }
    return {member: value for member, value in values.items() if value not in (None, [], {})}


def _problems(
    given: Sequence[Mapping[str, Any]], definition: TaskDefinition, sizes: Mapping[str, int]
) -> Iterator[str]:
    names = launched_volumes(definition)
    if len(given) > 1:
        yield "volumeConfigurations: only one volume can be configured at launch."
    for one in given:
        if one["name"] not in names:
            yield (
                f"volumeConfigurations: the volume '{one['name']}' is not configuredAtLaunch in "
                f"the task definition {definition.name}."
            )
        managed = one.get("managedEBSVolume")
        if not managed:
            yield f"volumeConfigurations: the volume '{one['name']}' needs a managedEBSVolume."
        else:
            yield from _managed(managed, sizes)
    configured = {one["name"] for one in given}
    for name in names:
        if name not in configured:
            yield (
                f"volumeConfigurations: the volume '{name}' is configuredAtLaunch in the task "
                f"definition {definition.name} and has to be configured."
            )


def _managed(managed: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
    snapshot = managed.get("snapshotId") or ""
    size = managed.get("sizeInGiB")
    least = sizes.get(snapshot)
    if size is None and not snapshot:
        yield "managedEBSVolume: either sizeInGiB or snapshotId has to be given."
        return
    if size is not None and least is not None and size < least:
        yield (f"managedEBSVolume.sizeInGiB: the snapshot {snapshot} has {least} GiB, got {size}.")
    kind = managed.get("volumeType") or DEFAULT_TYPE
    size = size if size is not None else least
    asked = limits.Wanted(kind, size or 0, managed.get("iops"), managed.get("throughput"))
    for member, words in limits.faults(asked):
        if member != "size" or size is not None:
            yield f"managedEBSVolume: {words}."
    filesystem = managed.get("filesystemType") or FILESYSTEMS[0]
    if filesystem not in FILESYSTEMS:
        yield (
            "managedEBSVolume.filesystemType: a Linux task has ext3, ext4 or xfs, got "
            f"{filesystem}."
        )
    rate = managed.get("volumeInitializationRate")
    low, high = limits.INITIALIZATION_RATES
    if rate is not None and not snapshot:
        yield "managedEBSVolume.volumeInitializationRate is for volumes made of a snapshot."
    if rate is not None and not low <= rate <= high:
        yield f"managedEBSVolume.volumeInitializationRate is {low} to {high} MiB/s, got {rate}."
    kinds = [one.get("resourceType") for one in managed.get("tagSpecifications") or ()]
    if len(kinds) > 1 or set(kinds) - {"volume"}:
        yield "managedEBSVolume.tagSpecifications: one, of the resourceType volume."


def open_to(containers: Sequence[Mapping[str, Any]], volume: str) -> int | None:
    """Return whom a new file system is made writable for, beside root.

    The group of the users that the volume's containers run as; -1 for everybody, where the group is
    known to an image alone, or they differ; None where all of them are root.
    """
    groups = set()
    for one in containers:
        points = one.get("mountPoints") or ()
        user, _, group = str(one.get("user") or "0").partition(":")
        if any(point.get("sourceVolume") == volume for point in points) and user not in ROOT:
            groups.add(int(group) if group.isdigit() else -1)
    if not groups:
        return None
    return groups.pop() if len(groups) == 1 else -1
