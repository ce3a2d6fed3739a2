"""Target groups and their targets.

Source: Elastic Load Balancing API Reference; ecs_semantics 5.1, 5.2, 5.5.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers.balancer_attributes import contradiction
from ecsd.decisions.balancers.function_arn import NOBODY
from ecsd.decisions.balancers.health_check_config import (
    FUNCTION_CHECK,
    changed,
    default_check,
    foreign_matcher,
    function_problems,
    problems,
)
from ecsd.decisions.balancers.network_balancer_attributes import (
    flow_contradiction,
    target_group_attributes,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import attribute, tag
from ecsd.operations.elbv2.paging import page
from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS, HealthCheck, TargetGroup
from ecsd.store.finders.ec2 import require_vpc
from ecsd.store.finders.elbv2 import (
    balancers_of_group,
    groups_of_balancer,
    is_decrypted,
    require_all,
    require_load_balancer,
    require_target_group,
    targets_of,
)
from ecsd.store.store import View

NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
LARGEST_PORT = 65535
MOST_GROUPS = 3000  # in a region
MATCHERS = {"GRPC": "GrpcCode"}  # by protocol version
ACCEPTED = (
    ("Protocol", {"HTTP", "HTTPS", *NETWORK_PROTOCOLS}),
    ("ProtocolVersion", {"HTTP1", "HTTP2", "GRPC"}),
    ("IpAddressType", {"ipv4"}),
)
OF_NETWORK = ("Protocol", "ProtocolVersion", "Port", "VpcId")
NEEDED = {"Protocol": "protocol", "Port": "port", "VpcId": "VPC ID"}


@operation("elbv2", "CreateTargetGroup")
async def create_target_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a target group; answers an equal one of the name."""
    _refuse_later(request)
    async with call.transaction() as change:
        group = _parse(call, change, request)
        known = next(iter(change.select(TargetGroup, name=group.name)), None)
        if known is not None:
            same = replace(
                group,
                target_group_arn=known.target_group_arn,
                tags=known.tags,
                attributes=known.attributes,
            )
            if same == known:
                return {"TargetGroups": [describe(change, known)]}
            raise AwsError(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{group.name}' exists, but with different "
                "settings",
            )
        if len(change.select(TargetGroup)) >= MOST_GROUPS:
            raise AwsError("TooManyTargetGroups", f"At most {MOST_GROUPS} target groups")
        change.put(group)
        return {"TargetGroups": [describe(change, group)]}


@operation("elbv2", "DescribeTargetGroups")
async def describe_target_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe target groups by ARN, name or load balancer, or all."""
    view = call.view
    arns, names = request.get("TargetGroupArns"), request.get("Names")
    balancer = request.get("LoadBalancerArn")
    if sum(bool(one) for one in (arns, names, balancer)) > 1:
        raise AwsError(
            "ValidationError",
            "Only one of LoadBalancerArn, TargetGroupArns and Names may be specified",
        )
    if arns:
        found = require_all(view, TargetGroup, arns)
    elif names:
        found = [_named(view, name) for name in dict.fromkeys(names)]
    elif balancer:
        found = groups_of_balancer(view, require_load_balancer(view, balancer).load_balancer_arn)
    else:
        found = view.select(TargetGroup)
    chosen, marker = page(found, request, key=lambda one: one.target_group_arn)
    return {"TargetGroups": [describe(view, one) for one in chosen], "NextMarker": marker}


@operation("elbv2", "ModifyTargetGroup")
async def modify_target_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the health check."""
    _refuse_later(request)
    async with call.transaction() as change:
        group = require_target_group(change, request["TargetGroupArn"])
        if group.target_type == "lambda":
            check = _function_check(group.health_check, request)
        else:
            check = _check(group.health_check, group.protocol, group.protocol_version, request)
        group = replace(group, health_check=check)
        change.put(group)
        return {"TargetGroups": [describe(change, group)]}


@operation("elbv2", "DeleteTargetGroup")
async def delete_target_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a group that no listener and no rule uses, with its targets."""
    async with call.transaction() as change:
        arn = request["TargetGroupArn"]
        group = change.get(TargetGroup, arn)
        if group is None:
            return {}
        if balancers_of_group(change, arn):
            raise AwsError(
                "ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule"
            )
        change.remove(group, *targets_of(change, arn))
    return {}


@operation("elbv2", "DescribeTargetGroupAttributes")
async def describe_target_group_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List every attribute with its value."""
    group = require_target_group(call.view, request["TargetGroupArn"])
    return attribute.show(target_group_attributes(group.protocol), group.attributes)


