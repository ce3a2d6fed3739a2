"""The life of a service's deployments: begun, completed, failed, rolled back.

Source: ecs_semantics 4.2 and 4.5 (rolloutStateReason literals).
"""

from datetime import datetime

from msgspec.structs import replace

from ecsd.records.ecs.service import Deployment, Service
from ecsd.records.ecs.service_deployment import ServiceRevision


def primary(service: Service) -> Deployment:
    """Return the deployment that is being, or has been, rolled out."""
    return service.deployments[0]


def new_deployment(revision: ServiceRevision, now: datetime) -> Deployment:
    """Return a revision's deployment, not begun yet."""
    deployment_id = f"ecs-svc/{revision.arn.rpartition('/')[2]}"
    return Deployment(
        deployment_id=deployment_id,
        revision_arn=revision.arn,
        status="PRIMARY",
        rollout_state_reason=f"ECS deployment {deployment_id} in progress.",
        created_at=now,
        updated_at=now,
    )


def begin(service: Service, deployment: Deployment, now: datetime) -> Service:
    """Put a new deployment in front; what was PRIMARY becomes ACTIVE, to be replaced."""
    older = tuple(replace(one, status="ACTIVE", updated_at=now) for one in service.deployments)
    return _led_by(service, deployment, older)


def complete(service: Service, now: datetime) -> Service:
    """Declare the primary deployment COMPLETED and remember it for rollbacks."""
    first = primary(service)
    done = replace(
        first,
        rollout_state="COMPLETED",
        rollout_state_reason=f"ECS deployment {first.deployment_id} completed.",
        updated_at=now,
    )
    return replace(service, deployments=(done, *service.deployments[1:]), last_completed=done)


def fail(service: Service, reason: str, now: datetime) -> Service:
    """Declare the primary deployment FAILED; nothing of it starts again.

    reason: the rolloutStateReason.
    """
    failed = replace(
        primary(service), rollout_state="FAILED", rollout_state_reason=reason, updated_at=now
    )
    return replace(service, deployments=(failed, *service.deployments[1:]))


def roll_back(service: Service, now: datetime) -> Service | None:
    """Make the last completed deployment PRIMARY again; None when there is none to go back to."""
    goal, failed = service.last_completed, primary(service)
    if goal is None or goal.deployment_id == failed.deployment_id:
        return None
    back = replace(
        goal,
        status="PRIMARY",
        rollout_state="IN_PROGRESS",
        rollout_state_reason=(
            f"ECS deployment circuit breaker: rolling back to deploymentId {goal.deployment_id}."
        ),
        failed_tasks=0,
        failures=0,
        launch_failures=0,
        updated_at=now,
    )
    others = tuple(
        replace(one, status="ACTIVE", updated_at=now)
        for one in service.deployments
        if one.deployment_id != goal.deployment_id
    )
    return _led_by(service, back, others)


def without_vanished(service: Service, alive: set[str]) -> Service:
    """Drop older deployments that have no task left."""
    kept = tuple(
        one
        for index, one in enumerate(service.deployments)
        if index == 0 or one.deployment_id in alive
    )
    return service if kept == service.deployments else replace(service, deployments=kept)


def with_deployment(service: Service, changed: Deployment) -> Service:
    """Replace a deployment's record."""
    return replace(
        service,
        deployments=tuple(
            changed if one.deployment_id == changed.deployment_id else one
            for one in service.deployments
        ),
    )


def _led_by(service: Service, first: Deployment, others: tuple[Deployment, ...]) -> Service:
    return replace(
        service,
        revision_arn=first.revision_arn,
        deployments=(first, *others),
        steady=False,
        reported=(),
    )
