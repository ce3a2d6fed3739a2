"""A task's volumes in the Engine's words.

Five kinds: a folder of the host, a volume that lives as long as the task (also what an empty host
volume is), a shared one that outlives it, and a directory of EFS or a disk of EBS, which the host
has mounted before. Source: Amazon ECS API Reference, Volume.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from ecsd.decisions.containers.container_linux import MIB
from ecsd.decisions.containers.container_names import ownership, volume_name
from ecsd.records.plan import TaskPlan

EFS = "efsVolumeConfiguration"
EBS = "configuredAtLaunch"


class Roots(NamedTuple):
    """Where the host mounts volumes: ``<root>/<task id>/<volume>``."""

    efs: str = ""
    ebs: str = ""


class Volume(Struct, frozen=True, kw_only=True):
    """A volume that the Engine has to hold before containers are created.

    body: of ``POST /volumes/create``. must_exist: a shared one without autoprovision; nothing is
    created then. of_task: it goes with the task.
    """

    name: str
    body: dict[str, Any]
    must_exist: bool
    of_task: bool


def volumes(plan: TaskPlan, owner: str) -> tuple[Volume, ...]:
    """Return the volumes to provide; folders of the host need none."""
    return tuple(
        _volume(plan, volume, owner)
        for volume in plan.volumes
        if _source_path(volume) is None and not volume.get(EFS) and not volume.get(EBS)
    )


def binds(plan: TaskPlan, container: dict[str, Any], roots: Roots) -> list[str]:
    """Return a container's mounts as ``source:path:mode``; the Engine makes a missing folder.

    A directory of EFS is a slave mount: an access point's that has to be mounted anew is seen.
    """
    by_name = {volume["name"]: volume for volume in plan.volumes}
    found = []
    for point in _points(container):
        volume = by_name[point["sourceVolume"]]
        mode = "ro" if point.get("readOnly") else "rw"
        if volume.get(EFS):
            source = f"{roots.efs}/{plan.task_id}/{volume['name']}"
            mode = f"{mode},rslave"
        elif volume.get(EBS):
            source = f"{roots.ebs}/{plan.task_id}/{volume['name']}"
        else:
            source = _source_path(volume) or volume_name(plan, volume)
        found.append(f"{source}:{point['containerPath']}:{mode}")
    return found


def block_io(plan: TaskPlan, devices: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return how fast a container may use the task's disks of EBS: reads and writes each.

    devices: block device by volume.
    """
    rates: dict[str, list[dict[str, Any]]] = {}
    for mount in plan.ebs_mounts:
        path = devices.get(mount.volume)
        for unit, rate in (("IOps", mount.iops), ("Bps", (mount.throughput or 0) * MIB)):
            for way in ("Read", "Write") if path and rate else ():
                one = {"Path": path, "Rate": rate}
                rates.setdefault(f"BlkioDevice{way}{unit}", []).append(one)
    return rates


def volumes_from(plan: TaskPlan, container: dict[str, Any], names: dict[str, str]) -> list[str]:
    """Return whose mounts a container shares. names: container → the Engine's name of it."""
    return [
        f"{names[one['sourceContainer']]}:{'ro' if one.get('readOnly') else 'rw'}"
        for one in container.get("volumesFrom") or ()
        if one.get("sourceContainer")
    ]


def _points(container: dict[str, Any]) -> list[dict[str, Any]]:
    points = container.get("mountPoints") or ()
    return [point for point in points if point.get("sourceVolume") and point.get("containerPath")]


def _source_path(volume: dict[str, Any]) -> str | None:
    return (volume.get("host") or {}).get("sourcePath") or None


def _volume(plan: TaskPlan, volume: dict[str, Any], owner: str) -> Volume:
    docker = volume.get("dockerVolumeConfiguration") or {}
    shared = docker.get("scope") == "shared"
    name = volume_name(plan, volume)
    labels = dict(docker.get("labels") or {})
    if not shared:
        labels |= ownership(plan, owner)
    return Volume(
        name=name,
        body={
            "Name": name,
            "Driver": docker.get("driver") or "local",
            "DriverOpts": dict(docker.get("driverOpts") or {}),
            "Labels": labels,
        },
        must_exist=shared and not docker.get("autoprovision", False),
        of_task=not shared,
    )
