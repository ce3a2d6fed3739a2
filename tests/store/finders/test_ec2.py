import pytest

from ecsd.decisions.network.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroupRule
from ecsd.records.ec2.vpc import RouteTable, RouteTableAssociation, Subnet
from ecsd.store.finders.ec2 import (
    IDENTITIES,
    free_address,
    free_address_count,
    free_public_address,
    group_is_in_use,
    main_route_table,
    require,
)

SUBNET = Subnet(
    subnet_id="subnet-1",
    vpc_id="vpc-1",
    cidr_block="10.0.1.0/28",
    availability_zone="us-east-1a",
    availability_zone_id="use1-az1",
)


def interface(ids, address: str, **more) -> NetworkInterface:
    return new_interface(
        SUBNET,
        network_interface_id=ids.resource_id("eni"),
        address=address,
        mac_address=ids.mac_address(),
        **more,
    )


async def test_each_interface_gets_another_address_until_none_is_left(store, scope, ids):
    async with store.transaction(scope) as change:
        given = []
        while (address := free_address(change, SUBNET)) is not None:
            change.put(interface(ids, address))
            given.append(address)
        assert free_address_count(change, SUBNET) == 0
    assert len(set(given)) == len(given) == 11


async def test_an_address_given_back_waits(store, scope, ids):
    async with store.transaction(scope) as change:
        first, second = interface(ids, "10.0.1.4"), interface(ids, "10.0.1.5")
        change.put(first, second)
        change.remove(first)
        assert free_address(change, SUBNET) == "10.0.1.6"


async def test_public_addresses_are_not_given_twice(store, scope, ids):
    async with store.transaction(scope) as change:
        address = free_public_address(change, "eni-1")
        change.put(interface(ids, "10.0.1.4", public_ip=address))
        assert free_public_address(change, "eni-1") not in (None, address)


@pytest.mark.parametrize("kind", IDENTITIES, ids=lambda kind: kind.KIND)
def test_ids_are_told_malformed_from_unknown(store, scope, kind):
    identity = IDENTITIES[kind]
    for tail, code in (
        ("0123456789abcdef0", identity.not_found),
        ("01234567", identity.not_found),
        ("0123456", identity.malformed),
        ("0123456789ABCDEF0", identity.malformed),
    ):
        with pytest.raises(AwsError) as caught:
            require(store.view(scope), kind, f"{identity.prefix}-{tail}")
        assert caught.value.code == code


async def test_a_group_is_in_use_by_interfaces_and_by_other_groups_rules(store, scope, ids):
    async with store.transaction(scope) as change:
        change.put(interface(ids, "10.0.1.4", group_ids=("sg-1",)))
        for owner, peer in (("sg-2", "sg-3"), ("sg-4", "sg-4")):
            change.put(
                SecurityGroupRule(
                    security_group_rule_id=ids.resource_id("sgr"),
                    group_id=owner,
                    is_egress=False,
                    ip_protocol="-1",
                    referenced_group_id=peer,
                )
            )
        assert [one for one in "1234" if group_is_in_use(change, f"sg-{one}")] == ["1", "3"]


async def test_the_main_table_is_found_among_others(store, scope):
    async with store.transaction(scope) as change:
        for name, association in (
            ("main", RouteTableAssociation(association_id="a", main=True)),
            ("own", RouteTableAssociation(association_id="b", subnet_id="subnet-1")),
        ):
            table = RouteTable(route_table_id=name, vpc_id="vpc-1", associations=(association,))
            change.put(table)
        assert main_route_table(change, "vpc-1").route_table_id == "main"


def test_an_owned_interface_is_attached(ids):
    owned = interface(ids, "10.0.1.4", owner="arn:…:task/x")
    assert owned.status == "in-use"
    assert owned.attachment_id is not None
    assert interface(ids, "10.0.1.5").status == "available"
