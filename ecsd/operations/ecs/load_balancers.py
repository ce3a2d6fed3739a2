"""A service's target groups, checked against definition and network.

Source: ecs_semantics 5.1 (ECS's texts), 11.3 (five target groups).
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.elbv2.load_balancer import Listener, Rule
from ecsd.records.elbv2.target_group import TargetGroup
from ecsd.store.finders.elbv2 import find_rule
from ecsd.store.store import View

MOST = 5
LATER = ("loadBalancerName",)


def parse(
    view: View,
    definition: TaskDefinition,
    given: list[dict[str, Any]] | None,
    network: dict[str, Any] | None,
    *,
    shifts: bool,
) -> tuple[dict[str, Any], ...]:
    """Return the load balancers as given, or refuse what could never carry traffic.

    shifts: deployments move traffic between two target groups.
    """
    if given and len(given) > MOST:
        raise AwsError("InvalidParameterException", f"loadBalancers can have at most {MOST} items.")
    for one in given or ():
        refuse_members(one, LATER, "InvalidParameterException", "loadBalancers.")
        for member in ("targetGroupArn", "containerName", "containerPort"):
            if not one.get(member):
                raise AwsError(
                    "InvalidParameterException", f"loadBalancers: {member} must be given."
                )
        _check_container(definition, one["containerName"], one["containerPort"])
        _check_group(view, one["targetGroupArn"], definition, network)
        if one.get("advancedConfiguration"):
            _check_alternate(view, one, definition, network)
        elif shifts:
            raise AwsError(
                "InvalidParameterException",
                "loadBalancers.advancedConfiguration must be given: the deployment strategy moves "
                "traffic between two target groups.",
            )
    return tuple(given or ())


def check_attached(view: View, target_group_arn: str) -> None:
    """Refuse a group that no listener or rule forwards to."""
    if not (
        view.count(Listener, "target_group_arns", target_group_arn)
        or view.count(Rule, "target_group_arns", target_group_arn)
    ):
        raise AwsError(
            "InvalidParameterException",
            f"The target group with targetGroupArn {target_group_arn} does not have an associated "
            "load balancer.",
        )


def _check_alternate(
    view: View,
    balancer: dict[str, Any],
    definition: TaskDefinition,
    network: dict[str, Any] | None,
) -> None:
    advanced = balancer["advancedConfiguration"]
    where = "loadBalancers.advancedConfiguration"
    for member in ("alternateTargetGroupArn", "productionListenerRule"):
        if not advanced.get(member):
            raise AwsError("InvalidParameterException", f"{where}.{member} must be given.")
    if advanced["alternateTargetGroupArn"] == balancer["targetGroupArn"]:
        raise AwsError(
            "InvalidParameterException",
            f"{where}.alternateTargetGroupArn must be another group than targetGroupArn.",
        )
    _check_group(view, advanced["alternateTargetGroupArn"], definition, network)
    for member in ("productionListenerRule", "testListenerRule"):
        if advanced.get(member) and find_rule(view, advanced[member]) is None:
            raise AwsError(
                "InvalidParameterException",
                f"{where}.{member}: the listener rule {advanced[member]} does not exist.",
            )


def _check_container(definition: TaskDefinition, name: str, port: int) -> None:
    container = next((one for one in definition.container_definitions if one["name"] == name), None)
    if container is None:
        raise AwsError(
            "InvalidParameterException",
            f"The container {name} does not exist in the task definition.",
        )
    if port not in {one.get("containerPort") for one in container["portMappings"]}:
        raise AwsError(
            "InvalidParameterException",
            f"The container {name} did not have a container port {port} defined.",
        )


def _check_group(
    view: View, arn: str, definition: TaskDefinition, network: dict[str, Any] | None
) -> None:
    group = view.get(TargetGroup, arn)
    if group is None:
        raise AwsError(
            "InvalidParameterException",
            f"Unable to assume role and validate the specified targetGroupArn {arn}: target group "
            "not found.",
        )
    check_attached(view, arn)
    is_function = group.target_type == "lambda"
    if is_function or (definition.network_mode == "awsvpc" and group.target_type != "ip"):
        raise AwsError(
            "InvalidParameterException",
            f"The provided target group {arn} has target type {group.target_type}, which is "
            f"incompatible with the {definition.network_mode} network mode specified in the task "
            "definition.",
        )
    subnet = view.get(Subnet, network["subnets"][0]) if network else None
    if subnet is not None and subnet.vpc_id != group.vpc_id:
        raise AwsError(
            "InvalidParameterException",
            f"The target group {arn} and the subnets of the service are in different VPCs.",
        )
