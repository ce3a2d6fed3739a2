"""What a task's containers are told of it: the documents of metadata versions 2, 3 and 4.

Source: Amazon ECS Developer Guide, task metadata endpoint (versions 2, 3, 4; Fargate's fields);
ecs_semantics 8.2.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import IPv4Interface
from typing import Any, NamedTuple

from ecsd.decisions.containers import container_names
from ecsd.decisions.containers.container_config import image
from ecsd.decisions.containers.container_order import NOTHING, Seen
from ecsd.decisions.containers.container_volumes import EBS, EFS
from ecsd.records.plan import TaskMetadata, TaskPlan

UNITS = 1024  # of CPU in a vCPU
STATUS = {"ABSENT": "PULLED", "CREATED": "CREATED", "RUNNING": "RUNNING", "STOPPED": "STOPPED"}


class TaskSeen(NamedTuple):
    """A task as its host sees it.

    Attributes:
        plan: what it is to be.
        view: its containers by name.
        phase: as ``TaskObserved`` has it.
    """

    plan: TaskPlan
    view: Mapping[str, Seen]
    phase: str
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    sandbox: str = ""  # the path of its network namespace, while it has one


class Measured(NamedTuple):
    """What is measured of a task on Fargate; None: it is not. In the endpoint's own shape."""

    clock: Mapping[str, Any] | None = None
    storage: Mapping[str, int] | None = None


UNMEASURED = Measured()


def task_document(
    seen: TaskSeen, version: int, *, tags: bool = False, measured: Measured = UNMEASURED
) -> dict[str, Any]:
    """Return the task as ``/task`` shows it, and as ``/taskWithTags`` does."""
    plan = seen.plan
    told = plan.metadata or TaskMetadata(cluster_arn=plan.cluster)
    document: dict[str, Any] = {
        "Cluster": told.cluster_arn,
        "TaskARN": plan.task_arn,
        "Family": plan.family,
        "Revision": str(plan.revision),
        "DesiredStatus": plan.desired_status,
        "KnownStatus": _known_status(seen),
        "Limits": _task_limits(plan),
        "PullStartedAt": _time(seen.pull_started_at),
        "PullStoppedAt": _time(seen.pull_stopped_at),
        "ExecutionStoppedAt": _time(seen.execution_stopped_at),
        "AvailabilityZone": told.availability_zone,
        "TaskTags": dict(told.tags) if tags and told.tags else None,
        "Containers": [
            container_document(seen, one["name"], version)
            for one in plan.containers
            if seen.view.get(one["name"], NOTHING).runtime_id
        ],
    }
    if version >= 4:  # noqa: PLR2004 - a version
        document |= {
            "LaunchType": plan.launch_type,
            "ServiceName": told.service_name,
            "VPCID": plan.vpc_id,
            "ClockDrift": measured.clock,
            "EphemeralStorageMetrics": measured.storage,
            "FaultInjectionEnabled": plan.fault_injection,
        }
    return _given(document)


def container_document(seen: TaskSeen, name: str, version: int) -> dict[str, Any]:
    """Return a container of the task."""
    plan = seen.plan
    container = next(one for one in plan.containers if one["name"] == name)
    known = seen.view.get(name, NOTHING)
    told = plan.metadata or TaskMetadata(cluster_arn=plan.cluster)
    document: dict[str, Any] = {
        "DockerId": known.runtime_id or "",
        "Name": name,
        "DockerName": container_names.container_name(plan, name),
        "Image": image(plan, container),
        "ImageID": known.image_digest or known.image_id or "",
        "Ports": list(_ports(container)) or None,
        "Labels": {
            **(container.get("dockerLabels") or {}),
            "com.amazonaws.ecs.cluster": told.cluster_arn,
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-arn": plan.task_arn,
            "com.amazonaws.ecs.task-definition-family": plan.family,
            "com.amazonaws.ecs.task-definition-version": str(plan.revision),
        },
        "DesiredStatus": plan.desired_status,
        "KnownStatus": STATUS[known.status],
        "ExitCode": known.exit_code,
        "Limits": _given(
            {
                "CPU": container.get("cpu") or 2,
                "Memory": container.get("memory") or container.get("memoryReservation"),
            }
        ),
        "CreatedAt": _time(known.created_at),
        "StartedAt": _time(known.started_at),
        "FinishedAt": _time(known.finished_at),
        "Type": "NORMAL",
        "Health": _health(container, known),
        "Volumes": list(_volumes(plan, container)) or None,
        "Networks": [_network(plan, version)],
    }
    if version >= 4:  # noqa: PLR2004 - a version
        logging = container.get("logConfiguration") or {}
        document |= {
            "LogDriver": logging.get("logDriver"),
            "LogOptions": logging.get("options") or None,
            "ContainerARN": told.container_arns.get(name),
        }
    return _given(document)


def _known_status(seen: TaskSeen) -> str:
    return {"PENDING": "NONE", "ACTIVATING": "CREATED", "STOPPING": "RUNNING"}.get(
        seen.phase, seen.phase
    )


def _task_limits(plan: TaskPlan) -> dict[str, Any] | None:
    limits = _given({"CPU": plan.cpu / UNITS if plan.cpu else None, "Memory": plan.memory})
    return limits or None


def _ports(container: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in container.get("portMappings") or ():
        if one.get("containerPort"):
            port = int(one["containerPort"])
            yield {"ContainerPort": port, "HostPort": port, "Protocol": one.get("protocol", "tcp")}


def _health(container: Mapping[str, Any], known: Seen) -> dict[str, Any] | None:
    return {"status": known.health} if container.get("healthCheck") else None


def _volumes(plan: TaskPlan, container: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    by_name = {one["name"]: one for one in plan.volumes}
    for one in container.get("mountPoints") or ():
        volume = by_name.get(one.get("sourceVolume"))
        if volume is None:
            continue
        source = (volume.get("host") or {}).get("sourcePath")
        named = not source and not volume.get(EFS) and not volume.get(EBS)
        yield _given(
            {
                "DockerName": container_names.volume_name(plan, volume) if named else None,
                "Source": source,
                "Destination": one.get("containerPath"),
            }
        )


def _network(plan: TaskPlan, version: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "NetworkMode": plan.network_mode,
        "IPv4Addresses": [plan.address] if plan.address else [],
    }
    if version >= 4 and plan.address and plan.subnet_router:  # noqa: PLR2004 - a version
        subnet = IPv4Interface(f"{plan.address}/{plan.prefix_length}").network
        _, _, domain = (plan.hostname or "").partition(".")
        document |= {
            "AttachmentIndex": 0,
            "MACAddress": plan.mac_address,
            "IPv4SubnetCIDRBlock": str(subnet),
            "DomainNameServers": plan.name_servers or [plan.resolver],
            "DomainNameSearchList": plan.search_domains or [domain],
            "PrivateDNSName": plan.hostname,
            "SubnetGatewayIpv4Address": f"{plan.subnet_router}/{plan.prefix_length}",
        }
    return document


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"
