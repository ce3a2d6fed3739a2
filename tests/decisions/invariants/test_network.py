import pytest
from msgspec.structs import replace

from ecsd.decisions.invariants.network import Network, check_network, check_vpc_numbers
from ecsd.decisions.network.network_interface import new_interface
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import (
    Address,
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)

VPC = Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1)
SUBNET = Subnet(
    subnet_id="subnet-1",
    vpc_id="vpc-1",
    cidr_block="10.0.1.0/24",
    availability_zone="us-east-1a",
    availability_zone_id="use1-az1",
)
GROUP = SecurityGroup(group_id="sg-1", group_name="default", description="", vpc_id="vpc-1")
RULE = SecurityGroupRule(
    security_group_rule_id="sgr-1",
    group_id="sg-1",
    is_egress=True,
    ip_protocol="-1",
    cidr_ipv4="0.0.0.0/0",
)
NAT_INTERFACE = new_interface(
    SUBNET,
    network_interface_id="eni-1",
    address="10.0.1.4",
    mac_address="0a:00:00:00:00:01",
    group_ids=("sg-1",),
    owner="nat-1",
    public_ip="192.0.2.1",
)
NAT = NatGateway(
    nat_gateway_id="nat-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    connectivity_type="public",
    state="available",
    network_interface_id="eni-1",
    private_ip="10.0.1.4",
)
ADDRESS = Address(
    allocation_id="eipalloc-1",
    public_ip="192.0.2.1",
    association_id="eipassoc-1",
    network_interface_id="eni-1",
)
GATEWAY = InternetGateway(internet_gateway_id="igw-1", vpc_id="vpc-1")
TABLE = RouteTable(
    route_table_id="rtb-1",
    vpc_id="vpc-1",
    routes=(
        Route(destination_cidr_block="10.0.0.0/16", gateway_id="local"),
        Route(destination_cidr_block="0.0.0.0/0", gateway_id="igw-1"),
    ),
    associations=(
        RouteTableAssociation(association_id="rtbassoc-1", main=True),
        RouteTableAssociation(association_id="rtbassoc-2", subnet_id="subnet-1"),
    ),
)
SOUND = Network(
    vpcs=(VPC,),
    subnets=(SUBNET,),
    interfaces=(NAT_INTERFACE,),
    security_groups=(GROUP,),
    rules=(RULE,),
    route_tables=(TABLE,),
    internet_gateways=(GATEWAY,),
    nat_gateways=(NAT,),
    addresses=(ADDRESS,),
    network_acls=(NetworkAcl(network_acl_id="acl-1", vpc_id="vpc-1"),),
)
OTHER_VPC = replace(VPC, vpc_id="vpc-2", number=2)
DOUBLE = replace(NAT_INTERFACE, network_interface_id="eni-2")
DEAD_ROUTE = Route(destination_cidr_block="1.0.0.0/8", gateway_id="igw-9")


def test_a_sound_network_yields_nothing():
    assert list(check_network(SOUND)) == []
    assert list(check_vpc_numbers([VPC, OTHER_VPC])) == []


@pytest.mark.parametrize(
    ("change", "subject", "words"),
    [
        ({"vpcs": ()}, "subnet-1", "does not exist"),
        ({"vpcs": (VPC, OTHER_VPC)}, "vpc-2", "0 default groups"),
        ({"network_acls": ()}, "vpc-1", "0 default network ACLs"),
        ({"route_tables": ()}, "vpc-1", "0 main route tables"),
        ({"vpcs": (replace(VPC, cidr_block="10.9.0.0/16"),)}, "subnet-1", "is not in"),
        ({"subnets": (SUBNET, replace(SUBNET, subnet_id="subnet-2"))}, "subnet-2", "overlaps"),
        ({"subnets": ()}, "eni-1", "does not exist"),
        ({"interfaces": (NAT_INTERFACE, DOUBLE)}, "eni-2", "has 10.0.1.4, as eni-1 has"),
        (
            {"interfaces": (replace(NAT_INTERFACE, private_ip_address="10.0.1.3"),)},
            "eni-1",
            "none of",
        ),
        ({"interfaces": (replace(NAT_INTERFACE, group_ids=("sg-9",)),)}, "eni-1", "wears sg-9"),
        ({"interfaces": (replace(NAT_INTERFACE, vpc_id="vpc-2"),)}, "eni-1", "its subnet in"),
        ({"interfaces": (replace(NAT_INTERFACE, status="available"),)}, "eni-1", "is available"),
        ({"interfaces": (replace(NAT_INTERFACE, owner="x"),)}, "nat-1", "has no interface"),
        ({"nat_gateways": (replace(NAT, state="deleted"),)}, "nat-1", "has an interface still"),
        (
            {"security_groups": (GROUP, replace(GROUP, group_id="sg-2"))},
            "sg-2",
            "another group's name",
        ),
        ({"rules": (replace(RULE, group_id="sg-9"),)}, "sgr-1", "is of sg-9"),
        ({"rules": (replace(RULE, cidr_ipv4=None),)}, "sgr-1", "exactly one peer"),
        (
            {"rules": (replace(RULE, cidr_ipv4=None, referenced_group_id="sg-9"),)},
            "sgr-1",
            "names sg-9",
        ),
        (
            {"route_tables": (replace(TABLE, routes=(*TABLE.routes, DEAD_ROUTE)),)},
            "rtb-1",
            "through igw-9 is active",
        ),
        (
            {"route_tables": (TABLE, replace(TABLE, route_table_id="rtb-2"))},
            "rtb-2",
            "uses rtb-1 too",
        ),
        (
            {"internet_gateways": (GATEWAY, replace(GATEWAY, internet_gateway_id="igw-2"))},
            "igw-2",
            "as igw-1 is",
        ),
        ({"addresses": (replace(ADDRESS, association_id=None),)}, "eipalloc-1", "half associated"),
        ({"addresses": (replace(ADDRESS, public_ip="192.0.2.2"),)}, "eipalloc-1", "does not wear"),
    ],
)
def test_each_contradiction_is_found(change, subject, words):
    findings = list(check_network(SOUND._replace(**change)))
    assert [one for one in findings if one.subject == subject and words in one.words], findings


def test_two_vpcs_with_one_number_are_found():
    [finding] = check_vpc_numbers([VPC, replace(OTHER_VPC, number=1)])
    assert str(finding) == "fatal: vpc-2 has number 1, as vpc-1 has"
    [finding] = check_vpc_numbers([replace(VPC, number=0)])
    assert finding.severity == "fatal"
