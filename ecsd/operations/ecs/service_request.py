"""What CreateService and UpdateService ask for, checked member by member.

Source: ecs_semantics 4.1; Amazon ECS API Reference, DeploymentConfiguration.
"""

import re
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
LATER = (
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "placementConstraints",
    "placementStrategy",
    "enableExecuteCommand",
    "capacityProviderStrategy",
)
DEPLOYMENT_LATER = (
    "lifecycleHooks",
    "bakeTimeInMinutes",
    "linearConfiguration",
    "canaryConfiguration",
    "earlySuccessCriteria",
)
BREAKER_LATER = ("thresholdConfiguration",)
LONGEST_GRACE = 2_147_483_647


def refuse_later(request: dict[str, Any]) -> None:
    """Refuse by name what has no effect here yet."""
    refuse_members(request, LATER, "InvalidParameterException")
    connect = request.get("serviceConnectConfiguration") or {}
    refuse_members(
        connect, ("enabled",), "InvalidParameterException", "serviceConnectConfiguration."
    )
    if request.get("schedulingStrategy") == "DAEMON":
        raise AwsError(
            "InvalidParameterException", "schedulingStrategy DAEMON is not supported by ecsd yet."
        )
    controller = (request.get("deploymentController") or {}).get("type", "ECS")
    if controller != "ECS":
        raise AwsError(
            "InvalidParameterException",
            f"deploymentController {controller} is not supported by ecsd yet.",
        )


def name(request: dict[str, Any]) -> str:
    """Return the service's name, or refuse it."""
    given = request["serviceName"]
    if not NAME.fullmatch(given):
        raise AwsError(
            "InvalidParameterException",
            "serviceName must be 1 to 255 letters, numbers, hyphens and underscores.",
        )
    return str(given)


def desired_count(request: dict[str, Any]) -> int:
    """Return desiredCount of a REPLICA service, or refuse."""
    count = request.get("desiredCount")
    if count is None:
        raise AwsError("InvalidParameterException", "desiredCount must be specified.")
    if count < 0:
        raise AwsError("InvalidParameterException", f"desiredCount must be ≥ 0, got {count}.")
    return int(count)


def grace_period(request: dict[str, Any], *, balanced: bool) -> int | None:
    """Return healthCheckGracePeriodSeconds as given, or refuse."""
    seconds = request.get("healthCheckGracePeriodSeconds")
    if seconds is None:
        return None
    if not 0 <= seconds <= LONGEST_GRACE:
        raise AwsError(
            "InvalidParameterException",
            f"healthCheckGracePeriodSeconds must be between 0 and {LONGEST_GRACE}, got {seconds}.",
        )
    if seconds and not balanced:
        raise AwsError(
            "InvalidParameterException",
            "Health check grace period is only valid for services configured to use load balancers",
        )
    return int(seconds)


def deployment(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the members of Service that a deploymentConfiguration sets, or refuse."""
    configuration = given or {}
    where = "deploymentConfiguration."
    refuse_members(configuration, DEPLOYMENT_LATER, "InvalidParameterException", where)
    strategy = configuration.get("strategy") or "ROLLING"
    if strategy != "ROLLING":
        raise AwsError(
            "InvalidParameterException", f"{where}strategy {strategy} is not supported by ecsd yet."
        )
    alarms = configuration.get("alarms") or {}
    refuse_members(alarms, ("enable", "alarmNames"), "InvalidParameterException", f"{where}alarms.")
    members: dict[str, Any] = {}
    breaker = configuration.get("deploymentCircuitBreaker")
    if breaker is not None:
        where += "deploymentCircuitBreaker."
        refuse_members(breaker, BREAKER_LATER, "InvalidParameterException", where)
        members["circuit_breaker"] = breaker
    for member, field in (
        ("maximumPercent", "maximum_percent"),
        ("minimumHealthyPercent", "minimum_healthy_percent"),
    ):
        if configuration.get(member) is not None:
            members[field] = _percent(member, configuration[member])
    return members


def check_percentages(minimum: int, maximum: int) -> None:
    """Refuse percentages that allow no deployment at all."""
    if minimum >= maximum and not (minimum == maximum == 0):
        raise AwsError(
            "InvalidParameterException",
            "deploymentConfiguration: both maximumPercent and minimumHealthyPercent cannot be "
            f"{minimum} as this will block deployments."
            if minimum == maximum
            else "deploymentConfiguration: maximumPercent must not be less than "
            "minimumHealthyPercent.",
        )
    if maximum == 0:
        raise AwsError(
            "InvalidParameterException",
            "deploymentConfiguration: maximumPercent must be greater than 0.",
        )


def _percent(member: str, value: int) -> int:
    if value < 0:
        raise AwsError(
            "InvalidParameterException",
            f"deploymentConfiguration.{member} must be ≥ 0, got {value}.",
        )
    return value
