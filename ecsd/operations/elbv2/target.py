"""Targets: registered, deregistered, and how well they are.

Source: Elastic Load Balancing API Reference; ecs_semantics 5.2.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from ecsd.decisions.balancers.function_arn import FUNCTION
from ecsd.decisions.balancers.target import drain, place, register, shown_health
from ecsd.decisions.network.addressing import is_in
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.store.finders.elbv2 import balancers_of_group, require_target_group, targets_of
from ecsd.store.scope import Scope
from ecsd.store.store import View

LARGEST_PORT = 65535
MOST_TARGETS = 1000  # of a target group


@operation("elbv2", "RegisterTargets")
async def register_targets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make addresses targets of a group."""
    async with call.transaction() as change:
        group = require_target_group(change, request["TargetGroupArn"])
        for one in request["Targets"]:
            port = one.get("Port") or group.port
            if group.target_type == "lambda":
                _check_function(call.scope, group, one)
                zone = None
            else:
                zone = _check(change, group, one, port)
            known = change.get(Target, place(group.target_group_arn, one["Id"], port))
            change.put(
                register(
                    known,
                    target_group_arn=group.target_group_arn,
                    target_id=one["Id"],
                    port=port,
                    availability_zone=zone,
                    now=call.clock.now(),
                )
            )
        most = 1 if group.target_type == "lambda" else MOST_TARGETS
        if len(_registered(change, group)) > most:
            raise AwsError("TooManyTargets", f"At most {most} targets in a target group")
    return {}


@operation("elbv2", "DeregisterTargets")
async def deregister_targets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Drain targets; without a port, the one on the group's port, or the only one of the id."""
    async with call.transaction() as change:
        group = require_target_group(change, request["TargetGroupArn"])
        for one in request["Targets"]:
            change.put(*(drain(found, call.clock.now()) for found in _meant(change, group, one)))
    return {}


@operation("elbv2", "DescribeTargetHealth")
async def describe_target_health(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how the named targets are, or all of the group."""
    if request.get("Include"):
        raise AwsError("ValidationError", "Include is not supported by ecsd yet")
    view = call.view
    group = require_target_group(view, request["TargetGroupArn"])
    if request.get("Targets"):
        shown = [_health_of(view, group, one) for one in request["Targets"]]
    else:
        shown = [_show(view, group, one) for one in targets_of(view, group.target_group_arn)]
    return {"TargetHealthDescriptions": shown}


def _health_of(view: View, group: TargetGroup, wanted: dict[str, Any]) -> dict[str, Any]:
    found = _meant(view, group, wanted)
    if found:
        return _show(view, group, found[0])
    return {
        "Target": _identity(wanted["Id"], wanted.get("Port") or group.port),
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    }


def _show(view: View, group: TargetGroup, target: Target) -> dict[str, Any]:
    balancers = [
        view.get(LoadBalancer, arn) for arn in balancers_of_group(view, group.target_group_arn)
    ]
    zones = {zone.availability_zone for one in balancers if one for zone in one.zones}
    port = group.health_check.port
    shown = _identity(target.target_id, target.port)
    if target.availability_zone:
        shown["AvailabilityZone"] = target.availability_zone
    return {
        "Target": shown,
        "HealthCheckPort": (str(target.port) if port == "traffic-port" else port) or None,
        "TargetHealth": shown_health(
            target,
            group,
            in_use=bool(balancers),
            zone_enabled=target.availability_zone in {None, *zones},
        ),
    }


def _identity(target_id: str, port: int) -> dict[str, Any]:
    return {"Id": target_id, "Port": port} if port else {"Id": target_id}


def _registered(view: View, group: TargetGroup) -> list[Target]:
    """Return the targets that count: a function that leaves makes room at once."""
    found = targets_of(view, group.target_group_arn)
    if group.target_type != "lambda":
        return found
    return [one for one in found if one.draining_since is None]


def _meant(view: View, group: TargetGroup, wanted: dict[str, Any]) -> list[Target]:
    port = wanted.get("Port")
    same = [
        one
        for one in targets_of(view, group.target_group_arn)
        if one.target_id == wanted["Id"] and port in {None, 0, one.port}
    ]
    if port or len(same) <= 1:
        return same
    return [one for one in same if one.port == group.port]


def _check_function(scope: Scope, group: TargetGroup, wanted: dict[str, Any]) -> None:
    """Refuse what is no function of the group's own account and region."""
    arn = wanted["Id"]
    found = FUNCTION.fullmatch(arn)
    if found is None:
        raise AwsError("ValidationError", f"'{arn}' is not a valid Lambda function ARN")
    if (found["account"], found["region"]) != (scope.account, scope.region):
        raise AwsError(
            "InvalidTarget",
            f"The Lambda function '{arn}' must be in the account and region of the target group "
            f"'{group.target_group_arn}'",
        )
    for member in ("Port", "AvailabilityZone", "QuicServerId"):
        if wanted.get(member):
            raise AwsError(
                "ValidationError",
                f"{member} cannot be specified for a target of a target group with target type "
                "'lambda'",
            )


def _check(view: View, group: TargetGroup, wanted: dict[str, Any], port: int) -> str:
    """Refuse a target that could never be reached; return its zone."""
    target_id = wanted["Id"]
    if wanted.get("QuicServerId"):
        raise AwsError("ValidationError", "Targets: QuicServerId is not supported by ecsd yet")
    if not 1 <= port <= LARGEST_PORT:
        raise AwsError("ValidationError", f"Port must be between 1 and 65535, got {port}")
    if group.target_type == "instance":
        raise AwsError(
            "InvalidTarget", f"The following targets are not valid instances: {target_id}"
        )
    try:
        address = IPv4Address(target_id)
    except AddressValueError as error:
        raise AwsError(
            "ValidationError", f"The IP address '{target_id}' is not a valid IPv4 address"
        ) from error
    vpc = view.get(Vpc, group.vpc_id)
    if vpc is None or not is_in(vpc.cidr_blocks, target_id):
        raise AwsError(
            "InvalidTarget",
            f"The target {target_id} is not within the CIDR of VPC '{group.vpc_id}'",
        )
    for subnet in view.select(Subnet, vpc_id=group.vpc_id):
        if address in IPv4Network(subnet.cidr_block):
            zone = subnet.availability_zone
            if (wanted.get("AvailabilityZone") or zone) not in {zone, "all"}:
                raise AwsError(
                    "InvalidTarget", f"The target {target_id} is in Availability Zone '{zone}'"
                )
            return zone
    raise AwsError("InvalidTarget", f"The target {target_id} is in no subnet of its VPC")
