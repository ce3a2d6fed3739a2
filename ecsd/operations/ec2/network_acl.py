"""Network ACLs and the subnets that they judge.

Source: Amazon EC2 API Reference, CreateNetworkAcl, ReplaceNetworkAclAssociation.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.limits import MAX_ACLS_PER_VPC
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.network_acl_entry import described_entries
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_acl import NetworkAcl, NetworkAclAssociation
from ecsd.records.ec2.vpc import Subnet
from ecsd.store.finders.ec2 import acl_associations, require, require_vpc

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


@action("CreateNetworkAcl", "VpcId", "ClientToken", "TagSpecifications")
async def create_network_acl(call: Call, request: Request) -> Answer:
    """Make an ACL that denies everything. The same token makes no second one."""
    token = request.get("ClientToken") or None
    tags = specified_tags(request, "network-acl")
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        acls = change.select(NetworkAcl, vpc_id=vpc.vpc_id)
        made = next((one for one in acls if token and one.client_token == token), None)
        if made is None:
            if len(acls) >= MAX_ACLS_PER_VPC:
                raise AwsError(
                    "NetworkAclLimitExceeded",
                    "The maximum number of network ACLs has been reached.",
                )
            made = NetworkAcl(
                network_acl_id=call.ids.resource_id("acl"),
                vpc_id=vpc.vpc_id,
                is_default=False,
                entries=(),
                client_token=token,
                tags=tags,
            )
            change.put(made)
    answer: Answer = {"NetworkAcl": described(call, made)}
    if token:
        answer["ClientToken"] = token
    return answer


@action("DeleteNetworkAcl", "NetworkAclId")
async def delete_network_acl(call: Call, request: Request) -> Answer:
    """Remove an ACL that judges no subnet and is not its VPC's default one."""
    async with call.transaction() as change:
        acl = require(change, NetworkAcl, request["NetworkAclId"])
        if acl.is_default:
            raise AwsError(
                "InvalidParameterValue",
                f"cannot delete default network ACL {acl.network_acl_id}",
            )
        if acl.associations:
            raise AwsError(
                "DependencyViolation",
                f"The networkAcl '{acl.network_acl_id}' has dependencies and cannot be deleted.",
            )
        change.remove(acl)
    return {}


@action("ReplaceNetworkAclAssociation", "AssociationId", "NetworkAclId")
async def replace_network_acl_association(call: Call, request: Request) -> Answer:
    """Have another ACL judge a subnet."""
    async with call.transaction() as change:
        wanted = require(change, NetworkAcl, request["NetworkAclId"])
        subnet_id = None
        for acl in change.select(NetworkAcl):
            for one in acl_associations(change, acl):
                if one.association_id == request["AssociationId"]:
                    subnet_id = one.subnet_id
        if subnet_id is None:
            raise AwsError(
                "InvalidAssociationID.NotFound",
                f"The association ID '{request['AssociationId']}' does not exist",
            )
        if require(change, Subnet, subnet_id).vpc_id != wanted.vpc_id:
            raise AwsError(
                "InvalidParameterValue",
                f"Network ACL {wanted.network_acl_id} and subnet {subnet_id} "
                "belong to different networks",
            )
        association = NetworkAclAssociation(
            association_id=call.ids.resource_id("aclassoc"), subnet_id=subnet_id
        )
        for acl in change.select(NetworkAcl, vpc_id=wanted.vpc_id):
            rest = tuple(one for one in acl.associations if one.subnet_id != subnet_id)
            if acl.network_acl_id == wanted.network_acl_id:
                rest = (*rest, association)
            if rest != acl.associations:
                change.put(replace(acl, associations=rest))
    return {"NewAssociationId": association.association_id}


@action("DescribeNetworkAcls", "NetworkAclIds", *DESCRIBING)
async def describe_network_acls(call: Call, request: Request) -> Answer:
    """Return network ACLs with their rules and the subnets that they judge."""
    acls = chosen(call.view, NetworkAcl, request.get("NetworkAclIds"))
    return listed(request, ACLS, [described(call, acl) for acl in acls])


def described(call: Call, acl: NetworkAcl) -> dict[str, Any]:
    """Return a network ACL in EC2's shape."""
    return {
        "NetworkAclId": acl.network_acl_id,
        "VpcId": acl.vpc_id,
        "OwnerId": call.scope.account,
        "IsDefault": acl.is_default,
        "Associations": [
            {
                "NetworkAclAssociationId": one.association_id,
                "NetworkAclId": acl.network_acl_id,
                "SubnetId": one.subnet_id,
            }
            for one in acl_associations(call.view, acl)
        ],
        "Entries": described_entries(acl),
        "Tags": tag_set(acl.tags),
    }
