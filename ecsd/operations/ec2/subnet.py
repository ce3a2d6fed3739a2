"""Subnets. Source: Amazon EC2 API Reference, CreateSubnet, ModifySubnetAttribute."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import contains, overlaps
from ecsd.decisions.network.availability_zone import Zone, find_zone, zones
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, arn
from ecsd.operations.ec2.cidr import checked_block
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import RouteTable, Subnet, Vpc
from ecsd.store.finders.ec2 import free_address_count, require_subnet, require_vpc
from ecsd.store.store import View

SUBNETS = Listing(
    "Subnets",
    "SubnetId",
    {
        "availability-zone": "AvailabilityZone",
        "availabilityZone": "AvailabilityZone",
        "availability-zone-id": "AvailabilityZoneId",
        "availabilityZoneId": "AvailabilityZoneId",
        "available-ip-address-count": "AvailableIpAddressCount",
        "cidr-block": "CidrBlock",
        "cidr": "CidrBlock",
        "cidrBlock": "CidrBlock",
        "customer-owned-ipv4-pool": "CustomerOwnedIpv4Pool",
        "default-for-az": "DefaultForAz",
        "defaultForAz": "DefaultForAz",
        "enable-dns64": "EnableDns64",
        "enable-lni-at-device-index": "EnableLniAtDeviceIndex",
        "ipv6-cidr-block-association.association-id": "Ipv6CidrBlockAssociationSet.AssociationId",
        "ipv6-cidr-block-association.ipv6-cidr-block": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
        "ipv6-cidr-block-association.state": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
        "ipv6-native": "Ipv6Native",
        "map-customer-owned-ip-on-launch": "MapCustomerOwnedIpOnLaunch",
        "map-public-ip-on-launch": "MapPublicIpOnLaunch",
        "outpost-arn": "OutpostArn",
        "owner-id": "OwnerId",
        "private-dns-name-options-on-launch.hostname-type": (
            "PrivateDnsNameOptionsOnLaunch.HostnameType"
        ),
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": (
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord"
        ),
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": (
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord"
        ),
        "state": "State",
        "subnet-arn": "SubnetArn",
        "subnet-id": "SubnetId",
        "vpc-id": "VpcId",
    },
)


@action(
    "CreateSubnet",
    "VpcId",
    "CidrBlock",
    "AvailabilityZone",
    "AvailabilityZoneId",
    "TagSpecifications",
)
async def create_subnet(call: Call, request: Request) -> Answer:
    """Divide a VPC."""
    if not request.get("CidrBlock"):
        raise AwsError(
            "MissingParameter", "Either 'cidrBlock' or 'ipv6CidrBlock' should be provided."
        )
    cidr = checked_block(request["CidrBlock"], "InvalidSubnet.Range")
    tags = specified_tags(request, "subnet")
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        _check_range(change, vpc, cidr)
        zone = _zone(call, change, request)
        subnet = Subnet(
            subnet_id=call.ids.resource_id("subnet"),
            vpc_id=vpc.vpc_id,
            cidr_block=cidr,
            availability_zone=zone.name,
            availability_zone_id=zone.zone_id,
            tags=tags,
        )
        change.put(subnet)
    return {"Subnet": described(call, subnet)}


def _check_range(view: View, vpc: Vpc, cidr: str) -> None:
    if not any(contains(one, cidr) for one in vpc.cidr_blocks):
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")
    for other in view.select(Subnet, vpc_id=vpc.vpc_id):
        if overlaps(other.cidr_block, cidr):
            raise AwsError(
                "InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet"
            )


def _zone(call: Call, view: View, request: Request) -> Zone:
    """Return the zone asked for, else the one with the fewest subnets of the VPC."""
    choices = zones(call.scope.region)
    for parameter in ("AvailabilityZone", "AvailabilityZoneId"):
        wanted = request.get(parameter)
        if not wanted:
            continue
        zone = find_zone(call.scope.region, wanted)
        if zone is None:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({wanted}) for parameter {parameter[0].lower()}{parameter[1:]} is invalid. "
                "Subnets can currently only be created in the following availability zones: "
                f"{', '.join(choice.name for choice in choices)}.",
            )
        return zone
    used = [one.availability_zone for one in view.select(Subnet, vpc_id=request["VpcId"])]
    return min(choices, key=lambda choice: used.count(choice.name))


@action("DeleteSubnet", "SubnetId")
async def delete_subnet(call: Call, request: Request) -> Answer:
    """Remove a subnet without interfaces; its route table and its network ACL forget it."""
    async with call.transaction() as change:
        subnet = require_subnet(change, request["SubnetId"])
        if change.count(NetworkInterface, "subnet_id", subnet.subnet_id):
            raise AwsError(
                "DependencyViolation",
                f"The subnet '{subnet.subnet_id}' has dependencies and cannot be deleted.",
            )
        for table in change.select(RouteTable, vpc_id=subnet.vpc_id):
            rest = tuple(one for one in table.associations if one.subnet_id != subnet.subnet_id)
            change.put(replace(table, associations=rest))
        for acl in change.select(NetworkAcl, vpc_id=subnet.vpc_id):
            judged = tuple(one for one in acl.associations if one.subnet_id != subnet.subnet_id)
            change.put(replace(acl, associations=judged))
        change.remove(subnet)
    return {}


@action("DescribeSubnets", "SubnetIds", *DESCRIBING)
async def describe_subnets(call: Call, request: Request) -> Answer:
    """Return subnets, with the addresses that are really left."""
    subnets = chosen(call.view, Subnet, request.get("SubnetIds"))
    return listed(request, SUBNETS, [described(call, subnet) for subnet in subnets])


@action(
    "ModifySubnetAttribute", "SubnetId", "MapPublicIpOnLaunch", "PrivateDnsHostnameTypeOnLaunch"
)
async def modify_subnet_attribute(call: Call, request: Request) -> Answer:
    """Change what instances launched in the subnet get."""
    hostname_type = request.get("PrivateDnsHostnameTypeOnLaunch", "ip-name")
    if hostname_type != "ip-name":
        raise AwsError(
            "UnsupportedOperation",
            f"The value {hostname_type} of PrivateDnsHostnameTypeOnLaunch is not supported.",
        )
    async with call.transaction() as change:
        subnet = require_subnet(change, request["SubnetId"])
        if "MapPublicIpOnLaunch" in request:
            public = bool(request["MapPublicIpOnLaunch"].get("Value"))
            change.put(replace(subnet, map_public_ip_on_launch=public))
    return {}


def described(call: Call, subnet: Subnet) -> dict[str, Any]:
    """Return a subnet in EC2's shape."""
    return {
        "SubnetId": subnet.subnet_id,
        "SubnetArn": arn(call, "subnet", subnet.subnet_id),
        "VpcId": subnet.vpc_id,
        "OwnerId": call.scope.account,
        "State": "available",
        "CidrBlock": subnet.cidr_block,
        "AvailableIpAddressCount": free_address_count(call.view, subnet),
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "DefaultForAz": subnet.default_for_az,
        "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "EnableDns64": False,
        "Ipv6Native": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "Tags": tag_set(subnet.tags),
    }
