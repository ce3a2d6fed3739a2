"""Service deployments and revisions as Describe calls show them. Source: ecs_semantics 4.8."""

from collections.abc import Sequence
from typing import Any

from ecsd.decisions.rollout import stages
from ecsd.decisions.rollout.stages import Position
from ecsd.decisions.services.circuit_breaker import threshold
from ecsd.decisions.services.service_deployment import STOPPABLE, is_open
from ecsd.decisions.services.service_view import show_configuration, summary
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import HookRun, ServiceDeployment, ServiceRevision
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
    if attempt.configuration.strategy != "ROLLING" and attempt.stage is not None:
        shown |= _shift(attempt, shown)
    if attempt.rollback_started_at is not None:
        shown["rollback"] = {
            "reason": attempt.rollback_reason,
            "startedAt": attempt.rollback_started_at,
            "serviceRevisionArn": attempt.rollback_revision_arn,
        }
    return {member: value for member, value in shown.items() if value is not None}


def _shift(attempt: ServiceDeployment, shown: dict[str, Any]) -> dict[str, Any]:
    """Return what a deployment that shifts traffic shows beside: stage, hooks, weights."""
    position = Position(attempt.stage or "", attempt.step)
    back = attempt.rollback_started_at is not None
    has_blue = attempt.blue_revision_arn is not None
    steps = stages.shifts(attempt.configuration, has_blue=has_blue)
    production = stages.production_percent(position, steps)
    shares = (0.0, 0.0) if back else (production, stages.test_percent(position))
    weights = ("requestedProductionTrafficWeight", "requestedTestTrafficWeight")
    target = dict(zip(weights, shares, strict=True))
    rest = {member: stages.WHOLE - share for member, share in target.items()}
    none = dict.fromkeys(weights, 0.0)
    open_hooks = [one for one in attempt.hooks if (one.stage, one.step) == position]
    return {
        "lifecycleStage": stages.shown(position) if is_open(attempt) else None,
        "lifecycleHookDetails": [_hook(one) for one in open_hooks],
        "targetServiceRevision": shown["targetServiceRevision"] | target,
        "sourceServiceRevisions": [
            one | (rest if one["arn"] == attempt.blue_revision_arn else none)
            for one in shown["sourceServiceRevisions"]
        ],
    }


def _hook(run: HookRun) -> dict[str, Any]:
    shown = {
        "hookId": run.hook_id,
        "targetType": run.target_type,
        "targetArn": run.target_arn,
        "status": run.status,
        "expiresAt": run.expires_at,
        "timeoutAction": run.timeout_action,
    }
    return {member: value for member, value in shown.items() if value is not None}


def show_revision(revision: ServiceRevision, images: dict[str, str]) -> dict[str, Any]:
    """Return a ServiceRevision. images: container → image, as its task definition names them."""
    network, resolved = revision.network_configuration, revision.resolved_load_balancers
    shown: dict[str, Any] = {
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service_arn,
        "clusterArn": revision.cluster_arn,
        "taskDefinition": revision.task_definition_arn,
        "launchType": revision.launch_type,
        "capacityProviderStrategy": list(revision.capacity_provider_strategy) or None,
        "platformVersion": revision.platform_version or "LATEST",
        "platformFamily": "Linux",
        "loadBalancers": list(revision.load_balancers),
        "serviceRegistries": list(revision.service_registries),
        "serviceConnectConfiguration": revision.service_connect_configuration,
        "volumeConfigurations": list(revision.volume_configurations) or None,
        "networkConfiguration": {"awsvpcConfiguration": network} if network else None,
        "containerImages": [_image(name, image, revision) for name, image in images.items()],
        "resolvedConfiguration": {"loadBalancers": [*map(_resolved, resolved)]}
        if resolved
        else None,
        "guardDutyEnabled": False,
        "createdAt": revision.created_at,
    }
    return {member: value for member, value in shown.items() if value is not None}


def _resolved(balancer: dict[str, Any]) -> dict[str, str]:
    rule = (balancer.get("advancedConfiguration") or {}).get("productionListenerRule")
    shown = {"targetGroupArn": balancer["targetGroupArn"]}
    return shown | ({"productionListenerRule": rule} if rule else {})


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
