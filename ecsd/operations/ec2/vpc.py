"""VPCs. Source: Amazon EC2 API Reference, CreateVpc, DeleteVpc, ModifyVpcAttribute.

Unlike AWS, an account begins without a default VPC in any region: CreateDefaultVpc makes one.
"""

from ipaddress import IPv4Network
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import overlaps
from ecsd.decisions.network.availability_zone import zones
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.cidr import checked_block
from ecsd.operations.ec2.dhcp_options import default_options_id
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import (
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.store.finders.ec2 import (
    default_security_group,
    default_vpc,
    internet_gateway_of,
    main_route_table,
    require_vpc,
)
from ecsd.store.store import Transaction

NEVER_IN_A_VPC = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
VPCS = Listing(
    "Vpcs",
    "VpcId",
    {
        "cidr": "CidrBlock",
        "cidr-block-association.association-id": "CidrBlockAssociationSet.AssociationId",
        "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
        "cidr-block-association.state": "CidrBlockAssociationSet.CidrBlockState.State",
        "dhcp-options-id": "DhcpOptionsId",
        "ipv6-cidr-block-association.association-id": "Ipv6CidrBlockAssociationSet.AssociationId",
        "ipv6-cidr-block-association.ipv6-cidr-block": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
        "ipv6-cidr-block-association.ipv6-pool": "Ipv6CidrBlockAssociationSet.Ipv6Pool",
        "ipv6-cidr-block-association.state": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
        "is-default": "IsDefault",
        "isDefault": "IsDefault",
        "owner-id": "OwnerId",
        "state": "State",
        "vpc-id": "VpcId",
    },
)
ATTRIBUTES = {  # as DescribeVpcAttribute asks for it → as it is answered, as we keep it
    "enableDnsSupport": ("EnableDnsSupport", "enable_dns_support"),
    "enableDnsHostnames": ("EnableDnsHostnames", "enable_dns_hostnames"),
    "enableNetworkAddressUsageMetrics": (
        "EnableNetworkAddressUsageMetrics",
        "enable_network_address_usage_metrics",
    ),
}


@action("CreateVpc", "CidrBlock", "InstanceTenancy", "TagSpecifications")
async def create_vpc(call: Call, request: Request) -> Answer:
    """Make a VPC with its main route table, default security group and default network ACL."""
    if request.get("InstanceTenancy", "default") != "default":
        raise AwsError(
            "UnsupportedOperation",
            f"The value {request['InstanceTenancy']} of InstanceTenancy is not supported.",
        )
    if not request.get("CidrBlock"):
        raise AwsError(
            "MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."
        )
    cidr = checked_vpc_block(request["CidrBlock"])
    vpc = Vpc(
        vpc_id=call.ids.resource_id("vpc"),
        cidr_block=cidr,
        tags=specified_tags(request, "vpc"),
    )
    async with call.transaction() as change:
        vpc = found_vpc(call, change, vpc)
    return {"Vpc": described(call, vpc)}


def checked_vpc_block(text: str) -> str:
    """Return a range that a VPC may have, in its canonical form."""
    cidr = checked_block(text, "InvalidVpc.Range")
    if any(overlaps(cidr, never) for never in NEVER_IN_A_VPC):
        raise AwsError("InvalidVpc.Range", f"The CIDR '{cidr}' is invalid.")
    return cidr


def found_vpc(call: Call, change: Transaction, vpc: Vpc) -> Vpc:
    """Enter a new VPC, numbered, with what every VPC is born with."""
    ids = call.ids
    vpc = replace(vpc, number=_free_number(call))
    group = SecurityGroup(
        group_id=ids.resource_id("sg"),
        group_name="default",
        description="default VPC security group",
        vpc_id=vpc.vpc_id,
    )
    change.put(
        vpc,
        group,
        SecurityGroupRule(
            security_group_rule_id=ids.resource_id("sgr"),
            group_id=group.group_id,
            is_egress=False,
            ip_protocol="-1",
            referenced_group_id=group.group_id,
        ),
        SecurityGroupRule(
            security_group_rule_id=ids.resource_id("sgr"),
            group_id=group.group_id,
            is_egress=True,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
        ),
        RouteTable(
            route_table_id=ids.resource_id("rtb"),
            vpc_id=vpc.vpc_id,
            routes=(local_route(vpc.cidr_block),),
            associations=(
                RouteTableAssociation(association_id=ids.resource_id("rtbassoc"), main=True),
            ),
        ),
        NetworkAcl(network_acl_id=ids.resource_id("acl"), vpc_id=vpc.vpc_id),
    )
    return vpc


def local_route(cidr: str) -> Route:
    """Return the route that every table of a VPC has for a range of the VPC."""
    return Route(destination_cidr_block=cidr, gateway_id="local", origin="CreateRouteTable")


@action("DeleteVpc", "VpcId")
async def delete_vpc(call: Call, request: Request) -> Answer:
    """Remove a VPC that holds nothing but what it was born with."""
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        group = default_security_group(change, vpc.vpc_id)
        table = main_route_table(change, vpc.vpc_id)
        foreign_groups = change.count(SecurityGroup, "vpc_id", vpc.vpc_id) - 1
        foreign_tables = change.count(RouteTable, "vpc_id", vpc.vpc_id) - 1
        if (
            foreign_groups
            or foreign_tables
            or change.count(NetworkAcl, "vpc_id", vpc.vpc_id) > 1
            or change.count(Subnet, "vpc_id", vpc.vpc_id)
            or change.count(NetworkInterface, "vpc_id", vpc.vpc_id)
            or internet_gateway_of(change, vpc.vpc_id)
            or change.count(VpcEndpoint, "vpc_id", vpc.vpc_id)
            or change.select(VpcPeeringConnection, vpc_ids=vpc.vpc_id, status="active")
        ):
            raise AwsError(
                "DependencyViolation",
                f"The vpc '{vpc.vpc_id}' has dependencies and cannot be deleted.",
            )
        change.remove(
            *change.select(SecurityGroupRule, group_id=group.group_id),
            group,
            table,
            *change.select(NetworkAcl, vpc_id=vpc.vpc_id),
            *change.select(VpcPeeringConnection, vpc_ids=vpc.vpc_id),
            *change.select(NatGateway, vpc_id=vpc.vpc_id),  # deleted ones, described for a while
            vpc,
        )
    return {}


@action("DescribeVpcs", "VpcIds", *DESCRIBING)
async def describe_vpcs(call: Call, request: Request) -> Answer:
    """Return VPCs."""
    vpcs = chosen(call.view, Vpc, request.get("VpcIds"))
    return listed(request, VPCS, [described(call, vpc) for vpc in vpcs])


@action("ModifyVpcAttribute", "VpcId", *(answered for answered, _ in ATTRIBUTES.values()))
async def modify_vpc_attribute(call: Call, request: Request) -> Answer:
    """Change one attribute of a VPC."""
    given = [name for name, (answered, _) in ATTRIBUTES.items() if answered in request]
    if len(given) != 1:
        what = (
            f"Fields for multiple attribute types specified: {', '.join(given)}"
            if given
            else "No attributes specified."
        )
        raise AwsError("InvalidParameterCombination", what)
    answered, member = ATTRIBUTES[given[0]]
    value = bool(request[answered].get("Value"))
    if value and given[0] == "enableNetworkAddressUsageMetrics":
        raise AwsError("UnsupportedOperation", f"The parameter {answered} is not supported.")
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        change.put(replace(vpc, **{member: value}))
    return {}


@action("DescribeVpcAttribute", "VpcId", "Attribute")
async def describe_vpc_attribute(call: Call, request: Request) -> Answer:
    """Return one attribute of a VPC."""
    vpc = require_vpc(call.view, request["VpcId"])
    answered, member = ATTRIBUTES[request["Attribute"]]
    return {"VpcId": vpc.vpc_id, answered: {"Value": getattr(vpc, member)}}


@action("CreateDefaultVpc")
async def create_default_vpc(call: Call, request: Request) -> Answer:
    """Make the default VPC: 172.31.0.0/16, a public subnet per zone, a way to the internet."""
    async with call.transaction() as change:
        if default_vpc(change) is not None:
            raise AwsError(
                "DefaultVpcAlreadyExists",
                "A Default VPC already exists for this account in this region.",
            )
        vpc = found_vpc(
            call,
            change,
            Vpc(
                vpc_id=call.ids.resource_id("vpc"),
                cidr_block="172.31.0.0/16",
                is_default=True,
                enable_dns_hostnames=True,
            ),
        )
        gateway = InternetGateway(
            internet_gateway_id=call.ids.resource_id("igw"), vpc_id=vpc.vpc_id
        )
        table = main_route_table(change, vpc.vpc_id)
        outwards = Route(destination_cidr_block="0.0.0.0/0", gateway_id=gateway.internet_gateway_id)
        change.put(gateway, replace(table, routes=(*table.routes, outwards)))
        change.put(*default_subnets(call, vpc))
    return {"Vpc": described(call, vpc)}


def default_subnets(call: Call, vpc: Vpc) -> list[Subnet]:
    """Return a /20 for each zone, as AWS divides its default VPC."""
    ranges = IPv4Network(vpc.cidr_block).subnets(new_prefix=20)
    return [
        Subnet(
            subnet_id=call.ids.resource_id("subnet"),
            vpc_id=vpc.vpc_id,
            cidr_block=str(cidr),
            availability_zone=zone.name,
            availability_zone_id=zone.zone_id,
            default_for_az=True,
            map_public_ip_on_launch=True,
        )
        for cidr, zone in zip(ranges, zones(call.scope.region), strict=False)
    ]


def _free_number(call: Call) -> int:
    used = {vpc.number for _, vpc in call.store.everywhere(Vpc)}
    return next(number for number in range(1, len(used) + 2) if number not in used)


def blocks(vpc: Vpc) -> dict[str, str]:
    """Return a VPC's ranges by the ids of their associations, the first one first."""
    own = {vpc.vpc_id.replace("vpc-", "vpc-cidr-assoc-"): vpc.cidr_block}
    return own | {one.association_id: one.cidr_block for one in vpc.secondary_blocks}


def described(call: Call, vpc: Vpc) -> dict[str, Any]:
    """Return a VPC in EC2's shape."""
    options = vpc.dhcp_options_id
    return {
        "VpcId": vpc.vpc_id,
        "OwnerId": call.scope.account,
        "State": "available",
        "CidrBlock": vpc.cidr_block,
        "CidrBlockAssociationSet": [
            {
                "AssociationId": association_id,
                "CidrBlock": cidr,
                "CidrBlockState": {"State": "associated"},
            }
            for association_id, cidr in blocks(vpc).items()
        ],
        "DhcpOptionsId": default_options_id(call.scope) if options == "default" else options,
        "InstanceTenancy": vpc.instance_tenancy,
        "IsDefault": vpc.is_default,
        "Tags": tag_set(vpc.tags),
    }
