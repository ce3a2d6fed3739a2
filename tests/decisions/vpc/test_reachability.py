"""The way of a connection: told as AWS would, and held against the compiled packet filter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.network.addresses import uplink
from ecsd.decisions.network.network_acl import answer_to
from ecsd.decisions.network.security_group import Flow
from ecsd.decisions.vpc.packet_filter import compile_vpc_filter
from ecsd.decisions.vpc.reachability import interface_at, reaches, trace
from ecsd.records.plan_network import (
    AclEntry,
    InterfacePlan,
    NetworkAclPlan,
    PacketRule,
    PeerGroup,
    PeeringPlan,
    RoutePlan,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)
from tests.decisions.network import test_network_acl
from tests.decisions.nft_reading import verdict
from tests.decisions.vpc import test_packet_filter

WORLD = "0.0.0.0/0"
ALL_OUT = PacketRule(protocol="-1", cidr=WORLD, rule_id="sgr-out")
WEB_IN = PacketRule(protocol="tcp", from_port=80, to_port=80, group_id="sg-c", rule_id="sgr-web")
ALL = AclEntry(number=100, allow=True, protocol="-1", cidr=WORLD)
OPEN = NetworkAclPlan(network_acl_id="acl-open", ingress=(ALL,), egress=(ALL,))
WEB, CLIENT, OUTSIDE = "10.0.1.5", "10.0.2.6", "203.0.113.9"
ASKED = Flow("tcp", CLIENT, WEB, 80)


def interface(number: int, address: str, group: str, **more) -> InterfacePlan:
    facts = {
        "network_interface_id": f"eni-{number}",
        "address": address,
        "subnet_id": "",
        "mac_address": "0a:00:00:00:00:01",
        "kind": "task",
        "group_ids": (group,),
    }
    return InterfacePlan(**facts | more)


def plan(*, ingress=(WEB_IN,), acl=OPEN, routes=(), **more) -> VpcPlan:
    facts = {
        "vpc_id": "vpc-1",
        "number": 1,
        "cidr": "10.0.0.0/16",
        "dns_support": True,
        "subnets": tuple(
            SubnetPlan(
                subnet_id=f"subnet-{one}",
                cidr=f"10.0.{one}.0/24",
                routes=tuple(routes),
                network_acl_id=acl.network_acl_id if one == 1 else "acl-open",
            )
            for one in (1, 2)
        ),
        "security_groups": (
            SecurityGroupPlan(group_id="sg-w", ingress=tuple(ingress), egress=(ALL_OUT,)),
            SecurityGroupPlan(group_id="sg-c", egress=(ALL_OUT,)),
        ),
        "network_acls": (OPEN, acl) if acl is not OPEN else (OPEN,),
        "interfaces": (interface(1, WEB, "sg-w"), interface(2, CLIENT, "sg-c")),
    }
    return VpcPlan(**facts | more)


def words(one: VpcPlan, flow: Flow, peers=None) -> list[str]:
    return [f"{'+' if step.passes else '-'} {step.words}" for step in trace(one, flow, peers)]


def test_a_connection_that_passes_names_the_rules_that_let_it():
    assert words(plan(), ASKED) == [
        f"+ {CLIENT} is eni-2 of a task in subnet-2 (10.0.2.0/24)",
        f"+ {WEB} is eni-1 of a task in subnet-1 (10.0.1.0/24)",
        f"+ egress rule sgr-out of sg-c (all traffic, 0.0.0.0/0) allows tcp port 80 to {WEB}",
        f"+ ingress rule sgr-web of sg-w (tcp 80, sg-c) allows tcp port 80 from {CLIENT}",
        f"+ egress rule 100 (all traffic, 0.0.0.0/0) of acl-open, which subnet-2 has, allows the "
        f"first packet: tcp port 80 from {CLIENT} to {WEB}",
        f"+ ingress rule 100 (all traffic, 0.0.0.0/0) of acl-open, which subnet-1 has, allows the "
        f"first packet: tcp port 80 from {CLIENT} to {WEB}",
        f"+ egress rule 100 (all traffic, 0.0.0.0/0) of acl-open, which subnet-1 has, allows "
        f"answers: tcp port 60999 from {WEB} to {CLIENT}",
        f"+ ingress rule 100 (all traffic, 0.0.0.0/0) of acl-open, which subnet-2 has, allows "
        f"answers: tcp port 60999 from {WEB} to {CLIENT}",
    ]


def test_a_group_without_a_rule_refuses():
    assert [one for one in words(plan(), ASKED._replace(port=81)) if one.startswith("-")] == [
        f"- no ingress rule of sg-w, which {WEB} has, allows tcp port 81 from {CLIENT}"
    ]


def test_an_acl_that_forgets_some_client_ports_is_told_with_the_port():
    some = AclEntry(number=7, allow=True, protocol="6", cidr=WORLD, from_port=1024, to_port=50_000)
    forgetful = NetworkAclPlan(network_acl_id="acl-w", ingress=(ALL,), egress=(some,))
    one = plan(acl=forgetful)
    assert [each for each in words(one, ASKED) if each.startswith("-")] == [
        f"- egress rule * of acl-w, which subnet-1 has, denies answers: tcp port 50001 from {WEB} "
        f"to {CLIENT}"
    ]
    assert reaches(one, ASKED._replace(source_port=50_000))
    assert not reaches(one, ASKED)


def test_an_address_that_nobody_has_is_told():
    assert words(plan(), ASKED._replace(destination="10.0.1.9"))[1] == (
        "- no interface of vpc-1 has the address 10.0.1.9"
    )
    assert reaches(plan(), Flow("udp", CLIENT, "10.0.0.2", 53))


@pytest.mark.parametrize(
    ("target", "public", "out"),
    [
        ("nat", False, True),
        ("internet", True, True),
        ("internet", False, False),
        ("blackhole", True, False),
        (None, True, False),
    ],
)
def test_the_way_out_needs_a_route_and_an_address_for_it(target, public, out):
    routes = (RoutePlan(destination=WORLD, target=target, via="x-1"),) if target else ()
    there = Flow("tcp", WEB, OUTSIDE, 443)
    ends = (interface(1, WEB, "sg-w", public=public),)
    assert reaches(plan(routes=routes, interfaces=ends), there) is out


def test_the_most_specific_route_decides():
    routes = (
        RoutePlan(destination=WORLD, target="nat"),
        RoutePlan(destination="203.0.113.0/24", target="blackhole"),
    )
    assert not reaches(plan(routes=routes), Flow("tcp", WEB, OUTSIDE, 443))
    assert reaches(plan(routes=routes), Flow("tcp", WEB, "198.51.100.1", 443))


class TestPeering:
    """VPC Peering Guide: routes on both sides, groups across, no third VPC."""

    there = PeeringPlan(
        peering_id="pcx-1",
        vpc_id="vpc-2",
        number=2,
        cidr="10.9.0.0/16",
        groups=(PeerGroup(group_id="sg-far", addresses=("10.9.1.5",)),),
    )
    back = PeeringPlan(peering_id="pcx-1", vpc_id="vpc-1", number=1, cidr="10.0.0.0/16")
    flow = Flow("tcp", "10.9.1.5", WEB, 80)

    def _both(self, *, far_route: str = "10.0.0.0/16", near_route: str = "10.9.0.0/16"):
        def by(destination: str) -> tuple[RoutePlan, ...]:
            return (RoutePlan(destination=destination, target="peering", via="pcx-1"),)

        near = plan(
            ingress=[replace(WEB_IN, group_id="sg-far")],
            routes=by(near_route),
            peerings=(self.there,),
        )
        far = VpcPlan(
            vpc_id="vpc-2",
            number=2,
            cidr="10.9.0.0/16",
            dns_support=True,
            subnets=(SubnetPlan(subnet_id="s", cidr="10.9.1.0/24", routes=by(far_route)),),
            security_groups=(SecurityGroupPlan(group_id="sg-far", egress=(ALL_OUT,)),),
            interfaces=(interface(9, "10.9.1.5", "sg-far"),),
            peerings=(self.back,),
        )
        return near, far

    def test_routes_on_both_sides_and_a_group_of_the_other_side(self):
        near, far = self._both()
        assert reaches(far, self.flow, {"vpc-1": near})
        named = replace(far.interfaces[0], group_ids=())
        closed = replace(near, peerings=(replace(self.there, groups=()),))
        assert not reaches(far, self.flow, {"vpc-1": closed})
        assert not reaches(replace(far, interfaces=(named,)), self.flow, {"vpc-1": near})

    @pytest.mark.parametrize("side", ["far_route", "near_route"])
    def test_without_a_route_on_either_side_nothing_comes(self, side):
        near, far = self._both(**{side: "10.77.0.0/16"})
        assert not reaches(far, self.flow, {"vpc-1": near})

    def test_a_peers_resolver_answers_its_own_vpc_alone(self):
        near, far = self._both()
        asked = Flow("udp", "10.9.1.5", "10.0.0.2", 53)
        assert "- 10.0.0.2 answers vpc-1 alone" in words(far, asked, {"vpc-1": near})

    def test_a_peers_second_range_is_the_peers_too(self):
        near, far = self._both()
        moved = interface(1, "10.5.1.4", "sg-w")
        asked = self.flow._replace(destination="10.5.1.4")
        here = SubnetPlan(subnet_id="s2", cidr="10.5.1.0/24", routes=near.subnets[0].routes)
        near = replace(near, interfaces=(moved,), subnets=(here,))
        far_route = replace(far.subnets[0].routes[0], destination="10.5.0.0/16")
        far = replace(far, subnets=(replace(far.subnets[0], routes=(far_route,)),))
        assert not reaches(far, asked, {"vpc-1": near})
        more = {"secondary_cidrs": ("10.5.0.0/16",)}
        far = replace(far, peerings=(replace(self.back, **more),))
        assert reaches(far, asked, {"vpc-1": replace(near, **more)})

    def test_what_is_behind_the_peer_is_not_reached(self):
        near, far = self._both(far_route=WORLD)
        assert "whose VPC has no 10.77.0.1" in "".join(
            words(far, self.flow._replace(destination="10.77.0.1"), {"vpc-1": near})
        )


@st.composite
def plans(draw) -> VpcPlan:
    """A VPC with rules in groups and in ACLs."""
    acls = draw(test_network_acl.plans())
    return replace(
        draw(test_packet_filter.plans()), subnets=acls.subnets, network_acls=acls.network_acls
    )


flows = st.builds(
    Flow,
    st.sampled_from(["tcp", "udp", "icmp", "47"]),
    *(st.sampled_from([*test_packet_filter.ADDRESSES, OUTSIDE]) for _ in range(2)),
    st.integers(0, 20),
    st.integers(0, 1),
    st.integers(1, 20),
)


@settings(max_examples=150)
@given(plans(), st.lists(flows, max_size=20))
def test_the_decision_agrees_with_the_compiled_filter(one, tried):
    groups, acls, *_ = compile_vpc_filter(one, "10.0.0.2", uplink(1))

    def kernel_passes(flow: Flow) -> bool:
        hooks = [(groups, "f_egress", flow), (groups, "f_ingress", flow)]
        if "forward" in acls.chains:
            hooks += [(acls, "forward", flow), (acls, "forward", answer_to(flow))]
        return all(verdict(table, table.chains[name], it) != "drop" for table, name, it in hooks)

    for flow in tried:
        ends = {flow.source, flow.destination} - {OUTSIDE}
        if flow.destination != OUTSIDE and all(interface_at(one, end) for end in ends):
            assert reaches(one, flow) == kernel_passes(flow), flow
