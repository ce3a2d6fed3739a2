"""Security groups. Source: Amazon EC2 API Reference, CreateSecurityGroup, DeleteSecurityGroup."""

import re
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, arn
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.store.finders.ec2 import (
    default_vpc,
    group_is_in_use,
    require_security_group,
    require_vpc,
)
from ecsd.store.store import View

MAX_LENGTH = 255  # characters, of name and of description
CHARACTERS = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
ALLOWED = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]*")


def _permission_paths(prefix: str, member: str) -> dict[str, str]:
    return {
        f"{prefix}.cidr": f"{member}.IpRanges.CidrIp",
        f"{prefix}.from-port": f"{member}.FromPort",
        f"{prefix}.group-id": f"{member}.UserIdGroupPairs.GroupId",
        f"{prefix}.group-name": f"{member}.UserIdGroupPairs.GroupName",
        f"{prefix}.ipv6-cidr": f"{member}.Ipv6Ranges.CidrIpv6",
        f"{prefix}.prefix-list-id": f"{member}.PrefixListIds.PrefixListId",
        f"{prefix}.protocol": f"{member}.IpProtocol",
        f"{prefix}.to-port": f"{member}.ToPort",
        f"{prefix}.user-id": f"{member}.UserIdGroupPairs.UserId",
    }


GROUPS = Listing(
    "SecurityGroups",
    "GroupId",
    {
        "description": "Description",
        **_permission_paths("egress.ip-permission", "IpPermissionsEgress"),
        "group-id": "GroupId",
        "group-name": "GroupName",
        **_permission_paths("ip-permission", "IpPermissions"),
        "owner-id": "OwnerId",
        "vpc-id": "VpcId",
    },
)


@action("CreateSecurityGroup", "GroupName", "Description", "VpcId", "TagSpecifications")
async def create_security_group(call: Call, request: Request) -> Answer:
    """Make a group that hears nobody and may speak to everybody."""
    _check_texts(request["GroupName"], request["Description"])
    tags = specified_tags(request, "security-group")
    async with call.transaction() as change:
        vpc = _vpc(change, request)
        for other in change.select(SecurityGroup, vpc_id=vpc.vpc_id):
            if other.group_name == request["GroupName"]:
                raise AwsError(
                    "InvalidGroup.Duplicate",
                    f"The security group '{other.group_name}' already exists "
                    f"for VPC '{vpc.vpc_id}'",
                )
        group = SecurityGroup(
            group_id=call.ids.resource_id("sg"),
            group_name=request["GroupName"],
            description=request["Description"],
            vpc_id=vpc.vpc_id,
            tags=tags,
        )
        everybody = SecurityGroupRule(
            security_group_rule_id=call.ids.resource_id("sgr"),
            group_id=group.group_id,
            is_egress=True,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
        )
        change.put(group, everybody)
    return {
        "GroupId": group.group_id,
        "SecurityGroupArn": arn(call, "security-group", group.group_id),
        "Tags": tag_set(tags),
    }


def _check_texts(name: str, description: str) -> None:
    if name == "default":
        raise AwsError("InvalidParameterValue", "Cannot use reserved security group name: default")
    if name.startswith("sg-"):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{name}' for groupName. Group names may not be in the format sg-*.",
        )
    for text, what in ((name, "name"), (description, "description")):
        if not text:
            parameter = "GroupName" if what == "name" else "GroupDescription"
            raise AwsError(
                "MissingParameter", f"The request must contain the parameter {parameter}"
            )
        if len(text) > MAX_LENGTH or not ALLOWED.fullmatch(text):
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid security group {what}. Valid {what}s are strings less than 256 "
                f"characters from the following set:  {CHARACTERS}",
            )


def _vpc(view: View, request: Request) -> Vpc:
    if request.get("VpcId"):
        return require_vpc(view, request["VpcId"])
    default = default_vpc(view)
    if default is None:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    return default


