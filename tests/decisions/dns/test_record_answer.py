"""What a hosted zone answers: wildcards, choices, aliases, delegations, absence."""

import struct
from collections import Counter

import pytest

from ecsd.decisions.dns.message import (
    AAAA,
    ANY,
    CNAME,
    MX,
    NO_SUCH_NAME,
    NS,
    SOA,
    TXT,
    A,
    Question,
    shown,
)
from ecsd.decisions.dns.names import resolve
from ecsd.decisions.dns.zone_answer import answer_in, open_zone, serves
from ecsd.ids import SeededIds
from ecsd.records.plan import RecordSetPlan, ZonePlan
from ecsd.records.plan_network import VpcPlan
from tests.decisions.chance import Still

BALANCER = "web-1.elb.localhost"
VPC = VpcPlan(
    vpc_id="vpc-1",
    account="1",
    number=1,
    cidr="10.0.0.0/16",
    dns_support=True,
    names={BALANCER: ("10.0.9.1", "10.0.9.2")},
)
SOA_VALUE = "ns.awsdns.com. mail.amazon.com. 1 7200 900 1209600 300"


def record(name, kind="A", *values, **more):
    whole = f"{name}.example.com" if name else "example.com"
    return RecordSetPlan(name=whole, record_type=kind, ttl=9, values=values, **more)


def zone(*record_sets, **more):
    own = (
        record("", "SOA", SOA_VALUE),
        record("", "NS", "ns1.awsdns.com.", "ns2.awsdns.com."),
    )
    plan = {"zone_id": "Z1", "name": "example.com", "vpc_ids": ("vpc-1",)} | more
    return open_zone(ZonePlan(record_sets=(*own, *record_sets), **plan))


ZONE = zone(
    record("www", "A", "10.0.0.1", "10.0.0.2"),
    record("www", "TXT", '"hello"'),
    record("www", "MX", "10 mail.example.com."),
    record("*.apps", "A", "10.0.0.3"),
    record("a.b.apps", "A", "10.0.0.4"),
    record("front", alias=BALANCER),
    record("", alias="www.example.com"),
    record("gone", alias="nobody-1.elb.localhost"),
    record("near", "CNAME", "WWW.example.com."),
    record("far", "CNAME", "other.org"),
    record("sub", "NS", "ns.other.org."),
    record("circle", alias="circle.example.com"),
)


def ask(name, kind=A, *, where=ZONE, chance=None):
    whole = f"{name}.example.com" if name else "example.com"
    return answer_in(where, whole, kind, chance or Still(), VPC.names)


def values(answer):
    return [shown(one) for one in answer.answers]


def test_each_type_answers_for_itself():
    assert values(ask("www")) == ["10.0.0.1", "10.0.0.2"]
    assert {one.ttl for one in ask("www").answers} == {9}
    assert values(ask("www", TXT)) == ['"hello"']
    assert values(ask("www", MX)) == ["10 mail.example.com"]
    assert len(ask("www", ANY).answers) == 4
    assert values(ask("", NS)) == ["ns1.awsdns.com", "ns2.awsdns.com"]
    assert values(ask("", SOA)) == [SOA_VALUE.replace(".com. ", ".com ")]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [("nobody", A, NO_SUCH_NAME), ("www", AAAA, 0), ("apps", A, 0), ("b.apps", A, 0)],
)
def test_absence_is_remembered_as_long_as_the_zones_soa_says(name, kind, code):
    answer = ask(name, kind)
    assert (answer.code, answer.answers) == (code, ())
    (soa,) = answer.authority
    assert (soa.name, soa.kind, soa.ttl) == ("example.com", SOA, 9)  # the lesser of TTL, minimum
    assert struct.unpack(">I", soa.content[-4:]) == (300,)


def test_a_wildcard_stands_for_what_is_not_there():
    for name in ("x.apps", "y.x.apps"):
        (found,) = ask(name).answers
        assert (found.name, shown(found)) == (f"{name}.example.com", "10.0.0.3")
    assert values(ask("*.apps")) == ["10.0.0.3"]
    assert ask("x.b.apps").code == NO_SUCH_NAME  # b.apps is there, and is closer
    assert values(ask("a.b.apps")) == ["10.0.0.4"]
    assert ask("x.apps", TXT).code == 0


def test_an_alias_answers_with_its_targets_records():
    found = ask("front").answers
    assert [(one.name, one.ttl, shown(one)) for one in found] == [
        ("front.example.com", 60, "10.0.9.1"),
        ("front.example.com", 60, "10.0.9.2"),
    ]
    assert values(ask("")) == ["10.0.0.1", "10.0.0.2"]
    assert {one.name for one in ask("").answers} == {"example.com"}
    for name in ("gone", "circle"):
        assert (ask(name).code, ask(name).answers) == (0, ())


def question(name, kind=A):
    return Question(1, 0, f"{name}.example.com", kind, 0)


