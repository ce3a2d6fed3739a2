"""Service deployments and revisions as Describe calls show them. Source: ecs_semantics 4.8."""

from collections.abc import Sequence
from typing import Any

from ecsd.decisions.circuit_breaker import threshold
from ecsd.decisions.service_deployment import STOPPABLE, is_open
from ecsd.decisions.service_view import show_configuration, summary
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task


def show_brief(attempt: ServiceDeployment) -> dict[str, Any]:
    """Return a ServiceDeploymentBrief."""
    shown = {
        "serviceDeploymentArn": attempt.arn,
        "serviceArn": attempt.service_arn,
        "clusterArn": attempt.cluster_arn,
        "startedAt": attempt.started_at,
        "createdAt": attempt.created_at,
        "finishedAt": attempt.finished_at,
        "targetServiceRevisionArn": attempt.target_revision_arn,
        "status": attempt.status,
        "statusReason": attempt.status_reason,
    }
    return {member: value for member, value in shown.items() if value is not None}


def show_attempt(
    attempt: ServiceDeployment, service: Service, tasks: Sequence[Task]
) -> dict[str, Any]:
    """Return a ServiceDeployment. tasks: the service's; counts come from them."""
    desired = service.desired_count
    back = attempt.status.startswith("ROLLBACK")
    goal = attempt.rollback_revision_arn if back else attempt.target_revision_arn
    shown = show_brief(attempt) | {
        "updatedAt": attempt.updated_at,
        "stoppedAt": attempt.stopped_at,
        "targetServiceRevision": summary(
            attempt.target_revision_arn,
            tasks,
            desired if goal == attempt.target_revision_arn else 0,
        ),
        "sourceServiceRevisions": [
            summary(arn, tasks, desired if arn == goal else 0)
            for arn in attempt.source_revision_arns
        ],
        "deploymentConfiguration": show_configuration(attempt.configuration),
        "deploymentCircuitBreaker": _breaker(attempt, desired),
    }
    shown.pop("targetServiceRevisionArn")
    if attempt.rollback_started_at is not None:
        shown["rollback"] = {
            "reason": attempt.rollback_reason,
            "startedAt": attempt.rollback_started_at,
            "serviceRevisionArn": attempt.rollback_revision_arn,
        }
    return {member: value for member, value in shown.items() if value is not None}


def show_revision(revision: ServiceRevision, images: dict[str, str]) -> dict[str, Any]:
    """Return a ServiceRevision. images: container → image, as its task definition names them."""
    network = revision.network_configuration
    shown: dict[str, Any] = {
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service_arn,
        "clusterArn": revision.cluster_arn,
        "taskDefinition": revision.task_definition_arn,
        "launchType": revision.launch_type,
        "platformVersion": revision.platform_version or "LATEST",
        "platformFamily": "Linux",
        "loadBalancers": list(revision.load_balancers),
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "containerImages": [_image(name, image, revision) for name, image in images.items()],
        "guardDutyEnabled": False,
        "createdAt": revision.created_at,
    }
    return {member: value for member, value in shown.items() if value is not None}


def _image(name: str, image: str, revision: ServiceRevision) -> dict[str, str]:
    shown = {"containerName": name, "image": image}
    digest = revision.image_digests.get(name)
    return shown | ({"imageDigest": digest} if digest else {})


def _breaker(attempt: ServiceDeployment, desired: int) -> dict[str, Any]:
    breaker = attempt.configuration.circuit_breaker or {}
    if not breaker.get("enable"):
        status = "DISABLED"
    elif attempt.breaker_triggered:
        status = "TRIGGERED"
    elif is_open(attempt) and attempt.status in STOPPABLE:
        status = "MONITORING"
    else:
        status = "MONITORING_COMPLETE"
    return {
        "status": status,
        "failureCount": attempt.failure_count,
        "threshold": threshold(desired, breaker),
    }
