"""A task's containers as the Engine is asked to create them: bodies of ``POST /containers/create``.

Source: Amazon ECS API Reference, ContainerDefinition; Docker Engine API 1.41; ecs_semantics 2.4.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ecsd.decisions.containers import container_names
from ecsd.decisions.containers.container_linux import MIB, linux_parameters, memory, shared_memory
from ecsd.decisions.containers.container_logging import log_config
from ecsd.decisions.containers.container_volumes import Roots, binds, block_io, volumes_from
from ecsd.decisions.containers.task_endpoint import ADDRESS, endpoint_variables
from ecsd.records.plan import TaskPlan

SECOND = 1_000_000_000  # the Engine counts durations in nanoseconds
FEWEST_SHARES = 2
MOST_SHARES = 262_144
STOP_SECONDS = 30  # stopTimeout's default
FARGATE_FILES = 65_535
PERIOD = 100_000  # microseconds
SECURITY_MODULES = {"apparmor": "apparmor", "label": "selinux"}
NETWORK_MODES = frozenset({"awsvpc", "none"})


class HostFacts(Struct, frozen=True, kw_only=True):
    """What bodies depend on beside the plan.

    open_files: the most that the Engine may grant a container. credentials_endpoint: for awslogs.
    lacks: what the Engine would pass over in silence, of ``apparmor``, ``selinux``, ``maxSwap``,
    ``swappiness``. roots: where tasks' volumes are mounted. devices: those of the task's volumes of
    EBS, by volume.
    """

    owner: str
    pause_image: str
    cgroup_driver: str = "cgroupfs"
    open_files: int = FARGATE_FILES
    credentials_endpoint: str = ""
    lacks: frozenset[str] = frozenset()
    roots: Roots = Roots()
    devices: dict[str, str] = {}


class TaskLimits(Struct, frozen=True, kw_only=True):
    """What all containers of a task share. cpu_quota: microseconds in each 100,000; None: no limit.

    Bytes of memory; None: no limit.
    """

    cpu_quota: int | None
    cpu_shares: int
    memory: int | None


def refusal(plan: TaskPlan, host: HostFacts) -> str | None:
    """Return why this host cannot run such a task at all, in words; None if it can."""
    if plan.network_mode not in NETWORK_MODES:
        return f"network mode {plan.network_mode} is not available on this host"
    for volume in plan.volumes:
        kinds = set(volume) - {
            "name",
            "host",
            "dockerVolumeConfiguration",
            "efsVolumeConfiguration",
            "configuredAtLaunch",
        }
        given = sorted(kind for kind in kinds if volume[kind])
        if given:
            return f"volume {volume['name']}: {given[0]} is not available on this host"
    for container in plan.containers:
        missing = next((one for one in _needs(container) if one in host.lacks), None)
        if missing:
            return f"container {container['name']}: {missing} is not available on this host"
    return None


def _needs(container: dict[str, Any]) -> Iterator[str]:
    """What the Engine passes over where its kernel has it not: the effect would be missing."""
    for option in container.get("dockerSecurityOptions") or ():
        yield SECURITY_MODULES.get(re.split("[:=]", option)[0], option)
    linux = container.get("linuxParameters") or {}
    yield from (member for member in ("maxSwap", "swappiness") if linux.get(member) is not None)


def task_limits(plan: TaskPlan) -> TaskLimits:
    """Return the task-level limits: cpu a hard quota, memory a hard limit.

    Without a task-level cpu, its weight among tasks is the sum of its containers'.
    """
    shares = sum(container.get("cpu") or FEWEST_SHARES for container in plan.containers)
    return TaskLimits(
        cpu_quota=plan.cpu * PERIOD // 1024 if plan.cpu else None,
        cpu_shares=cpu_shares(plan.cpu or shares),
        memory=plan.memory * MIB if plan.memory else None,
    )


def cpu_shares(units: int | None) -> int:
    """Return CpuShares: nothing, 0 and 1 count as 2. Source: ContainerDefinition, cpu."""
    return min(MOST_SHARES, max(FEWEST_SHARES, units or 0))


def stop_seconds(container: dict[str, Any]) -> int:
    """Return how long a container may take between its stop signal and SIGKILL."""
    given = container.get("stopTimeout")
    return STOP_SECONDS if given is None else max(1, int(given))


def pause_body(plan: TaskPlan, host: HostFacts) -> dict[str, Any]:
    """Return the container that holds the task's namespaces: no network yet, and its names."""
    limits: dict[str, Any] = {
        "NetworkMode": "none",
        "CgroupParent": container_names.cgroup_parent(plan, host.cgroup_driver),
        "CpuShares": FEWEST_SHARES,
        "LogConfig": {"Type": "none", "Config": {}},
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
    }
    if plan.ipc_mode == "task":
        limits["IpcMode"] = "shareable"
        limits |= shared_memory(plan)
    limits |= _names(plan)
    body: dict[str, Any] = {
        "Image": host.pause_image,
        "Labels": container_names.labels(
            plan, "~internal~ecs~pause", container_names.PAUSE, host.owner
        ),
        "HostConfig": limits,
    }
    hostname = plan.hostname or next(iter(_gathered(plan, "hostname")), None)
    if hostname:
        body["Hostname"] = hostname
    return body


def image(plan: TaskPlan, container: dict[str, Any]) -> str:
    """Return what the container runs: its image, or what its deployment has pinned it to."""
    name = container["name"]
    own = plan.ecr_images.get(name) or str(container["image"])
    return plan.image_references.get(name) or own


