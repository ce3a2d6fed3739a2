"""Network ACLs: the rules as AWS tells them, and the compiled table against them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.network.network_acl import answer_to, judgements, lets_pass
from ecsd.decisions.network.ruleset import Table, difference, read_table, whole
from ecsd.decisions.network.security_group import FREE, Flow
from ecsd.decisions.vpc.acl_ruleset import compile_acls
from ecsd.records.plan_network import (
    AclEntry,
    FlowLogsPlan,
    NetworkAclPlan,
    SubnetPlan,
    VpcPlan,
)
from tests.decisions.nft_reading import Led, obey, told_by_nft, verdict

WORLD = "0.0.0.0/0"
SUBNETS = {"subnet-a": "10.0.0.0/24", "subnet-b": "10.0.1.0/24", "subnet-c": "10.0.2.0/24"}
A, OTHER_A, B, OUTSIDE = "10.0.0.9", "10.0.0.10", "10.0.1.9", "203.0.113.7"
ADDRESSES = (A, OTHER_A, B, "10.0.2.9", OUTSIDE, "10.0.0.1", "10.0.0.2", "169.254.170.2")
ALL = AclEntry(number=100, allow=True, protocol="-1", cidr=WORLD)
OPEN = NetworkAclPlan(network_acl_id="acl-open", ingress=(ALL,), egress=(ALL,))


def allow(number: int, protocol: str, *ports: int, cidr: str = WORLD, yes: bool = True):
    first, last = ports or (None, None)
    return AclEntry(
        number=number, allow=yes, protocol=protocol, cidr=cidr, from_port=first, to_port=last
    )


def plan(*acls: NetworkAclPlan, **judges: str) -> VpcPlan:
    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        subnets=tuple(
            SubnetPlan(subnet_id=one, cidr=cidr, network_acl_id=judges.get(one[-1], "acl-open"))
            for one, cidr in SUBNETS.items()
        ),
        network_acls=(*acls, OPEN),
    )


def table_of(one: VpcPlan, balancers: frozenset[str] = frozenset()) -> Table:
    return compile_acls(one, FREE | {"10.0.0.2"}, balancers)


def web(*, ingress=(), egress=()) -> VpcPlan:
    return plan(NetworkAclPlan(network_acl_id="acl-b", ingress=ingress, egress=egress), b="acl-b")


@pytest.mark.parametrize(
    ("ingress", "packet", "passes"),
    [
        ((allow(1, "6", 80, 80),), Flow("tcp", A, B, 80), True),
        ((allow(1, "6", 80, 80),), Flow("tcp", A, B, 81), False),
        ((allow(1, "6", 80, 80),), Flow("udp", A, B, 80), False),
        ((allow(1, "6", 80, 80, cidr="10.0.2.0/24"),), Flow("tcp", A, B, 80), False),
        ((allow(1, "6", 80, 80, yes=False), allow(2, "-1")), Flow("tcp", A, B, 80), False),
        ((allow(1, "6", 80, 80, yes=False), allow(2, "-1")), Flow("tcp", A, B, 81), True),
        ((allow(1, "1", 8, -1),), Flow("icmp", A, B, 8, 3), True),
        ((allow(1, "1", 8, 0),), Flow("icmp", A, B, 8, 3), False),
        ((allow(1, "47"),), Flow("47", A, B), True),
        ((), Flow("tcp", A, B, 80), False),
        ((), Flow("tcp", OUTSIDE, B, 80), False),
        ((), Flow("tcp", "10.0.1.8", B, 80), True),
        ((), Flow("udp", "10.0.0.2", B, 5353), True),
        ((), Flow("tcp", "169.254.170.2", B, 5353), True),
    ],
    ids=str,
)
def test_the_lowest_number_that_matches_decides_and_otherwise_nothing_passes(
    ingress, packet, passes
):
    assert lets_pass(web(ingress=ingress), packet) is passes


def test_an_answer_is_judged_too():
    only_in = web(ingress=(allow(1, "6", 80, 80),))
    asked = Flow("tcp", A, B, 80, source_port=40_000)
    assert lets_pass(only_in, asked)
    assert not lets_pass(only_in, answer_to(asked))
    ephemeral = web(ingress=(allow(1, "6", 80, 80),), egress=(allow(1, "6", 1024, 65535),))
    assert lets_pass(ephemeral, answer_to(asked))
    assert answer_to(Flow("icmp", A, B, 8)) == Flow("icmp", B, A, 0)


def test_both_subnets_have_a_say_in_the_packets_order():
    shut = NetworkAclPlan(network_acl_id="acl-x", ingress=(ALL,))
    said = list(judgements(plan(shut, a="acl-x", b="acl-x"), Flow("tcp", A, B, 80)))
    assert [(one.subnet_id, one.egress, one.allows) for one in said] == [
        ("subnet-a", True, False),
        ("subnet-b", False, True),
    ]


def test_where_everything_may_pass_nothing_is_compiled():
    assert table_of(plan()) == Table("ip acl", {}, {})


entries = st.builds(
    lambda number, yes, what, cidr: allow(number, what[0], *what[1:], cidr=cidr, yes=yes),
    st.integers(1, 99),
    st.booleans(),
    st.sampled_from(
        [("-1",), ("6", 0, 9), ("6", 5, 5), ("17", 5, 20), ("1", -1, -1), ("1", 8, 0), ("47",)]
    ),
    st.sampled_from([WORLD, "10.0.0.0/16", "10.0.1.0/24", "10.0.0.9/32", "203.0.113.0/24"]),
)
sides = st.lists(entries, max_size=4, unique_by=lambda one: one.number).map(
    lambda some: tuple(sorted(some, key=lambda one: one.number))
)


@st.composite
def plans(draw) -> VpcPlan:
    acls = [
        NetworkAclPlan(network_acl_id=one, ingress=draw(sides), egress=draw(sides))
        for one in ("acl-1", "acl-2")
    ]
    names = st.sampled_from(["acl-1", "acl-2", "acl-open"])
    return plan(*acls, **{letter: draw(names) for letter in "abc"})


packets = st.builds(
    Flow,
    st.sampled_from(["tcp", "udp", "icmp", "47"]),
    st.sampled_from(ADDRESSES),
    st.sampled_from(ADDRESSES),
    st.integers(0, 20),
    st.integers(0, 1),
)


@settings(max_examples=300)
@given(plans(), st.lists(packets, max_size=20))
def test_the_table_says_what_the_rules_say(one, tried):
    table = table_of(one)
    for packet in tried:
        chain = table.chains.get("forward")
        passes = chain is None or verdict(table, chain, packet) != "drop"
        assert passes == lets_pass(one, packet), packet


@given(plans(), packets)
def test_where_flow_logs_are_on_each_side_is_judged_by_itself(one, packet):
    counted = FlowLogsPlan(vpc_arn="arn:vpc", intervals=(60,))
    table = table_of(replace(one, flow_logs=counted))
    for chain, egress in (("forward", True), ("forward_in", False)):
        said = [each for each in judgements(one, packet) if each.egress == egress]
        passes = not table.chains or verdict(table, table.chains[chain], packet) != "drop"
        assert passes == all(each.allows for each in said), packet


@settings(max_examples=200)
@given(plans(), packets, st.booleans())
def test_a_flow_through_a_balancer_is_judged_as_two_halves(one, packet, translated):
    balancer, target = "10.0.1.200", packet.destination
    table = table_of(one, frozenset({balancer}))
    led = Led(packet.source, balancer, target, packet.port, translated)

    def passes(hook: str, seen: Flow, *, reply: bool = False) -> bool:
        chain = table.chains.get(hook)
        by = led._replace(reply=reply)
        return chain is None or verdict(table, chain, seen, by) != "drop"

    to_balancer = packet._replace(destination=balancer)
    assert passes("before", to_balancer) == lets_pass(one, to_balancer)
    assert passes("forward", packet)  # judged elsewhere
    from_balancer = packet._replace(source=balancer)
    assert passes("after", from_balancer) == lets_pass(one, from_balancer)
    answer = answer_to(packet._replace(source_port=9))
    told = answer._replace(source=balancer)
    assert passes("after", told, reply=True) == lets_pass(one, told)
    kept = [each for each in judgements(one, answer) if each.egress]
    if answer.destination != balancer:
        assert passes("before", answer, reply=True) == all(each.allows for each in kept)


@given(plans(), plans())
def test_a_difference_makes_one_table_into_the_other(before, after):
    old, new = table_of(before), table_of(after)
    assert obey(old, difference(old, new)) == new
    assert obey(Table(new.name, {}, {}), whole(new)) == new
    found = read_table(old.name, told_by_nft(old))
    assert found.collections == old.collections
    assert obey(old, difference(found, new)) == new
