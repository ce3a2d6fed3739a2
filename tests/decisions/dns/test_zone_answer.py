"""What a namespace answers, and what a VPC makes of several."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.message import (
    AAAA,
    ANY,
    CNAME,
    NO_SUCH_NAME,
    NS,
    SOA,
    SRV,
    A,
    Question,
    shown,
)
from ecsd.decisions.dns.names import resolve
from ecsd.decisions.dns.zone_answer import answer_in, chosen, open_zone, zone_of
from ecsd.records.plan import RecordSetPlan, ZoneInstance, ZonePlan, ZoneService
from ecsd.records.plan_network import VpcPlan
from tests.decisions.chance import Still

BALANCER = "web-1.elb.localhost"
VPC = VpcPlan(
    vpc_id="vpc-1",
    number=1,
    cidr="10.0.0.0/16",
    dns_support=True,
    names={BALANCER: ("10.0.9.1", "10.0.9.2")},
)


def at(number, **more):
    return ZoneInstance(instance_id=f"i{number}", ipv4=f"10.0.0.{number}", **more)


def service(name, *instances, weighted=False, **ttls):
    return ZoneService(
        name=f"{name}.prod.local",
        weighted=weighted,
        ttls=ttls or {"A": 10},
        instances=tuple(instances),
    )


def zone(*services, name="prod.local", **more):
    plan = {"zone_id": "ns-1", "name": name, "vpc_ids": ("vpc-1",)} | more
    soa = "ns.awsdns.com. mail.amazon.com. 1 7200 900 1209600 86400"
    own = (
        RecordSetPlan(name=name, record_type="SOA", ttl=15, values=(soa,)),
        RecordSetPlan(name=name, record_type="NS", ttl=172800, values=("ns.awsdns.com.",)),
    )
    return open_zone(ZonePlan(services=tuple(services), record_sets=own, **plan))


WEB = service("web", at(1), at(2))
SRV_WEB = service("api", at(1, port=8080), at(2, port=8081, ipv6="fd00::2"), SRV=7)
BOTH = service("both", at(1, ipv6="fd00::1"), A=5, AAAA=6)
ALIAS = service("front", ZoneInstance(instance_id="lb", alias=BALANCER), weighted=True)
ZONE = zone(WEB, SRV_WEB, BOTH, ALIAS, service("empty"))


def ask(name, kind=A, *, where=ZONE):
    return answer_in(where, name, kind, Still(), VPC.names)


def told(answer):
    return [(one.name, one.kind, one.ttl, shown(one)) for one in answer.answers]


def test_a_name_answers_with_every_instance_and_the_services_ttl():
    name = "web.prod.local"
    assert told(ask(name)) == [(name, A, 10, "10.0.0.1"), (name, A, 10, "10.0.0.2")]


def test_both_families_have_their_own_ttl():
    name = "both.prod.local"
    assert told(ask(name)) == [(name, A, 5, "10.0.0.1")]
    assert told(ask(name, AAAA)) == [(name, AAAA, 6, "fd00::1")]
    assert len(told(ask(name, ANY))) == 2


def test_srv_points_at_hosts_that_come_along_and_can_be_asked_for():
    answer = ask("api.prod.local", SRV)
    assert told(answer) == [
        ("api.prod.local", SRV, 7, "1 1 8080 i1.api.prod.local"),
        ("api.prod.local", SRV, 7, "1 1 8081 i2.api.prod.local"),
    ]
    assert [(one.name, shown(one)) for one in answer.additional] == [
        ("i1.api.prod.local", "10.0.0.1"),
        ("i2.api.prod.local", "10.0.0.2"),
        ("i2.api.prod.local", "fd00::2"),
    ]
    host = "i2.api.prod.local"
    assert told(ask(host)) == [(host, A, 7, "10.0.0.2")]
    assert told(ask(host, AAAA)) == [(host, AAAA, 7, "fd00::2")]
    assert told(ask("api.prod.local", A)) == []


def test_an_alias_answers_with_the_load_balancers_addresses():
    name = "front.prod.local"
    assert told(ask(name)) == [(name, A, 60, "10.0.9.1"), (name, A, 60, "10.0.9.2")]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("nobody.prod.local", A, NO_SUCH_NAME),
        ("empty.prod.local", A, NO_SUCH_NAME),  # no instance, no record
        ("i1.web.prod.local", A, NO_SUCH_NAME),  # hosts are SRV's alone
        ("web.prod.local", AAAA, 0),
        ("web.prod.local", SRV, 0),
        ("prod.local", A, 0),
    ],
)
def test_what_is_not_there_says_how_long_that_may_be_remembered(name, kind, code):
    answer = ask(name, kind)
    assert (answer.code, answer.answers) == (code, ())
    (soa,) = answer.authority
    assert (soa.name, soa.kind, soa.ttl) == ("prod.local", SOA, 15)
    assert struct.unpack(">5I", soa.content[-20:]) == (1, 7200, 900, 1209600, 86400)


def test_the_zones_own_name_has_its_soa():
    assert [one.kind for one in ask("prod.local", SOA).answers] == [SOA]


def test_a_name_between_exists_without_records():
    where = zone(service("_web._tcp", at(1, port=80), SRV=1))
    assert ask("_tcp.prod.local", A, where=where).code == 0
    assert ask("_udp.prod.local", A, where=where).code == NO_SUCH_NAME
    assert len(told(ask("_web._tcp.prod.local", SRV, where=where))) == 1


def test_a_service_called_dot_has_the_zones_name():
    apex = ZoneService(name="prod.local", ttls={"A": 1}, instances=(at(1),))
    where = zone(apex)
    assert told(ask("prod.local", where=where)) == [("prod.local", A, 1, "10.0.0.1")]
    assert told(ask("prod.local", NS, where=where)) == [("prod.local", NS, 172800, "ns.awsdns.com")]


instances = st.lists(
    st.tuples(st.integers(1, 250), st.booleans()), min_size=1, max_size=40, unique_by=lambda x: x[0]
)


@given(instances, st.booleans(), st.randoms(use_true_random=False))
def test_only_the_healthy_answer_unless_none_is(facts, weighted, chance):
    own = service("web", *(at(n, healthy=well) for n, well in facts), weighted=weighted)

    class Shuffling(Still):
        def shuffled(self, items):
            given = list(items)
            return chance.sample(given, len(given))

    found = chosen(own, Shuffling(), weighted=weighted)
    well = {f"i{n}" for n, healthy in facts if healthy} or {f"i{n}" for n, _ in facts}
    ids = [one.instance_id for one in found]
    assert len(set(ids)) == len(ids) == min(1 if weighted else 8, len(well))
    assert set(ids) <= well


def test_the_order_of_an_answer_is_chances():
    class Backwards(Still):
        def shuffled(self, items):
            return [*items][::-1]

    answer = answer_in(ZONE, "web.prod.local", A, Backwards(), {})
    assert [shown(one) for one in answer.answers] == ["10.0.0.2", "10.0.0.1"]


# ------------------------------------------------------------------ several zones, and a VPC


def test_the_longest_zone_is_asked_and_a_vpcs_own_before_a_public_one():
    inner = zone(name="a.prod.local", zone_id="ns-2")
    public = zone(name="prod.local", zone_id="ns-9", public=True)
    zones = [ZONE, public, inner]
    assert zone_of("x.a.prod.local", zones) is inner
    assert zone_of("a.prod.local", zones) is inner
    assert zone_of("x.prod.local", zones) is ZONE
    longer = zone(name="b.prod.local", zone_id="ns-8", public=True)
    assert zone_of("x.b.prod.local", [*zones, longer]) is ZONE
    assert zone_of("xprod.local", zones) is None


def question(name, kind=A):
    return Question(1, 0, name, kind, 0)


def cname(name, target):
    instance = ZoneInstance(instance_id="c", cname=target)
    return service(name, instance, weighted=True, CNAME=30)


def test_a_cname_is_followed_here_and_named_when_it_leads_away():
    where = zone(WEB, cname("near", "web.prod.local"), cname("far", "Example.com"))
    near = resolve(question("near.prod.local"), VPC, [where], Still())
    assert [one.kind for one in near.answers] == [CNAME, A, A]
    assert near.ask is None
    far = resolve(question("far.prod.local"), VPC, [where], Still())
    assert told(far) == [("far.prod.local", CNAME, 30, "Example.com")]
    assert far.ask == "example.com"
    alone = resolve(question("far.prod.local", CNAME), VPC, [where], Still())
    assert (len(alone.answers), alone.ask) == (1, None)


def test_a_cname_to_nobody_does_not_exist():
    where = zone(cname("near", "gone.prod.local"))
    answer = resolve(question("near.prod.local"), VPC, [where], Still())
    assert (answer.code, len(answer.answers)) == (NO_SUCH_NAME, 1)


def test_cnames_in_a_circle_end():
    where = zone(cname("a", "b.prod.local"), cname("b", "a.prod.local"))
    answer = resolve(question("a.prod.local"), VPC, [where], Still())
    assert answer.ask is None
    assert {one.kind for one in answer.answers} == {CNAME}


def test_load_balancers_stay_known_beside_namespaces():
    answer = resolve(question(BALANCER), VPC, [ZONE], Still())
    assert [shown(one) for one in answer.answers] == ["10.0.9.1", "10.0.9.2"]
    assert resolve(question("example.com"), VPC, [ZONE], Still()) is None
