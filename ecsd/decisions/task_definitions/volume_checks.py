"""What makes a task definition's volumes and their mounts wrong.

Source: ecs_semantics 2.4; API Reference, Volume, DockerVolumeConfiguration, MountPoint.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.task_definitions.container_checks import NAME

FILE_SYSTEM = re.compile(
    r"fs-[0-9a-f]{8,40}|arn:aws[-a-z]*:elasticfilesystem:[-0-9a-z]+:\d{12}:file-system/fs-[0-9a-f]{8,40}"
)
ACCESS_POINT = re.compile(r"fsap-[0-9a-f]{8,40}")
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
    if sum(bool(one.get("configuredAtLaunch")) for one in volumes) > 1:
        yield "Only one volume can be configured at launch (configuredAtLaunch)."
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
    yield from _efs(volume.get("efsVolumeConfiguration") or {}, name)
    docker = volume.get("dockerVolumeConfiguration") or {}
    if docker.get("autoprovision") is not None and docker.get("scope") != "shared":
        yield (
            f"Volume '{name}': dockerVolumeConfiguration.autoprovision is for the scope 'shared' "
            "only."
        )


def _efs(efs: Mapping[str, Any], name: str | None) -> Iterator[str]:
    if not efs:
        return
    authorization = efs.get("authorizationConfig") or {}
    point = authorization.get("accessPointId")
    if not FILE_SYSTEM.fullmatch(efs.get("fileSystemId") or ""):
        yield f"Invalid fileSystemId: {efs.get('fileSystemId')!r} of volume '{name}'."
    if point and not ACCESS_POINT.fullmatch(point):
        yield f"Invalid accessPointId: {point!r} of volume '{name}'."
    root = efs.get("rootDirectory") or "/"
    if not root.startswith("/") or ".." in root.split("/"):
        yield (
            f"Volume '{name}': efsVolumeConfiguration.rootDirectory must be an absolute path "
            f"without '..', got {root!r}."
        )
    if point and root != "/":
        yield (
            f"Volume '{name}': efsVolumeConfiguration.rootDirectory must be omitted or '/' when "
            "authorizationConfig.accessPointId is set."
        )
    encrypted = efs.get("transitEncryption") == "ENABLED"
    if not encrypted and (point or authorization.get("iam") == "ENABLED"):
        yield (
            f"Volume '{name}': efsVolumeConfiguration.transitEncryption must be ENABLED when "
            "authorizationConfig has an accessPointId or iam ENABLED."
        )
    if not encrypted and efs.get("transitEncryptionPort"):
        yield (
            f"Volume '{name}': efsVolumeConfiguration.transitEncryptionPort needs "
            "transitEncryption ENABLED."
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
