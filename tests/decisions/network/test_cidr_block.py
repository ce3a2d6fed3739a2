from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.network.addressing import is_in, overlaps
from ecsd.decisions.network.cidr_block import refusal_of

RESTRICTED = "InvalidVpc.Range"
blocks = st.builds(
    lambda address, length: str(IPv4Network((address, length), strict=False)),
    st.integers(int(IPv4Address("1.0.0.0")), int(IPv4Address("223.255.255.255"))),
    st.integers(16, 28),
)


@pytest.mark.parametrize(
    ("first", "wanted", "code"),
    [
        ("10.5.0.0/16", "10.6.0.0/16", None),
        ("10.5.0.0/16", "10.0.0.0/16", None),
        ("10.1.0.0/16", "10.0.3.0/24", RESTRICTED),
        ("10.0.0.0/24", "10.2.0.0/16", None),
        ("10.5.0.0/16", "172.16.0.0/16", RESTRICTED),
        ("10.5.0.0/16", "192.168.0.0/20", RESTRICTED),
        ("10.5.0.0/16", "198.19.0.0/20", RESTRICTED),
        ("10.5.0.0/16", "100.64.0.0/16", None),
        ("10.5.0.0/16", "9.0.0.0/16", None),
        ("172.20.0.0/16", "172.21.0.0/16", None),
        ("172.20.0.0/16", "172.31.4.0/24", RESTRICTED),
        ("172.20.0.0/16", "10.9.0.0/16", RESTRICTED),
        ("192.168.0.0/20", "192.168.128.0/20", None),
        ("192.168.0.0/20", "172.16.0.0/16", RESTRICTED),
        ("198.19.0.0/20", "10.9.0.0/16", RESTRICTED),
        ("198.19.0.0/20", "198.19.16.0/20", None),
        ("100.64.0.0/16", "10.9.0.0/16", RESTRICTED),
        ("9.0.0.0/16", "198.19.0.0/20", RESTRICTED),
        ("9.0.0.0/16", "100.65.0.0/16", None),
        ("10.5.0.0/16", "10.5.3.0/24", "CidrConflict"),
    ],
)
def test_which_ranges_may_join_a_first_one(first, wanted, code):
    refusal = refusal_of(wanted, [first], [], [])
    assert (refusal.code if refusal else None) == code


def test_a_second_range_counts_for_what_is_lowest():
    assert refusal_of("10.0.0.0/16", ["10.5.0.0/16"], [], []) is None
    assert refusal_of("10.0.0.0/16", ["10.5.0.0/16", "10.1.0.0/24"], [], []).code == RESTRICTED


def test_a_route_may_be_wider_and_not_as_wide_or_narrower():
    for destination, code in (
        ("0.0.0.0/0", None),
        ("10.6.0.0/15", None),
        ("10.6.0.0/16", "CidrConflict"),
        ("10.6.9.0/24", "CidrConflict"),
    ):
        refusal = refusal_of("10.6.0.0/16", ["10.5.0.0/16"], [destination], [])
        assert (refusal.code if refusal else None) == code


def test_a_peers_range_is_not_taken():
    refusal = refusal_of("10.6.0.0/16", ["10.5.0.0/16"], [], ["10.7.0.0/16", "10.6.128.0/17"])
    assert refusal.message.endswith("overlaps 10.6.128.0/17 of a peered VPC.")


@given(st.lists(blocks, min_size=1, max_size=5), blocks, st.lists(blocks, max_size=3))
def test_what_is_let_in_overlaps_nothing(held, wanted, peers):
    if refusal_of(wanted, held, [], peers) is None:
        assert not any(overlaps(wanted, one) for one in (*held, *peers))
        assert not is_in([wanted], held[0].partition("/")[0])