@operation("elbv2", "ModifyTargetGroupAttributes")
async def modify_target_group_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change attributes."""
    async with call.transaction() as change:
        group = require_target_group(change, request["TargetGroupArn"])
        known = target_group_attributes(group.protocol)
        held = attribute.changed("Target group", known, group.attributes, request["Attributes"])
        flows = group.protocol in NETWORK_PROTOCOLS
        if flows:
            decrypted = is_decrypted(change, group.target_group_arn)
            words = flow_contradiction(group.protocol, held, decrypted=decrypted)
        else:
            words = contradiction(held)
        if words is not None:
            raise AwsError("ValidationError", words)
        change.put(replace(group, attributes=held))
    return attribute.show(known, held)


def describe(view: View, group: TargetGroup) -> dict[str, Any]:
    """Return a target group in the API's shape."""
    check = group.health_check
    shown: dict[str, Any] = {
        "TargetGroupArn": group.target_group_arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol or None,
        "Port": group.port or None,
        "VpcId": group.vpc_id or None,
        "HealthCheckProtocol": check.protocol or None,
        "HealthCheckPort": check.port or None,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "LoadBalancerArns": balancers_of_group(view, group.target_group_arn),
        "TargetType": group.target_type,
        "ProtocolVersion": group.protocol_version,
        "IpAddressType": group.ip_address_type,
    }
    if check.protocol != "TCP":
        shown |= {
            "HealthCheckPath": check.path,
            "Matcher": {MATCHERS.get(group.protocol_version or "", "HttpCode"): check.matcher},
        }
    return shown


def _parse(call: Call, view: View, request: dict[str, Any]) -> TargetGroup:
    name = request["Name"]
    if not NAME.fullmatch(name):
        raise AwsError(
            "ValidationError",
            f"Target group name '{name}' must be 1 to 32 letters, numbers and hyphens, and not "
            "begin or end with a hyphen",
        )
    kind = request.get("TargetType") or "instance"
    if kind == "lambda":
        return _parse_function_group(call, request)
    if kind not in {"ip", "instance"}:
        raise AwsError("ValidationError", f"Target type '{kind}' is not supported by ecsd yet")
    _refuse_values(request, ACCEPTED)
    for member, words in NEEDED.items():
        if not request.get(member):
            raise AwsError("ValidationError", f"A {words} must be specified")
    if not 1 <= request["Port"] <= LARGEST_PORT:
        raise AwsError(
            "ValidationError", f"Port must be between 1 and 65535, got {request['Port']}"
        )
    try:
        require_vpc(view, request["VpcId"])
    except AwsError as error:
        raise AwsError(
            "ValidationError", f"The VPC ID '{request['VpcId']}' is not found"
        ) from error
    protocol = request["Protocol"]
    flows = protocol in NETWORK_PROTOCOLS
    if flows and request.get("ProtocolVersion"):
        raise AwsError(
            "ValidationError", f"ProtocolVersion cannot be specified for the protocol {protocol}"
        )
    version = None if flows else request.get("ProtocolVersion") or "HTTP1"
    fresh = default_check(protocol, version, request.get("HealthCheckProtocol"))
    check = _check(fresh, protocol, version, request)
    return TargetGroup(
        target_group_arn=_new_arn(call, name),
        name=name,
        protocol=protocol,
        protocol_version=version,
        port=request["Port"],
        vpc_id=request["VpcId"],
        target_type=kind,
        health_check=check,
        tags=tag.parse(request.get("Tags")),
    )


def _parse_function_group(call: Call, request: dict[str, Any]) -> TargetGroup:
    """Return a group for one Lambda function: it is invoked, in no network."""
    for member in OF_NETWORK:
        if request.get(member):
            raise AwsError(
                "ValidationError",
                f"{member} cannot be specified for target groups with target type 'lambda'",
            )
    _refuse_values(request, (("IpAddressType", {"ipv4"}),))
    if not call.settings.lambda_endpoint:
        raise AwsError("ValidationError", f"Target type 'lambda': {NOBODY}")
    return TargetGroup(
        target_group_arn=_new_arn(call, request["Name"]),
        name=request["Name"],
        protocol="",
        protocol_version=None,
        port=0,
        vpc_id="",
        target_type="lambda",
        health_check=_function_check(FUNCTION_CHECK, request),
        tags=tag.parse(request.get("Tags")),
    )


def _refuse_values(
    request: dict[str, Any], accepted: Iterable[tuple[str, Collection[str]]]
) -> None:
    for member, values in accepted:
        if request.get(member) and request[member] not in values:
            raise AwsError(
                "ValidationError", f"{member} '{request[member]}' is not supported by ecsd yet"
            )


def _new_arn(call: Call, name: str) -> str:
    prefix = f"arn:aws:elasticloadbalancing:{call.scope.region}:{call.scope.account}"
    return f"{prefix}:targetgroup/{name}/{call.ids.balancer_id()}"


def _refuse_later(request: dict[str, Any]) -> None:
    """Refuse by name what belongs to target optimizers."""
    if request.get("TargetControlPort"):
        raise AwsError("ValidationError", "TargetControlPort is not supported by ecsd yet")


def _check(
    check: HealthCheck, protocol: str, version: str | None, request: dict[str, Any]
) -> HealthCheck:
    """Return the health check as a request makes it, or refuse the first that is wrong."""
    check = changed(check, request)
    words = foreign_matcher(version, request) or next(problems(check, protocol, version), None)
    if words is not None:
        raise AwsError("ValidationError", words)
    return check


def _function_check(check: HealthCheck, request: dict[str, Any]) -> HealthCheck:
    check = changed(check, request)
    words = foreign_matcher(None, request) or next(function_problems(check), None)
    if words is not None:
        raise AwsError("ValidationError", words)
    return check


def _named(view: View, name: str) -> TargetGroup:
    found = next(iter(view.select(TargetGroup, name=name)), None)
    if found is None:
        raise AwsError("TargetGroupNotFound", "One or more target groups not found")
    return found
