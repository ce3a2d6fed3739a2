"""Which of a balancer's addresses clients of each zone are told."""

import pytest

from ecsd.decisions.balancers.network_balancer_attributes import NEAR, OWN_ZONE, PARTLY_NEAR
from ecsd.decisions.dns.name_affinity import seen_from
from ecsd.records.plan_network import SubnetPlan, VpcPlan

NAME = "flows-1.elb.localhost"
BOTH = ("10.0.0.9", "10.0.1.9")


def plan(policy=NEAR, addresses=BOTH):
    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        subnets=tuple(
            SubnetPlan(
                subnet_id=f"subnet-{number}", cidr=f"10.0.{number}.0/24", zone="abab"[number]
            )
            for number in range(4)
        ),
        names={NAME: addresses, "other": BOTH},
        affinities={NAME: policy} if policy else {},
    )


@pytest.mark.parametrize(
    ("client", "addresses"),
    [("10.0.0.5", BOTH[:1]), ("10.0.2.5", BOTH[:1]), ("10.0.3.5", BOTH[1:]), ("10.0.9.5", BOTH)],
)
def test_a_client_is_told_its_own_zones_address(client, addresses):
    seen = seen_from(plan(), client, 99)
    assert seen.names == {NAME: addresses, "other": BOTH}


def test_a_zone_that_the_name_leads_past_is_not_told():
    only = plan(addresses=BOTH[1:])
    assert seen_from(only, "10.0.0.5", 1) == only


def test_partial_affinity_is_for_85_of_100_questions():
    told = [seen_from(plan(PARTLY_NEAR), "10.0.0.5", one).names[NAME] for one in range(200)]
    assert told.count(BOTH[:1]) == 170
    assert told.count(BOTH) == 30


def test_without_a_policy_everybody_is_told_all():
    assert seen_from(plan(None), "10.0.0.5", 1) == plan(None)


def test_a_zone_without_an_own_address_is_told_none_where_names_are_for_own_clients():
    only = plan(OWN_ZONE, addresses=BOTH[1:])
    assert seen_from(only, "10.0.0.5", 0).names[NAME] == ()
    assert seen_from(only, "10.0.3.5", 0).names[NAME] == BOTH[1:]
