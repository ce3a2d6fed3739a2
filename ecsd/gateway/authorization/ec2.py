"""What EC2's operations need: reading is about any resource, changes about what they name.

Source: Service Authorization Reference, Amazon EC2.
"""

from collections.abc import Iterator

from ecsd.gateway.authorization.need import ANY, Asked, Need, unique
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup
from ecsd.records.ec2.vpc import Address, RouteTable, Vpc
from ecsd.store.finders.ec2 import acl_associations

FLOW_LOGS = "vpc-flow-logs.amazonaws.com"
MEMBERS = {
    "VpcId": "vpc",
    "SubnetId": "subnet",
    "GroupId": "security-group",
    "RouteTableId": "route-table",
    "InternetGatewayId": "internet-gateway",
    "NatGatewayId": "natgateway",
    "NetworkInterfaceId": "network-interface",
    "AllocationId": "elastic-ip",
    "NetworkAclId": "network-acl",
    "PrefixListId": "prefix-list",
    "DestinationPrefixListId": "prefix-list",
    "VpcPeeringConnectionId": "vpc-peering-connection",
    "PeerVpcId": "vpc",
    "DhcpOptionsId": "dhcp-options",
    "VpcEndpointId": "vpc-endpoint",
    "VpcEndpointIds": "vpc-endpoint",
    "RouteTableIds": "route-table",
    "AddRouteTableIds": "route-table",
    "RemoveRouteTableIds": "route-table",
    "SubnetIds": "subnet",
    "AddSubnetIds": "subnet",
    "RemoveSubnetIds": "subnet",
    "SecurityGroupIds": "security-group",
    "AddSecurityGroupIds": "security-group",
    "RemoveSecurityGroupIds": "security-group",
    "VolumeId": "volume",
    "SnapshotId": "snapshot",
    "FlowLogIds": "vpc-flow-log",
}
BY_PREFIX = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "eni": "network-interface",
    "eipalloc": "elastic-ip",
    "acl": "network-acl",
    "pl": "prefix-list",
    "pcx": "vpc-peering-connection",
    "dopt": "dhcp-options",
    "vpce": "vpc-endpoint",
    "vol": "volume",
    "snap": "snapshot",
    "fl": "vpc-flow-log",
}
CREATED = {
    "CreateVpc": "vpc",
    "CreateSubnet": "subnet",
    "CreateSecurityGroup": "security-group",
    "CreateRouteTable": "route-table",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateNetworkInterface": "network-interface",
    "AllocateAddress": "elastic-ip",
    "CreateManagedPrefixList": "prefix-list",
    "CreateNetworkAcl": "network-acl",
    "CreateVpcPeeringConnection": "vpc-peering-connection",
    "CreateDhcpOptions": "dhcp-options",
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateVolume": "volume",
    "CreateSnapshot": "snapshot",
    "CreateFlowLogs": "vpc-flow-log",
}


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of EC2 needs."""
    action, name = f"ec2:{asked.operation}", asked.operation
    if name.startswith(("Describe", "Get")) and not name.startswith("GetManagedPrefixList"):
        yield Need(action)
        return
    made = [_arn(asked, CREATED[name], "*")] if name in CREATED else []
    for resource in unique([*made, *_named(asked)]):
        yield Need(action, resource)
    if made and asked.members.get("TagSpecifications"):
        yield Need("ec2:CreateTags", made[0], {"ec2:createaction": (name,)})
    for role in asked.values("DeliverLogsPermissionArn"):
        yield Need("iam:PassRole", role, {"iam:passedtoservice": (FLOW_LOGS,)})


def _arn(asked: Asked, kind: str, own: str) -> str:
    """Return a resource's ARN; that of a snapshot has no account."""
    return asked.arn("ec2", f"{kind}/{own}", account=kind != "snapshot")


def _named(asked: Asked) -> Iterator[str]:
    for member, kind in MEMBERS.items():
        for value in asked.values(member):
            yield _arn(asked, kind, value)
    for member in ("Resources", "ResourceIds"):  # of tags, and of flow logs
        for value in asked.values(member):
            kind = BY_PREFIX.get(value.partition("-")[0], ANY)
            yield _arn(asked, kind, value)
    for value in asked.values("Groups"):
        yield asked.arn("ec2", f"security-group/{value}")
    yield from _named_otherwise(asked)
    if asked.operation != "CreateSecurityGroup" and "GroupId" not in asked.members:
        names = set(asked.values("GroupName"))
        for group in asked.view.select(SecurityGroup) if names else []:
            if group.group_name in names:
                yield asked.arn("ec2", f"security-group/{group.group_id}")


def _named_otherwise(asked: Asked) -> Iterator[str]:
    """Yield what is named by its public address, its association or its attachment."""
    view = asked.view
    for value in asked.values("PublicIp"):
        for address in view.select(Address, public_ip=value):
            yield asked.arn("ec2", f"elastic-ip/{address.allocation_id}")
    for value in asked.values("AttachmentId"):
        for interface in view.select(NetworkInterface, attachment_id=value):
            yield asked.arn("ec2", f"network-interface/{interface.network_interface_id}")
    for value in asked.values("AssociationId"):
        yield from _associated(asked, value)


def _associated(asked: Asked, association_id: str) -> Iterator[str]:
    """Yield what an association is of."""
    view = asked.view
    for table in view.select(RouteTable):
        if any(one.association_id == association_id for one in table.associations):
            yield asked.arn("ec2", f"route-table/{table.route_table_id}")
    for acl in view.select(NetworkAcl):
        if any(one.association_id == association_id for one in acl_associations(view, acl)):
            yield asked.arn("ec2", f"network-acl/{acl.network_acl_id}")
    for vpc in view.select(Vpc):
        if any(one.association_id == association_id for one in vpc.secondary_blocks):
            yield asked.arn("ec2", f"vpc/{vpc.vpc_id}")
    for address in view.select(Address):
        if address.association_id == association_id:
            yield asked.arn("ec2", f"elastic-ip/{address.allocation_id}")
