"""Further ranges of VPCs. Source: Amazon EC2 API Reference, AssociateVpcCidrBlock and following."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import contains
from ecsd.decisions.network.cidr_block import refusal_of
from ecsd.decisions.network.routing import with_route, without_route
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.limits import MAX_BLOCKS_PER_VPC
from ecsd.operations.ec2.rule_quota import check_table
from ecsd.operations.ec2.vpc import blocks, checked_vpc_block, local_route
from ecsd.records.ec2.vpc import RouteTable, Subnet, Vpc, VpcCidrBlock
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.store.finders.ec2 import require_vpc
from ecsd.store.store import View


@action("AssociateVpcCidrBlock", "VpcId", "CidrBlock")
async def associate_vpc_cidr_block(call: Call, request: Request) -> Answer:
    """Give a VPC one more range; every route table has a way to it."""
    if not request.get("CidrBlock"):
        raise AwsError("MissingParameter", "The request must contain the parameter cidrBlock")
    cidr = checked_vpc_block(request["CidrBlock"])
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        tables = change.select(RouteTable, vpc_id=vpc.vpc_id)
        routes = [route for table in tables for route in table.routes]
        refusal = refusal_of(
            cidr,
            vpc.cidr_blocks,
            [one.destination_cidr_block for one in routes if one.destination_cidr_block],
            list(_peers(change, vpc)),
        )
        if refusal is not None:
            raise AwsError(refusal.code, refusal.message)
        if len(vpc.cidr_blocks) >= MAX_BLOCKS_PER_VPC:
            raise AwsError(
                "CidrLimitExceeded",
                f"This network '{vpc.vpc_id}' has met its maximum number of allowed CIDRs: "
                f"{MAX_BLOCKS_PER_VPC}",
            )
        block = VpcCidrBlock(association_id=call.ids.resource_id("vpc-cidr-assoc"), cidr_block=cidr)
        change.put(replace(vpc, secondary_blocks=(*vpc.secondary_blocks, block)))
        for table in tables:
            longer = with_route(table, local_route(cidr))
            check_table(change, longer)
            change.put(longer)
    return _described(vpc, block, "associated")


@action("DisassociateVpcCidrBlock", "AssociationId")
async def disassociate_vpc_cidr_block(call: Call, request: Request) -> Answer:
    """Take a range from a VPC that has no subnet in it; its first one stays."""
    async with call.transaction() as change:
        vpc, block = _require_block(change, request["AssociationId"])
        for subnet in change.select(Subnet, vpc_id=vpc.vpc_id):
            if contains(block.cidr_block, subnet.cidr_block):
                raise AwsError(
                    "DependencyViolation",
                    f"The vpc CIDR block '{block.cidr_block}' has the subnet {subnet.subnet_id} "
                    "and cannot be disassociated.",
                )
        rest = tuple(one for one in vpc.secondary_blocks if one != block)
        change.put(replace(vpc, secondary_blocks=rest))
        for table in change.select(RouteTable, vpc_id=vpc.vpc_id):
            change.put(without_route(table, block.cidr_block))
    return _described(vpc, block, "disassociated")


def _peers(view: View, vpc: Vpc) -> Iterator[str]:
    """Yield the ranges of VPCs that a VPC is peered with."""
    for peering in view.select(VpcPeeringConnection, vpc_ids=vpc.vpc_id, status="active"):
        for vpc_id in peering.vpc_ids:
            if vpc_id != vpc.vpc_id:
                yield from require_vpc(view, vpc_id).cidr_blocks


def _require_block(view: View, association_id: str) -> tuple[Vpc, VpcCidrBlock]:
    for vpc in view.select(Vpc):
        for block in vpc.secondary_blocks:
            if block.association_id == association_id:
                return vpc, block
        if association_id in blocks(vpc):
            raise AwsError(
                "OperationNotPermitted",
                f"The vpc CIDR block with association ID {association_id} may not be "
                "disassociated. It is the primary IPv4 CIDR block of the VPC",
            )
    raise AwsError(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        f"The vpc CIDR block association ID '{association_id}' does not exist",
    )


def _described(vpc: Vpc, block: VpcCidrBlock, state: str) -> dict[str, Any]:
    return {
        "VpcId": vpc.vpc_id,
        "CidrBlockAssociation": {
            "AssociationId": block.association_id,
            "CidrBlock": block.cidr_block,
            "CidrBlockState": {"State": state},
        },
    }
