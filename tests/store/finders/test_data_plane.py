"""Which VPCs' plans a record has a part in, and what such a plan is compiled from."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.vpc.vpc_plan import compile_vpc
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import Route, RouteTable, Vpc
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.records.plan_network import PeerGroup, PeeringPlan
from ecsd.store.finders.data_plane import vpc_parts, vpcs_resting_on

PEERING = VpcPeeringConnection(
    vpc_peering_connection_id="pcx-1",
    requester_vpc_id="vpc-1",
    requester_cidr="10.0.0.0/16",
    accepter_vpc_id="vpc-2",
    accepter_cidr="10.1.0.0/16",
    status="active",
    expires_at=datetime(2026, 1, 1, tzinfo=UTC),
)
LIST = ManagedPrefixList(
    prefix_list_id="pl-1", prefix_list_name="l", address_family="IPv4", max_entries=1
)
THEIRS = NetworkInterface(
    network_interface_id="eni-1",
    vpc_id="vpc-2",
    subnet_id="subnet-2",
    availability_zone="us-east-1a",
    private_ip_address="10.1.1.5",
    mac_address="0a:00:00:00:00:01",
    group_ids=("sg-2",),
)


def rule(number: int, **peer) -> SecurityGroupRule:
    return SecurityGroupRule(
        security_group_rule_id=f"sgr-{number}",
        group_id="sg-1",
        is_egress=False,
        ip_protocol="-1",
        **peer,
    )


@pytest.fixture
async def view(store, scope):
    by_list = Route(destination_prefix_list_id="pl-1", gateway_id="igw-1")
    async with store.transaction(scope) as change:
        change.put(
            *(
                Vpc(vpc_id=f"vpc-{one}", cidr_block=f"10.{one - 1}.0.0/16", number=one)
                for one in (1, 2, 3)
            ),
            *(
                SecurityGroup(
                    group_id=f"sg-{one}", group_name="", description="", vpc_id=f"vpc-{one}"
                )
                for one in (1, 2)
            ),
            rule(1, referenced_group_id="sg-2", vpc_peering_connection_id="pcx-1"),
            rule(2, prefix_list_id="pl-1"),
            RouteTable(route_table_id="rtb-3", vpc_id="vpc-3", routes=(by_list,)),
            PEERING,
            LIST,
            THEIRS,
        )
    return store.view(scope)


async def test_a_record_concerns_every_vpc_whose_plan_names_it(view):
    assert vpcs_resting_on(view, PEERING) == {"vpc-1", "vpc-2"}
    assert vpcs_resting_on(view, LIST) == {"vpc-1", "vpc-3"}
    assert vpcs_resting_on(view, THEIRS) == {"vpc-2", "vpc-1"}
    assert vpcs_resting_on(view, rule(2)) == {"vpc-1"}


async def test_a_peer_is_told_with_the_members_of_the_groups_that_are_named(view):
    assert compile_vpc(vpc_parts(view, "vpc-1")).peerings == (
        PeeringPlan(
            peering_id="pcx-1",
            vpc_id="vpc-2",
            number=2,
            cidr="10.1.0.0/16",
            groups=(PeerGroup(group_id="sg-2", addresses=("10.1.1.5",)),),
        ),
    )
    (back,) = compile_vpc(vpc_parts(view, "vpc-2")).peerings
    assert (back.vpc_id, back.groups) == ("vpc-1", ())
    assert compile_vpc(vpc_parts(view, "vpc-3")).peerings == ()
