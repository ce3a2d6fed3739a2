"""Asking for instances by API. Source: AWS Cloud Map API Reference, DiscoverInstances."""

from typing import Any

from ecsd.decisions.dns.discovery import discovered, shown_health
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import instances_of, named_namespace, services_in

MOST = 100  # unless MaxResults says otherwise


@operation("servicediscovery", "DiscoverInstances")
async def discover_instances(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return instances in random order."""
    service = _asked(call, request)
    found = discovered(
        service,
        instances_of(call.view, service),
        request.get("HealthStatus") or "HEALTHY_OR_ELSE_ALL",
        request.get("QueryParameters") or {},
        request.get("OptionalParameters") or {},
    )
    shown = call.ids.shuffled(found)[: request.get("MaxResults") or MOST]
    return {
        "Instances": [
            {
                "InstanceId": one.instance_id,
                "NamespaceName": request["NamespaceName"],
                "ServiceName": service.name,
                "HealthStatus": shown_health(one, service),
                "Attributes": one.attributes,
            }
            for one in shown
        ],
        "InstancesRevision": service.instances_revision,
    }


@operation("servicediscovery", "DiscoverInstancesRevision")
async def discover_instances_revision(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a number that grows when an instance comes or goes."""
    return {"InstancesRevision": _asked(call, request).instances_revision}


def _asked(call: Call, request: dict[str, Any]) -> DiscoveryService:
    view, name = call.view, request["NamespaceName"]
    owner = request.get("OwnerAccount") or call.scope.account
    namespace = named_namespace(view, name) if owner == call.scope.account else None
    if namespace is None:
        raise AwsError("NamespaceNotFound", f"Failed to find namespace {name}.")
    for service in services_in(view, namespace.namespace_id):
        if service.name == request["ServiceName"]:
            return service
    raise AwsError(
        "ServiceNotFound", f"Failed to find service {request['ServiceName']} in namespace {name}."
    )
