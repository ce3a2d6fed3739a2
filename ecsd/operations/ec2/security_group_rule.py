"""Rules of security groups, by content (IpPermissions) and by id.

Source: Amazon EC2 API Reference, AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress,
ModifySecurityGroupRules, DescribeSecurityGroupRules.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, arn
from ecsd.operations.ec2.ip_permission import (
    Permission,
    checked_description,
    checked_ipv4,
    checked_ipv6,
    checked_ports,
    checked_protocol,
    of_rule,
    peer_group,
    peer_list,
    requested,
)
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.rule_quota import Peer, fits_group
from ecsd.operations.ec2.security_group import group_pair, named_group
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.tag import Tag
from ecsd.store.finders.ec2 import require, require_security_group
from ecsd.store.store import Transaction, View

FLAT = (
    "GroupName",
    "IpProtocol",
    "FromPort",
    "ToPort",
    "CidrIp",
    "SourceSecurityGroupName",
)  # ingress only: for egress AWS has IpPermissions alone
PEERS = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
RULES = Listing(
    "SecurityGroupRules",
    "SecurityGroupRuleId",
    {
        "group-id": "GroupId",
        "security-group-rule-id": "SecurityGroupRuleId",
    },
)


@action("AuthorizeSecurityGroupIngress", "GroupId", "IpPermissions", "TagSpecifications", *FLAT)
async def authorize_security_group_ingress(call: Call, request: Request) -> Answer:
    """Let members of a group hear more."""
    return await _authorize(call, request, is_egress=False)


@action("AuthorizeSecurityGroupEgress", "GroupId", "IpPermissions", "TagSpecifications")
async def authorize_security_group_egress(call: Call, request: Request) -> Answer:
    """Let members of a group say more."""
    return await _authorize(call, request, is_egress=True)


async def _authorize(call: Call, request: Request, *, is_egress: bool) -> Answer:
    tags = specified_tags(request, "security-group-rule")
    async with call.transaction() as change:
        group = named_group(change, request)
        permissions = requested(change, group, request)
        if not permissions:
            raise AwsError("MissingParameter", "The request must contain ipPermissions")
        existing = _rules(change, group, is_egress=is_egress)
        _check_new(permissions, existing)
        _check_room(change, [*existing, *permissions])
        rules = [_rule(call, group, one, is_egress, tags) for one in permissions]
        change.put(*rules)
    return {"Return": True, "SecurityGroupRules": [described(call, rule) for rule in rules]}


def _rules(view: View, group: SecurityGroup, *, is_egress: bool) -> list[SecurityGroupRule]:
    return view.select(SecurityGroupRule, group_id=group.group_id, is_egress=is_egress)


def _check_new(permissions: list[Permission], existing: list[SecurityGroupRule]) -> None:
    known = {of_rule(rule).identity for rule in existing}
    for permission in permissions:
        if permission.identity in known:
            raise AwsError(
                "InvalidPermission.Duplicate",
                f'the specified rule "{permission.words}" already exists',
            )


def _check_room(view: View, rules: list[Peer]) -> None:
    if not fits_group(view, rules):
        raise AwsError(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        )


def _rule(
    call: Call,
    group: SecurityGroup,
    permission: Permission,
    is_egress: bool,
    tags: tuple[Tag, ...],
) -> SecurityGroupRule:
    return SecurityGroupRule(
        security_group_rule_id=call.ids.resource_id("sgr"),
        group_id=group.group_id,
        is_egress=is_egress,
        tags=tags,
        **permission._asdict(),
    )


@action("RevokeSecurityGroupIngress", "GroupId", "IpPermissions", "SecurityGroupRuleIds", *FLAT)
async def revoke_security_group_ingress(call: Call, request: Request) -> Answer:
    """Let members of a group hear less."""
    return await _revoke(call, request, is_egress=False)


@action("RevokeSecurityGroupEgress", "GroupId", "IpPermissions", "SecurityGroupRuleIds")
async def revoke_security_group_egress(call: Call, request: Request) -> Answer:
    """Let members of a group say less."""
    return await _revoke(call, request, is_egress=True)


async def _revoke(call: Call, request: Request, *, is_egress: bool) -> Answer:
    async with call.transaction() as change:
        group = named_group(change, request)
        rules = _addressed(change, group, request, is_egress=is_egress)
        change.remove(*rules)
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked(rule) for rule in rules]}


def _addressed(
    view: View, group: SecurityGroup, request: Request, *, is_egress: bool
) -> list[SecurityGroupRule]:
    """Return the existing rules that a request means, by id or by content."""
    ids = request.get("SecurityGroupRuleIds")
    if ids:
        return [_owned(view, group, one, is_egress=is_egress) for one in dict.fromkeys(ids)]
    permissions = requested(view, group, request)
    if not permissions:
        raise AwsError(
            "MissingParameter", "The request must contain ipPermissions or securityGroupRuleIds"
        )
    known = {of_rule(rule).identity: rule for rule in _rules(view, group, is_egress=is_egress)}
    for permission in permissions:
        if permission.identity not in known:
            raise AwsError(
                "InvalidPermission.NotFound",
                "The specified rule does not exist in this security group.",
            )
    return [known[permission.identity] for permission in permissions]


def _owned(
    view: View, group: SecurityGroup, rule_id: str, *, is_egress: bool | None = None
) -> SecurityGroupRule:
    rule = require(view, SecurityGroupRule, rule_id)
    foreign = rule.group_id != group.group_id
    if foreign or (is_egress is not None and rule.is_egress != is_egress):
        raise AwsError(
            "InvalidSecurityGroupRuleId.NotFound",
            f"The security group rule ID '{rule_id}' does not exist",
        )
    return rule


@action("DescribeSecurityGroupRules", "SecurityGroupRuleIds", *DESCRIBING)
async def describe_security_group_rules(call: Call, request: Request) -> Answer:
    """Return rules, one peer each."""
    rules = chosen(call.view, SecurityGroupRule, request.get("SecurityGroupRuleIds"))
    return listed(request, RULES, [described(call, rule) for rule in rules])


@action("ModifySecurityGroupRules", "GroupId", "SecurityGroupRules")
async def modify_security_group_rules(call: Call, request: Request) -> Answer:
    """Change rules in place; what a rule's new content leaves out of protocol and peer stays."""
    async with call.transaction() as change:
        group = require_security_group(change, request["GroupId"])
        for update in request["SecurityGroupRules"]:
            rule = _owned(change, group, update["SecurityGroupRuleId"])
            wanted = update.get("SecurityGroupRule") or {}
            permission = _modified(change, group, rule, wanted)
            others = [
                one
                for one in _rules(change, group, is_egress=rule.is_egress)
                if one.security_group_rule_id != rule.security_group_rule_id
            ]
            _check_new([permission], others)
            _check_room(change, [*others, permission])
            change.put(replace(rule, **permission._asdict()))
    return {"Return": True}


