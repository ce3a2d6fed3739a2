"""Look-ups in the network: ``find`` → None when absent, ``require`` → EC2's own error.

Error codes: Amazon EC2 API Reference, error codes. Their spelling follows no rule (``…ID``,
``…Id``), hence the table.
"""

import re
import zlib
from typing import NamedTuple, TypeVar

from ecsd.decisions.invariants.network import Network
from ecsd.decisions.network.addressing import allocate, allocate_public, capacity
from ecsd.decisions.network.endpoint_service import s3_prefix_list
from ecsd.errors import AwsError
from ecsd.records.ec2.dhcp_options import DhcpOptions
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_acl import NetworkAcl, NetworkAclAssociation
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.volume import Snapshot, Volume
from ecsd.records.ec2.vpc import (
    Address,
    InternetGateway,
    NatGateway,
    RouteTable,
    Subnet,
    Vpc,
)
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.records.ecs.task import Task
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.record import Record
from ecsd.store.store import View

R = TypeVar("R", bound=Record)


class Identity(NamedTuple):
    """How EC2 names a kind of resource, and what it answers to an id that it doesn't know."""

    prefix: str
    not_found: str
    malformed: str
    sentence: str
    resource_type: str  # as in TagSpecifications


IDENTITIES: dict[type[Record], Identity] = {
    Vpc: Identity(
        "vpc",
        "InvalidVpcID.NotFound",
        "InvalidVpcID.Malformed",
        "The vpc ID '{}' does not exist",
        "vpc",
    ),
    Subnet: Identity(
        "subnet",
        "InvalidSubnetID.NotFound",
        "InvalidSubnetID.Malformed",
        "The subnet ID '{}' does not exist",
        "subnet",
    ),
    SecurityGroup: Identity(
        "sg",
        "InvalidGroup.NotFound",
        "InvalidGroupId.Malformed",
        "The security group '{}' does not exist",
        "security-group",
    ),
    SecurityGroupRule: Identity(
        "sgr",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidSecurityGroupRuleId.Malformed",
        "The security group rule ID '{}' does not exist",
        "security-group-rule",
    ),
    NetworkInterface: Identity(
        "eni",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidNetworkInterfaceId.Malformed",
        "The networkInterface ID '{}' does not exist",
        "network-interface",
    ),
    InternetGateway: Identity(
        "igw",
        "InvalidInternetGatewayID.NotFound",
        "InvalidInternetGatewayId.Malformed",
        "The internetGateway ID '{}' does not exist",
        "internet-gateway",
    ),
    NatGateway: Identity(
        "nat",
        "NatGatewayNotFound",
        "NatGatewayMalformed",
        "The Nat Gateway {} was not found",
        "natgateway",
    ),
    Address: Identity(
        "eipalloc",
        "InvalidAllocationID.NotFound",
        "InvalidAllocationID.Malformed",
        "The allocation ID '{}' does not exist",
        "elastic-ip",
    ),
    RouteTable: Identity(
        "rtb",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.Malformed",
        "The routeTable ID '{}' does not exist",
        "route-table",
    ),
    NetworkAcl: Identity(
        "acl",
        "InvalidNetworkAclID.NotFound",
        "InvalidNetworkAclId.Malformed",
        "The networkAcl ID '{}' does not exist",
        "network-acl",
    ),
    ManagedPrefixList: Identity(
        "pl",
        "InvalidPrefixListID.NotFound",
        "InvalidPrefixListId.Malformed",
        "The prefix list ID '{}' does not exist",
        "prefix-list",
    ),
    DhcpOptions: Identity(
        "dopt",
        "InvalidDhcpOptionID.NotFound",
        "InvalidDhcpOptionsId.Malformed",
        "The dhcpOption ID '{}' does not exist",
        "dhcp-options",
    ),
    VpcPeeringConnection: Identity(
        "pcx",
        "InvalidVpcPeeringConnectionID.NotFound",
        "InvalidVpcPeeringConnectionId.Malformed",
        "The vpcPeeringConnection ID '{}' does not exist",
        "vpc-peering-connection",
    ),
    FlowLog: Identity(
        "fl",
        "InvalidFlowLogId.NotFound",
        "InvalidFlowLogId.Malformed",
        "The flow log ID '{}' does not exist",
        "vpc-flow-log",
    ),
    VpcEndpoint: Identity(
        "vpce",
        "InvalidVpcEndpointId.NotFound",
        "InvalidVpcEndpointId.Malformed",
        "The Vpc Endpoint Id '{}' does not exist",
        "vpc-endpoint",
    ),
    Volume: Identity(
        "vol",
        "InvalidVolume.NotFound",
        "InvalidVolumeID.Malformed",
        "The volume '{}' does not exist.",
        "volume",
    ),
    Snapshot: Identity(
        "snap",
        "InvalidSnapshot.NotFound",
        "InvalidSnapshotID.Malformed",
        "The snapshot '{}' does not exist.",
        "snapshot",
    ),
}


