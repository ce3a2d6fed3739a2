"""The rolling update, and a service at rest: the primary's tasks within the percentages."""

from ecsd.controllers.service.deployment_pass import DeploymentPass
from ecsd.decisions.rollout import rolling
from ecsd.store import connect_traffic

BLOCKED = (
    "was unable to stop or start tasks during a deployment because of the service deployment "
    "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
)


def step(one: DeploymentPass) -> None:
    """Give up or go on, as far as the percentages allow now."""
    one.break_circuit()
    if _are_alike(one):
        connect_traffic.share(one.change, one.service, None)
    _move(one)
    one.finish()


def _are_alike(one: DeploymentPass) -> bool:
    """Tell whether all tasks answer to names; a shift that was given up leaves traffic as it is."""
    return one.attempt.configuration.strategy == "ROLLING" or len(one.service.deployments) == 1


def _move(one: DeploymentPass) -> None:
    service = one.service
    percent = service.deployment_configuration
    bounds = rolling.limits(
        service.desired_count, percent.minimum_healthy_percent, percent.maximum_percent
    )
    moving = rolling.next_step(
        one.members(),
        one.primary.deployment_id,
        service.desired_count,
        bounds,
        may_start=one.may_start(one.primary),
    )
    one.take(moving, one.primary)
    if moving.blocked:
        one.tell_once("blocked", BLOCKED)
