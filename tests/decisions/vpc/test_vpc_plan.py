"""Records made into what a host is told, and that into addresses, rules and routes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.balancer_plan import BalancerParts
from ecsd.decisions.balancers.network_balancer_attributes import OWN_ZONE
from ecsd.decisions.network.addresses import LARGEST_NUMBER, peer_link, routing_table, uplink
from ecsd.decisions.network.network_acl import is_open
from ecsd.decisions.vpc.vpc_links import (
    Links,
    clash_of,
    compile_links,
    link_commands,
    peer_commands,
    range_commands,
    read_links,
)
from ecsd.decisions.vpc.vpc_plan import PeeringParts, VpcParts, compile_vpc
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_acl import NetworkAcl, NetworkAclAssociation, NetworkAclEntry
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList, PrefixListEntry
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import (
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
    VpcCidrBlock,
)
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Zone
from ecsd.records.elbv2.target_group import HealthCheck, Target, TargetGroup
from ecsd.records.plan_network import (
    AclEntry,
    FlowLogsPlan,
    InterfacePlan,
    NetworkAclPlan,
    PacketRule,
    PeeringPlan,
    PrefixListPlan,
    RoutePlan,
    SubnetPlan,
    VpcPlan,
)

WORLD = "0.0.0.0/0"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def subnet(name: str, cidr: str) -> Subnet:
    return Subnet(
        subnet_id=name,
        vpc_id="vpc-1",
        cidr_block=cidr,
        availability_zone="eu-west-1a",
        availability_zone_id="euw1-az1",
    )


def table(name: str, *routes: Route, subnet_id: str | None = None) -> RouteTable:
    return RouteTable(
        route_table_id=name,
        vpc_id="vpc-1",
        routes=(Route(destination_cidr_block="10.0.0.0/16", gateway_id="local"), *routes),
        associations=(
            RouteTableAssociation(
                association_id=f"a-{name}", subnet_id=subnet_id, main=subnet_id is None
            ),
        ),
    )


def to(**target: str) -> Route:
    return Route(destination_cidr_block=WORLD, **target)


def parts(**more) -> VpcParts:
    nat = NatGateway(
        nat_gateway_id="nat-1",
        vpc_id="vpc-1",
        subnet_id="subnet-public",
        connectivity_type="public",
        state="available",
        network_interface_id="eni-nat",
        private_ip="10.0.1.9",
    )
    facts = {
        "vpc": Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=3),
        "subnets": [subnet("subnet-public", "10.0.1.0/24"), subnet("subnet-main", "10.0.2.0/24")],
        "route_tables": [
            table("main", to(nat_gateway_id="nat-1")),
            table("public", to(gateway_id="igw-1"), subnet_id="subnet-public"),
        ],
        "internet_gateways": [InternetGateway(internet_gateway_id="igw-1", vpc_id="vpc-1")],
        "nat_gateways": [nat],
        "security_groups": [],
        "security_group_rules": [],
        "interfaces": [],
        "load_balancers": [],
    }
    return VpcParts(**facts | more)


def targets(plan: VpcPlan) -> dict[str, str]:
    return {
        one.subnet_id: route.target
        for one in plan.subnets
        for route in one.routes
        if route.destination == WORLD
    }


def test_a_subnet_goes_by_its_own_table_or_by_the_main_one():
    assert targets(compile_vpc(parts())) == {"subnet-public": "internet", "subnet-main": "nat"}


def test_a_gateway_that_is_not_attached_leads_nowhere():
    apart = [InternetGateway(internet_gateway_id="igw-1")]
    plan = compile_vpc(parts(internet_gateways=apart))
    assert targets(plan) == {"subnet-public": "blackhole", "subnet-main": "blackhole"}


@pytest.mark.parametrize(
    "broken",
    [{"state": "deleting"}, {"connectivity_type": "private"}, {"subnet_id": "subnet-main"}],
    ids=str,
)
def test_a_nat_gateway_works_when_it_is_there_public_and_leads_to_the_internet(broken):
    facts = {name: getattr(parts().nat_gateways[0], name) for name in NatGateway.__struct_fields__}
    plan = compile_vpc(parts(nat_gateways=[NatGateway(**facts | broken)]))
    assert targets(plan)["subnet-main"] == "blackhole"


def test_a_list_in_a_route_is_its_ranges_each_once_and_yields_to_a_route_of_its_own():
    offices = ManagedPrefixList(
        prefix_list_id="pl-1",
        prefix_list_name="offices",
        address_family="IPv4",
        max_entries=9,
        entries=tuple(
            PrefixListEntry(cidr=one)
            for one in ("192.0.2.0/25", "192.0.2.128/25", "192.0.2.7/32", "203.0.113.0/24")
        ),
    )
    by_list = Route(destination_prefix_list_id="pl-1", nat_gateway_id="nat-1")
    own = Route(destination_cidr_block="203.0.113.0/24", gateway_id="igw-9")
    tables = [table("main", by_list, own), parts().route_tables[1]]
    plan = compile_vpc(parts(route_tables=tables, prefix_lists=[offices]))
    assert plan.prefix_lists == (
        PrefixListPlan(prefix_list_id="pl-1", cidrs=("192.0.2.0/24", "203.0.113.0/24")),
    )
    [main] = [one for one in plan.subnets if one.subnet_id == "subnet-main"]
    assert [(one.destination, one.target, one.prefix_list_id) for one in main.routes[1:]] == [
        ("192.0.2.0/24", "nat", "pl-1"),
        ("203.0.113.0/24", "blackhole", ""),
    ]


def test_a_subnet_is_judged_by_the_acl_that_names_it_or_by_the_default_one():
    def entry(number: int, **more) -> NetworkAclEntry:
        facts = {"egress": False, "rule_action": "deny", "protocol": "1", "cidr_block": WORLD}
        return NetworkAclEntry(rule_number=number, **facts | more)

    own = NetworkAcl(
        network_acl_id="acl-1",
        vpc_id="vpc-1",
        is_default=False,
        entries=(
            entry(20, icmp_type=8, icmp_code=-1),
            entry(10, protocol="6", from_port=1, to_port=2, rule_action="allow"),
            entry(5, cidr_block=None, ipv6_cidr_block="::/0"),
            entry(7, egress=True, protocol="-1"),
        ),
        associations=(NetworkAclAssociation(association_id="a", subnet_id="subnet-public"),),
    )
    plan = compile_vpc(
        parts(network_acls=[NetworkAcl(network_acl_id="acl-0", vpc_id="vpc-1"), own])
    )
    assert {one.subnet_id: one.network_acl_id for one in plan.subnets} == {
        "subnet-public": "acl-1",
        "subnet-main": "acl-0",
    }
    first, second = plan.network_acls
    assert is_open(first)
    assert second == NetworkAclPlan(
        network_acl_id="acl-1",
        ingress=(
            AclEntry(number=10, allow=True, protocol="6", cidr=WORLD, from_port=1, to_port=2),
            AclEntry(number=20, allow=False, protocol="1", cidr=WORLD, from_port=8, to_port=-1),
        ),
        egress=(AclEntry(number=7, allow=False, protocol="-1", cidr=WORLD),),
    )


def test_groups_keep_their_ipv4_rules_and_interfaces_their_kinds():
    def rule(number: int, **more) -> SecurityGroupRule:
        return SecurityGroupRule(
            security_group_rule_id=f"sgr-{number}",
            group_id="sg-1",
            ip_protocol="tcp",
            from_port=80,
            to_port=80,
            **{"is_egress": False} | more,
        )

    def interface(number: int, **more) -> NetworkInterface:
        return NetworkInterface(
            network_interface_id=f"eni-{number}",
            vpc_id="vpc-1",
            subnet_id="subnet-main",
            availability_zone="eu-west-1a",
            private_ip_address=f"10.0.2.{number + 10}",
            mac_address="0a:00:00:00:00:01",
            **more,
        )

    plan = compile_vpc(
        parts(
            security_groups=[
                SecurityGroup(group_id="sg-1", vpc_id="vpc-1", group_name="g", description="d")
            ],
            security_group_rules=[
                rule(2, cidr_ipv4="10.0.0.7/8"),
                rule(1, referenced_group_id="sg-1"),
                rule(3, cidr_ipv6="::/0"),
                rule(4, cidr_ipv4=WORLD, is_egress=True),
            ],
            interfaces=[
                interface(3, interface_type="nat_gateway", owner="nat-1"),
                interface(1, owner="arn:aws:ecs:eu-west-1:0:task/c/1", public_ip="203.0.113.1"),
                interface(2, owner="arn:aws:elasticloadbalancing:eu-west-1:0:loadbalancer/app/w/1"),
                interface(4),
            ],
        )
    )
    (group,) = plan.security_groups
    port = {"protocol": "tcp", "from_port": 80, "to_port": 80}
    assert group.ingress == (
        PacketRule(**port, group_id="sg-1", rule_id="sgr-1"),
        PacketRule(**port, cidr="10.0.0.0/8", rule_id="sgr-2"),
    )
    assert group.egress == (PacketRule(**port, cidr=WORLD, rule_id="sgr-4"),)
    assert [(one.kind, one.public) for one in plan.interfaces] == [
        ("task", True),
        ("load_balancer", False),
        ("nat", False),
        ("reserved", False),
    ]
    assert plan.domain == "eu-west-1.compute.internal"


NET = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer/net/flows/1"
NAME = "flows-1.elb.localhost"


def flows(*states: str, **attributes: str) -> BalancerParts:
    """Return a balancer in two zones with a target of each of these states in each."""
    zones = tuple(
        Zone(
            subnet_id=f"subnet-{letter}",
            availability_zone=f"eu-west-1{letter}",
            network_interface_id=f"eni-{letter}",
            private_ip_address=f"10.0.{number}.20",
        )
        for number, letter in enumerate("ab")
    )
    config = {"TargetGroups": [{"TargetGroupArn": "arn:tg", "Weight": 1}]}
    return BalancerParts(
        balancer=LoadBalancer(
            load_balancer_arn=NET,
            name="flows",
            dns_name=NAME,
            scheme="internal",
            type="network",
            ip_address_type="ipv4",
            vpc_id="vpc-1",
            zones=zones,
            security_groups=(),
            entrance="127.64.0.1",
            created_at=NOW,
            attributes=attributes,
        ),
        vpc=parts().vpc,
        listeners=[
            Listener(
                listener_arn="arn:l",
                load_balancer_arn=NET,
                port=90,
                protocol="TCP",
                default_actions=({"Type": "forward", "Order": 1, "ForwardConfig": config},),
            )
        ],
        rules=[],
        groups=[
            TargetGroup(
                target_group_arn="arn:tg",
                name="a",
                protocol="TCP",
                protocol_version=None,
                port=80,
                vpc_id="vpc-1",
                target_type="ip",
                health_check=HealthCheck(protocol="TCP", path="", matcher=""),
            )
        ],
        targets=[
            Target(
                place=f"arn:tg|10.0.{number}.5|80",
                target_group_arn="arn:tg",
                target_id=f"10.0.{number}.5",
                port=80,
                availability_zone=f"eu-west-1{'ab'[number]}",
                registered_at=NOW,
                state=state,
            )
            for number, state in enumerate(states)
        ],
        security_group_rules=[],
    )


@pytest.mark.parametrize(
    ("states", "addresses"),
    [
        (("healthy", "healthy"), ("10.0.0.20", "10.0.1.20")),
        (("healthy", "unhealthy"), ("10.0.0.20",)),
        (("initial", "healthy"), ("10.0.1.20",)),
        (("unhealthy", "unhealthy"), ("10.0.0.20", "10.0.1.20")),
    ],
)
def test_a_network_balancers_name_leads_to_zones_with_healthy_targets(states, addresses):
    own = flows(*states)
    plan = compile_vpc(parts(load_balancers=[own.balancer], network=[own]))
    assert plan.names == {NAME: addresses}
    assert plan.affinities == {}


def test_a_network_balancer_has_its_entrance_at_one_of_its_interfaces():
    own = flows("healthy", **{"dns_record.client_routing_policy": "availability_zone_affinity"})
    interfaces = [
        NetworkInterface(
            network_interface_id=one.network_interface_id,
            vpc_id="vpc-1",
            subnet_id=one.subnet_id,
            availability_zone=one.availability_zone,
            private_ip_address=one.private_ip_address,
            mac_address="0a:00:00:00:00:01",
            owner=NET,
        )
        for one in own.balancer.zones
    ]
    plan = compile_vpc(parts(load_balancers=[own.balancer], network=[own], interfaces=interfaces))
    assert [(one.kind, one.entrance) for one in plan.interfaces] == [
        ("network_load_balancer", "127.64.0.1"),
        ("network_load_balancer", ""),
    ]
    assert plan.affinities == {NAME: "availability_zone_affinity"}
    held = compile_links(plan, uplink(1)).addresses
    assert {"10.0.0.20", "10.0.1.20", "240.64.0.1", "240.128.0.1"} <= held


def test_a_file_systems_name_leads_to_its_mount_targets_for_each_zone():
    def target(number: int) -> MountTarget:
        return MountTarget(
            mount_target_id=f"fsmt-{number}",
            file_system_id="fs-1",
            vpc_id="vpc-1",
            subnet_id="subnet-main",
            availability_zone=f"eu-west-1{'ab'[number]}",
            network_interface_id=f"eni-{number}",
            ip_address=f"10.0.{number}.9",
        )

    name = "fs-1.efs.eu-west-1.amazonaws.com"
    targets = [target(1), target(0)]
    named = Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=3, enable_dns_hostnames=True)
    plan = compile_vpc(parts(vpc=named, mount_targets=targets))
    assert plan.names == {name: ("10.0.0.9", "10.0.1.9")}
    assert plan.affinities == {name: OWN_ZONE}
    assert compile_vpc(parts(mount_targets=targets)).names == {}  # no DNS hostnames


def test_a_route_to_a_peer_goes_by_its_link_and_one_to_no_peer_nowhere():
    way = Route(destination_cidr_block="10.9.0.0/16", vpc_peering_connection_id="pcx-1")
    peer = Vpc(vpc_id="vpc-9", cidr_block="10.9.0.0/16", number=300)
    facts = {"route_tables": [table("main", way)], "peerings": [PeeringParts("pcx-1", peer, {})]}
    plan = compile_vpc(parts(**facts))
    main = next(one for one in plan.subnets if one.subnet_id == "subnet-main")
    assert (main.routes[1].target, main.routes[1].via) == ("peering", "pcx-1")
    routes = compile_links(plan, uplink(1)).routes
    assert "10.9.0.0/16 via 240.192.1.44 dev pcx300 onlink" in routes.values()
    alone = compile_vpc(parts(**facts | {"peerings": []}))
    assert "blackhole 10.9.0.0/16" in compile_links(alone, uplink(1)).routes.values()
    own, other = peer_link(3), peer_link(300)
    assert peer_commands(own, other) == [
        "link set pcx300 address 0e:ec:00:00:00:03 up",
        "neigh replace 240.192.1.44 lladdr 0e:ec:00:00:01:2c nud permanent dev pcx300",
    ]


def test_the_order_of_records_does_not_matter():
    given_parts = parts()
    turned = given_parts._replace(
        subnets=given_parts.subnets[::-1], route_tables=given_parts.route_tables[::-1]
    )
    assert compile_vpc(given_parts) == compile_vpc(turned)


# ------------------------------------------------------------------ plans into links


@st.composite
def vpc_plans(draw) -> VpcPlan:
    numbers = draw(st.sets(st.integers(0, 5)))
    routes = st.lists(
        st.builds(
            RoutePlan,
            destination=st.sampled_from([WORLD, "198.51.100.0/24", "203.0.113.9/32"]),
            target=st.sampled_from(["internet", "nat", "peering", "blackhole"]),
            via=st.sampled_from(["pcx-1", "pcx-gone"]),
        ),
        unique_by=lambda one: one.destination,
    )
    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        secondary_cidrs=tuple(draw(st.sets(st.sampled_from(["10.2.0.0/16", "100.64.0.0/20"])))),
        dns_support=True,
        subnets=tuple(
            SubnetPlan(subnet_id=f"s-{one}", cidr=f"10.0.{one}.0/24", routes=tuple(draw(routes)))
            for one in sorted(numbers)
        ),
        peerings=(PeeringPlan(peering_id="pcx-1", vpc_id="v", number=2, cidr="203.0.113.0/24"),),
        interfaces=tuple(
            InterfacePlan(
                network_interface_id=f"eni-{one}",
                address=f"10.0.{one}.20",
                subnet_id=f"s-{one}",
                mac_address="0a:00:00:00:00:01",
                kind=draw(st.sampled_from(["task", "load_balancer", "nat"])),
            )
            for one in sorted(numbers)
        ),
    )


@given(vpc_plans(), vpc_plans())
def test_commands_make_one_structure_into_the_other_and_nothing_is_taken_before_it_is_given(
    before, after
):
    have, wanted = (compile_links(one, uplink(1)) for one in (before, after))
    commands = link_commands(have, wanted)
    assert obey(have, commands) == wanted
    assert link_commands(wanted, wanted) == []
    takes = [" del " in one for one in commands]
    assert takes == sorted(takes)


def obey(have: Links, commands: list[str]) -> Links:
    addresses, rules, routes = set(have.addresses), dict(have.rules), dict(have.routes)
    ranges = set(have.ranges)
    for line in commands:
        match line.split():
            case ["addr", verb, address, "dev", "lo"]:
                (addresses.add if verb == "add" else addresses.remove)(address.removesuffix("/32"))
            case ["rule", "add", "from", source, "lookup", number, *_]:
                rules[source] = int(number)
            case ["rule", "del", "from", source, *_]:
                del rules[source]
            case ["route", verb, "unreachable", cidr]:
                (ranges.add if verb == "replace" else ranges.remove)(cidr)
            case ["route", verb, *how, "table", number]:
                where = how[1] if how[0] in {"blackhole", "unreachable"} else how[0]
                if verb == "replace":
                    routes[int(number), where] = " ".join(how)
                else:
                    del routes[int(number), where]
    return Links(frozenset(ranges), frozenset(addresses), rules, routes)


def test_what_ip_tells_is_read_as_what_was_wanted():
    told = read_links(
        [{"addr_info": [{"local": "127.0.0.1"}, {"local": "10.0.1.1"}]}],
        [
            {"priority": 0, "src": "all", "table": "local"},
            {"priority": 32800, "src": "10.0.1.0", "srclen": 24, "table": "1016"},
        ],
        [
            {"dst": "10.0.1.5", "dev": "e1"},
            {"type": "unreachable", "dst": "10.0.0.0/16"},
            {"dst": "default", "gateway": "240.0.0.5", "dev": "up0", "table": "1016"},
            {"type": "blackhole", "dst": "198.51.100.0/24", "table": "1016"},
            {"type": "local", "dst": "10.0.1.1", "dev": "lo", "table": "local"},
        ],
    )
    assert told == Links(
        frozenset({"10.0.0.0/16"}),
        frozenset({"10.0.1.1"}),
        {"10.0.1.0/24": 1016},
        {
            (1016, "default"): "default via 240.0.0.5 dev up0 onlink",
            (1016, "198.51.100.0/24"): "blackhole 198.51.100.0/24",
        },
    )


def test_uplinks_of_all_numbers_are_apart():
    seen = [one for number in range(1, LARGEST_NUMBER + 1) for one in uplink(number)]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("number", [0, LARGEST_NUMBER + 1])
def test_a_number_beyond_has_no_uplink(number):
    with pytest.raises(ValueError, match="must be 1 to"):
        uplink(number)


def test_a_vpcs_further_ranges_are_its_own():
    block = VpcCidrBlock(association_id="a-1", cidr_block="100.64.0.0/16")
    vpc = Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", secondary_blocks=(block,), number=3)
    plan = compile_vpc(parts(vpc=vpc, subnets=[subnet("s", "100.64.1.0/24")]))
    assert plan.cidrs == ("10.0.0.0/16", "100.64.0.0/16")
    links = compile_links(plan, uplink(3))
    assert links.ranges == {"10.0.0.0/16", "100.64.0.0/16"}
    assert {"10.0.0.2", "100.64.1.1"} <= links.addresses
    assert "100.64.0.2" not in links.addresses  # one resolver, in the first range
    peer = compile_vpc(parts(peerings=[PeeringParts("pcx-1", vpc, {})])).peerings[0]
    assert peer.cidrs == plan.cidrs


def test_routing_tables_of_a_vpcs_subnets_are_apart():
    cidrs = ("10.0.0.0/28", "10.0.0.16/28", "100.64.0.0/28", "223.255.255.240/28")
    numbers = {routing_table(one) for one in cidrs}
    assert len(numbers) == len(cidrs)
    assert max(numbers) < 2**32


def test_the_host_leads_to_a_vpcs_ranges_and_to_no_former_one():
    link = uplink(3)
    device = link.host_interface
    routes = [
        {"dst": "default", "gateway": "192.168.7.1", "dev": "eth0"},
        {"dst": "192.168.0.0/24", "dev": "eth0"},
        {"dst": link.vpc, "dev": device},
        {"dst": "10.0.0.0/16", "dev": device},
        {"dst": "100.64.0.0/16", "dev": device},
    ]
    assert range_commands(routes, ["10.0.0.0/16", "10.2.0.0/16"], link) == [
        f"route replace 10.0.0.0/16 via {link.vpc} dev {device} onlink src {link.host}",
        f"route replace 10.2.0.0/16 via {link.vpc} dev {device} onlink src {link.host}",
        f"route del 100.64.0.0/16 dev {device}",
    ]
    assert clash_of(routes, "192.168.0.128/25", device) == "192.168.0.0/24"
    assert clash_of(routes, "10.0.0.0/16", device) is None
    assert clash_of(routes, "10.0.0.0/16", "another") == "10.0.0.0/16"


def flow_log(resource_id: str, interval: int = 600) -> FlowLog:
    return FlowLog(
        flow_log_id=f"fl-{resource_id}",
        resource_id=resource_id,
        vpc_id="vpc-1",
        traffic_type="ALL",
        log_group_name="/flows",
        deliver_logs_permission_arn="arn:aws:iam::1:role/r",
        log_format="${version}",
        max_aggregation_interval=interval,
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("logs", "intervals"),
    [
        ((), None),
        ((flow_log("vpc-1"),), (600,)),
        ((flow_log("subnet-a", 60), flow_log("vpc-1"), flow_log("vpc-1")), (60, 600)),
        ((flow_log("subnet-gone"), flow_log("eni-gone", 60)), None),
    ],
)
def test_a_vpc_is_counted_while_a_flow_log_is_about_something_in_it(logs, intervals):
    parts = VpcParts(
        vpc=Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1),
        subnets=[subnet("subnet-a", "10.0.0.0/24")],
        **dict.fromkeys(("route_tables", "internet_gateways", "nat_gateways"), ()),
        **dict.fromkeys(("security_groups", "security_group_rules"), ()),
        **dict.fromkeys(("interfaces", "load_balancers"), ()),
        account="111122223333",
        region="us-east-1",
        flow_logs=logs,
    )
    arn = "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1"
    wanted = FlowLogsPlan(vpc_arn=arn, intervals=intervals) if intervals else None
    assert compile_vpc(parts).flow_logs == wanted