def container_body(
    plan: TaskPlan, container: dict[str, Any], pause: str, host: HostFacts
) -> dict[str, Any]:
    """Return a container of the task; pause: the name or id of its namespaces' holder."""
    body: dict[str, Any] = {
        "Image": image(plan, container),
        "Env": environment(plan, container),
        "Labels": (container.get("dockerLabels") or {})
        | container_names.labels(plan, container["name"], container_names.APP, host.owner),
        "Healthcheck": healthcheck(container.get("healthCheck")),
        "StopTimeout": stop_seconds(container),
        "Tty": bool(container.get("pseudoTerminal")),
        "OpenStdin": bool(container.get("interactive")),
        "NetworkDisabled": bool(container.get("disableNetworking")),
        "HostConfig": _host_config(plan, container, pause, host),
    }
    for member, key in (
        ("command", "Cmd"),
        ("entryPoint", "Entrypoint"),
        ("workingDirectory", "WorkingDir"),
        ("user", "User"),
    ):
        if container.get(member):
            body[key] = container[member]
    return body


def environment(plan: TaskPlan, container: dict[str, Any]) -> list[str]:
    """Return ``NAME=value`` lines: what AWS sets in every container, and the container's own.

    Region and endpoint may be set otherwise; where its metadata and credentials are may not.
    """
    kind = "AWS_ECS_FARGATE" if plan.launch_type == "FARGATE" else "AWS_ECS_EC2"
    values = {
        "AWS_EXECUTION_ENV": kind,
        "AWS_REGION": plan.region,
        "AWS_DEFAULT_REGION": plan.region,
    }
    if plan.api_port:
        values["AWS_ENDPOINT_URL"] = f"http://{ADDRESS}:{plan.api_port}"
    for one in container.get("environment") or ():
        values[one["name"]] = one.get("value", "")
    values |= endpoint_variables(plan, container["name"])
    return [f"{name}={value}" for name, value in values.items()]


def healthcheck(check: dict[str, Any] | None) -> dict[str, Any]:
    """Return the Engine's HEALTHCHECK; without one of the definition, the image's is turned off.

    Source: Amazon ECS API Reference, HealthCheck (defaults 30 s, 5 s, 3, no start period).
    """
    if not check:
        return {"Test": ["NONE"]}
    command = list(check["command"])
    if command[0] not in {"CMD", "CMD-SHELL", "NONE"}:
        command = ["CMD", *command]
    return {
        "Test": command,
        "Interval": (check.get("interval") or 30) * SECOND,
        "Timeout": (check.get("timeout") or 5) * SECOND,
        "Retries": check.get("retries") or 3,
        "StartPeriod": (check.get("startPeriod") or 0) * SECOND,
    }


def _names(plan: TaskPlan) -> dict[str, Any]:
    """Who answers the task's questions. Its containers share one set of files: theirs together."""
    own = [plan.resolver] if plan.resolver else _gathered(plan, "dnsServers")
    return {
        "Dns": list(plan.name_servers) or own,
        "DnsSearch": [*plan.search_domains, *_gathered(plan, "dnsSearchDomains")],
        "ExtraHosts": [
            *(f"{one['hostname']}:{one['ipAddress']}" for one in _gathered(plan, "extraHosts")),
            *(f"{name}:{address}" for name, address in plan.connect_hosts.items()),
        ],
    }


def _gathered(plan: TaskPlan, member: str) -> list[Any]:
    """Return what all containers say of a member, each value once, in order."""
    found: list[Any] = []
    for container in plan.containers:
        given = container.get(member) or ()
        found += [one for one in ([given] if isinstance(given, str) else given) if one not in found]
    return found


def _host_config(
    plan: TaskPlan, container: dict[str, Any], pause: str, host: HostFacts
) -> dict[str, Any]:
    names = {
        one["name"]: container_names.container_name(plan, one["name"]) for one in plan.containers
    }
    config: dict[str, Any] = {
        "NetworkMode": f"container:{pause}",
        "CgroupParent": container_names.cgroup_parent(plan, host.cgroup_driver),
        "CpuShares": cpu_shares(container.get("cpu")),
        "Ulimits": _ulimits(plan, container, host),
        "ReadonlyRootfs": bool(container.get("readonlyRootFilesystem")),
        "Privileged": bool(container.get("privileged")),
        "SecurityOpt": list(container.get("dockerSecurityOptions") or ()),
        "Sysctls": {
            one["namespace"]: one["value"] for one in container.get("systemControls") or ()
        },
        "LogConfig": log_config(plan, container, host.credentials_endpoint),
        "Binds": binds(plan, container, host.roots),
        "VolumesFrom": volumes_from(plan, container, names),
        **_namespaces(plan, pause),
        **block_io(plan, host.devices),
        **memory(plan, container),
        **linux_parameters(container),
    }
    return config


def _namespaces(plan: TaskPlan, pause: str) -> dict[str, Any]:
    shared = {"task": f"container:{pause}", "host": "host", "none": "none"}
    modes = {}
    if plan.pid_mode:
        modes["PidMode"] = shared[plan.pid_mode]
    if plan.ipc_mode:
        modes["IpcMode"] = shared[plan.ipc_mode]
    return modes


def _ulimits(plan: TaskPlan, container: dict[str, Any], host: HostFacts) -> list[dict[str, Any]]:
    given = [
        {"Name": one["name"], "Soft": one["softLimit"], "Hard": one["hardLimit"]}
        for one in container.get("ulimits") or ()
    ]
    if plan.launch_type == "FARGATE" and all(one["Name"] != "nofile" for one in given):
        files = min(FARGATE_FILES, host.open_files)
        given.append({"Name": "nofile", "Soft": files, "Hard": files})
    return given
