"""Relays: which flows an HAProxy takes over, and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.balancers.alpn import POLICIES
from ecsd.decisions.balancers.network_balancer_attributes import CROSS_ZONE, IDLE, PROXY, STICKY
from ecsd.decisions.balancers.nlb_plan import doors
from ecsd.decisions.balancers.nlb_ruleset import compile_nlb
from ecsd.decisions.haproxy.config import Limits, Place
from ecsd.decisions.haproxy.relay import compile_relays
from ecsd.decisions.haproxy.tls import NO_SHARED_SESSIONS
from ecsd.errors import BalancerError
from ecsd.records.plan import SniChoice, TlsPlan, TrustStorePlan
from tests.decisions.balancers.test_nlb_plan import (
    ADDRESSES,
    balancer,
    group,
    healths,
    listener,
    target,
)

PLACE = Place("/run/r", Limits(100, 1))
TOLD = group(target(1), target(2, "b"), **{PROXY: "true"})
PLAIN = group(target(1), target(2, "b"))
SECURED = group(target(1), target(2, "b"), protocol="TLS")
OTHER = replace(SECURED, target_group_arn="other")
KNOWN = healths(1, 2)
ONE = (listener(("g", 1)),)
NEWER, OLDER = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08"
PEMS = {"arn:default": "KEY 1", "arn:listed": "KEY 2"}


def relays(*plans, known=KNOWN):
    led = [door for plan in plans for door in doors(plan, known)]
    return led, compile_relays(led, PEMS, PLACE)


def tls(*shares, port=443, policy=NEWER, alpn="", **attributes):
    secure = TlsPlan(
        ssl_policy=policy,
        default_certificate="arn:default",
        choices=(SniChoice(certificate_arn="arn:listed", names=("b.test",)),),
        alpn_policy=alpn,
    )
    made = listener(*(shares or (("g", 1),)), protocol="TLS", port=port, **attributes)
    return replace(made, tls=secure)


def written(one_group, *listeners, known=KNOWN):
    _, config = relays(balancer(one_group, listeners=listeners or (tls(),)), known=known)
    return config.text("/admin.sock")


def lines(text, word):
    return [one.strip() for one in text.splitlines() if one.strip().startswith(word)]


def ports(*groups, listeners=ONE, known=KNOWN):
    led, _ = relays(balancer(*groups, listeners=listeners), known=known)
    return {
        (door.address, door.port): [share.relay.port for share in door.shares if share.relay]
        for door in led
    }


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
    assert " ssl " not in text
    rules = [rule for one in compile_nlb(led).chains.values() for rule in one.rules]
    leading = [rule for rule in rules if "240.128.0.1:" in rule]
    assert len(leading) == 3
    assert not any("ct mark set" in rule for rule in rules)


def test_ports_stay_when_other_groups_come_and_targets_go():
    other = group(target(3), name="other", **{PROXY: "true"})
    assert ports(TOLD) == ports(TOLD, other) == ports(TOLD, known=healths(2))
    both = ports(TOLD, listeners=(*ONE, tls()))
    assert {place: both[place] for place in both if place[1] == 90} == ports(TOLD)


def test_a_group_that_crosses_zones_has_one_relay_and_the_longest_silence_counts():
    crossing = group(
        target(1), target(2, "b"), **{PROXY: "true", CROSS_ZONE: "true", STICKY: "true"}
    )
    listeners = (listener(("g", 1), **{IDLE: "60"}), listener(("g", 1), port=91, **{IDLE: "70"}))
    _, config = relays(balancer(crossing, listeners=listeners))
    text = config.text("/admin.sock")
    assert text.count("frontend f_") == text.count("backend r_") - 1 == 1  # and one names it
    assert "timeout client 70s" in text
    assert "balance source" in text


def test_weights_and_targets_change_no_frame():
    def frame(*shares, known=KNOWN):
        made = balancer(TOLD, OTHER, listeners=(tls(*shares),))
        return relays(made, known=known)[1].frame()

    blue = frame(("g", 100), ("other", 0))
    assert blue == frame(("g", 0), ("other", 100)) == frame(("g", 50), ("other", 50))
    assert blue == frame(("g", 100), ("other", 0), known=healths(1))
    assert blue != frame(("g", 100))


def test_a_relay_stays_while_its_targets_leave():
    text = written(group(target(1)), known=healths())
    assert "frontend f_" in text
    _, config = relays(balancer(group(**{PROXY: "true"})))
    assert config is not None
    assert not any(config.servers.values())


def test_flows_that_had_come_reach_the_last_targets_though_these_leave():
    """Between the kernel's choice of a relay and the relay's of a target, a shift may end."""
    gone, left = target(1, draining=True), target(2, "b")
    for targets, reached in (((gone,), "10.0.9.1"), ((gone, left), "10.0.9.2")):
        led, config = relays(balancer(group(*targets), listeners=(tls(),)))
        used = [{one.address for one in of.values()} for of in config.servers.values() if of]
        everywhere = next(one for one in led if one.shares[0].zone not in {"a", "b"})
        assert used
        assert {reached} in used
        assert [place[0] for place in everywhere.shares[0].targets] == (
            [left.address] if left in targets else []
        )
    leads = "\n".join(
        line
        for chain in compile_nlb(
            relays(balancer(group(gone), listeners=(tls(),)))[0]
        ).chains.values()
        for line in chain.rules
    )
    assert "dnat" not in leads  # no new flow is led to a relay whose targets all leave


def test_tls_ends_at_a_relay_that_only_the_balancer_leads_to():
    plan = balancer(PLAIN, listeners=(listener(("g", 1)), tls()))
    led, config = relays(plan)
    text = config.text("/admin.sock")
    binds = lines(text, "bind ")
    assert len(binds) == 3
    [path] = config.lists
    assert all(f" ssl crt-list {path} ssl-min-ver TLSv1.2 " in one for one in binds)
    assert " alpn " not in text
    assert "send-proxy" not in text
    assert not any(" ssl " in one for one in lines(text, "server "))
    assert set(config.certificates.values()) == {"KEY 1", "KEY 2"}
    assert "KEY" not in text
    # Plain flows to the same group are the kernel's still.
    relayed = {door.port: {bool(one.relay) for one in door.shares} for door in led}
    assert relayed == {90: {False}, 443: {True}}
    chains = compile_nlb(led).chains
    rules = [rule for name, one in chains.items() if name[:2] == "t_" for rule in one.rules]
    assert sum("240.128.0.1:" in rule for rule in rules) == 3
    assert sum("10.0.9." in rule for rule in rules) == 3


def test_its_silence_is_not_to_be_chosen():
    assert "timeout client 350s" in written(PLAIN, tls(**{IDLE: "60"}))


@pytest.mark.parametrize("policy", POLICIES)
def test_clients_and_encrypted_targets_hear_the_policys_protocols(policy):
    text = written(SECURED, tls(alpn=policy))
    spoken = POLICIES[policy]
    binds, servers = lines(text, "bind "), lines(text, "server ")
    assert all((f" alpn {','.join(spoken)} " in one) == bool(spoken) for one in binds)
    assert text.count("use_backend") == 3 * len(spoken)
    assert len(servers) == 4 * (1 + len(spoken))
    assert all(" ssl verify none " in one for one in servers)
    for one in spoken:
        assert sum(line.endswith(f" alpn {one}") for line in servers) == 4
    assert "use_backend" not in written(PLAIN, tls(alpn=policy))


def test_targets_are_told_of_clients_before_tls_begins():
    told = group(target(1), protocol="TLS", **{PROXY: "true"})
    assert all(one.endswith(" send-proxy-v2") for one in lines(written(told), "server "))


def test_two_listeners_of_one_group_have_relays_and_certificates_of_their_own():
    found = ports(PLAIN, listeners=(tls(), tls(port=444)))
    numbers = [port for several in found.values() for port in several]
    assert len(numbers) == len(set(numbers)) == 6


def test_another_policy_is_another_frame_and_other_contents_are_not():
    def frame(pems, **more):
        led = doors(balancer(PLAIN, listeners=(tls(**more),)), KNOWN)
        return compile_relays([*led], pems, PLACE).frame()

    assert frame(PEMS) == frame({"arn:default": "NEW"})
    assert frame(PEMS) != frame(PEMS, policy=OLDER)
    assert frame(PEMS) != frame(PEMS, alpn="HTTP2Only")


def test_clients_of_a_tls_listener_are_verified_by_its_trust_store():
    verifying = replace(tls(), tls=replace(tls().tls, trust_store="arn:t"))
    led = [*doors(balancer(PLAIN, listeners=(verifying,)), KNOWN)]
    stores = {"arn:t": TrustStorePlan(authorities="CA", revocations=("CRL",))}
    config = compile_relays(led, PEMS, PLACE, stores)
    text = config.text("/admin.sock")
    binds = lines(text, "bind ")
    assert binds
    assert all(" verify required " in one and " crl-file " in one for one in binds)
    assert {"CA", "CRL"} < set(config.lists.values())
    assert NO_SHARED_SESSIONS in text
    assert NO_SHARED_SESSIONS not in written(PLAIN)
    with pytest.raises(BalancerError, match="arn:t"):
        compile_relays(led, PEMS, PLACE)


@given(st.text(min_size=1), st.text(min_size=1), st.sampled_from(["TCP", "TLS"]))
def test_names_never_reach_the_configuration(arn, certificate, protocol):
    named = replace(group(target(1), protocol=protocol), target_group_arn=arn, name=arn)
    made = tls((arn, 1))
    secure = TlsPlan(ssl_policy=NEWER, default_certificate=certificate)
    made = replace(made, listener_arn=arn, tls=secure)
    led = [*doors(balancer(named, listeners=(made,)), healths(1, name=arn))]
    config = compile_relays(led, {certificate: "PEM"}, PLACE)
    plain = replace(made, listener_arn="l", tls=replace(secure, default_certificate="c"))
    plain = replace(plain, default_actions=tls().default_actions)
    other = compile_relays(
        [*doors(balancer(group(target(1), protocol=protocol), listeners=(plain,)), KNOWN)],
        {"c": "PEM"},
        PLACE,
    )
    assert shape(config) == shape(other)


def shape(config):
    """Return a configuration's lines by their first words, sorted, and how long each is."""
    text = config.text("/admin.sock")
    return sorted((*one.split()[:1], len(one.split())) for one in text.splitlines())
