"""Making a task record out of a task definition, for RunTask and for a service's rollout alike."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from ecsd.decisions.tasks.task_overrides import storage_size, with_overrides
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service_connect import ServiceConnect
from ecsd.records.ecs.task import Container, RegistryBinding, TargetBinding, Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.tag import Tag


class Origin(Struct, frozen=True, kw_only=True):
    """On whose behalf, and how, a task is to run. Dictionaries are in AWS's shape."""

    group: str
    started_by: str | None = None
    service_arn: str | None = None
    deployment_id: str | None = None
    launch_type: str | None = None
    capacity_provider_name: str | None = None
    platform_version: str | None = None
    network_configuration: dict[str, Any] | None = None
    load_balancers: tuple[dict[str, Any], ...] = ()
    service_registries: tuple[dict[str, Any], ...] = ()
    service_connect: ServiceConnect | None = None
    image_references: dict[str, str] = {}
    overrides: dict[str, Any] = {}
    log_driver_mode: str | None = None  # of containers that name none; None: AWS's default
    enable_execute_command: bool = False
    tags: tuple[Tag, ...] = ()
    volume_configurations: tuple[dict[str, Any], ...] = ()


class Place(Struct, frozen=True, kw_only=True):
    """The interface, and the proxy, that a task gets; empty outside awsvpc."""

    vpc_id: str | None = None
    network_interface_id: str | None = None
    attachment_id: str | None = None
    connect_attachment_id: str | None = None
    availability_zone: str | None = None


class Names(Struct, frozen=True, kw_only=True):
    """The identifiers that a task gets. arn_prefix: ``arn:aws:ecs:REGION:ACCOUNT``."""

    arn_prefix: str
    task_id: str
    container_ids: tuple[str, ...]  # a UUID for each container definition
    endpoint_key: str = ""


def new_task(
    cluster: Cluster,
    definition: TaskDefinition,
    origin: Origin,
    place: Place,
    names: Names,
    now: datetime,
) -> Task:
    """Return a task in PROVISIONING, wanted RUNNING."""
    overrides = origin.overrides
    return Task(
        task_arn=f"{names.arn_prefix}:task/{cluster.name}/{names.task_id}",
        task_id=names.task_id,
        cluster=cluster.name,
        cluster_arn=cluster.arn,
        task_definition=definition.name,
        task_definition_arn=definition.arn,
        group=origin.group,
        service_arn=origin.service_arn,
        deployment_id=origin.deployment_id,
        started_by=origin.started_by,
        launch_type=origin.launch_type or "FARGATE",
        capacity_provider_name=origin.capacity_provider_name,
        platform_version=origin.platform_version,
        availability_zone=place.availability_zone,
        cpu=overrides.get("cpu") or definition.cpu,
        memory=overrides.get("memory") or definition.memory,
        containers=_containers(cluster, definition, overrides, names),
        ephemeral_storage=storage_size(definition, overrides),
        log_driver_mode=origin.log_driver_mode,
        cpu_architecture=(definition.runtime_platform or {}).get("cpuArchitecture") or "X86_64",
        overrides=overrides,
        network_configuration=origin.network_configuration,
        enable_execute_command=origin.enable_execute_command,
        tags=origin.tags,
        image_references=origin.image_references,
        volume_configurations=origin.volume_configurations,
        target_bindings=tuple(
            TargetBinding(
                target_group_arn=one["targetGroupArn"],
                container_name=one["containerName"],
                container_port=one["containerPort"],
            )
            for one in origin.load_balancers
        ),
        registry_bindings=tuple(
            RegistryBinding(
                registry_arn=one["registryArn"],
                port=one.get("port") or one.get("containerPort"),
            )
            for one in origin.service_registries
        ),
        connect_ports=origin.service_connect.ports if origin.service_connect else (),
        connect_names=origin.service_connect.names if origin.service_connect else (),
        connect_log=origin.service_connect.log_options if origin.service_connect else None,
        vpc_id=place.vpc_id,
        network_interface_id=place.network_interface_id,
        attachment_id=place.attachment_id,
        connect_attachment_id=place.connect_attachment_id,
        endpoint_key=names.endpoint_key,
        created_at=now,
    )


def _containers(
    cluster: Cluster, definition: TaskDefinition, overrides: dict[str, Any], names: Names
) -> tuple[Container, ...]:
    return tuple(
        Container(
            name=one["name"],
            container_arn=f"{names.arn_prefix}:container/{cluster.name}/{names.task_id}/{uuid}",
            image=one["image"],
            essential=one.get("essential", True),
            cpu=str(one.get("cpu", 0)),
            memory=_text(one.get("memory")),
            memory_reservation=_text(one.get("memoryReservation")),
            has_health_check=one.get("healthCheck") is not None,
        )
        for one, uuid in zip(
            with_overrides(definition, overrides), names.container_ids, strict=True
        )
    )


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
