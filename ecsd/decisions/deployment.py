"""The life of a service's deployments: begun, completed, failed, rolled back.

Source: ecs_semantics 4.2 and 4.5 (rolloutStateReason literals).
"""

from datetime import datetime

from msgspec.structs import replace

from ecsd.records.ecs.service import Deployment, Service


def primary(service: Service) -> Deployment:
    """Return the deployment that is being, or has been, rolled out."""
    return service.deployments[0]


def begin(service: Service, deployment: Deployment, now: datetime) -> Service:
    """Put a new deployment in front; what was PRIMARY becomes ACTIVE, to be replaced."""
    older = tuple(replace(one, status="ACTIVE", updated_at=now) for one in service.deployments)
    return replace(
        service,
        task_definition_arn=deployment.task_definition_arn,
        deployments=(deployment, *older),
        steady=False,
        reported=(),
    )


def in_progress(deployment_id: str) -> str:
    """Return the rolloutStateReason while it goes on."""
    return f"ECS deployment {deployment_id} in progress."


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


def fail(service: Service, now: datetime) -> Service:
    """Declare the primary deployment FAILED by the circuit breaker; nothing of it starts again."""
    first = primary(service)
    failed = replace(
        first,
        rollout_state="FAILED",
        rollout_state_reason="ECS deployment circuit breaker: tasks failed to start.",
        updated_at=now,
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
    others = [
        replace(one, status="ACTIVE", updated_at=now)
        for one in service.deployments
        if one.deployment_id != goal.deployment_id
    ]
    return replace(
        service,
        task_definition_arn=back.task_definition_arn,
        deployments=(back, *others),
        launch_type=back.launch_type,
        platform_version=back.platform_version,
        network_configuration=back.network_configuration,
        load_balancers=back.load_balancers,
        target_group_arns=target_groups(back),
        steady=False,
        reported=(),
    )


def target_groups(deployment: Deployment) -> tuple[str, ...]:
    """Return the ARNs of the target groups that a deployment's tasks register in."""
    return tuple(one["targetGroupArn"] for one in deployment.load_balancers)


def without_vanished(service: Service, alive: set[str]) -> Service:
    """Drop older deployments that have no task left."""
    kept = tuple(
        one
        for index, one in enumerate(service.deployments)
        if index == 0 or one.deployment_id in alive
    )
    return service if kept == service.deployments else replace(service, deployments=kept)


def with_primary(service: Service, deployment: Deployment) -> Service:
    """Replace the primary deployment's record."""
    if service.deployments[0] == deployment:
        return service
    return replace(service, deployments=(deployment, *service.deployments[1:]))
