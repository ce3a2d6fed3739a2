"""Which targets a network load balancer's addresses lead to, and whose flows end."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.balancers.network_balancer_attributes import (
    CROSS_ZONE,
    END_DEREGISTERED,
    END_UNHEALTHY,
    IDLE,
    PRESERVE,
    ROUTING,
    STICKY,
    is_enough,
    target_group_attributes,
)
from ecsd.decisions.balancers.nlb_plan import (
    Ending,
    addresses_of,
    answering,
    carried,
    doors,
    endings,
    routed,
)
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.network.addresses import gate
from ecsd.records.plan import (
    BalancerPlan,
    HealthCheckPlan,
    ListenerPlan,
    TargetGroupPlan,
    TargetPlan,
)

ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/flows/1"
CHECK = HealthCheckPlan(
    enabled=True,
    protocol="TCP",
    port="traffic-port",
    path="",
    interval=30,
    timeout=10,
    healthy_threshold=5,
    unhealthy_threshold=2,
    matcher="",
)
ZONES = ("a", "b")
ADDRESSES = ("10.0.1.20", "10.0.2.20")
GATE = "240.64.0.1"
SOME = ("10.0.9.1", "10.0.9.2")


def target(number, zone="a", **more):
    address = f"10.0.9.{number}"
    return TargetPlan(target_id=address, address=address, port=7000, zone=zone, **more)


def group(*targets, name="g", protocol="TCP", **attributes):
    return TargetGroupPlan(
        target_group_arn=name,
        name=name,
        protocol=protocol,
        health_check=CHECK,
        targets=targets,
        attributes=attributes,
    )


def listener(*shares, protocol="TCP", port=90, **attributes):
    config = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": w} for arn, w in shares]}
    return ListenerPlan(
        listener_arn=f"l{port}{protocol}",
        port=port,
        protocol=protocol,
        rules=(),
        default_actions=({"Type": "forward", "Order": 1, "ForwardConfig": config},),
        open_to_world=True,
        attributes=attributes,
    )


def balancer(*groups, listeners=None, **attributes):
    return BalancerPlan(
        load_balancer_arn=ARN,
        name="flows",
        dns_name="flows-1.elb.localhost",
        vpc_id="vpc-1",
        addresses=ADDRESSES,
        zones=ZONES,
        entrance="127.64.0.1",
        kind="network",
        listeners=listeners or (listener(*((one.target_group_arn, 1) for one in groups)),),
        target_groups=groups,
        attributes=attributes,
    )


def healths(*numbers, name="g", others="unhealthy", of=range(1, 9)):
    """Say that these targets are healthy and all others not."""
    return {
        (ARN, name): {
            (f"10.0.9.{one}", 7000): Health("healthy" if one in numbers else others) for one in of
        }
    }


def led(plan, known):
    """Return address → targets, of a plan with one listener of one group."""
    return {
        door.address: [address.rpartition(".")[2] for address, _ in door.shares[0].targets]
        for door in doors(plan, known)
    }


def test_an_address_leads_to_its_zone_and_the_entrance_to_all():
    plan = balancer(group(target(1), target(2, "b"), target(3, "all")))
    assert led(plan, healths(1, 2, 3)) == {
        ADDRESSES[0]: ["1", "3"],
        ADDRESSES[1]: ["2", "3"],
        GATE: ["1", "2", "3"],
    }


@pytest.mark.parametrize(
    ("of_group", "of_balancer", "crosses"),
    [
        (None, None, False),
        (None, "true", True),
        ("true", "false", True),
        ("false", "true", False),
        ("use_load_balancer_configuration", "true", True),
    ],
)
def test_a_groups_word_on_crossing_zones_comes_before_its_balancers(of_group, of_balancer, crosses):
    said = {CROSS_ZONE: of_group} if of_group else {}
    more = {CROSS_ZONE: of_balancer} if of_balancer else {}
    plan = balancer(group(target(1), target(2, "b"), **said), **more)
    assert led(plan, healths(1, 2))[ADDRESSES[0]] == (["1", "2"] if crosses else ["1"])


def test_a_zone_without_a_healthy_target_tries_all_of_its_own():
    plan = balancer(group(target(1), target(2), target(3, "b")))
    assert led(plan, healths(3)) == {
        ADDRESSES[0]: ["1", "2"],
        ADDRESSES[1]: ["3"],
        GATE: ["3"],
    }


def test_a_draining_target_and_one_that_is_not_known_yet_get_nothing():
    plan = balancer(group(target(1), target(2, draining=True), target(3)))
    assert led(plan, healths(1, 2, others="initial"))[ADDRESSES[0]] == ["1"]
    assert led(plan, {})[ADDRESSES[0]] == ["1", "3"]


@pytest.mark.parametrize(
    ("count", "percentage", "healthy", "registered", "enough"),
    [
        ("1", "off", 0, 4, False),
        ("1", "off", 1, 4, True),
        ("3", "off", 2, 4, False),
        ("1", "50", 1, 4, False),
        ("1", "50", 2, 4, True),
        ("off", "off", 0, 4, True),
    ],
)
def test_enough_is_by_count_and_by_share(count, percentage, healthy, registered, enough):
    values = {f"{ROUTING}.count": count, f"{ROUTING}.percentage": percentage}
    assert is_enough(values, ROUTING, healthy, registered) is enough


targets = st.lists(
    st.builds(
        lambda number, zone, draining: target(number, zone, draining=draining),
        st.integers(1, 8),
        st.sampled_from([*ZONES, "all"]),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.target_id,
)


@given(targets, st.sets(st.integers(1, 8)), st.sampled_from([*ZONES, "all"]))
def test_new_flows_never_reach_an_unhealthy_target_unless_all_are(some, well, zone):
    one = group(*some)
    known = healths(*well)[ARN, "g"]
    found = routed(one, zone, known)
    own = [t for t in some if not t.draining and (zone == "all" or t.zone in {zone, "all"})]
    healthy = [t for t in own if int(t.address.rpartition(".")[2]) in well]
    assert found == (healthy or own)


def test_a_name_has_the_addresses_of_zones_where_no_group_lacks_targets():
    one, other = group(target(1), target(2, "b")), group(target(3), name="h")
    plan = balancer(one, other)
    both = healths(1, 2) | healths(3, name="h")
    assert answering(plan, both) == ADDRESSES[:1]
    assert answering(balancer(one), both) == ADDRESSES
    assert answering(balancer(one), healths(2)) == ADDRESSES[1:]
    assert answering(balancer(one), healths()) == ADDRESSES  # nowhere: anywhere
    unused = balancer(one, other, listeners=(listener(("g", 1), ("h", 0)),))
    assert answering(unused, both) == ADDRESSES
    crossing = balancer(one, other, **{CROSS_ZONE: "true"})
    assert answering(crossing, both) == ADDRESSES


def test_a_door_tells_what_targets_see_and_how_long_silence_may_be():
    plan = balancer(
        group(target(1), **{STICKY: "true"}),
        group(target(1), name="u", protocol="TCP_UDP"),
        listeners=(
            listener(("g", 1), **{IDLE: "60"}),
            listener(("u", 1), protocol="TCP_UDP", port=53),
        ),
    )
    found = {(one.address, one.protocol, one.port): one for one in doors(plan, {})}
    assert len(found) == 9
    tcp, udp = found[GATE, "tcp", 90], found[ADDRESSES[1], "udp", 53]
    assert (tcp.idle, tcp.source) == (60, ADDRESSES[0])
    assert (udp.idle, udp.source) == (120, ADDRESSES[1])
    assert found[GATE, "tcp", 53].idle == 350
    assert (tcp.shares[0].translated, tcp.shares[0].sticky) == (True, True)
    assert (udp.shares[0].translated, udp.shares[0].sticky) == (False, False)
    kept = balancer(group(target(1), **{PRESERVE: "true"}))
    assert not any(one.shares[0].translated for one in doors(kept, {}))


def ended(before, after):
    return endings(carried(*before), carried(*after))


def test_flows_end_with_their_target_where_the_group_says_so():
    plan = balancer(group(target(1), target(2)))
    left = balancer(group(target(2)))
    draining = balancer(group(target(1, draining=True), target(2)))
    known = healths(1, 2)
    assert ended((plan, known), (draining, known)) == []
    assert ended((draining, known), (left, known)) == []
    over = {END_DEREGISTERED: "true"}
    then = balancer(group(target(1, draining=True), target(2), **over))
    assert ended((then, known), (balancer(group(target(2), **over)), known)) == [
        Ending(addresses_of(plan), "tcp", 90, ("10.0.9.1", 7000))
    ]


def test_flows_to_a_target_that_falls_ill_end_unless_the_group_says_otherwise():
    plan = balancer(group(target(1), target(2)))
    (one,) = ended((plan, healths(1, 2)), (plan, healths(2)))
    assert one.target == ("10.0.9.1", 7000)
    assert ended((plan, healths(2)), (plan, healths(2))) == []  # once
    assert ended((plan, healths(2)), (plan, healths())) == []  # when all are ill they serve on
    gentle = balancer(group(target(1), target(2), **{END_UNHEALTHY: "false"}))
    assert ended((gentle, healths(1, 2)), (gentle, healths(2))) == []


def test_a_target_that_was_tried_before_its_first_check_keeps_its_flows():
    plan = balancer(group(target(1), target(2)))
    tried = healths(others="initial")
    assert ended((plan, tried), (plan, healths(1, others="initial"))) == []
    (one,) = ended((plan, tried), (plan, healths(1)))
    assert one.target == ("10.0.9.2", 7000)


def test_flows_by_another_group_to_the_same_target_go_on():
    one, other = group(target(1), target(2)), group(target(1), name="h")
    listeners = (listener(("g", 1)), listener(("h", 1), port=91))
    plan = balancer(one, other, listeners=listeners)
    known, after = healths(1, 2), healths(2)
    well = healths(1, name="h")
    (only,) = ended((plan, known | well), (plan, after | well))
    assert (only.port, only.target) == (90, ("10.0.9.1", 7000))


def test_a_group_that_gets_nothing_keeps_its_flows():
    one, other = group(target(1)), group(target(2), name="h")
    known = healths(1) | healths(2, name="h")
    before = balancer(one, other, listeners=(listener(("g", 100), ("h", 0)),))
    after = balancer(one, other, listeners=(listener(("g", 0), ("h", 100)),))
    assert ended((before, known), (after, known)) == []


def test_all_flows_end_with_their_balancer():
    plan = balancer(
        group(target(1), protocol="TCP_UDP"), listeners=(listener(("g", 1), protocol="TCP_UDP"),)
    )
    assert Counter(one.protocol for one in endings(carried(plan, {}), {})) == {"tcp": 1, "udp": 1}


def test_udp_groups_keep_clients_addresses_and_end_flows_with_a_drain():
    for protocol in ("UDP", "TCP_UDP"):
        known = target_group_attributes(protocol)
        assert known[PRESERVE].default == known[END_DEREGISTERED].default == "true"
        assert known[PRESERVE].pattern is None
    assert target_group_attributes("TCP")[PRESERVE].default == "false"


def test_a_gate_is_found_from_its_entrance():
    assert gate("127.64.0.1") == GATE
    assert gate("127.127.255.254") == "240.127.255.254"
    assert addresses_of(replace(balancer(group()), entrance="127.65.2.3"))[-1] == "240.65.2.3"
