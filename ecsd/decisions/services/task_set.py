"""Task sets: how many tasks each runs, when it is steady, how it is shown.

Source: ecs_semantics 4.10; Amazon ECS API Reference, data type TaskSet.
"""

import math
from collections.abc import Sequence
from typing import Any

from ecsd.decisions.services.service_view import count
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet


def computed_desired(desired: int, task_set: TaskSet) -> int:
    """Return how many tasks of a set are wanted, rounded up; none of one that drains."""
    if task_set.status == "DRAINING":
        return 0
    return math.ceil(round(desired * task_set.percent / 100, 6))


def show_task_set(
    task_set: TaskSet, revision: ServiceRevision, desired: int, tasks: Sequence[Task]
) -> dict[str, Any]:
    """Return the API's shape. desired: the service's. tasks: the service's."""
    own = [one for one in tasks if one.deployment_id == task_set.task_set_id]
    network = revision.network_configuration
    shown: dict[str, Any] = {
        "id": task_set.task_set_id,
        "taskSetArn": task_set.arn,
        "serviceArn": task_set.service_arn,
        "clusterArn": task_set.cluster_arn,
        "externalId": task_set.external_id,
        "status": task_set.status,
        "taskDefinition": revision.task_definition_arn,
        "computedDesiredCount": computed_desired(desired, task_set),
        "pendingCount": count(own, running=False),
        "runningCount": count(own, running=True),
        "createdAt": task_set.created_at,
        "updatedAt": task_set.updated_at,
        "launchType": revision.launch_type,
        "capacityProviderStrategy": list(revision.capacity_provider_strategy) or None,
        "platformVersion": revision.platform_version or "LATEST",
        "platformFamily": "Linux",
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "loadBalancers": list(revision.load_balancers),
        "serviceRegistries": list(revision.service_registries),
        "scale": {"value": task_set.percent, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if task_set.stable else "STABILIZING",
        "stabilityStatusAt": task_set.stable_at,
        "tags": [{"key": one.key, "value": one.value} for one in task_set.tags],
    }
    return {member: value for member, value in shown.items() if value is not None}
