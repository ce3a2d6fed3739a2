"""A service's registry in Cloud Map, checked against the task definition.

Source: Amazon ECS API Reference, data type ServiceRegistry; ecs_semantics 6.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import find_service
from ecsd.store.store import View

MOST = 1
LARGEST_PORT = 65535


def parse(
    view: View, definition: TaskDefinition, given: list[dict[str, Any]] | None
) -> tuple[dict[str, Any], ...]:
    """Return the registries as given, or refuse what tasks could never be registered in."""
    if not given:
        return ()
    if len(given) > MOST:
        raise _invalid("serviceRegistries can have at most 1 item.")
    (registry,) = given
    if not registry.get("registryArn"):
        raise _invalid("serviceRegistries: registryArn must be given.")
    service = find_service(view, registry["registryArn"])
    if service is None or not registry["registryArn"].startswith("arn:"):
        raise _invalid(
            f"serviceRegistries: the service registry {registry['registryArn']} was not found."
        )
    container, port = registry.get("containerName"), registry.get("containerPort")
    if bool(container) != bool(port):
        raise _invalid(
            "serviceRegistries: containerName and containerPort must be specified together."
        )
    if container:
        _check_container(definition, container, port)
    _check_port(registry)
    _check_records(service, definition, registry)
    return tuple(given)


def _check_records(
    service: DiscoveryService, definition: TaskDefinition, registry: dict[str, Any]
) -> None:
    if service.health_check is not None:
        raise _invalid(
            f"serviceRegistries: {service.arn} has HealthCheckConfig, and tasks' addresses are "
            "private: they cannot be checked. HealthCheckCustomConfig can be used."
        )
    types = {one.type for one in service.dns_records}
    port, container = registry.get("port"), registry.get("containerName")
    mode = definition.network_mode
    if mode == "none":
        raise _invalid("serviceRegistries cannot be used with the network mode none.")
    if types & {"AAAA", "CNAME"}:
        unfit = ", ".join(sorted(types & {"AAAA", "CNAME"}))
        raise _invalid(
            f"serviceRegistries: tasks have IPv4 addresses alone, and {service.arn} has records of "
            f"type {unfit}, which is not supported by ecsd yet."
        )
    if mode != "awsvpc":
        if types != {"SRV"} or not container or port:
            raise _invalid(
                f"serviceRegistries: the network mode {mode} needs a service with SRV records, "
                "and containerName and containerPort."
            )
        return
    if port and container:
        raise _invalid(
            "serviceRegistries: specify either port, or containerName and containerPort, not both."
        )
    if "SRV" in types and not (port or container):
        raise _invalid(
            "serviceRegistries: a service with SRV records needs either port, or containerName and "
            "containerPort."
        )


def _check_port(registry: dict[str, Any]) -> None:
    port = registry.get("port")
    if port is not None and not 0 < port <= LARGEST_PORT:
        raise _invalid(f"serviceRegistries: port must be between 1 and 65535, got {port}.")


def _check_container(definition: TaskDefinition, name: str, port: int | None) -> None:
    container = next((one for one in definition.container_definitions if one["name"] == name), None)
    if container is None:
        raise _invalid(f"The container {name} does not exist in the task definition.")
    if port not in {one.get("containerPort") for one in container["portMappings"]}:
        raise _invalid(f"The container {name} did not have a container port {port} defined.")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
