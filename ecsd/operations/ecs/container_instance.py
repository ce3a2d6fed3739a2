"""Container instances: none can join a cluster yet, and these say so truthfully.

Source: Amazon ECS API Reference; ecs_semantics 3.1, 11.1, 11.2.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.store.finders.ecs import arn_prefix, require_cluster

MOST_DESCRIBED = 100


@operation("ecs", "ListContainerInstances")
async def list_container_instances(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a cluster's instances: there are none."""
    require_cluster(call.view, request.get("cluster"))
    return {"containerInstanceArns": []}


@operation("ecs", "DescribeContainerInstances")
async def describe_container_instances(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe instances: each that is named is missing."""
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    references = request["containerInstances"]
    if not references:
        raise AwsError("InvalidParameterException", "Container Instances cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise AwsError(
            "InvalidParameterException",
            f"containerInstances: at most {MOST_DESCRIBED} may be described at once.",
        )
    place = f"{arn_prefix(view)}:container-instance/{cluster.name}"
    arns = [one if one.startswith("arn:") else f"{place}/{one}" for one in references]
    return {
        "containerInstances": [],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in dict.fromkeys(arns)],
    }
