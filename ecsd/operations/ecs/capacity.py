"""Launch types: what can run a task here. Source: ecs_semantics 3.1; API Reference, LaunchType."""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.task_definition import TaskDefinition

PLATFORM_VERSIONS = ("LATEST", "1.4.0")


def launch_type(request: dict[str, Any], definition: TaskDefinition) -> str:
    """Return FARGATE, or refuse what has no capacity here (EC2 is the API's default)."""
    if request.get("capacityProviderStrategy") and request.get("launchType"):
        raise AwsError(
            "InvalidParameterException",
            "Specify either Launch Type or Capacity Provider Strategy, but not both.",
        )
    refuse_members(request, ("capacityProviderStrategy",), "InvalidParameterException")
    chosen = request.get("launchType") or "EC2"
    if chosen == "EC2":
        raise AwsError(
            "InvalidParameterException", "No Container Instances were found in your cluster."
        )
    if chosen != "FARGATE":
        raise AwsError(
            "InvalidParameterException", f"launchType {chosen} is not supported by ecsd yet."
        )
    if chosen not in definition.compatibilities:
        raise AwsError(
            "InvalidParameterException",
            f"Task definition does not support launch_type {chosen}.",
        )
    return chosen


def platform_version(request: dict[str, Any]) -> str | None:
    """Return the platform version as given, or refuse one that is not there."""
    given = request.get("platformVersion") or None
    if given is not None and given not in PLATFORM_VERSIONS:
        raise AwsError(
            "PlatformUnknownException", f"The specified platform version does not exist: {given}"
        )
    return given
