"""Normalising a task definition: what was given, plus the defaults that AWS answers.

Nothing more is added than AWS adds: the Terraform provider compares what it reads with what it
wrote. Source: ecs_semantics 2.3; terraform.md 6.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CONTAINER_LISTS = (
    "portMappings",
    "environment",
    "mountPoints",
    "volumesFrom",
    "systemControls",
)
AWS = "com.amazonaws.ecs.capability"
LOGGING_API = f"{AWS}.docker-remote-api.1.19"
OF_MEMBERS = {
    "healthCheck": ("ecs.capability.container-health-check", f"{AWS}.docker-remote-api.1.24"),
    "dependsOn": ("ecs.capability.container-ordering",),
    "privileged": (f"{AWS}.privileged-container",),
}
ECR = re.compile(r"\d{12}\.dkr\.ecr\.")


def normalise_container(given: Mapping[str, Any], network_mode: str | None) -> dict[str, Any]:
    """Return a container definition as RegisterTaskDefinition answers it."""
    container = dict(given)
    container.setdefault("cpu", 0)
    container.setdefault("essential", True)
    for member in CONTAINER_LISTS:
        container.setdefault(member, [])
    container["portMappings"] = [
        normalise_port(one, network_mode) for one in container["portMappings"]
    ]
    if "healthCheck" in container:
        container["healthCheck"] = {
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            **container["healthCheck"],
        }
    return container


def normalise_port(given: Mapping[str, Any], network_mode: str | None) -> dict[str, Any]:
    """Return a port mapping with its host port and protocol."""
    port = dict(given)
    if "containerPort" in port:
        same = network_mode in {"awsvpc", "host"}
        if not port.get("hostPort"):
            port["hostPort"] = port["containerPort"] if same else 0
    port.setdefault("protocol", "tcp")
    return port


def normalise_volume(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume as it is kept: one of EFS begins at the root where it names no directory."""
    volume = dict(given)
    if volume.get("efsVolumeConfiguration"):
        volume["efsVolumeConfiguration"] = {
            "rootDirectory": "/",
            **volume["efsVolumeConfiguration"],
        }
    return volume


def required_attributes(
    containers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]
) -> tuple[dict[str, str], ...]:
    """Return requiresAttributes: what an instance must be able to do.

    Source: ecs_semantics 2.3 (names observed, and the agent's capability list).
    """
    names: dict[str, None] = {f"{AWS}.docker-remote-api.1.18": None}
    names |= dict.fromkeys(_of_task(task))
    for container in containers:
        names |= dict.fromkeys(_of_container(container, task))
    return tuple({"name": name} for name in names)


def _of_task(task: Mapping[str, Any]) -> Iterable[str]:
    if task.get("networkMode") == "awsvpc":
        yield "ecs.capability.task-eni"
    if task.get("taskRoleArn"):
        yield f"{AWS}.task-iam-role"
        if task.get("networkMode") == "host":
            yield f"{AWS}.task-iam-role-network-host"
    if task.get("cpu") or task.get("memory"):
        yield "ecs.capability.task-cpu-mem-limit"
    if task.get("pidMode") or task.get("ipcMode"):
        yield "ecs.capability.pid-ipc-namespace-sharing"
    if task.get("enableFaultInjection"):
        yield "ecs.capability.fault-injection"
    yield from _of_volumes(task)


def _of_volumes(task: Mapping[str, Any]) -> Iterable[str]:
    for volume in task.get("volumes") or ():
        if volume.get("configuredAtLaunch"):
            yield "ecs.capability.storage.ebs-task-volume-attach"
        if volume.get("efsVolumeConfiguration"):
            yield "ecs.capability.efs"
            if volume["efsVolumeConfiguration"].get("authorizationConfig"):
                yield "ecs.capability.efsAuth"
        if volume.get("dockerVolumeConfiguration"):
            driver = volume["dockerVolumeConfiguration"].get("driver") or "local"
            yield f"ecs.capability.docker-plugin.{driver}"


def _of_container(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterable[str]:
    yield from _of_image(container, task)
    yield from _of_logging(container, task)
    yield from _of_values(container)
    for member, names in OF_MEMBERS.items():
        if container.get(member):
            yield from names
    if (container.get("restartPolicy") or {}).get("enabled"):
        yield "ecs.capability.container-restart-policy"
    if (container.get("linuxParameters") or {}).get("initProcessEnabled"):
        yield f"{AWS}.docker-remote-api.1.25"
    if any(one.get("containerPortRange") for one in container.get("portMappings") or ()):
        yield "ecs.capability.network.container-port-range"
    for option in container.get("dockerSecurityOptions") or ():
        module = {"apparmor": "apparmor", "label": "selinux"}.get(re.split("[:=]", option)[0])
        if module:
            yield f"{AWS}.{module}"


def _of_logging(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterable[str]:
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver:
        yield f"{AWS}.logging-driver.{driver}"
    if driver == "awslogs":
        yield LOGGING_API
        if task.get("executionRoleArn"):
            yield "ecs.capability.execution-role-awslogs"


def _of_values(container: Mapping[str, Any]) -> Iterable[str]:
    logging = container.get("logConfiguration") or {}
    for given, purpose in (
        (container.get("secrets"), "environment-variables"),
        (logging.get("secretOptions"), "bootstrap.log-driver"),
    ):
        for one in given or ():
            store = "asm" if ":secretsmanager:" in one["valueFrom"] else "ssm"
            yield f"ecs.capability.secrets.{store}.{purpose}"
    if container.get("environmentFiles"):
        yield "ecs.capability.env-files.s3"
    if container.get("repositoryCredentials"):
        yield "ecs.capability.private-registry-authentication.secretsmanager"


def _of_image(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterable[str]:
    if ECR.match(container["image"]):
        yield f"{AWS}.ecr-auth"
        if task.get("executionRoleArn"):
            yield "ecs.capability.execution-role-ecr-pull"
