"""Relays: which flows an HAProxy takes over, and how."""

from ecsd.decisions.haproxy_relay import compile_relays
from ecsd.decisions.listener import Limits
from ecsd.decisions.network_balancer_attributes import CROSS_ZONE, IDLE, PROXY, STICKY
from ecsd.decisions.nlb_plan import doors
from ecsd.decisions.nlb_ruleset import compile_nlb
from tests.decisions.test_nlb_plan import ADDRESSES, balancer, group, healths, listener, target

LIMITS = Limits(100, 1)
TOLD = group(target(1), target(2, "b"), **{PROXY: "true"})
KNOWN = healths(1, 2)


def relays(*plans, known=KNOWN):
    led = [door for plan in plans for door in doors(plan, known)]
    return led, compile_relays(led, LIMITS)


def test_nothing_is_relayed_where_nobody_asks():
    led, config = relays(balancer(group(target(1))))
    assert config is None
    assert all(share.relay is None for door in led for share in door.shares)


def test_each_zone_has_a_relay_that_speaks_from_its_address():
    led, config = relays(balancer(TOLD))
    found = {door.address: door.shares[0].relay for door in led}
    assert {one.address for one in found.values()} == {"240.128.0.1"}
    assert len({one.port for one in found.values()}) == 3
    assert [found[one].source for one in ADDRESSES] == list(ADDRESSES)
    text = config.text("/admin.sock")
    assert text.count("send-proxy-v2") == 4  # each zone's one target, and the entrance's two
    assert text.count("timeout client 350s") == 3
    rules = [rule for one in compile_nlb(led).chains.values() for rule in one.rules]
    leading = [rule for rule in rules if "240.128.0.1:" in rule]
    assert len(leading) == 3
    assert not any("ct mark set" in rule for rule in rules)


def test_ports_stay_when_other_groups_come_and_targets_go():
    other = group(target(3), name="other", **{PROXY: "true"})

    def ports(*groups, known=KNOWN):
        led, _ = relays(balancer(*groups, listeners=(listener(("g", 1)),)), known=known)
        return {door.address: door.shares[0].relay.port for door in led}

    assert ports(TOLD) == ports(TOLD, other) == ports(TOLD, known=healths(2))


def test_a_group_that_crosses_zones_has_one_relay_and_the_longest_silence_counts():
    crossing = group(
        target(1), target(2, "b"), **{PROXY: "true", CROSS_ZONE: "true", STICKY: "true"}
    )
    listeners = (listener(("g", 1), **{IDLE: "60"}), listener(("g", 1), port=91, **{IDLE: "70"}))
    _, config = relays(balancer(crossing, listeners=listeners))
    text = config.text("/admin.sock")
    assert text.count("listen r_") == 1
    assert "timeout client 70s" in text
    assert "balance source" in text


def test_a_relay_without_targets_or_weight_is_none():
    assert relays(balancer(TOLD, listeners=(listener(("g", 0)),)))[1] is None
    empty = group(**{PROXY: "true"})
    assert relays(balancer(empty))[1] is None