def require(view: View, kind: type[R], resource_id: str) -> R:
    """Return the resource, or refuse in EC2's words: malformed id, or not found."""
    found = view.get(kind, resource_id)
    if found is not None:
        return found
    identity = IDENTITIES[kind]
    if not re.fullmatch(rf"{identity.prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", resource_id):
        raise AwsError(
            identity.malformed,
            f'Invalid id: "{resource_id}" (expecting "{identity.prefix}-...")',
        )
    raise AwsError(identity.not_found, identity.sentence.format(resource_id))


def require_vpc(view: View, vpc_id: str) -> Vpc:
    """Return the VPC, or refuse with InvalidVpcID.NotFound."""
    return require(view, Vpc, vpc_id)


def require_subnet(view: View, subnet_id: str) -> Subnet:
    """Return the subnet, or refuse with InvalidSubnetID.NotFound."""
    return require(view, Subnet, subnet_id)


def require_security_group(view: View, group_id: str) -> SecurityGroup:
    """Return the group, or refuse with InvalidGroup.NotFound."""
    return require(view, SecurityGroup, group_id)


def require_network_interface(view: View, network_interface_id: str) -> NetworkInterface:
    """Return the interface, or refuse with InvalidNetworkInterfaceID.NotFound."""
    return require(view, NetworkInterface, network_interface_id)


def require_route_table(view: View, route_table_id: str) -> RouteTable:
    """Return the route table, or refuse with InvalidRouteTableID.NotFound."""
    return require(view, RouteTable, route_table_id)


def find_prefix_list(view: View, prefix_list_id: str) -> ManagedPrefixList | None:
    """Return a customer's list, or AWS's own one of the region, or None."""
    own = s3_prefix_list(view.scope.region)
    if prefix_list_id == own.prefix_list_id:
        return own
    return view.get(ManagedPrefixList, prefix_list_id)


def require_prefix_list(view: View, prefix_list_id: str) -> ManagedPrefixList:
    """Return a list, AWS's own too, or refuse with InvalidPrefixListID.NotFound."""
    found = find_prefix_list(view, prefix_list_id)
    return found or require(view, ManagedPrefixList, prefix_list_id)


def default_vpc(view: View) -> Vpc | None:
    """Return the default VPC, or None: an account has none until CreateDefaultVpc."""
    return next((vpc for vpc in view.select(Vpc) if vpc.is_default), None)


def default_security_group(view: View, vpc_id: str) -> SecurityGroup:
    """Return the group that a VPC has had since its birth."""
    return next(
        group
        for group in view.select(SecurityGroup, vpc_id=vpc_id)
        if group.group_name == "default"
    )


def main_route_table(view: View, vpc_id: str) -> RouteTable:
    """Return the table of the subnets that have none of their own."""
    return next(
        table
        for table in view.select(RouteTable, vpc_id=vpc_id)
        if any(association.main for association in table.associations)
    )


def free_address(view: View, subnet: Subnet) -> str | None:
    """Return a free address of the subnet, or None when it is full.

    It is free only until somebody puts an interface with it: in the same transaction.
    """
    if not free_address_count(view, subnet):
        return None
    newest = view.newest(NetworkInterface, "subnet_id", subnet.subnet_id)

    def is_taken(address: str) -> bool:
        # Another VPC may have the same addresses.
        holders = view.select(NetworkInterface, private_ip_address=address)
        return any(one.subnet_id == subnet.subnet_id for one in holders)

    after = newest.private_ip_address if newest else None
    return allocate(subnet.cidr_block, is_taken, after)


def free_address_count(view: View, subnet: Subnet) -> int:
    """Return how many more interfaces fit in the subnet."""
    used = view.count(NetworkInterface, "subnet_id", subnet.subnet_id)
    return capacity(subnet.cidr_block) - used


def free_public_address(view: View, network_interface_id: str) -> str | None:
    """Return a public address for an interface that is to get one, or None when all are held."""
    return allocate_public(
        lambda address: view.count(NetworkInterface, "public_ip", address) > 0,
        spread=zlib.crc32(network_interface_id.encode()),
    )