def test_cnames_are_followed_here_and_named_when_they_lead_away():
    near = resolve(question("near"), VPC, [ZONE], Still())
    assert [one.kind for one in near.answers] == [CNAME, A, A]
    far = resolve(question("far"), VPC, [ZONE], Still())
    assert (values(far), far.ask) == (["other.org"], "other.org")
    alone = resolve(question("far", CNAME), VPC, [ZONE], Still())
    assert (values(alone), alone.ask) == (["other.org"], None)


def test_a_delegated_part_is_asked_elsewhere():
    assert resolve(question("a.sub"), VPC, [ZONE], Still()) is None
    assert resolve(question("sub"), VPC, [ZONE], Still()) is None
    assert values(resolve(question("sub", NS), VPC, [ZONE], Still())) == ["ns.other.org"]


def weighted(*weights, **more):
    return [
        record("www", "A", f"10.0.0.{place}", weight=one, **more)
        for place, one in enumerate(weights)
    ]


def shares(*record_sets, number=2000):
    where, chance = zone(*record_sets), SeededIds(1)
    found = [tuple(values(ask("www", where=where, chance=chance))) for _ in range(number)]
    assert all(len(one) == 1 for one in found)
    return {value: count / number for (value,), count in Counter(found).items()}


def test_weights_decide_how_often_a_choice_is_answered():
    found = shares(*weighted(1, 3, 0))
    assert set(found) == {"10.0.0.0", "10.0.0.1"}
    assert found["10.0.0.1"] == pytest.approx(0.75, abs=0.05)


def test_equal_weights_of_nothing_are_equal():
    assert shares(*weighted(0, 0))["10.0.0.1"] == pytest.approx(0.5, abs=0.05)


def test_what_is_unwell_is_passed_over_unless_all_is():
    light, heavy = weighted(1, 255)
    unwell = [
        RecordSetPlan(
            name=one.name,
            record_type="A",
            ttl=9,
            values=one.values,
            weight=one.weight,
            healthy=False,
        )
        for one in (light, heavy)
    ]
    assert set(shares(light, unwell[1], number=50)) == {"10.0.0.0"}
    assert len(shares(*unwell, number=2000)) == 2
    (nothing,) = weighted(0)
    assert set(shares(nothing, unwell[1], number=50)) == {"10.0.0.0"}


def test_the_target_that_is_followed_is_the_one_that_is_told():
    where = zone(
        record("www", "CNAME", "a.org", weight=1), record("www", "CNAME", "b.org", weight=1)
    )
    chance = SeededIds(2)
    seen = set()
    for _ in range(50):
        answer = ask("www", where=where, chance=chance)
        assert values(answer) == [answer.ask]
        seen.add(answer.ask)
    assert seen == {"a.org", "b.org"}


def test_multivalue_answers_with_up_to_eight():
    many = [record("www", "A", f"10.0.0.{n}", multivalue=True) for n in range(12)]
    seen = set()
    chance = SeededIds(3)
    for _ in range(50):
        found = values(ask("www", where=zone(*many), chance=chance))
        assert len(set(found)) == len(found) == 8
        seen |= set(found)
    assert len(seen) == 12


def test_multivalue_leaves_out_who_is_unwell_unless_all_are():
    def many(*states):
        return [
            record("www", "A", f"10.0.0.{n}", multivalue=True, healthy=one)
            for n, one in enumerate(states)
        ]

    assert values(ask("www", where=zone(*many(True, False, True)))) == ["10.0.0.0", "10.0.0.2"]
    assert len(values(ask("www", where=zone(*many(False, False))))) == 2


@pytest.mark.parametrize(
    ("primary", "secondary", "answered"),
    [
        (True, True, "10.0.0.1"),
        (True, False, "10.0.0.1"),
        (False, True, "10.0.0.2"),
        (False, False, "10.0.0.1"),
    ],
)
def test_the_secondary_stands_in_while_it_alone_is_well(primary, secondary, answered):
    choices = [
        record("www", "A", "10.0.0.2", failover="SECONDARY", healthy=secondary),
        record("www", "A", "10.0.0.1", failover="PRIMARY", healthy=primary),
    ]
    assert values(ask("www", where=zone(*choices))) == [answered]
    assert values(ask("www", where=zone(choices[0]))) == ["10.0.0.2"]


def test_a_private_zone_serves_its_vpcs_and_a_public_one_its_account():
    other = VpcPlan(vpc_id="vpc-2", account="1", number=2, cidr="10.0.0.0/16", dns_support=True)
    foreign = VpcPlan(vpc_id="vpc-3", account="2", number=3, cidr="10.0.0.0/16", dns_support=True)
    private = ZonePlan(zone_id="Z1", name="a", account="1", vpc_ids=("vpc-1",))
    public = ZonePlan(zone_id="Z2", name="a", account="1", public=True)
    assert [serves(private, one) for one in (VPC, other, foreign)] == [True, False, False]
    assert [serves(public, one) for one in (VPC, other, foreign)] == [True, True, False]
