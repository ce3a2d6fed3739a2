"""A service as DescribeServices shows it. Source: ecs_semantics 4.1, 4.2; terraform.md 6."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecsd.decisions.rollout.stages import (
    CANARY_MINUTES,
    CANARY_PERCENT,
    STEP_MINUTES,
    STEP_PERCENT,
)
from ecsd.decisions.services.service_deployment import is_open
from ecsd.decisions.tasks.task_view import PLATFORM_VERSION
from ecsd.records.ecs.service import Deployment, DeploymentConfiguration, Service, ServiceEvent
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task

PENDING = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})


Revisions = Mapping[str, ServiceRevision]  # by ARN


def show_service(
    service: Service,
    revisions: Revisions,
    attempt: ServiceDeployment | None,
    tasks: Sequence[Task],
    events: Sequence[ServiceEvent],
    *,
    tags: bool,
) -> dict[str, Any]:
    """Return the API's shape; counts come from the tasks.

    revisions: at least those that are deployed. attempt: the newest. events: newest first.
    """
    revision = revisions.get(service.revision_arn)  # none before a task set is primary
    network = revision.network_configuration if revision else None
    ongoing = attempt is not None and is_open(attempt)
    shown: dict[str, Any] = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "loadBalancers": list(revision.load_balancers) if revision else [],
        "serviceRegistries": list(revision.service_registries) if revision else [],
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": count(tasks, running=True),
        "pendingCount": count(tasks, running=False),
        "launchType": service.launch_type,
        "capacityProviderStrategy": list(service.capacity_provider_strategy) or None,
        "platformVersion": (revision.platform_version or "LATEST") if revision else None,
        "platformFamily": "Linux",
        "taskDefinition": revision.task_definition_arn if revision else None,
        "deploymentConfiguration": show_configuration(service.deployment_configuration),
        "deployments": [
            _deployment(one, revisions[one.revision_arn], service, tasks)
            for one in service.deployments
        ],
        "currentServiceDeployment": attempt.arn if attempt is not None and ongoing else None,
        "currentServiceRevisions": [
            summary(one.revision_arn, tasks, _wanted(one, service)) for one in service.deployments
        ],
        "roleArn": service.role_arn,
        "events": [
            {"id": one.event_id, "createdAt": one.created_at, "message": one.message}
            for one in events
        ],
        "createdAt": service.created_at,
        "placementConstraints": list(service.placement_constraints),
        "placementStrategy": list(service.placement_strategy),
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "healthCheckGracePeriodSeconds": _grace(service, revision),
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


def count(tasks: Sequence[Task], *, running: bool) -> int:
    """Count the tasks that run, or that are on their way there."""
    wanted = {"RUNNING"} if running else PENDING
    return sum(one.last_status in wanted for one in tasks)


def summary(revision_arn: str, tasks: Sequence[Task], requested: int) -> dict[str, Any]:
    """Return a ServiceRevisionSummary; tasks: the service's."""
    number = revision_arn.rpartition("/")[2]
    own = [one for one in tasks if (one.deployment_id or "").rpartition("/")[2] == number]
    return {
        "arn": revision_arn,
        "requestedTaskCount": requested,
        "runningTaskCount": count(own, running=True),
        "pendingTaskCount": count(own, running=False),
    }


def show_configuration(configuration: DeploymentConfiguration) -> dict[str, Any]:
    """Return a DeploymentConfiguration in the API's shape."""
    breaker = configuration.circuit_breaker or {}
    shown: dict[str, Any] = {
        "maximumPercent": configuration.maximum_percent,
        "minimumHealthyPercent": configuration.minimum_healthy_percent,
        "strategy": configuration.strategy,
        "deploymentCircuitBreaker": {
            **breaker,
            "enable": bool(breaker.get("enable")),
            "rollback": bool(breaker.get("rollback")),
        },
    }
    optional = {
        "bakeTimeInMinutes": configuration.bake_time_in_minutes,
        "linearConfiguration": _linear(configuration),
        "canaryConfiguration": _canary(configuration),
        "earlySuccessCriteria": configuration.early_success,
        "lifecycleHooks": list(configuration.lifecycle_hooks) or None,
    }
    return shown | {member: value for member, value in optional.items() if value is not None}


def _linear(configuration: DeploymentConfiguration) -> dict[str, Any] | None:
    if configuration.strategy != "LINEAR":
        return None
    defaults = {"stepPercent": STEP_PERCENT, "stepBakeTimeInMinutes": STEP_MINUTES}
    return defaults | (configuration.linear or {})


def _canary(configuration: DeploymentConfiguration) -> dict[str, Any] | None:
    if configuration.strategy != "CANARY":
        return None
    defaults = {"canaryPercent": CANARY_PERCENT, "canaryBakeTimeInMinutes": CANARY_MINUTES}
    return defaults | (configuration.canary or {})


def _wanted(deployment: Deployment, service: Service) -> int:
    return service.desired_count if deployment.status == "PRIMARY" else 0


def _grace(service: Service, revision: ServiceRevision | None) -> int | None:
    """AWS answers 0 for a balanced service that was given none."""
    seconds = service.health_check_grace_period_seconds
    return 0 if seconds is None and revision and revision.load_balancers else seconds


def _deployment(
    deployment: Deployment, revision: ServiceRevision, service: Service, tasks: Sequence[Task]
) -> dict[str, Any]:
    own = [one for one in tasks if one.deployment_id == deployment.deployment_id]
    network = revision.network_configuration
    shown: dict[str, Any] = {
        "id": deployment.deployment_id,
        "status": deployment.status,
        "taskDefinition": revision.task_definition_arn,
        "desiredCount": _wanted(deployment, service),
        "pendingCount": count(own, running=False),
        "runningCount": count(own, running=True),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": revision.launch_type,
        "capacityProviderStrategy": list(revision.capacity_provider_strategy) or None,
        "platformVersion": PLATFORM_VERSION,
        "platformFamily": "Linux",
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "serviceConnectConfiguration": revision.service_connect_configuration,
        "volumeConfigurations": list(revision.volume_configurations) or None,
        "serviceConnectResources": _resources(revision),
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
    }
    return {member: value for member, value in shown.items() if value is not None}


def _resources(revision: ServiceRevision) -> list[dict[str, str]] | None:
    """Return the services in Cloud Map that the revision is found by."""
    if revision.service_connect is None or not revision.service_connect.ports:
        return None
    return [
        {"discoveryName": one.discovery_name, "discoveryArn": one.discovery_arn}
        for one in revision.service_connect.ports
    ]
