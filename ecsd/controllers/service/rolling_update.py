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
    connect_traffic.share(one.change, one.service, None)
    _move(one)
    one.finish()


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