def internet_gateway_of(view: View, vpc_id: str) -> InternetGateway | None:
    """Return the internet gateway attached to a VPC, or None."""
    return next(iter(view.select(InternetGateway, vpc_id=vpc_id)), None)


def interface_owner_lives(view: View, interface: NetworkInterface) -> bool:
    """Say whether what an interface is attached to still exists."""
    owner = interface.owner
    if ":task/" in owner:
        task = view.get(Task, owner)
        return task is not None and task.last_status != "STOPPED"
    if ":loadbalancer/" in owner:
        return view.get(LoadBalancer, owner) is not None
    if owner.startswith("fsmt-"):
        return view.get(MountTarget, owner) is not None
    if owner.startswith("vpce-"):
        return view.get(VpcEndpoint, owner) is not None
    nat_gateway = view.get(NatGateway, owner)
    return nat_gateway is not None and nat_gateway.state != "deleted"


def group_is_in_use(view: View, group_id: str) -> bool:
    """Say whether an interface or endpoint wears the group, or another group's rule names it.

    A peer's rules do not keep it: they become stale.
    """
    if view.count(NetworkInterface, "group_ids", group_id):
        return True
    if view.count(VpcEndpoint, "group_ids", group_id):
        return True
    rules = view.select(SecurityGroupRule, referenced_group_id=group_id)
    return any(
        rule.group_id != group_id and rule.vpc_peering_connection_id is None for rule in rules
    )


def active_peering(view: View, vpc_id: str, peer_id: str) -> VpcPeeringConnection | None:
    """Return the way between two VPCs, or None."""
    active = view.select(VpcPeeringConnection, vpc_ids=vpc_id, status="active")
    return next((one for one in active if peer_id in one.vpc_ids), None)


def is_stale(view: View, rule: SecurityGroupRule) -> bool:
    """Say whether a rule names a peer's group that is gone, or to which no way leads."""
    if rule.vpc_peering_connection_id is None:
        return False
    peering = view.get(VpcPeeringConnection, rule.vpc_peering_connection_id)
    group = view.get(SecurityGroup, rule.referenced_group_id or "")
    return group is None or peering is None or peering.status != "active"


def users_of_prefix_list(view: View, prefix_list_id: str) -> list[str]:
    """Return the ids of security groups and route tables that refer to a list, sorted."""
    rules = view.select(SecurityGroupRule, prefix_list_id=prefix_list_id)
    tables = view.select(RouteTable)
    return sorted(
        {one.group_id for one in rules}
        | {
            one.route_table_id
            for one in tables
            if any(route.destination_prefix_list_id == prefix_list_id for route in one.routes)
        }
    )


def acl_associations(view: View, acl: NetworkAcl) -> list[NetworkAclAssociation]:
    """Return the subnets that an ACL judges; a default one those that no ACL names."""
    if not acl.is_default:
        return list(acl.associations)
    others = view.select(NetworkAcl, vpc_id=acl.vpc_id)
    named = {one.subnet_id for other in others for one in other.associations}
    return [
        *acl.associations,
        *(
            NetworkAclAssociation(
                association_id=one.subnet_id.replace("subnet-", "aclassoc-"),
                subnet_id=one.subnet_id,
            )
            for one in view.select(Subnet, vpc_id=acl.vpc_id)
            if one.subnet_id not in named
        ),
    ]


def network_of(view: View) -> Network:
    """Return every network record of the view's account and region, for ``check_network``."""
    return Network(
        vpcs=view.select(Vpc),
        subnets=view.select(Subnet),
        interfaces=view.select(NetworkInterface),
        security_groups=view.select(SecurityGroup),
        rules=view.select(SecurityGroupRule),
        route_tables=view.select(RouteTable),
        internet_gateways=view.select(InternetGateway),
        nat_gateways=view.select(NatGateway),
        addresses=view.select(Address),
        network_acls=view.select(NetworkAcl),
        prefix_lists=[*view.select(ManagedPrefixList), *_named_of_aws(view)],
        peerings=view.select(VpcPeeringConnection),
        endpoints=view.select(VpcEndpoint),
    )


def _named_of_aws(view: View) -> list[ManagedPrefixList]:
    """Return AWS's own list, which is no record, where something names it."""
    own = s3_prefix_list(view.scope.region)
    return [own] if users_of_prefix_list(view, own.prefix_list_id) else []
