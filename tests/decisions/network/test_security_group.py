"""The rules themselves, as AWS's pages tell them."""

import pytest

from ecsd.decisions.network.security_group import Flow, admits, cut_flows, narrowed
from ecsd.records.plan_network import (
    InterfacePlan,
    PacketRule,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)

WORLD = "0.0.0.0/0"
ALL_OUT = PacketRule(protocol="-1", cidr=WORLD)
WEB, CLIENT, OUTSIDE = "10.0.1.5", "10.0.2.6", "203.0.113.9"


def plan(*, ingress=(), egress=(ALL_OUT,), routes=(), public=False) -> VpcPlan:
    def interface(number: int, address: str, group: str) -> InterfacePlan:
        return InterfacePlan(
            network_interface_id=f"eni-{number}",
            address=address,
            subnet_id="subnet-1",
            mac_address="0a:00:00:00:00:01",
            kind="task",
            group_ids=(group,),
            public=public,
        )

    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        subnets=(SubnetPlan(subnet_id="subnet-1", cidr="10.0.0.0/16", routes=routes),),
        security_groups=(
            SecurityGroupPlan(group_id="sg-web", ingress=tuple(ingress), egress=tuple(egress)),
            SecurityGroupPlan(group_id="sg-client", egress=(ALL_OUT,)),
        ),
        interfaces=(interface(1, WEB, "sg-web"), interface(2, CLIENT, "sg-client")),
    )


def rule(protocol: str, first: int | None = None, last: int | None = None, **peer) -> PacketRule:
    return PacketRule(protocol=protocol, from_port=first, to_port=last, **(peer or {"cidr": WORLD}))


@pytest.mark.parametrize(
    ("allowed", "flow", "passes"),
    [
        (rule("tcp", 80, 80), Flow("tcp", CLIENT, WEB, 80), True),
        (rule("tcp", 80, 80), Flow("tcp", CLIENT, WEB, 81), False),
        (rule("tcp", 80, 80), Flow("udp", CLIENT, WEB, 80), False),
        (rule("6", 80, 90), Flow("tcp", CLIENT, WEB, 90), True),
        (rule("-1"), Flow("47", CLIENT, WEB), True),
        (rule("47"), Flow("47", CLIENT, WEB), True),
        (rule("udp", 53, 53, group_id="sg-client"), Flow("udp", CLIENT, WEB, 53), True),
        (rule("udp", 53, 53, group_id="sg-web"), Flow("udp", CLIENT, WEB, 53), False),
        (rule("tcp", 80, 80, cidr="10.0.2.0/24"), Flow("tcp", CLIENT, WEB, 80), True),
        (rule("tcp", 80, 80, cidr="10.0.3.0/24"), Flow("tcp", CLIENT, WEB, 80), False),
        (rule("tcp", 80, 80), Flow("tcp", OUTSIDE, WEB, 80), True),
        (rule("icmp", 8, 0), Flow("icmp", CLIENT, WEB, 8, 0), True),
        (rule("icmp", 8, -1), Flow("icmp", CLIENT, WEB, 8, 3), True),
        (rule("icmp", 3, 4), Flow("icmp", CLIENT, WEB, 3, 1), False),
        (rule("icmp", -1, -1), Flow("icmp", CLIENT, WEB, 13), True),
    ],
    ids=str,
)
def test_a_rule_admits_what_it_names_and_nothing_else(allowed, flow, passes):
    assert admits(plan(ingress=[allowed]), flow) is passes


def test_without_a_rule_nothing_comes_in():
    assert not admits(plan(), Flow("tcp", CLIENT, WEB, 80))


def test_the_sender_needs_a_rule_too_but_not_for_the_resolver():
    shut = plan(egress=())
    assert not admits(shut, Flow("tcp", WEB, OUTSIDE, 443))
    assert admits(shut, Flow("udp", WEB, "10.0.0.2", 53))
    assert admits(shut, Flow("udp", WEB, "169.254.169.253", 53))


class TestFlowsThatEnd:
    """EC2 User Guide, Security group connection tracking: untracked connections."""

    flow = Flow("tcp", CLIENT, WEB, 22)

    @pytest.mark.parametrize(
        ("before", "ends"),
        [
            (plan(ingress=[rule("tcp", 22, 22)]), True),
            (plan(ingress=[rule("-1")]), True),
            (plan(ingress=[rule("tcp", 22, 22, cidr="10.0.0.0/16")]), False),
            (plan(ingress=[rule("tcp", 22, 22)], egress=[rule("tcp", 443, 443)]), False),
            (plan(ingress=[rule("tcp", 22, 22)], egress=[rule("tcp", 0, 65535)]), True),
            (plan(ingress=[rule("tcp", 22, 22)], egress=[rule("udp", 0, 65535)]), False),
        ],
    )
    def test_an_untracked_one_ends_with_its_rule(self, before, ends):
        assert cut_flows(before, plan(), [self.flow]) == ([self.flow] if ends else [])
        assert not ends or narrowed(before, plan())

    def test_one_that_another_rule_admits_goes_on(self):
        before = plan(ingress=[rule("tcp", 22, 22)])
        after = plan(ingress=[rule("tcp", 20, 30, group_id="sg-client")])
        assert cut_flows(before, after, [self.flow]) == []

    def test_a_rule_that_comes_ends_nothing(self):
        assert not narrowed(plan(), plan(ingress=[rule("tcp", 22, 22)]))
