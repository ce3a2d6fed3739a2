"""VPC endpoints in plans: names by route and zone, routes, what is open, who reaches it."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.dns.message import A, Question
from ecsd.decisions.dns.name_affinity import seen_from
from ecsd.decisions.dns.names import resolve
from ecsd.decisions.network.addresses import S3_ADDRESS, S3_RANGE, uplink
from ecsd.decisions.network.endpoint_service import s3_prefix_list
from ecsd.decisions.network.security_group import Flow
from ecsd.decisions.vpc.endpoint_plan import compile_endpoint
from ecsd.decisions.vpc.reachability import reaches, trace
from ecsd.decisions.vpc.vpc_links import compile_links, link_commands, read_links
from ecsd.decisions.vpc.vpc_plan import VpcParts, compile_vpc
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import Route, RouteTable, RouteTableAssociation, Subnet, Vpc
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate, VpcEndpoint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIST = s3_prefix_list("us-east-1")
ROUTED, OTHER, NODE = "10.0.1.10", "10.0.2.10", "10.0.2.20"
DNS = {"enable_dns_support": True, "enable_dns_hostnames": True}


def endpoint(number: int, service: str, kind: str, **more) -> VpcEndpoint:
    return VpcEndpoint(
        vpc_endpoint_id=f"vpce-{number}",
        vpc_id="vpc-1",
        service_name=f"com.amazonaws.us-east-1.{service}",
        endpoint_type=kind,
        mark="mark",
        created_at=NOW,
        **more,
    )


def eni(number: int, subnet: int, address: str, owner: str) -> NetworkInterface:
    return NetworkInterface(
        network_interface_id=f"eni-{number}",
        vpc_id="vpc-1",
        subnet_id=f"subnet-{subnet}",
        availability_zone=f"us-east-1{'-ab'[subnet]}",
        private_ip_address=address,
        mac_address="0a:00:00:00:00:01",
        group_ids=("sg-1",),
        owner=owner,
    )


def rule(number: int, *, egress: bool, port: int) -> SecurityGroupRule:
    return SecurityGroupRule(
        security_group_rule_id=f"sgr-{number}",
        group_id="sg-1",
        is_egress=egress,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        cidr_ipv4="0.0.0.0/0",
    )


def parts(*endpoints: VpcEndpoint, **dns) -> VpcParts:
    gateway = Route(destination_prefix_list_id=LIST.prefix_list_id, gateway_id="vpce-1")
    used = RouteTableAssociation(association_id="a", subnet_id="subnet-1")
    return VpcParts(
        vpc=Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1, **(DNS | dns)),
        subnets=[
            Subnet(
                subnet_id=f"subnet-{one}",
                vpc_id="vpc-1",
                cidr_block=f"10.0.{one}.0/24",
                availability_zone=f"us-east-1{'-ab'[one]}",
                availability_zone_id="",
            )
            for one in (1, 2)
        ],
        route_tables=[
            RouteTable(
                route_table_id="rtb-1", vpc_id="vpc-1", routes=(gateway,), associations=(used,)
            )
        ],
        internet_gateways=[],
        nat_gateways=[],
        security_groups=[
            SecurityGroup(group_id="sg-1", group_name="g", description="", vpc_id="vpc-1")
        ],
        security_group_rules=[rule(1, egress=True, port=443), rule(2, egress=False, port=443)],
        interfaces=[
            eni(1, 1, ROUTED, "arn:aws:ecs:::task/1"),
            eni(2, 2, OTHER, "arn:aws:ecs:::task/2"),
            eni(3, 2, NODE, "vpce-2"),
        ],
        load_balancers=[],
        prefix_lists=[LIST],
        endpoints=endpoints,
    )


GATEWAY = endpoint(1, "s3", "Gateway")
LOGS = endpoint(2, "logs", "Interface", private_dns=True)
PLAN = compile_vpc(parts(GATEWAY, LOGS))


def answered(name: str, client: str, plan=PLAN) -> list[str] | None:
    found = resolve(Question(1, 0, name, A, 0), seen_from(plan, client, 1), [], None)
    return None if found is None else [".".join(map(str, one.content)) for one in found.answers]


@pytest.mark.parametrize(
    "name", ["s3.us-east-1.amazonaws.com", "s3.amazonaws.com", "b.c.s3.us-east-1.amazonaws.com"]
)
def test_s3_has_its_address_where_a_route_leads_to_it_alone(name):
    assert answered(name, ROUTED) == [S3_ADDRESS]
    assert answered(name, OTHER) is None


def test_an_interface_endpoint_has_awss_name_and_its_own_ones():
    for client in (ROUTED, OTHER):
        assert answered("logs.us-east-1.amazonaws.com", client) == [NODE]
    own = "logs.us-east-1.vpce.amazonaws.com"
    assert answered(f"vpce-2-mark.{own}", ROUTED) == [NODE]
    assert answered(f"vpce-2-mark-us-east-1b.{own}", ROUTED) == [NODE]
    assert answered(f"vpce-2-mark-us-east-1a.{own}", ROUTED) is None


def test_awss_names_are_there_only_where_the_vpc_has_dns_hostnames():
    plan = compile_vpc(parts(LOGS, enable_dns_hostnames=False))
    assert answered("logs.us-east-1.amazonaws.com", OTHER, plan) is None
    assert answered("vpce-2-mark.logs.us-east-1.vpce.amazonaws.com", OTHER, plan) == [NODE]


def test_an_interface_of_s3_wins_over_a_gateway_where_its_names_are_private():
    of_s3 = endpoint(2, "s3", "Interface", private_dns=True)
    plan = compile_vpc(parts(GATEWAY, of_s3))
    for client in (ROUTED, OTHER):
        assert answered("b.s3.us-east-1.amazonaws.com", client, plan) == [NODE]
    assert answered("b.bucket.vpce-2-mark.s3.us-east-1.vpce.amazonaws.com", OTHER, plan) == [NODE]


def test_the_kernel_has_the_range_in_the_routed_subnets_table_and_reads_it_back():
    link = uplink(1)
    wanted = compile_links(PLAN, link)
    found = {how for (_, where), how in wanted.routes.items() if where == S3_RANGE}
    assert found == {f"local {S3_RANGE} dev lo"}
    assert len([one for one in wanted.routes if one[1] == S3_RANGE]) == 1
    assert NODE in wanted.addresses
    (table,) = {table for table, where in wanted.routes if where == S3_RANGE}
    told = [{"type": "local", "dst": S3_RANGE, "dev": "lo", "table": str(table)}]
    read = read_links([], [], told)
    assert f"route del local {S3_RANGE} dev lo table {table}" in link_commands(
        read, wanted._replace(routes={})
    )
    assert read.routes.items() <= wanted.routes.items()


def test_who_reaches_what_and_why_not():
    assert reaches(PLAN, Flow("tcp", ROUTED, S3_ADDRESS, 443))
    assert not reaches(PLAN, Flow("tcp", ROUTED, S3_ADDRESS, 80))  # no rule for it
    assert not reaches(PLAN, Flow("tcp", OTHER, S3_ADDRESS, 443))
    assert reaches(PLAN, Flow("tcp", ROUTED, NODE, 443))
    words = [one.words for one in trace(PLAN, Flow("tcp", ROUTED, S3_ADDRESS, 443))]
    assert any(f"of {LIST.prefix_list_id} of subnet-1 leads to vpce-1" in one for one in words)
    words = [one.words for one in trace(PLAN, Flow("tcp", ROUTED, NODE, 443))]
    assert any("eni-3 of a vpc endpoint in subnet-2" in one for one in words)


def test_what_answers_has_the_addresses_and_the_certificate():
    certificate = EndpointCertificate(
        vpc_endpoint_id="vpce-1", body="B", chain="C", sealed_key="", issued_at=NOW
    )
    gateway = compile_endpoint(GATEWAY, "1", [], certificate, "K")
    assert (gateway.addresses, gateway.gateway, gateway.certificate) == ((S3_ADDRESS,), True, "BCK")
    node = compile_endpoint(LOGS, "1", [eni(3, 2, NODE, "vpce-2")], certificate, "K")
    assert (node.addresses, node.service, node.region) == ((NODE,), "logs", "us-east-1")
