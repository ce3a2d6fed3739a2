"""Network ACLs: each VPC's default one, which allows everything."""

from typing import Any

from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import tag_set
from ecsd.records.ec2.vpc import NetworkAcl, Subnet

FIRST_RULE = 100
LAST_RULE = 32767  # shown as *
ACLS = Listing(
    "NetworkAcls",
    "NetworkAclId",
    {
        "association.association-id": "Associations.NetworkAclAssociationId",
        "association.network-acl-id": "Associations.NetworkAclId",
        "association.subnet-id": "Associations.SubnetId",
        "default": "IsDefault",
        "entry.cidr": "Entries.CidrBlock",
        "entry.egress": "Entries.Egress",
        "entry.icmp.code": "Entries.IcmpTypeCode.Code",
        "entry.icmp.type": "Entries.IcmpTypeCode.Type",
        "entry.ipv6-cidr": "Entries.Ipv6CidrBlock",
        "entry.port-range.from": "Entries.PortRange.From",
        "entry.port-range.to": "Entries.PortRange.To",
        "entry.protocol": "Entries.Protocol",
        "entry.rule-action": "Entries.RuleAction",
        "entry.rule-number": "Entries.RuleNumber",
        "network-acl-id": "NetworkAclId",
        "owner-id": "OwnerId",
        "vpc-id": "VpcId",
    },
)


@action("DescribeNetworkAcls", "NetworkAclIds", *DESCRIBING)
async def describe_network_acls(call: Call, request: Request) -> Answer:
    """Return network ACLs; every subnet of a VPC is associated with its default one."""
    acls = chosen(call.view, NetworkAcl, request.get("NetworkAclIds"))
    return listed(request, ACLS, [described(call, acl) for acl in acls])


def described(call: Call, acl: NetworkAcl) -> dict[str, Any]:
    """Return a network ACL in EC2's shape."""
    associations = [
        {
            "NetworkAclAssociationId": subnet.subnet_id.replace("subnet-", "aclassoc-"),
            "NetworkAclId": acl.network_acl_id,
            "SubnetId": subnet.subnet_id,
        }
        for subnet in call.view.select(Subnet, vpc_id=acl.vpc_id)
    ]
    entries = [
        {
            "CidrBlock": "0.0.0.0/0",
            "Egress": egress,
            "Protocol": "-1",
            "RuleAction": rule_action,
            "RuleNumber": number,
        }
        for egress in (True, False)
        for rule_action, number in (("allow", FIRST_RULE), ("deny", LAST_RULE))
    ]
    return {
        "NetworkAclId": acl.network_acl_id,
        "VpcId": acl.vpc_id,
        "OwnerId": call.scope.account,
        "IsDefault": acl.is_default,
        "Associations": associations,
        "Entries": entries,
        "Tags": tag_set(acl.tags),
    }
