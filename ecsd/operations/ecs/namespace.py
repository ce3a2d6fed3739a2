"""Services by the namespace of their Service Connect.

Source: Amazon ECS API Reference, ListServicesByNamespace.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs.paging import page
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.store.finders.servicediscovery import find_called


@operation("ecs", "ListServicesByNamespace")
async def list_services_by_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the ACTIVE services, of all clusters, that offer or reach something there."""
    view = call.view
    namespace = find_called(view, request["namespace"])
    if namespace is None:
        raise AwsError(
            "NamespaceNotFoundException",
            "The specified namespace wasn't found.",
        )
    found = []
    for service in view.select(Service, status="ACTIVE"):
        revision = view.get(ServiceRevision, service.revision_arn)
        connect = revision.service_connect if revision else None
        if connect is not None and connect.namespace_id == namespace.namespace_id:
            found.append(service.arn)
    arns, token = page(sorted(found), request, key=str, limit=10)
    return {"serviceArns": arns, "nextToken": token}
