"""Rules that name groups of peered VPCs, seen from both sides.

Source: VPC Peering Guide, security groups of peers; Amazon EC2 API Reference,
DescribeSecurityGroupReferences, DescribeStaleSecurityGroups.
"""

from collections.abc import Iterable
from typing import Any

from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.listing import page
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.store.finders.ec2 import is_stale, require_security_group, require_vpc


@action("DescribeSecurityGroupReferences", "GroupId")
async def describe_security_group_references(call: Call, request: Request) -> Answer:
    """Return the VPCs in which rules name these groups across peering connections."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for group_id in request["GroupId"]:
        require_security_group(call.view, group_id)
        for rule in call.view.select(SecurityGroupRule, referenced_group_id=group_id):
            owner = call.view.get(SecurityGroup, rule.group_id)
            if rule.vpc_peering_connection_id and owner and not is_stale(call.view, rule):
                found[group_id, owner.vpc_id] = {
                    "GroupId": group_id,
                    "ReferencingVpcId": owner.vpc_id,
                    "VpcPeeringConnectionId": rule.vpc_peering_connection_id,
                }
    return {"SecurityGroupReferenceSet": list(found.values())}


@action("DescribeStaleSecurityGroups", "VpcId", "MaxResults", "NextToken")
async def describe_stale_security_groups(call: Call, request: Request) -> Answer:
    """Return a VPC's groups with rules that name what no peering connection leads to any more."""
    vpc = require_vpc(call.view, request["VpcId"])
    documents = []
    for group in call.view.select(SecurityGroup, vpc_id=vpc.vpc_id):
        rules = call.view.select(SecurityGroupRule, group_id=group.group_id)
        stale = [one for one in rules if is_stale(call.view, one)]
        if stale:
            documents.append(
                {
                    "GroupId": group.group_id,
                    "GroupName": group.group_name,
                    "Description": group.description,
                    "VpcId": group.vpc_id,
                    "StaleIpPermissions": _permissions(call, stale, is_egress=False),
                    "StaleIpPermissionsEgress": _permissions(call, stale, is_egress=True),
                }
            )
    return page(request, "StaleSecurityGroupSet", documents, lambda one: str(one["GroupId"]))


def _permissions(
    call: Call, rules: Iterable[SecurityGroupRule], *, is_egress: bool
) -> list[dict[str, Any]]:
    return [
        {
            "IpProtocol": one.ip_protocol,
            "FromPort": one.from_port,
            "ToPort": one.to_port,
            "IpRanges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [
                {
                    "GroupId": one.referenced_group_id,
                    "UserId": call.scope.account,
                    "VpcPeeringConnectionId": one.vpc_peering_connection_id,
                }
            ],
        }
        for one in rules
        if one.is_egress == is_egress
    ]
