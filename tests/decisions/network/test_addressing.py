from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.network.addressing import (
    allocate,
    allocate_elastic,
    allocate_public,
    capacity,
    contains,
    is_usable,
    overlaps,
    parse_cidr,
    private_dns_name,
    public_dns_name,
    reserved,
)

subnets = st.builds(
    lambda address, length: str(IPv4Network((address, length), strict=False)),
    st.integers(int(IPv4Address("10.0.0.0")), int(IPv4Address("10.255.255.255"))),
    st.integers(27, 28),
)


def test_five_addresses_of_a_subnet_are_awss():
    assert reserved("10.0.1.0/24") == (
        "10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255",
    )  # fmt: skip
    assert capacity("10.0.1.0/24") == 251
    assert capacity("10.0.1.0/28") == 11


def nothing(address):
    return False


def test_the_first_address_given_out_is_the_fourth():
    assert allocate("10.0.1.0/24", nothing) == "10.0.1.4"
    assert allocate("10.0.1.16/28", {"10.0.1.20"}.__contains__) == "10.0.1.21"


def test_an_address_just_given_back_is_not_the_next_one():
    assert allocate("10.0.1.0/28", nothing, after="10.0.1.7") == "10.0.1.8"
    assert allocate("10.0.1.0/28", nothing, after="10.0.1.14") == "10.0.1.4"
    assert allocate("10.0.1.0/28", nothing, after="10.9.9.9") == "10.0.1.4"


@given(subnets, st.data())
def test_a_subnet_gives_each_of_its_addresses_once_and_then_none(cidr, data):
    taken: set[str] = set()
    for _ in range(capacity(cidr)):
        after = data.draw(st.sampled_from([None, *map(str, IPv4Network(cidr))]))
        newest = allocate(cidr, taken.__contains__, after)
        assert newest is not None
        assert newest not in taken
        assert is_usable(cidr, newest)
        assert newest not in reserved(cidr)
        taken.add(newest)
    assert allocate(cidr, taken.__contains__, max(taken)) is None


def test_public_addresses_are_unique_and_end():
    held: set[str] = set()
    while (address := allocate_elastic(held)) is not None:
        assert address not in held
        held.add(address)
    assert len(held) == 762


@given(st.integers(min_value=0))
def test_a_public_address_is_found_from_anywhere(spread):
    first = allocate_public(lambda _: False, spread)
    second = allocate_public(lambda address: address == first, spread)
    assert None not in (first, second)
    assert first != second
    assert IPv4Address(second) in IPv4Network("198.18.0.0/15")


@pytest.mark.parametrize("text", ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "a/8", "10.0.0.0/-1"])
def test_what_is_no_range_is_none(text):
    assert parse_cidr(text) is None


def test_ranges():
    assert str(parse_cidr("10.0.1.9/24")) == "10.0.1.0/24"
    assert overlaps("10.0.0.0/16", "10.0.255.0/24")
    assert not overlaps("10.0.0.0/24", "10.0.1.0/24")
    assert contains("10.0.0.0/16", "10.0.0.0/16")
    assert not contains("10.0.0.0/24", "10.0.0.0/16")
    assert not is_usable("10.0.0.0/24", "nonsense")


def test_names():
    assert private_dns_name("10.0.1.5", "us-east-1") == "ip-10-0-1-5.ec2.internal"
    assert private_dns_name("10.0.1.5", "eu-west-1") == "ip-10-0-1-5.eu-west-1.compute.internal"
    assert public_dns_name("192.0.2.1", "us-east-1") == "ec2-192-0-2-1.compute-1.amazonaws.com"
