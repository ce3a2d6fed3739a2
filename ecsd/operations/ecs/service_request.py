"""What CreateService and UpdateService ask for, checked member by member.

Source: ecs_semantics 4.1; Amazon ECS API Reference, CreateService.
"""

import re
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
LATER = (
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "placementConstraints",
    "placementStrategy",
)
OF_TASK_SETS = (
    *("taskDefinition", "launchType", "capacityProviderStrategy", "platformVersion"),
    *("networkConfiguration", "loadBalancers", "serviceRegistries", "forceNewDeployment"),
    *("serviceConnectConfiguration", "volumeConfigurations"),
)
LONGEST_GRACE = 2_147_483_647


def refuse_later(request: dict[str, Any]) -> None:
    """Refuse by name what has no effect here yet."""
    refuse_members(request, LATER, "InvalidParameterException")
    if request.get("schedulingStrategy") == "DAEMON":
        raise AwsError(
            "InvalidParameterException", "schedulingStrategy DAEMON is not supported by ecsd yet."
        )
    controller = (request.get("deploymentController") or {}).get("type", "ECS")
    if controller == "EXTERNAL":
        refuse_of_task_sets(request)
    elif controller != "ECS":
        raise AwsError(
            "InvalidParameterException",
            f"deploymentController {controller} is not supported by ecsd yet.",
        )


def refuse_of_task_sets(request: dict[str, Any]) -> None:
    """Refuse what only a task set can say where somebody else deploys."""
    for member in OF_TASK_SETS:
        if request.get(member) not in (None, [], {}, False, ""):
            raise AwsError(
                "InvalidParameterException",
                f"{member} cannot be specified when the deployment controller is EXTERNAL: it "
                "belongs to a task set.",
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
