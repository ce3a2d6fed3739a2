"""A service's serviceConnectConfiguration, checked against definition and namespace.

Source: Amazon ECS API Reference, ServiceConnectConfiguration, CreateService (errors);
ecs_semantics 6.
"""

from typing import Any

from ecsd.decisions.connect.service_connect import WHERE, offered, problems
from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_connect import ServiceConnect
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.finders.servicediscovery import connected_ports, find_called, services_in
from ecsd.store.store import View

LATER = ("accessLogConfiguration", "containerConfigurations")


def parse(
    view: View, service: Service, definition: TaskDefinition, given: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the configuration with its namespace, None if it is not enabled; or refuse it."""
    if not given or not given["enabled"]:
        return None
    refuse_members(given, LATER, "InvalidParameterException", f"{WHERE}.")
    reference = given.get("namespace") or _default(view, service)
    if not reference:
        raise _invalid(
            f"{WHERE}: namespace must be specified, or be set in serviceConnectDefaults of the "
            "cluster."
        )
    namespace = find_called(view, reference)
    if namespace is None:
        raise AwsError("NamespaceNotFoundException", "The specified namespace wasn't found.")
    for problem in problems(given, definition, namespace.name):
        raise _invalid(problem)
    _check_names(view, service, definition, given, namespace)
    return {**given, "namespace": reference}


def check_protocols(
    definition: TaskDefinition, given: dict[str, Any] | None, now: ServiceConnect | None
) -> None:
    """Refuse another protocol under a name that clients know already.

    Source: Amazon ECS API Reference, PortMapping: appProtocol is immutable in a Service Connect
    service.
    """
    if given is None or now is None:
        return
    known = {one.discovery_name: one.protocol for one in now.ports}
    for port in offered(given, definition, ""):
        before = known.get(port.discovery_name, port.protocol)
        if before != port.protocol:
            raise _invalid(
                f"{WHERE}: the appProtocol of {port.discovery_name} cannot be changed from "
                f"{before} to {port.protocol}: delete the service and create it again."
            )


def _default(view: View, service: Service) -> str | None:
    cluster = view.get(Cluster, service.cluster)
    return cluster.service_connect_namespace if cluster else None


def _check_names(
    view: View,
    service: Service,
    definition: TaskDefinition,
    given: dict[str, Any],
    namespace: Namespace,
) -> None:
    """Refuse names that something else has in the namespace."""
    own = namespace.namespace_id
    taken = {one.name: one.ecs_service_arn for one in services_in(view, own)}
    aliases = {
        (one.alias_name, one.alias_port) for one in connected_ports(view, own, but=service.arn)
    }
    for port in offered(given, definition, namespace.name):
        if taken.get(port.discovery_name, service.arn) != service.arn:
            raise _invalid(
                f"{WHERE}: discoveryName {port.discovery_name} is already in use in the namespace "
                f"{namespace.name}."
            )
        if port.alias_name and (port.alias_name, port.alias_port) in aliases:
            raise _invalid(
                f"{WHERE}: the client alias {port.alias_name}:{port.alias_port} is already in use "
                f"in the namespace {namespace.name}."
            )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
