"""Services by the namespace of their Service Connect.

Source: Amazon ECS API Reference, ListServicesByNamespace.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.store.finders.servicediscovery import find_called


@operation("ecs", "ListServicesByNamespace")
async def list_services_by_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List none: services refuse Service Connect still, so none is in the namespace by it."""
    if find_called(call.view, request["namespace"]) is None:
        raise AwsError(
            "NamespaceNotFoundException",
            "The specified namespace wasn't found.",
        )
    return {"serviceArns": []}
