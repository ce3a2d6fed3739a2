"""The compiled packet filter against the rules as AWS tells them, by a small reading of nft."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.network.addresses import uplink
from ecsd.decisions.network.ruleset import Collection, Table, difference, read_table, whole
from ecsd.decisions.network.security_group import NETWORK, Flow, admits
from ecsd.decisions.vpc.packet_filter import compile_vpc_filter
from ecsd.records.plan_network import (
    InterfacePlan,
    PacketRule,
    PeeringPlan,
    PrefixListPlan,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)
from tests.decisions.nft_reading import Led, obey, passes, told_by_nft, verdict

WORLD = "0.0.0.0/0"
GROUPS = ("sg-1", "sg-2", "sg-3")
ADDRESSES = tuple(f"10.0.{one // 4}.{one + 10}" for one in range(8))
LISTS = ("pl-1", "pl-2")
RANGES = ["10.0.0.0/24", "10.0.1.0/25", "10.0.0.10/32", "203.0.113.0/24", "0.0.0.0/0"]
OUTSIDE = "203.0.113.7"

peers = st.one_of(
    st.sampled_from([WORLD, "10.0.0.0/16", "10.0.1.0/24", "10.0.0.11/32"]).map(
        lambda cidr: {"cidr": cidr}
    ),
    st.sampled_from([*GROUPS, "sg-gone"]).map(lambda group: {"group_id": group}),
    st.sampled_from([*LISTS, "pl-gone"]).map(lambda one: {"prefix_list_id": one}),
)
ports = st.one_of(
    st.just({}),
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
        lambda pair: {"from_port": min(pair), "to_port": max(pair)}
    ),
    st.just({"from_port": -1, "to_port": -1}),
)
icmp_ports = st.sampled_from([{}, {"from_port": 8, "to_port": -1}, {"from_port": 8, "to_port": 0}])
rules = st.one_of(
    st.builds(
        lambda protocol, port, peer: PacketRule(protocol=protocol, **port, **peer),
        st.sampled_from(["tcp", "udp", "-1", "6", "17", "47"]),
        ports,
        peers,
    ),
    st.builds(lambda port, peer: PacketRule(protocol="icmp", **port, **peer), icmp_ports, peers),
)
some_rules = st.lists(rules, max_size=4).map(tuple)


@st.composite
def plans(draw) -> VpcPlan:
    held = draw(st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=6))
    interfaces = tuple(
        InterfacePlan(
            network_interface_id=f"eni-{draw(st.integers(0, 3))}{number}",
            address=address,
            subnet_id="subnet-1",
            mac_address="0a:00:00:00:00:01",
            kind=draw(st.sampled_from(["task", "load_balancer", NETWORK, "nat", "reserved"])),
            group_ids=tuple(draw(st.sets(st.sampled_from(GROUPS)))),
            public=draw(st.booleans()),
        )
        for number, address in enumerate(held)
    )
    groups = tuple(
        SecurityGroupPlan(group_id=one, ingress=draw(some_rules), egress=draw(some_rules))
        for one in sorted(draw(st.sets(st.sampled_from(GROUPS))))
    )
    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        subnets=(SubnetPlan(subnet_id="subnet-1", cidr="10.0.0.0/16"),),
        security_groups=groups,
        interfaces=interfaces,
        prefix_lists=tuple(
            PrefixListPlan(prefix_list_id=one, cidrs=(draw(st.sampled_from(RANGES)),))
            for one in sorted(draw(st.sets(st.sampled_from(LISTS))))
        ),
    )


flows = st.builds(
    Flow,
    st.sampled_from(["tcp", "udp", "icmp", "47"]),
    st.sampled_from([*ADDRESSES, OUTSIDE]),
    st.sampled_from([*ADDRESSES, OUTSIDE, "10.0.0.2"]),
    st.integers(0, 20),
    st.integers(0, 1),
)


@settings(max_examples=300)
@given(plans(), st.lists(flows, max_size=20))
def test_the_filter_says_what_the_rules_say(plan, tried):
    filters, *_ = compile_vpc_filter(plan, "10.0.0.2", uplink(1))
    for flow in tried:
        assert passes(filters, flow) == admits(plan, flow), flow


@given(plans(), plans())
def test_a_difference_makes_one_ruleset_into_the_other(before, after):
    for old, new in zip(
        compile_vpc_filter(before, "10.0.0.2", uplink(1)),
        compile_vpc_filter(after, "10.0.0.2", uplink(1)),
        strict=True,
    ):
        assert obey(old, difference(old, new)) == new
        assert obey(Table(new.name, {}, {}), whole(new)) == new
        assert difference(new, new) == ""


def test_a_change_touches_only_what_it_is_about():
    def with_port(port: int) -> VpcPlan:
        web = PacketRule(protocol="tcp", from_port=port, to_port=port, cidr=WORLD)
        groups = tuple(SecurityGroupPlan(group_id=one, ingress=(web,)) for one in GROUPS[:1])
        return VpcPlan(
            vpc_id="v", number=1, cidr="10.0.0.0/16", dns_support=True, security_groups=groups
        )

    old, new = (compile_vpc_filter(with_port(one), "10.0.0.2", uplink(1))[0] for one in (80, 81))
    assert difference(old, new).splitlines() == [
        "flush chain inet sg i_sg_1",
        "add rule inet sg i_sg_1 meta nfproto ipv4 tcp dport 81-81 accept",
    ]


@given(plans(), plans())
def test_a_table_that_was_found_is_made_into_the_wanted_one(before, after):
    for old, new in zip(
        compile_vpc_filter(before, "10.0.0.2", uplink(1)),
        compile_vpc_filter(after, "10.0.0.2", uplink(1)),
        strict=True,
    ):
        found = read_table(old.name, told_by_nft(old))
        assert found.collections == old.collections
        commands = difference(found, new)
        assert "delete table" not in commands
        assert obey(old, commands) == new


def test_a_collection_of_another_kind_is_made_anew():
    old = Table("inet t", {"a": Collection("set", "type ipv4_addr;")}, {})
    new = Table("inet t", {"a": Collection("map", "type ipv4_addr : verdict;")}, {})
    assert difference(old, new) == whole(new)


@settings(max_examples=300)
@given(plans(), st.sampled_from([*ADDRESSES, OUTSIDE]), st.integers(0, 20), st.booleans())
def test_a_flow_through_a_balancer_is_judged_as_two(plan, client, port, translated):
    if len(plan.interfaces) < 2:
        return
    balancer, target = plan.interfaces[0].address, plan.interfaces[1].address
    plan = with_kind(with_kind(plan, balancer, NETWORK), target, "task")
    led = Led(client, balancer, target, port, translated)
    filters, *_ = compile_vpc_filter(plan, "10.0.0.2", uplink(1))
    first = Flow("tcp", led.client, led.balancer, led.port)
    seen = led.balancer if led.translated else led.client
    second = Flow("tcp", seen, led.target, 7)

    on_the_way = all(
        verdict(filters, filters.chains[f"v_{one}"], first) != "drop"
        for one in ("egress", "ingress")
    )
    assert on_the_way == admits(plan, first)

    # The balancer's groups let it out, whatever the target's say, and the other way round.
    let_out = verdict(filters, filters.chains["f_egress"], second, led) != "drop"
    assert let_out == admits(with_kind(plan, led.target, "reserved"), replace_source(second, led))
    chain = "t_ingress" if led.translated else "f_ingress"
    let_in = verdict(filters, filters.chains[chain], second, led) != "drop"
    by_address = admits(with_kind(plan, seen, "reserved"), second) if seen != led.target else None
    by_balancer = admits(
        with_kind(only_by_group(plan), led.balancer, "reserved"), replace_source(second, led)
    )
    if by_address is not None:
        assert let_in == (by_address or by_balancer)


def test_a_target_admits_whom_its_balancers_group_names_and_nobody_past_it():
    only_by_balancer = PacketRule(protocol="tcp", from_port=7, to_port=7, group_id="sg-1")
    plan = VpcPlan(
        vpc_id="v",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        security_groups=(
            SecurityGroupPlan(group_id="sg-1"),
            SecurityGroupPlan(group_id="sg-2", ingress=(only_by_balancer,)),
        ),
        interfaces=tuple(
            InterfacePlan(
                network_interface_id=f"eni-{number}",
                address=ADDRESSES[number],
                subnet_id="subnet-1",
                mac_address="0a:00:00:00:00:01",
                kind=kind,
                group_ids=(group,),
                entrance=entrance,
            )
            for number, (kind, group, entrance) in enumerate(
                [(NETWORK, "sg-1", "127.64.0.1"), ("task", "sg-2", "")]
            )
        ),
    )
    filters, *_ = compile_vpc_filter(plan, "10.0.0.2", uplink(1))
    flow = Flow("tcp", OUTSIDE, ADDRESSES[1], 7)
    chain = filters.chains["f_ingress"]
    assert verdict(filters, chain, flow) == "drop"
    for address in (ADDRESSES[0], "240.64.0.1"):  # the gate of the host's programs too
        led = Led(OUTSIDE, address, ADDRESSES[1], 7, translated=False)
        assert verdict(filters, chain, flow, led) == "accept"
        assert address in filters.collections["vips"].elements
    other = Led(OUTSIDE, ADDRESSES[2], ADDRESSES[1], 7, translated=False)
    assert verdict(filters, chain, flow, other) == "drop"

    to_relay = Flow("tcp", OUTSIDE, "240.128.0.1", 2000)
    by_balancer = Led(OUTSIDE, ADDRESSES[0], "240.128.0.1", 2000, translated=False)
    for side in ("egress", "ingress"):
        assert verdict(filters, filters.chains[f"i_{side}"], to_relay, by_balancer) == "accept"
    assert verdict(filters, filters.chains["i_ingress"], to_relay) == "drop"


def replace_source(flow: Flow, led: Led) -> Flow:
    return flow._replace(source=led.balancer)


def with_kind(plan: VpcPlan, address: str, kind: str) -> VpcPlan:
    """Return the plan with an interface of another kind: ``reserved`` ones have no say."""
    changed = (
        replace(one, kind=kind) if one.address == address else one for one in plan.interfaces
    )
    return replace(plan, interfaces=tuple(changed))


def only_by_group(plan: VpcPlan) -> VpcPlan:
    """Return the plan without ingress rules that name addresses."""
    groups = (
        replace(one, ingress=tuple(rule for rule in one.ingress if rule.group_id))
        for one in plan.security_groups
    )
    return replace(plan, security_groups=tuple(groups))


def test_what_comes_from_a_peer_is_its_own_and_about_this_vpc():
    peering = PeeringPlan(
        peering_id="pcx-1",
        vpc_id="vpc-2",
        number=7,
        cidr="10.1.0.0/16",
        secondary_cidrs=("10.3.0.0/16",),
    )
    subnets = (SubnetPlan(subnet_id="s", cidr="10.0.5.0/24"),)
    plan = VpcPlan(
        vpc_id="v",
        number=1,
        cidr="10.0.0.0/16",
        secondary_cidrs=("10.2.0.0/16",),
        dns_support=True,
        subnets=subnets,
        peerings=(peering,),
    )
    *_, gateways, _ = compile_vpc_filter(plan, "10.0.0.2", uplink(1))
    assert gateways.chains["peers_in"].rules == (
        'iifname "pcx7" ip saddr 10.1.0.0/16 ip daddr 10.0.0.0/16 ip daddr != @own accept',
        'iifname "pcx7" ip saddr 10.1.0.0/16 ip daddr 10.2.0.0/16 ip daddr != @own accept',
        'iifname "pcx7" ip saddr 10.3.0.0/16 ip daddr 10.0.0.0/16 ip daddr != @own accept',
        'iifname "pcx7" ip saddr 10.3.0.0/16 ip daddr 10.2.0.0/16 ip daddr != @own accept',
        'iifname "pcx*" counter drop',
    )
    assert {"10.0.0.2", "10.0.5.1", "169.254.170.2"} <= gateways.collections["own"].elements
    assert gateways.chains["peers"].rules == (
        'iifname "pcx*" oifname "pcx*" counter drop',
        'iifname "pcx*" oifname "up0" counter drop',
        'oifname "pcx7" ip daddr 10.1.0.0/16 accept',
        'oifname "pcx7" ip daddr 10.3.0.0/16 accept',
        'oifname "pcx*" counter drop',
    )
    assert gateways.chains["post"].rules == tuple(
        f'oifname "up0" ip saddr {one} snat ip to {uplink(1).vpc}' for one in plan.cidrs
    )
    *_, alone, _ = compile_vpc_filter(replace(plan, peerings=()), "10.0.0.2", uplink(1))
    assert not {"peers", "peers_in"} & alone.chains.keys()
