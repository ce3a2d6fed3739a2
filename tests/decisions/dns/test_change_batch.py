"""Batches: what they make of a zone, and the laws that hold whatever is asked."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.change_batch import ChangeOf, apply_batch, contradictions
from ecsd.decisions.dns.hosted_zone import first_record_sets, name_servers
from ecsd.decisions.dns.record_health import is_balancer_well, is_well
from ecsd.decisions.dns.record_set import place
from ecsd.decisions.dns.zone_plan import HostedZoneParts, compile_hosted_zone
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.route53.hosted_zone import HostedZone, ZoneVpc
from ecsd.records.route53.record_set import AliasTarget, RecordSet

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = HostedZone(zone_id="Z1", name="a.com.", caller_reference="r", created_at=NOW)
FIRST = first_record_sets(ZONE)
VALUES = {"A": ("10.0.0.1", "10.0.0.2"), "TXT": ('"x"', '"y"'), "CNAME": ("b.com", "c.com")}


def record_set(name="w.a.com.", kind="A", value="10.0.0.1", own=None, **more):
    more = {"ttl": 60, "values": (value,)} | more
    key = place("Z1", name, kind, own)
    return RecordSet(place=key, zone_id="Z1", name=name, type=kind, set_identifier=own, **more)


@st.composite
def changes(draw):
    kind = draw(st.sampled_from(sorted(VALUES)))
    weight = draw(st.sampled_from([None, 0, 5]))
    own = None if weight is None else draw(st.sampled_from(["x", "y"]))
    return ChangeOf(
        draw(st.sampled_from(["CREATE", "UPSERT", "DELETE"])),
        record_set(
            draw(st.sampled_from(["a.com.", "w.a.com.", "v.a.com.", "b.com."])),
            kind,
            draw(st.sampled_from(VALUES[kind])),
            own,
            weight=weight,
            ttl=draw(st.sampled_from([1, 2])),
        ),
    )


@given(st.lists(st.lists(changes(), min_size=1, max_size=4), max_size=8))
def test_a_zone_never_contradicts_itself_and_a_refused_batch_changes_nothing(batches):
    known = {one.place: one for one in FIRST}
    for batch in batches:
        made = apply_batch(ZONE, list(known.values()), batch, lambda _: False)
        if made.faults:
            assert made.put == made.removed == ()
            continue
        known |= {one.place: one for one in made.put}
        for one in made.removed:
            del known[one.place]
        names = {one.name for one in known.values()}
        assert list(contradictions(ZONE, known, names)) == []
        last = {change.record_set.place: change for change in batch}
        for key, change in last.items():
            wanted = None if change.action == "DELETE" else change.record_set
            assert known.get(key) == wanted


def test_the_same_upsert_again_changes_nothing():
    one = record_set()
    made = apply_batch(ZONE, [*FIRST, one], [ChangeOf("UPSERT", one)], lambda _: False)
    assert made == ((), (), ())


def test_a_delete_names_values_in_any_order():
    there = record_set(values=("10.0.0.1", "10.0.0.2"))
    asked = record_set(values=("10.0.0.2", "10.0.0.1"))
    made = apply_batch(ZONE, [*FIRST, there], [ChangeOf("DELETE", asked)], lambda _: False)
    assert made.removed == (there,)


def created(*record_sets, known=FIRST):
    changes_ = [ChangeOf("CREATE", one) for one in record_sets]
    return apply_batch(ZONE, known, changes_, lambda _: False).faults


def test_a_zone_a_name_and_a_record_set_hold_so_much():
    full = [*FIRST, *(record_set(f"n{n}.a.com.") for n in range(9_998))]
    assert created(record_set(), known=full[:-1]) == ()
    (words,) = created(record_set(), known=full)
    assert "at most 10000 resource record sets" in words
    choices = [record_set(own=f"{n}", multivalue=True) for n in range(101)]
    assert created(*choices[:100]) == ()
    (words,) = created(*choices)
    assert "at most 100 may have one name and type" in words
    values = tuple(f"10.0.{n // 256}.{n % 256}" for n in range(401))
    assert created(record_set(values=values[:400])) == ()
    (words,) = created(record_set(values=values))
    assert "more than 400 values" in words


def test_a_value_comes_once_and_a_cname_has_one():
    (words,) = created(record_set(values=("10.0.0.1", "10.0.0.1")))
    assert words == "Duplicate Resource Record: '10.0.0.1'"
    (words,) = created(record_set(kind="CNAME", values=("b.com", "c.com")))
    assert "must have exactly one value" in words


@pytest.mark.parametrize("zone_id", ["Z1", "Z2", "Z3"])
def test_a_zone_is_delegated_to_four_servers_of_four_domains(zone_id):
    zone = HostedZone(zone_id=zone_id, name="a.com.", caller_reference="r", created_at=NOW)
    servers = name_servers(zone)
    assert name_servers(zone) == servers
    assert [one.partition(".awsdns-")[2][3:] for one in servers] == ["com", "net", "org", "co.uk"]


# ------------------------------------------------------------------ the plan of a zone


def alias(name, target, zone_id="ZLB", *, evaluate=True, own=None, weight=None):
    leads = AliasTarget(
        hosted_zone_id=zone_id, dns_name=f"{target}.", evaluate_target_health=evaluate
    )
    return record_set(name, own=own, weight=weight, ttl=None, values=(), alias=leads)


def test_an_alias_that_evaluates_is_as_well_as_what_it_leads_to():
    direct = alias("w.a.com.", "LB.elb.localhost")
    through = alias("a.com.", "w.a.com", "Z1")
    careless = alias("v.a.com.", "lb.elb.localhost", evaluate=False)
    circle = alias("c.a.com.", "c.a.com", "Z1")
    plain = record_set("p.a.com.")
    others = [direct, through, careless, circle, plain]
    up = [is_well(one, others, {"lb.elb.localhost"}) for one in others]
    down = [is_well(one, others, ()) for one in others]
    assert up == [True] * 5
    assert down == [False, False, True, True, True]


def test_a_balancer_is_well_when_each_of_its_groups_has_a_healthy_target():
    assert is_balancer_well([["healthy", "unhealthy"], ["healthy"]])
    assert not is_balancer_well([["healthy"], ["unhealthy"]])
    assert not is_balancer_well([["healthy"], []])
    assert is_balancer_well([])


def vpc(own, *, hostnames=True):
    return Vpc(vpc_id=own, cidr_block="10.0.0.0/16", number=1, enable_dns_hostnames=hostnames)


PRIVATE = HostedZone(
    zone_id="Z1",
    name="a.com.",
    caller_reference="r",
    created_at=NOW,
    private=True,
    vpcs=(ZoneVpc(vpc_id="vpc-1", region="r"), ZoneVpc(vpc_id="vpc-2", region="r")),
)


def test_a_zone_becomes_a_plan_of_its_records():
    wild = record_set("\\052.a.com.")
    up = alias("w.a.com.", "dualstack.LB.elb.localhost", own="x", weight=3)
    parts = HostedZoneParts(PRIVATE, [vpc("vpc-2"), vpc("vpc-1")], [up, *FIRST, wild], account="1")
    plan = compile_hosted_zone(parts)
    assert (plan.name, plan.public, plan.vpc_ids) == ("a.com", False, ("vpc-1", "vpc-2"))
    by_name = {(one.name, one.record_type): one for one in plan.record_sets}
    assert by_name["*.a.com", "A"].values == ("10.0.0.1",)
    found = by_name["w.a.com", "A"]
    assert (found.alias, found.weight, found.healthy) == ("lb.elb.localhost", 3, False)
    turned = parts._replace(record_sets=[*parts.record_sets][::-1], vpcs=[*parts.vpcs][::-1])
    assert compile_hosted_zone(turned) == plan


def test_a_private_zone_is_asked_where_hostnames_are_on():
    parts = HostedZoneParts(PRIVATE, [vpc("vpc-1", hostnames=False), vpc("vpc-2")], FIRST)
    assert compile_hosted_zone(parts).vpc_ids == ("vpc-2",)
    assert compile_hosted_zone(parts._replace(vpcs=parts.vpcs[:1])) is None
    assert compile_hosted_zone(HostedZoneParts(ZONE, [], FIRST)).public