def _modified(
    view: View, group: SecurityGroup, rule: SecurityGroupRule, wanted: dict[str, Any]
) -> Permission:
    protocol = checked_protocol(wanted.get("IpProtocol") or rule.ip_protocol)
    from_port, to_port = checked_ports(
        protocol, wanted.get("FromPort", rule.from_port), wanted.get("ToPort", rule.to_port)
    )
    permission = of_rule(rule)._replace(
        ip_protocol=protocol,
        from_port=from_port,
        to_port=to_port,
        description=checked_description(wanted),
    )
    given = [one for one in PEERS if wanted.get(one)]
    if len(given) > 1:
        raise AwsError(
            "InvalidParameterCombination", f"Only one of {', '.join(given)} may be specified."
        )
    if not given:
        return permission
    permission = permission._replace(
        cidr_ipv4=None,
        cidr_ipv6=None,
        referenced_group_id=None,
        prefix_list_id=None,
        vpc_peering_connection_id=None,
    )
    if given == ["CidrIpv4"]:
        return permission._replace(cidr_ipv4=checked_ipv4(wanted["CidrIpv4"]))
    if given == ["CidrIpv6"]:
        return permission._replace(cidr_ipv6=checked_ipv6(wanted["CidrIpv6"]))
    if given == ["PrefixListId"]:
        return permission._replace(prefix_list_id=peer_list(view, wanted["PrefixListId"]))
    peer, peering_id = peer_group(view, group, wanted["ReferencedGroupId"])
    return permission._replace(referenced_group_id=peer, vpc_peering_connection_id=peering_id)


@action(
    "UpdateSecurityGroupRuleDescriptionsIngress",
    "GroupId",
    "GroupName",
    "IpPermissions",
    "SecurityGroupRuleDescriptions",
)
async def update_security_group_rule_descriptions_ingress(call: Call, request: Request) -> Answer:
    """Describe ingress rules anew."""
    return await _update_descriptions(call, request, is_egress=False)


@action(
    "UpdateSecurityGroupRuleDescriptionsEgress",
    "GroupId",
    "GroupName",
    "IpPermissions",
    "SecurityGroupRuleDescriptions",
)
async def update_security_group_rule_descriptions_egress(call: Call, request: Request) -> Answer:
    """Describe egress rules anew."""
    return await _update_descriptions(call, request, is_egress=True)


async def _update_descriptions(call: Call, request: Request, *, is_egress: bool) -> Answer:
    async with call.transaction() as change:
        group = named_group(change, request)
        by_id = request.get("SecurityGroupRuleDescriptions") or ()
        for one in by_id:
            if "SecurityGroupRuleId" not in one:
                raise AwsError(
                    "MissingParameter", "The request must contain the parameter SecurityGroupRuleId"
                )
            rule = _owned(change, group, one["SecurityGroupRuleId"], is_egress=is_egress)
            change.put(replace(rule, description=checked_description(one)))
        if not by_id:
            _describe_by_content(change, group, request, is_egress=is_egress)
    return {"Return": True}


def _describe_by_content(
    change: Transaction, group: SecurityGroup, request: Request, *, is_egress: bool
) -> None:
    texts = {one.identity: one.description for one in requested(change, group, request)}
    for rule in _addressed(change, group, request, is_egress=is_egress):
        change.put(replace(rule, description=texts[of_rule(rule).identity]))


def described(call: Call, rule: SecurityGroupRule) -> dict[str, Any]:
    """Return a rule in EC2's shape; all ports are -1 to -1 there."""
    document = _revoked(rule)
    referenced = document.pop("ReferencedGroupId")
    if referenced:
        document["ReferencedGroupInfo"] = group_pair(call, rule)
    return document | {
        "GroupOwnerId": call.scope.account,
        "SecurityGroupRuleArn": arn(call, "security-group-rule", rule.security_group_rule_id),
        "Tags": tag_set(rule.tags),
    }


def _revoked(rule: SecurityGroupRule) -> dict[str, Any]:
    return {
        "SecurityGroupRuleId": rule.security_group_rule_id,
        "GroupId": rule.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "ReferencedGroupId": rule.referenced_group_id,
        "PrefixListId": rule.prefix_list_id,
        "Description": rule.description,
    }
