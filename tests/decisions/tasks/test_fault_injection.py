"""Faults as containers ask for them, and what nft and tc are told."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.tasks import fault_injection as faults
from ecsd.decisions.tasks.fault_injection import Blackhole, Disturbance, FaultError

PORT = {"Port": 7070, "Protocol": "tcp", "TrafficType": "ingress"}
LATE = {"DelayMilliseconds": 200, "JitterMilliseconds": 10, "Sources": ["10.0.0.0/16"]}
LOST = {"LossPercent": 6, "Sources": ["10.0.0.9", "fd00::1"]}


def said(kind, given, operation="start"):
    return faults.read(kind, operation, json.dumps(given).encode())


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (faults.BLACKHOLE, {**PORT, "Port": None}, "required parameter Port is missing"),
        (faults.BLACKHOLE, {**PORT, "Protocol": ""}, "required parameter Protocol is missing"),
        (faults.BLACKHOLE, {**PORT, "Protocol": "icmp"}, "invalid value icmp for parameter"),
        (faults.BLACKHOLE, {**PORT, "TrafficType": "both"}, "invalid value both for parameter"),
        (faults.BLACKHOLE, {**PORT, "Port": 65_536}, "invalid value 65536 for parameter Port"),
        (faults.BLACKHOLE, {**PORT, "Port": True}, "invalid value True for parameter Port"),
        (faults.BLACKHOLE, {**PORT, "Port": "80"}, "invalid value 80 for parameter Port"),
        (
            faults.BLACKHOLE,
            {**PORT, "SourcesToFilter": ["localhost"]},
            "invalid value localhost for parameter SourcesToFilter",
        ),
        (
            faults.BLACKHOLE,
            {**PORT, "SourcesToFilter": ["fe80::1%x accept"]},
            "invalid value fe80::1%x accept for",
        ),
        (faults.LATENCY, {**LATE, "Sources": []}, "required parameter Sources is missing"),
        (faults.LATENCY, {**LATE, "Sources": "10.0.0.9"}, "invalid value 10.0.0.9 for"),
        (faults.LATENCY, {**LATE, "DelayMilliseconds": -1}, "invalid value -1 for parameter"),
        (faults.LOSS, {**LOST, "LossPercent": 0}, "invalid value 0 for parameter LossPercent"),
        (faults.LOSS, {**LOST, "LossPercent": 101}, "invalid value 101 for parameter"),
        (faults.LOSS, {**LOST, "Sources": ["10.0.0.9/99"]}, "invalid value 10.0.0.9/99 for"),
    ],
)
def test_what_is_missing_or_wrong_is_told_in_the_agents_words(kind, given, words):
    with pytest.raises(FaultError, match=f"^{words}") as caught:
        said(kind, given)
    assert caught.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"[]"])
def test_a_body_that_is_none_is_refused(body):
    with pytest.raises(FaultError, match="required request body is missing|request body is not"):
        faults.read(faults.BLACKHOLE, "status", body)


def test_latency_and_loss_need_no_body_but_to_start():
    assert faults.read(faults.LOSS, "status", b"") is None
    assert faults.read(faults.LATENCY, "stop", b"not read") is None


def test_a_blackhole_is_a_chain_of_its_own_that_spares_peers():
    fault = said(faults.BLACKHOLE, {**PORT, "SourcesToFilter": ["10.0.0.9", "fd00::/8"]})
    assert faults.blackhole_rules(fault).splitlines() == [
        "add table inet ecsd_faults",
        "add chain inet ecsd_faults ingress-tcp-7070 "
        "{ type filter hook input priority -10; policy accept; }",
        "add rule inet ecsd_faults ingress-tcp-7070 ip saddr 10.0.0.9 tcp dport 7070 accept",
        "add rule inet ecsd_faults ingress-tcp-7070 ip6 saddr fd00::/8 tcp dport 7070 accept",
        "add rule inet ecsd_faults ingress-tcp-7070 tcp dport 7070 drop",
    ]
    assert faults.end_rules(fault) == "delete chain inet ecsd_faults ingress-tcp-7070\n"
    listed = {"nftables": [{"table": {"name": "x"}}, {"chain": {"name": fault.chain}}]}
    assert faults.runs(json.dumps(listed), fault)
    assert not faults.runs(json.dumps(listed), fault._replace(port=7071))


def test_who_blackholes_port_80_can_still_ask_for_its_end():
    out = {"Port": 80, "Protocol": "tcp", "TrafficType": "egress"}
    fault = said(faults.BLACKHOLE, out)
    assert "hook output" in faults.blackhole_rules(fault)
    assert "ip daddr 169.254.170.2 tcp dport 80 accept" in faults.blackhole_rules(fault)
    assert said(faults.BLACKHOLE, {**out, "Port": 81}).spared == ()


def test_what_tc_is_told_sends_the_spared_past_the_fault_first():
    fault = said(faults.LATENCY, {**LATE, "SourcesToFilter": ["10.0.0.9"]})
    root, netem, spared, peers = (" ".join(one) for one in faults.disturbing(fault))
    assert root.startswith("qdisc add dev eth0 root handle 1: prio priomap 2 2")
    assert netem == "qdisc add dev eth0 parent 1:1 handle 10: netem delay 200ms 10ms"
    assert spared.endswith("prio 1 u32 match ip dst 10.0.0.9 flowid 1:3")
    assert peers.endswith("prio 2 u32 match ip dst 10.0.0.0/16 flowid 1:1")
    loss = [" ".join(one) for one in faults.disturbing(said(faults.LOSS, LOST))]
    assert loss[1].endswith("netem loss 6%")
    assert "match ip6 dst fd00::1 flowid 1:1" in loss[3]


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ("", None),
        ("[]", None),
        ('[{"kind": "noqueue", "options": {}}]', None),
        ('[{"kind": "netem", "options": {"delay": {"delay": 0.2}}}]', faults.LATENCY),
        ('[{"kind": "netem", "options": {"loss-random": {"loss": 0.06}}}]', faults.LOSS),
    ],
)
def test_which_disturbance_there_is_is_what_tc_shows(shown, kind):
    assert faults.disturbed(shown) == kind


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
members = st.sampled_from([*PORT, *LATE, *LOST, "SourcesToFilter"])


@given(st.sampled_from(faults.KINDS), st.dictionaries(members, anything))
def test_whatever_is_sent_is_a_fault_or_is_refused(kind, given):
    try:
        found = said(kind, given)
    except FaultError:
        return
    assert isinstance(found, Blackhole | Disturbance)
