"""What EC2's operations need: reading is about any resource, changes about what they name.

Source: Service Authorization Reference, Amazon EC2.
"""

from collections.abc import Iterator

from ecsd.gateway.authorization.need import ANY, Asked, Need, unique
from ecsd.records.ec2.security_group import SecurityGroup

MEMBERS = {
    "VpcId": "vpc",
    "SubnetId": "subnet",
    "GroupId": "security-group",
    "RouteTableId": "route-table",
    "InternetGatewayId": "internet-gateway",
    "NatGatewayId": "natgateway",
    "NetworkInterfaceId": "network-interface",
    "AllocationId": "elastic-ip",
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
    "dopt": "dhcp-options",
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
}


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of EC2 needs."""
    action, name = f"ec2:{asked.operation}", asked.operation
    if name.startswith(("Describe", "Get")):
        yield Need(action)
        return
    made = [asked.arn("ec2", f"{CREATED[name]}/*")] if name in CREATED else []
    for resource in unique([*made, *_named(asked)]):
        yield Need(action, resource)
    if made and asked.members.get("TagSpecifications"):
        yield Need("ec2:CreateTags", made[0], {"ec2:createaction": (name,)})


def _named(asked: Asked) -> Iterator[str]:
    for member, kind in MEMBERS.items():
        for value in asked.values(member):
            yield asked.arn("ec2", f"{kind}/{value}")
    if asked.operation in ("CreateTags", "DeleteTags"):
        for value in asked.values("Resources"):
            kind = BY_PREFIX.get(value.partition("-")[0], ANY)
            yield asked.arn("ec2", f"{kind}/{value}")
    for value in asked.values("Groups"):
        yield asked.arn("ec2", f"security-group/{value}")
    if asked.operation != "CreateSecurityGroup" and "GroupId" not in asked.members:
        names = set(asked.values("GroupName"))
        for group in asked.view.select(SecurityGroup) if names else []:
            if group.group_name in names:
                yield asked.arn("ec2", f"security-group/{group.group_id}")