@action("DeleteSecurityGroup", "GroupId", "GroupName")
async def delete_security_group(call: Call, request: Request) -> Answer:
    """Remove a group that no interface wears and no other group's rule names."""
    async with call.transaction() as change:
        group = named_group(change, request)
        if group.group_name == "default":
            raise AwsError(
                "CannotDelete",
                f'the specified group: "{group.group_id}" name: "default" cannot be deleted '
                "by a user",
            )
        if group_is_in_use(change, group.group_id):
            raise AwsError(
                "DependencyViolation", f"resource {group.group_id} has a dependent object"
            )
        change.remove(*change.select(SecurityGroupRule, group_id=group.group_id), group)
    return {"Return": True, "GroupId": group.group_id}


def named_group(view: View, request: Request) -> SecurityGroup:
    """Return the group that a request names: by id, or by name in the default VPC."""
    if request.get("GroupId"):
        return require_security_group(view, request["GroupId"])
    name = request.get("GroupName")
    if not name:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter groupName or groupId"
        )
    return _in_default_vpc(view, name)


def _in_default_vpc(view: View, name: str) -> SecurityGroup:
    vpc = default_vpc(view)
    groups = view.select(SecurityGroup, vpc_id=vpc.vpc_id) if vpc else []
    for group in groups:
        if group.group_name == name:
            return group
    where = vpc.vpc_id if vpc else "none"
    raise AwsError(
        "InvalidGroup.NotFound",
        f"The security group '{name}' does not exist in default VPC '{where}'",
    )


@action("DescribeSecurityGroups", "GroupIds", "GroupNames", *DESCRIBING)
async def describe_security_groups(call: Call, request: Request) -> Answer:
    """Return security groups with their rules."""
    groups = [_in_default_vpc(call.view, name) for name in request.get("GroupNames") or ()]
    if request.get("GroupIds") or not groups:
        groups += chosen(call.view, SecurityGroup, request.get("GroupIds"))
    return listed(request, GROUPS, [described(call, group) for group in groups])


def described(call: Call, group: SecurityGroup) -> dict[str, Any]:
    """Return a security group in EC2's shape."""
    rules = call.view.select(SecurityGroupRule, group_id=group.group_id)
    return {
        "GroupId": group.group_id,
        "GroupName": group.group_name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "OwnerId": call.scope.account,
        "SecurityGroupArn": arn(call, "security-group", group.group_id),
        "IpPermissions": _permissions(call, [one for one in rules if not one.is_egress]),
        "IpPermissionsEgress": _permissions(call, [one for one in rules if one.is_egress]),
        "Tags": tag_set(group.tags),
    }


def group_pair(call: Call, rule: SecurityGroupRule) -> dict[str, Any]:
    """Return the group that a rule names, a peer's with the way to it."""
    pair: dict[str, Any] = {"GroupId": rule.referenced_group_id, "UserId": call.scope.account}
    peering_id = rule.vpc_peering_connection_id
    if peering_id is not None:
        group = call.view.get(SecurityGroup, rule.referenced_group_id or "")
        peering = call.view.get(VpcPeeringConnection, peering_id)
        pair["VpcId"] = group.vpc_id if group else None
        pair["VpcPeeringConnectionId"] = peering_id
        pair["PeeringStatus"] = peering.status if peering else "deleted"
    return pair


def _permissions(call: Call, rules: list[SecurityGroupRule]) -> list[dict[str, Any]]:
    """Gather rules of one protocol and port range, as EC2 shows them."""
    gathered: dict[tuple[object, ...], dict[str, Any]] = {}
    for rule in rules:
        range_key = (rule.ip_protocol, rule.from_port, rule.to_port)
        permission = gathered.setdefault(
            range_key,
            {
                "IpProtocol": rule.ip_protocol,
                "FromPort": rule.from_port,
                "ToPort": rule.to_port,
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [],
            },
        )
        described_as = {"Description": rule.description}
        if rule.cidr_ipv4:
            permission["IpRanges"].append({"CidrIp": rule.cidr_ipv4, **described_as})
        elif rule.cidr_ipv6:
            permission["Ipv6Ranges"].append({"CidrIpv6": rule.cidr_ipv6, **described_as})
        elif rule.prefix_list_id:
            permission["PrefixListIds"].append(
                {"PrefixListId": rule.prefix_list_id, **described_as}
            )
        else:
            permission["UserIdGroupPairs"].append(group_pair(call, rule) | described_as)
    return list(gathered.values())
