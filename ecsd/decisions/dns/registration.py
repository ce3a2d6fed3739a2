"""How a task shows in Cloud Map: whether, with which attributes, how well.

Source: ecs_semantics 6; Amazon ECS Developer Guide, service discovery.
"""

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from ecsd.decisions.dns.discovery import INIT_HEALTH, place
from ecsd.decisions.tasks.task import is_wanted
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.task import RegistryBinding, Task
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService

REGISTERED = frozenset({"ACTIVATING", "RUNNING"})


class Origin(NamedTuple):
    """Where a task comes from. external_id: of its task set."""

    region: str
    service_name: str
    external_id: str | None = None


def is_registered(task: Task) -> bool:
    """Tell whether names are to lead to the task.

    From the moment that its interface is attached until it is to stop; one whose containers fail
    their checks is taken out.
    """
    return (
        is_wanted(task)
        and task.last_status in REGISTERED
        and task.attachment_status == "ATTACHED"
        and task.health_status != "UNHEALTHY"
    )


def task_health(task: Task) -> str:
    """Return HEALTHY once it runs and every check that it has has passed."""
    if task.last_status != "RUNNING":
        return "UNHEALTHY"
    checked = any(one.essential and one.has_health_check for one in task.containers)
    return "HEALTHY" if not checked or task.health_status == "HEALTHY" else "UNHEALTHY"


def bindings_of(task: Task) -> list[RegistryBinding]:
    """Return in what a registered task is an instance: Service Connect leads to well ones alone."""
    connected = [
        RegistryBinding(registry_arn=one.discovery_arn, port=one.ingress_port or one.container_port)
        for one in task.connect_ports
        if task_health(task) == "HEALTHY"
    ]
    return [*task.registry_bindings, *connected]


def instance_of(
    task: Task,
    binding: RegistryBinding,
    service: DiscoveryService,
    interface: NetworkInterface,
    origin: Origin,
    now: datetime,
) -> Instance:
    """Return what the task is registered as."""
    attributes = {
        "AVAILABILITY_ZONE": interface.availability_zone,
        "AWS_INSTANCE_IPV4": interface.private_ip_address,
        "ECS_CLUSTER_NAME": task.cluster,
        "ECS_SERVICE_NAME": origin.service_name,
        "ECS_TASK_DEFINITION_FAMILY": task.task_definition.rpartition(":")[0],
        "REGION": origin.region,
    }
    health = task_health(task)
    if service.has_custom_health_check:
        attributes[INIT_HEALTH] = health
    if binding.port is not None:
        attributes["AWS_INSTANCE_PORT"] = str(binding.port)
    if origin.external_id is not None:
        attributes["ECS_TASK_SET_EXTERNAL_ID"] = origin.external_id
    return Instance(
        place=place(service.service_id, task.task_id),
        service_id=service.service_id,
        instance_id=task.task_id,
        attributes=attributes,
        health=health,
        task_arn=task.task_arn,
        registered_at=now,
    )


def updated(known: Instance | None, wanted: Instance) -> Instance:
    """Return what is to be stored: what was said at registration stays, health follows the task."""
    if known is None:
        return wanted
    return replace(known, health=wanted.health, task_arn=wanted.task_arn)
