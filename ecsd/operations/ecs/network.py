"""Network configurations of tasks and services, checked against the VPC.

Source: ecs_semantics 3.1 (InvalidParameterException texts), 11.3 (16 subnets, 5 groups).
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.store.finders.ec2 import require_security_group, require_subnet
from ecsd.store.store import View

MOST_SUBNETS = 16
MOST_GROUPS = 5


def parse(
    view: View, definition: TaskDefinition, given: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return awsvpcConfiguration's members, complete, or None outside awsvpc; refuse what is wrong.

    A configuration without groups is shown without: its tasks get the VPC's default one.
    """
    configuration = (given or {}).get("awsvpcConfiguration")
    if definition.network_mode != "awsvpc":
        if configuration:
            raise AwsError(
                "InvalidParameterException",
                "Network Configuration is not valid for the given networkMode of this task "
                "definition.",
            )
        return None
    if not configuration:
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    subnets = _subnets(view, configuration.get("subnets") or [])
    groups = configuration.get("securityGroups") or []
    _check_groups(view, groups, subnets[0].vpc_id)
    return {
        "subnets": [one.subnet_id for one in subnets],
        "securityGroups": groups,
        "assignPublicIp": configuration.get("assignPublicIp") or "DISABLED",
    }


def show(network: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the API's networkConfiguration, or None: an empty one crashes the provider."""
    return {"awsvpcConfiguration": network} if network else None


def _subnets(view: View, names: list[str]) -> list[Subnet]:
    if not names:
        raise AwsError("InvalidParameterException", "subnets can not be empty.")
    if len(names) > MOST_SUBNETS:
        raise AwsError(
            "InvalidParameterException", f"subnets can have at most {MOST_SUBNETS} items."
        )
    subnets = []
    for name in names:
        try:
            subnets.append(require_subnet(view, name))
        except AwsError as error:
            raise AwsError(
                "InvalidParameterException",
                f"Error retrieving subnet information for [{name}]: {error.message} "
                f"(ErrorCode: {error.code})",
            ) from error
    if len({one.vpc_id for one in subnets}) > 1:
        raise AwsError("InvalidParameterException", "subnets must all belong to the same VPC.")
    return subnets


def _check_groups(view: View, names: list[str], vpc_id: str) -> None:
    if len(names) > MOST_GROUPS:
        raise AwsError(
            "InvalidParameterException", f"securityGroups can have at most {MOST_GROUPS} items."
        )
    for name in names:
        try:
            group = require_security_group(view, name)
        except AwsError as error:
            raise AwsError(
                "InvalidParameterException",
                f"Error retrieving security group information for [{name}]: {error.message} "
                f"(ErrorCode: {error.code})",
            ) from error
        if group.vpc_id != vpc_id:
            raise AwsError(
                "InvalidParameterException",
                f"securityGroups: {name} does not belong to the VPC of the subnets.",
            )
