"""Load balancers' records as a plan."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.balancers.balancer_plan import (
    BalancerParts,
    admits_world,
    compile_balancer,
    traffic_digest,
)
from ecsd.records.ec2.security_group import SecurityGroupRule
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule, Zone
from ecsd.records.elbv2.target_group import HealthCheck, Target, TargetGroup

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BALANCER = LoadBalancer(
    load_balancer_arn="arn:lb",
    name="web",
    dns_name="web-1.elb.localhost",
    scheme="internet-facing",
    type="application",
    ip_address_type="ipv4",
    vpc_id="vpc-1",
    zones=(
        Zone(
            subnet_id="subnet-1",
            availability_zone="us-east-1a",
            network_interface_id="eni-1",
            private_ip_address="10.0.1.20",
        ),
    ),
    security_groups=("sg-1",),
    entrance="127.64.0.1",
    created_at=NOW,
)
GROUP = TargetGroup(
    target_group_arn="arn:tg",
    name="a",
    protocol="HTTP",
    protocol_version="HTTP1",
    port=80,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(path="/health", matcher="200-299"),
    attributes={"slow_start.duration_seconds": "30", "stickiness.type": ""},
)
WORLD = SecurityGroupRule(
    security_group_rule_id="sgr-1",
    group_id="sg-1",
    is_egress=False,
    ip_protocol="tcp",
    from_port=80,
    to_port=81,
    cidr_ipv4="0.0.0.0/0",
)


def listener(arn="arn:l80", port=80):
    return Listener(
        listener_arn=arn,
        load_balancer_arn="arn:lb",
        port=port,
        protocol="HTTP",
        default_actions=({"Type": "forward", "TargetGroupArn": "arn:tg"},),
    )


def target(address, zone="us-east-1a", **more):
    return Target(
        place=f"arn:tg|{address}|8080",
        target_group_arn="arn:tg",
        target_id=address,
        port=8080,
        availability_zone=zone,
        registered_at=NOW,
        **more,
    )


def rule(arn, priority):
    return Rule(
        rule_arn=arn,
        listener_arn="arn:l80",
        priority=priority,
        conditions=({"Field": "path-pattern", "Values": ["/x"]},),
        actions=({"Type": "forward", "TargetGroupArn": "arn:tg"},),
    )


def compiled(*targets, listeners=(), rules=(), security=(WORLD,)):
    return compile_balancer(
        BalancerParts(
            balancer=BALANCER,
            vpc=Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=3),
            listeners=listeners or [listener()],
            rules=rules,
            groups=[GROUP],
            targets=targets,
            security_group_rules=security,
        )
    )


def test_equal_records_in_another_order_give_an_equal_plan():
    targets, rules = [target("10.0.1.5"), target("10.0.1.6")], [rule("r2", 2), rule("r1", 1)]
    listeners = [listener(), listener("arn:l81", 81)]
    plan = compiled(*targets, rules=rules, listeners=listeners)
    assert plan == compiled(*targets[::-1], rules=rules[::-1], listeners=listeners[::-1])
    assert [one.priority for one in plan.listeners[0].rules] == [1, 2]
    assert plan.addresses == ("10.0.1.20",)


def test_a_group_carries_its_check_and_its_attributes():
    group = compiled(target("10.0.1.5")).target_groups[0]
    assert (group.health_check.path, group.health_check.matcher) == ("/health", "200-299")
    assert group.attributes == {"slow_start.duration_seconds": "30"}


def test_draining_targets_are_told_apart_and_foreign_zones_left_out():
    plan = compiled(
        target("10.0.1.5"),
        target("10.0.1.6", draining_since=NOW),
        target("10.0.2.7", "us-east-1b"),
        target("10.9.9.9", "all"),
        target("10.9.9.8", None),
    )
    seen = {one.address: one.draining for one in plan.target_groups[0].targets}
    assert seen == {
        "10.0.1.5": False,
        "10.0.1.6": True,
        "10.9.9.9": False,
        "10.9.9.8": False,
    }


@pytest.mark.parametrize(
    ("change", "port", "open_"),
    [
        ({}, 80, True),
        ({}, 81, True),
        ({}, 82, False),
        ({"is_egress": True}, 80, False),
        ({"ip_protocol": "udp"}, 80, False),
        ({"ip_protocol": "-1", "from_port": None, "to_port": None}, 9, True),
        ({"cidr_ipv4": "10.0.0.0/8"}, 80, False),
        ({"cidr_ipv4": None, "referenced_group_id": "sg-2"}, 80, False),
        ({"cidr_ipv4": None, "cidr_ipv6": "::/0"}, 80, False),
    ],
)
def test_the_world_may_enter_where_a_rule_admits_everybody(change, port, open_):
    assert admits_world([replace(WORLD, **change)], port) is open_


def test_a_listener_is_closed_without_such_a_rule():
    assert not compiled(security=()).listeners[0].open_to_world
    assert compiled().listeners[0].open_to_world


def test_a_function_is_invoked_where_functions_run_and_a_digest_does_not_know_where():
    function = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
    parts = BalancerParts(
        balancer=BALANCER,
        vpc=Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=3),
        listeners=[listener()],
        rules=[],
        groups=[replace(GROUP, target_type="lambda", protocol="", port=0, vpc_id="")],
        targets=[replace(target(function, zone=None), port=0)],
        security_group_rules=(WORLD,),
    )
    plan = compile_balancer(parts, functions="http://127.0.0.1:9001/")
    [group] = plan.target_groups
    assert group.is_function
    invoke = "http://127.0.0.1:9001/2015-03-31/functions/f%3Alive/invocations"
    assert [one.address for one in group.targets] == [invoke]
    assert traffic_digest(plan) == traffic_digest(compile_balancer(parts))
