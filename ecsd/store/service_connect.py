"""A service's part in a namespace, taken and given up inside a transaction.

Each discovery name has a service in Cloud Map that ECS makes and takes away again.
Source: ecs_semantics 6; Amazon ECS Developer Guide, Service Connect components.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ecsd.decisions.connect.service_connect import log_options, offered, reached
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_connect import ConnectPort, ServiceConnect
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.discovery_operations import discovery_operation
from ecsd.store.finders.servicediscovery import (
    arn,
    connected_ports,
    find_called,
    instances_of,
    services_in,
)
from ecsd.store.registrations import deregister
from ecsd.store.store import Transaction


def join(
    change: Transaction, service: Service, revision: ServiceRevision, ids: IdSource, now: datetime
) -> ServiceRevision:
    """Return a revision that is about to be deployed with its part in its namespace."""
    configuration = revision.service_connect_configuration
    definition = change.get(TaskDefinition, revision.task_definition)
    if configuration is None or definition is None:
        return replace(revision, service_connect=None)
    namespace = find_called(change, configuration["namespace"])
    if namespace is None:
        return replace(revision, service_connect=None)  # the operation has refused it
    own = [
        replace(one, discovery_arn=_entered(change, service, namespace, one, ids, now).arn)
        for one in offered(configuration, definition, namespace.name)
    ]
    others = connected_ports(change, namespace.namespace_id, but=service.arn)
    connect = ServiceConnect(
        namespace_id=namespace.namespace_id,
        log_options=log_options(configuration),
        ports=tuple(own),
        names=reached([*own, *others]),
    )
    return replace(revision, service_connect=connect)


def leave(change: Transaction, service: Service) -> None:
    """Take away what no deployment of the service is found by any more."""
    owned = change.select(DiscoveryService, ecs_service_arn=service.arn)
    if not owned:
        return
    kept = {one.discovery_arn for one in _ports(change, service)}
    for one in owned:
        if one.arn not in kept:
            deregister(change, instances_of(change, one))
            change.remove(one)


def make_namespace(change: Transaction, name: str, ids: IdSource, now: datetime) -> Namespace:
    """Return a new namespace, one that is asked by API; nothing is called so yet."""
    own = ids.discovery_id("ns")
    made = discovery_operation(ids, now, "CREATE_NAMESPACE", {"NAMESPACE": own}, own)
    namespace = Namespace(
        namespace_id=own,
        arn=arn(change, "namespace", own),
        name=name,
        http_name=name,
        type="HTTP",
        operation_id=made.operation_id,
        created_at=now,
    )
    change.put(made, namespace)
    return namespace


def _entered(
    change: Transaction,
    service: Service,
    namespace: Namespace,
    port: ConnectPort,
    ids: IdSource,
    now: datetime,
) -> DiscoveryService:
    """Return the Cloud Map service of a discovery name, made if there is none yet."""
    for known in services_in(change, namespace.namespace_id):
        if known.name == port.discovery_name and known.ecs_service_arn == service.arn:
            encrypted = known.is_encrypted or port.tls
            wanted = replace(known, is_encrypted=encrypted, test_rule=port.test_rule)
            if wanted != known:
                change.put(wanted)
            return wanted
    own = ids.discovery_id("srv")
    made = DiscoveryService(
        service_id=own,
        arn=arn(change, "service", own),
        name=port.discovery_name,
        namespace_id=namespace.namespace_id,
        description="Managed by Amazon ECS Service Connect",
        ecs_service_arn=service.arn,
        is_encrypted=port.tls,
        test_rule=port.test_rule,
        created_at=now,
    )
    change.put(made)
    return made


def _ports(change: Transaction, service: Service) -> Sequence[ConnectPort]:
    """Return what the service's deployments, and the one that it may go back to, offer."""
    if service.status == "INACTIVE":
        return ()
    deployed = [*service.deployments, *([service.last_completed] if service.last_completed else [])]
    revisions = [change.get(ServiceRevision, one.revision_arn) for one in deployed]
    return [
        port
        for one in revisions
        if one is not None and one.service_connect is not None
        for port in one.service_connect.ports
    ]
