"""deploymentConfiguration of CreateService and UpdateService, checked member by member.

Source: Amazon ECS API Reference, DeploymentConfiguration; ecs_semantics 4.3, 4.5, 4.9.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.ecs import lifecycle_hooks
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.service import DeploymentConfiguration

PERCENTAGES = (
    ("maximumPercent", "maximum_percent"),
    ("minimumHealthyPercent", "minimum_healthy_percent"),
)
LARGEST_SHARE = 100
LONGEST_BAKE = 1440  # minutes
WHERE = "deploymentConfiguration."
OWN = {"LINEAR": "linearConfiguration", "CANARY": "canaryConfiguration"}
RANGES = {  # of the two configurations: percent, minutes
    "linearConfiguration": ("stepPercent", 3.0, "stepBakeTimeInMinutes"),
    "canaryConfiguration": ("canaryPercent", 0.1, "canaryBakeTimeInMinutes"),
}


def changed(
    known: DeploymentConfiguration, given: dict[str, Any] | None, *, has_functions: bool
) -> DeploymentConfiguration:
    """Return the configuration with what is given taken in, or refuse it.

    has_functions: there is somebody to ask Lambda functions of.
    """
    request = given or {}
    alarms = request.get("alarms") or {}
    refuse_members(alarms, ("enable", "alarmNames"), "InvalidParameterException", f"{WHERE}alarms.")
    members: dict[str, Any] = {}
    if request.get("strategy"):
        members["strategy"] = request["strategy"]
    if request.get("deploymentCircuitBreaker") is not None:
        members["circuit_breaker"] = _breaker(request["deploymentCircuitBreaker"])
    for member, field in PERCENTAGES:
        if request.get(member) is not None:
            members[field] = _percent(member, request[member])
    if request.get("bakeTimeInMinutes") is not None:
        members["bake_time_in_minutes"] = _minutes(
            "bakeTimeInMinutes", request["bakeTimeInMinutes"]
        )
    for member, field in (("linearConfiguration", "linear"), ("canaryConfiguration", "canary")):
        if request.get(member) is not None:
            members[field] = _steps(member, request[member])
    if request.get("lifecycleHooks") is not None:
        members["lifecycle_hooks"] = lifecycle_hooks.parse(
            request["lifecycleHooks"], has_functions=has_functions
        )
    if request.get("earlySuccessCriteria") is not None:
        members["early_success"] = request["earlySuccessCriteria"]
    configuration = replace(known, **members)
    _check_percentages(configuration.minimum_healthy_percent, configuration.maximum_percent)
    _check_strategy(configuration, request)
    return configuration


def _check_strategy(configuration: DeploymentConfiguration, request: dict[str, Any]) -> None:
    strategy = configuration.strategy
    for owner, member in OWN.items():
        if request.get(member) and strategy != owner:
            raise _refusal(f"{member} is only valid with the strategy {owner}, not {strategy}.")
    if strategy == "ROLLING" and request.get("lifecycleHooks"):
        raise _refusal("lifecycleHooks are not valid with the strategy ROLLING.")
    if strategy == "ROLLING" and request.get("bakeTimeInMinutes"):
        raise _refusal("bakeTimeInMinutes is not valid with the strategy ROLLING.")
    if request.get("earlySuccessCriteria"):
        _check_early(configuration, request["earlySuccessCriteria"])
    if strategy == "BLUE_GREEN" and configuration.bake_time_in_minutes is None:
        raise _refusal("bakeTimeInMinutes must be given with the strategy BLUE_GREEN.")


def _check_early(configuration: DeploymentConfiguration, given: dict[str, Any]) -> None:
    if not given.get("enable"):
        return
    where = "earlySuccessCriteria"
    if configuration.strategy != "ROLLING":
        raise _refusal(f"{where} is only valid with the strategy ROLLING.")
    percent = given.get("healthyPercent")
    if percent is None or not given.get("sourceServiceRevisionCleanup"):
        raise _refusal(
            f"{where}: healthyPercent and sourceServiceRevisionCleanup must be given when it is "
            "enabled."
        )
    least = configuration.minimum_healthy_percent
    if not least <= percent <= LARGEST_SHARE:
        raise _refusal(
            f"{where}.healthyPercent must be from minimumHealthyPercent ({least}) to "
            f"{LARGEST_SHARE}, got {percent}."
        )


def _steps(member: str, given: dict[str, Any]) -> dict[str, Any]:
    percent_member, least, minutes_member = RANGES[member]
    percent, minutes = given.get(percent_member), given.get(minutes_member)
    if percent is not None and not (
        least <= percent <= LARGEST_SHARE and abs(percent * 10 - round(percent * 10)) < 1e-6  # noqa: PLR2004
    ):
        raise _refusal(
            f"{member}.{percent_member} must be a multiple of 0.1 from {least} to 100.0, "
            f"got {percent}."
        )
    if minutes is not None:
        _minutes(f"{member}.{minutes_member}", minutes)
    return given


def _minutes(member: str, value: int) -> int:
    if not 0 <= value <= LONGEST_BAKE:
        raise _refusal(f"{member} must be between 0 and {LONGEST_BAKE}, got {value}.")
    return value


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
