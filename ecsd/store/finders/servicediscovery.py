"""Look-ups in Cloud Map: ``require`` refuses in its own words. Ids and ARNs are accepted alike.

Source: AWS Cloud Map API Reference, errors.
"""

from ecsd.decisions.dns.zone_plan import NamespaceParts, full_name
from ecsd.errors import AwsError
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_connect import ConnectPort
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.store import View


def arn(view: View, kind: str, own: str) -> str:
    """Return the ARN of a namespace or service by id."""
    return f"arn:aws:servicediscovery:{view.scope.region}:{view.scope.account}:{kind}/{own}"


def find_namespace(view: View, reference: str) -> Namespace | None:
    """Return a namespace by id or ARN."""
    found = view.get(Namespace, reference.rpartition("/")[2])
    return found if found and reference in {found.namespace_id, found.arn} else None


def require_namespace(view: View, reference: str) -> Namespace:
    """Return a namespace by id or ARN, or refuse with NamespaceNotFound."""
    found = find_namespace(view, reference)
    if found is None:
        raise AwsError("NamespaceNotFound", f"Failed to find namespace with ID {reference}.")
    return found


def named_namespace(view: View, http_name: str) -> Namespace | None:
    """Return the namespace that DiscoverInstances calls so."""
    return next(iter(view.select(Namespace, http_name=http_name)), None)


def find_called(view: View, reference: str) -> Namespace | None:
    """Return a namespace by ARN, or by the name that Service Connect calls it."""
    if reference.startswith("arn:"):
        return find_namespace(view, reference)
    return named_namespace(view, reference)


def find_service(view: View, reference: str) -> DiscoveryService | None:
    """Return a service by id or ARN."""
    found = view.get(DiscoveryService, reference.rpartition("/")[2])
    return found if found and reference in {found.service_id, found.arn} else None


def require_service(view: View, reference: str) -> DiscoveryService:
    """Return a service by id or ARN, or refuse with ServiceNotFound."""
    found = find_service(view, reference)
    if found is None:
        raise AwsError("ServiceNotFound", f"Failed to find service with ID {reference}.")
    return found


def services_in(view: View, namespace_id: str) -> list[DiscoveryService]:
    """Return a namespace's services."""
    return view.select(DiscoveryService, namespace_id=namespace_id)


def instances_of(view: View, service: DiscoveryService) -> list[Instance]:
    """Return a service's instances, by id."""
    found = view.select(Instance, service_id=service.service_id)
    return sorted(found, key=lambda one: one.instance_id)


def name_of(view: View, service: DiscoveryService) -> str:
    """Return a service's whole name, lower case; its namespace cannot go before it."""
    return full_name(service, require_namespace(view, service.namespace_id))


def namespace_parts(view: View, namespace_id: str) -> NamespaceParts | None:
    """Return a namespace with everything in it, or None."""
    namespace = view.get(Namespace, namespace_id)
    if namespace is None:
        return None
    services = services_in(view, namespace_id)
    return NamespaceParts(
        namespace=namespace,
        vpc=view.get(Vpc, namespace.vpc_id or ""),
        services=services,
        instances=[one for service in services for one in instances_of(view, service)],
        account=view.scope.account,
    )


def connected_ports(view: View, namespace_id: str, *, but: str) -> list[ConnectPort]:
    """Return what ACTIVE services, but one, offer in a namespace by Service Connect."""
    owners = {one.ecs_service_arn for one in services_in(view, namespace_id)} - {None, but}
    services = [view.get(Service, one or "") for one in sorted(owners, key=str)]
    revisions = [
        view.get(ServiceRevision, one.revision_arn)
        for one in services
        if one is not None and one.status == "ACTIVE"
    ]
    return [
        port
        for one in revisions
        if one is not None
        and one.service_connect is not None
        and one.service_connect.namespace_id == namespace_id
        for port in one.service_connect.ports
    ]
