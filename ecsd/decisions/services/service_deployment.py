"""How an attempt to bring a service to a revision goes: AWS's status graph.

Source: ecs_semantics 4.8; Amazon ECS Developer Guide, service deployment life cycle.
"""

from datetime import datetime

from msgspec.structs import replace

from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision

OPEN = frozenset(
    {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
)
STOPPABLE = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED"})
BREAKER = "the circuit breaker threshold was exceeded"
REQUESTED = "of a StopServiceDeployment request"
SUPERSEDED = "Service deployment stopped because a newer service deployment started."


def is_open(deployment: ServiceDeployment) -> bool:
    """Tell whether it still goes on."""
    return deployment.status in OPEN


def new_service_deployment(
    service: Service, revision: ServiceRevision, deployment_id: str, now: datetime
) -> ServiceDeployment:
    """Return a PENDING attempt at a revision. deployment_id: the last part of its ARN."""
    place = service.arn.replace(":service/", ":service-deployment/")
    return ServiceDeployment(
        arn=f"{place}/{deployment_id}",
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        target_revision_arn=revision.arn,
        source_revision_arns=tuple(
            one.revision_arn for one in service.deployments if one.revision_arn != revision.arn
        ),
        blue_revision_arn=service.last_completed.revision_arn if service.last_completed else None,
        configuration=service.deployment_configuration,
        created_at=now,
        updated_at=now,
    )


def start(deployment: ServiceDeployment, now: datetime) -> ServiceDeployment:
    """Enter that it is being worked on."""
    if deployment.status != "PENDING":
        return deployment
    return replace(deployment, status="IN_PROGRESS", started_at=now, updated_at=now)


def count(deployment: ServiceDeployment, failures: int, now: datetime) -> ServiceDeployment:
    """Keep the circuit breaker's count of the target revision."""
    if failures == deployment.failure_count or deployment.status not in STOPPABLE:
        return deployment
    return replace(deployment, failure_count=failures, updated_at=now)


def succeed(deployment: ServiceDeployment, now: datetime) -> ServiceDeployment:
    """The service has reached what it was on its way to: the target, or the way back."""
    back = deployment.status == "ROLLBACK_IN_PROGRESS"
    status = "ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL"
    return replace(deployment, status=status, finished_at=now, updated_at=now)


def give_up(deployment: ServiceDeployment, cause: str, now: datetime) -> ServiceDeployment:
    """End it where it is: there is nothing to go back to, nobody wants it, or the way back failed.

    cause: follows "because" in the statusReason.
    """
    if deployment.status == "ROLLBACK_IN_PROGRESS":
        reason = f"Service deployment rollback failed because {cause}."
        return replace(
            deployment,
            status="ROLLBACK_FAILED",
            status_reason=reason,
            finished_at=now,
            updated_at=now,
        )
    triggered = deployment.breaker_triggered or cause == BREAKER
    stopped = _stopped(deployment, f"Service deployment stopped because {cause}.", now)
    return replace(stopped, breaker_triggered=triggered)


def supersede(deployment: ServiceDeployment, now: datetime) -> ServiceDeployment:
    """A newer one has begun."""
    return _stopped(deployment, SUPERSEDED, now)


def roll_back(
    deployment: ServiceDeployment, cause: str, revision_arn: str, now: datetime
) -> ServiceDeployment:
    """Begin the way back to a revision. cause: follows "because" in the statusReason."""
    reason = f"Service deployment rolled back because {cause}."
    return replace(
        deployment,
        status="ROLLBACK_IN_PROGRESS",
        status_reason=reason,
        rollback_reason=reason,
        rollback_started_at=now,
        rollback_revision_arn=revision_arn,
        breaker_triggered=cause == BREAKER,
        started_at=deployment.started_at or now,
        updated_at=now,
    )


def _stopped(deployment: ServiceDeployment, reason: str, now: datetime) -> ServiceDeployment:
    return replace(
        deployment,
        status="STOPPED",
        status_reason=reason,
        stopped_at=now,
        finished_at=now,
        updated_at=now,
    )
