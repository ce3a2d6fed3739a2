"""Launch types and capacity provider strategies: what is to run a task here.

Source: ecs_semantics 3.1, 3.4; API Reference, LaunchType, CapacityProviderStrategyItem.
"""

from typing import Any, NamedTuple

from ecsd.decisions.services import capacity_shares
from ecsd.errors import AwsError
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.task_definition import TaskDefinition

PLATFORM_VERSIONS = ("LATEST", "1.4.0")
PROVIDERS = ("FARGATE", "FARGATE_SPOT")  # those of AWS's own


class Capacity(NamedTuple):
    """Either a launch type or a strategy."""

    launch_type: str | None
    strategy: tuple[dict[str, Any], ...] = ()


def choose(request: dict[str, Any], cluster: Cluster, definition: TaskDefinition) -> Capacity:
    """Return what a request asks for; else the cluster's default; EC2 is the API's own.

    What has no capacity here is refused.
    """
    given = request.get("capacityProviderStrategy") or []
    if given and request.get("launchType"):
        raise AwsError(
            "InvalidParameterException",
            "Specify either Launch Type or Capacity Provider Strategy, but not both.",
        )
    if not given and not request.get("launchType"):
        given = list(cluster.default_capacity_provider_strategy)
    if given:
        strategy = parse_strategy(given, cluster.capacity_providers)
        check_fit(definition, "FARGATE")
        return Capacity(None, strategy)
    return Capacity(_launch_type(request.get("launchType") or "EC2", definition))


def parse_strategy(
    given: list[dict[str, Any]], associated: tuple[str, ...]
) -> tuple[dict[str, Any], ...]:
    """Return a strategy as given, or refuse it. associated: the cluster's providers."""
    problem = next(capacity_shares.problems(given), None)
    if problem is not None:
        raise AwsError("InvalidParameterException", problem)
    if not {one["capacityProvider"] for one in given} <= set(associated):
        raise AwsError(
            "InvalidParameterException",
            "The specified capacity provider strategy cannot contain a capacity provider that is "
            "not associated with the cluster. Associate the capacity provider with the cluster "
            "and try again.",
        )
    return tuple(given)


def parse_providers(names: list[str]) -> tuple[str, ...]:
    """Return names of capacity providers, or refuse one that is not there."""
    for name in names:
        if name not in PROVIDERS:
            raise AwsError(
                "InvalidParameterException",
                f"The specified capacity provider does not exist: {name}. Only "
                f"{' and '.join(PROVIDERS)} are supported by ecsd yet.",
            )
    return tuple(dict.fromkeys(names))


def check_fit(definition: TaskDefinition, launch_type: str) -> None:
    """Refuse a definition that does not fit what is to run it."""
    if launch_type not in definition.compatibilities:
        raise AwsError(
            "InvalidParameterException",
            f"Task definition does not support launch_type {launch_type}.",
        )


def platform_version(request: dict[str, Any]) -> str | None:
    """Return the platform version as given, or refuse one that is not there."""
    given = request.get("platformVersion") or None
    if given is not None and given not in PLATFORM_VERSIONS:
        raise AwsError(
            "PlatformUnknownException", f"The specified platform version does not exist: {given}"
        )
    return given


def _launch_type(chosen: str, definition: TaskDefinition) -> str:
    if chosen == "EC2":
        raise AwsError(
            "InvalidParameterException", "No Container Instances were found in your cluster."
        )
    if chosen != "FARGATE":
        raise AwsError(
            "InvalidParameterException", f"launchType {chosen} is not supported by ecsd yet."
        )
    check_fit(definition, chosen)
    return chosen
