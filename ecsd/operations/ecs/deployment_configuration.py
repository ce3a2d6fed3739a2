"""deploymentConfiguration of CreateService and UpdateService, checked member by member.

Source: Amazon ECS API Reference, DeploymentConfiguration; ecs_semantics 4.3, 4.5.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.service import DeploymentConfiguration

LATER = (
    "lifecycleHooks",
    "bakeTimeInMinutes",
    "linearConfiguration",
    "canaryConfiguration",
    "earlySuccessCriteria",
)
PERCENTAGES = (
    ("maximumPercent", "maximum_percent"),
    ("minimumHealthyPercent", "minimum_healthy_percent"),
)
LARGEST_SHARE = 100
WHERE = "deploymentConfiguration."


def changed(
    known: DeploymentConfiguration, given: dict[str, Any] | None
) -> DeploymentConfiguration:
    """Return the configuration with what is given taken in, or refuse it."""
    request = given or {}
    refuse_members(request, LATER, "InvalidParameterException", WHERE)
    strategy = request.get("strategy") or "ROLLING"
    if strategy != "ROLLING":
        raise _refusal(f"strategy {strategy} is not supported by ecsd yet.")
    alarms = request.get("alarms") or {}
    refuse_members(alarms, ("enable", "alarmNames"), "InvalidParameterException", f"{WHERE}alarms.")
    members: dict[str, Any] = {}
    if request.get("deploymentCircuitBreaker") is not None:
        members["circuit_breaker"] = _breaker(request["deploymentCircuitBreaker"])
    for member, field in PERCENTAGES:
        if request.get(member) is not None:
            members[field] = _percent(member, request[member])
    configuration = replace(known, **members)
    _check_percentages(configuration.minimum_healthy_percent, configuration.maximum_percent)
    return configuration


def _breaker(given: dict[str, Any]) -> dict[str, Any]:
    threshold = given.get("thresholdConfiguration") or {}
    value = threshold.get("value")
    kind = threshold.get("type") or "BOUNDED_PERCENT"
    where = "deploymentCircuitBreaker.thresholdConfiguration.value"
    if value is not None and value < 1:
        raise _refusal(f"{where} must be at least 1, got {value}.")
    if value is not None and kind != "COUNT" and value > LARGEST_SHARE:
        raise _refusal(f"{where} must be at most {LARGEST_SHARE} for type {kind}, got {value}.")
    return given


def _check_percentages(minimum: int, maximum: int) -> None:
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
        raise _refusal(f"{member} must be ≥ 0, got {value}.")
    return value


def _refusal(words: str) -> AwsError:
    return AwsError("InvalidParameterException", f"{WHERE}{words}")
