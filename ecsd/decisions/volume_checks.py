"""What makes a task definition's volumes and their mounts wrong.

Source: ecs_semantics 2.4; API Reference, Volume, DockerVolumeConfiguration, MountPoint.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.container_checks import NAME

KINDS = (
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
    "configuredAtLaunch",
)


def check_volumes(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a definition's volumes and mountPoints."""
    volumes = task.get("volumes") or ()
    names = [one.get("name") for one in volumes]
    for volume in volumes:
        yield from _volume(volume)
    if len(set(names)) < len(names):
        yield "Volume names must be unique."
    for container in task["containerDefinitions"]:
        yield from _mounts(container, names)


def _volume(volume: Mapping[str, Any]) -> Iterator[str]:
    name = volume.get("name")
    if not name or not NAME.fullmatch(name):
        yield f"Invalid volume name: {name!r}."
    source = (volume.get("host") or {}).get("sourcePath")
    kinds = [kind for kind in KINDS if volume.get(kind)] + (["host"] if source else [])
    if len(kinds) > 1:
        yield f"Volume '{name}': only one of {', '.join(sorted(kinds))} may be given."
    if source and not source.startswith("/"):
        yield f"Volume '{name}': host.sourcePath must be an absolute path, got {source!r}."
    docker = volume.get("dockerVolumeConfiguration") or {}
    if docker.get("autoprovision") is not None and docker.get("scope") != "shared":
        yield (
            f"Volume '{name}': dockerVolumeConfiguration.autoprovision is for the scope 'shared' "
            "only."
        )


def _mounts(container: Mapping[str, Any], volumes: list[Any]) -> Iterator[str]:
    points = container.get("mountPoints") or ()
    for point in points:
        path = point.get("containerPath") or ""
        if point.get("sourceVolume") not in volumes:
            yield f"Unknown volume '{point.get('sourceVolume')}'."
        if not path:
            yield f"Container '{container.get('name')}': mountPoints need a containerPath."
        elif not path.startswith("/"):
            yield f"Container '{container.get('name')}': containerPath {path!r} is not absolute."
    paths = [point.get("containerPath") for point in points]
    if len(set(paths)) < len(paths):
        yield f"Container '{container.get('name')}': mountPoints have the same containerPath."
