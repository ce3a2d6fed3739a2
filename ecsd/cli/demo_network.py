"""The demo's VPC: found by its name tag, or made."""

from dataclasses import dataclass

from ecsd.cli.api import Api

CIDR = "10.77.0.0/16"
ZONES = ("a", "b")


@dataclass
class Network:
    """What the demo's balancer and service need to know."""

    vpc: str
    public: list[str]
    private: list[str]
    balancer_group: str
    task_group: str


def ensure_network(api: Api, name: str) -> Network:
    """Return the network called ``name``; what is missing of it is made."""
    vpc = _find(api, "Vpcs", "vpcId", {"tag:Name": name})
    if vpc is None:
        vpc = _made(api, "CreateVpc", "vpcId", name, "vpc", CidrBlock=CIDR)
    public = _subnets(api, vpc, f"{name}-public", 0)
    private = _subnets(api, vpc, f"{name}-private", 10)
    _ensure_gateway(api, vpc, name, public)
    balancer_group = _group(api, vpc, f"{name}-alb", {"IpRanges.1.CidrIp": "0.0.0.0/0"})
    task_group = _group(api, vpc, f"{name}-tasks", {"Groups.1.GroupId": balancer_group})
    return Network(vpc, public, private, balancer_group, task_group)


def _find(api: Api, what: str, member: str, filters: dict[str, str]) -> str | None:
    """Return one member of the first resource that passes the filters."""
    parameters = {}
    for number, (name, value) in enumerate(filters.items(), 1):
        parameters[f"Filter.{number}.Name"] = name
        parameters[f"Filter.{number}.Value.1"] = value
    return api.query("ec2", f"Describe{what}", **parameters).findtext(f".//{member}")


def _made(api: Api, action: str, member: str, name: str, kind: str, **request: str) -> str:
    answer = api.query(
        "ec2",
        action,
        **request,
        **{
            "TagSpecification.1.ResourceType": kind,
            "TagSpecification.1.Tag.1.Key": "Name",
            "TagSpecification.1.Tag.1.Value": name,
        },
    )
    return answer.findtext(f".//{member}") or ""


def _subnets(api: Api, vpc: str, name: str, first: int) -> list[str]:
    found = []
    for number, zone in enumerate(ZONES):
        full = f"{name}-{zone}"
        subnet = _find(api, "Subnets", "subnetId", {"vpc-id": vpc, "tag:Name": full})
        if subnet is None:
            subnet = _made(
                api,
                "CreateSubnet",
                "subnetId",
                full,
                "subnet",
                VpcId=vpc,
                CidrBlock=f"10.77.{first + number}.0/24",
                AvailabilityZone=f"{api.region}{zone}",
            )
        found.append(subnet)
    return found


def _ensure_gateway(api: Api, vpc: str, name: str, public: list[str]) -> None:
    """An internet gateway, and a route table that leads the public subnets to it."""
    gateway = _find(api, "InternetGateways", "internetGatewayId", {"attachment.vpc-id": vpc})
    if gateway is None:
        gateway = _made(api, "CreateInternetGateway", "internetGatewayId", name, "internet-gateway")
        api.query("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    if _find(api, "RouteTables", "routeTableId", {"vpc-id": vpc, "tag:Name": name}) is not None:
        return
    table = _made(api, "CreateRouteTable", "routeTableId", name, "route-table", VpcId=vpc)
    api.query(
        "ec2",
        "CreateRoute",
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=gateway,
    )
    for subnet in public:
        api.query("ec2", "AssociateRouteTable", RouteTableId=table, SubnetId=subnet)


def _group(api: Api, vpc: str, name: str, peer: dict[str, str]) -> str:
    """A security group that admits a peer on port 80."""
    group = _find(api, "SecurityGroups", "groupId", {"vpc-id": vpc, "group-name": name})
    if group is not None:
        return group
    made = api.query("ec2", "CreateSecurityGroup", GroupName=name, GroupDescription=name, VpcId=vpc)
    group = made.findtext(".//groupId") or ""
    permission = {"IpProtocol": "tcp", "FromPort": "80", "ToPort": "80", **peer}
    api.query(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        GroupId=group,
        **{f"IpPermissions.1.{member}": value for member, value in permission.items()},
    )
    return group
