"""A service as DescribeServices shows it. Source: ecs_semantics 4.1, 4.2; terraform.md 6."""

from collections.abc import Sequence
from typing import Any

from ecsd.decisions.task_view import PLATFORM_VERSION
from ecsd.records.ecs.service import Deployment, Service, ServiceEvent
from ecsd.records.ecs.task import Task

PENDING = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})


def show_service(
    service: Service, tasks: Sequence[Task], events: Sequence[ServiceEvent], *, tags: bool
) -> dict[str, Any]:
    """Return the API's shape; counts come from the tasks. events: newest first."""
    network = service.network_configuration
    shown: dict[str, Any] = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "loadBalancers": list(service.load_balancers),
        "serviceRegistries": [],
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": _count(tasks, running=True),
        "pendingCount": _count(tasks, running=False),
        "launchType": service.launch_type,
        "platformVersion": service.platform_version or "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": service.task_definition_arn,
        "deploymentConfiguration": _configuration(service),
        "deployments": [_deployment(one, service, tasks) for one in service.deployments],
        "roleArn": service.role_arn,
        "events": [
            {"id": one.event_id, "createdAt": one.created_at, "message": one.message}
            for one in events
        ],
        "createdAt": service.created_at,
        "placementConstraints": list(service.placement_constraints),
        "placementStrategy": list(service.placement_strategy),
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "healthCheckGracePeriodSeconds": _grace(service),
        "schedulingStrategy": service.scheduling_strategy,
        "deploymentController": {"type": service.deployment_controller or "ECS"},
        "createdBy": service.created_by,
        "enableECSManagedTags": service.enable_ecs_managed_tags,
        "propagateTags": service.propagate_tags,
        "enableExecuteCommand": service.enable_execute_command,
        "availabilityZoneRebalancing": service.availability_zone_rebalancing,
    }
    if tags:
        shown["tags"] = [{"key": one.key, "value": one.value} for one in service.tags]
    return {member: value for member, value in shown.items() if value is not None}


def _grace(service: Service) -> int | None:
    """AWS answers 0 for a balanced service that was given none."""
    seconds = service.health_check_grace_period_seconds
    return 0 if seconds is None and service.load_balancers else seconds


def _count(tasks: Sequence[Task], *, running: bool) -> int:
    wanted = {"RUNNING"} if running else PENDING
    return sum(one.last_status in wanted for one in tasks)


def _configuration(service: Service) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "maximumPercent": service.maximum_percent,
        "minimumHealthyPercent": service.minimum_healthy_percent,
        "strategy": "ROLLING",
    }
    breaker = service.circuit_breaker or {}
    shown["deploymentCircuitBreaker"] = {
        "enable": bool(breaker.get("enable")),
        "rollback": bool(breaker.get("rollback")),
    }
    return shown


def _deployment(deployment: Deployment, service: Service, tasks: Sequence[Task]) -> dict[str, Any]:
    own = [one for one in tasks if one.deployment_id == deployment.deployment_id]
    primary = deployment.status == "PRIMARY"
    network = deployment.network_configuration
    shown: dict[str, Any] = {
        "id": deployment.deployment_id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition_arn,
        "desiredCount": service.desired_count if primary else 0,
        "pendingCount": _count(own, running=False),
        "runningCount": _count(own, running=True),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": deployment.launch_type,
        "platformVersion": PLATFORM_VERSION,
        "platformFamily": "Linux",
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
    }
    return {member: value for member, value in shown.items() if value is not None}
