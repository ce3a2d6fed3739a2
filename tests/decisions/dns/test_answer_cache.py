"""Kept answers: for how long, as what, and never another question's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.answer_cache import LONGEST, AnswerCache
from ecsd.decisions.dns.message import (
    CNAME,
    SOA,
    A,
    Answer,
    Resource,
    address_record,
    ask,
    encode,
    packed_name,
    parse_answer,
    parse_question,
    shown,
)

NAME = "example.com"
MINIMUM = (0).to_bytes(4) * 4


def asked(name=NAME, identifier=7, kind=A):
    return ask(identifier, name, kind)


def answered(packet, *records, code=0, **more):
    return encode(packet, parse_question(packet), Answer(code, tuple(records), **more))


def address(ttl, name=NAME):
    return address_record(name, "192.0.2.1", ttl)


def start_of_authority(ttl, minimum):
    content = packed_name("ns.example.com") + packed_name("mail.example.com")
    return Resource("com", SOA, ttl, content + MINIMUM + minimum.to_bytes(4))


def ttls(answer):
    return [one.ttl for one in parse_answer(answer).answers]


@pytest.fixture
def cache():
    return AnswerCache()


def test_an_answer_is_kept_as_long_as_its_shortest_record_and_ages(cache):
    told = answered(asked(), address(30), address(10), address(20))
    cache.keep(asked(), told, 100.0)
    assert cache.find(asked(identifier=9), 100.0)[:2] == (9).to_bytes(2)
    assert ttls(cache.find(asked(), 104.9)) == [26, 6, 16]
    assert [*map(shown, parse_answer(cache.find(asked(), 109.9)).answers)] == ["192.0.2.1"] * 3
    assert cache.find(asked(), 110.0) is None
    assert len(cache) == 0


def test_who_asks_otherwise_is_told_otherwise(cache):
    cache.keep(asked(), answered(asked(), address(30)), 0.0)
    assert cache.find(asked("EXAMPLE.com"), 0.0) is None
    assert cache.find(asked(kind=CNAME), 0.0) is None


@pytest.mark.parametrize(
    ("ttl", "minimum", "kept"), [(60, 30, 30), (20, 30, 20), (0, 30, 0), (60, 0, 0)]
)
@pytest.mark.parametrize("code", [0, 3])
def test_a_negative_answer_is_kept_as_its_soa_says(cache, ttl, minimum, kept, code):
    soa = start_of_authority(ttl, minimum)
    cache.keep(asked(), answered(asked(), code=code, authority=(soa,)), 0.0)
    assert (cache.find(asked(), kept - 0.1) is not None) == bool(kept)
    assert cache.find(asked(), kept) is None


@pytest.mark.parametrize(
    "told",
    [
        answered(asked(), code=2),
        answered(asked(), address(30), code=2),
        answered(asked(), code=3),  # without an SOA record nobody says how long
        answered(asked(), address(30), truncated=True),
        answered(asked(), address(0)),
        answered(asked(identifier=8), address(30)),
        answered(asked("other.example"), address(30, "other.example")),
        answered(asked(), address(30))[:-2],
        asked(),
        b"",
        b"\0\7",
    ],
    ids=repr,
)
def test_what_is_not_the_answer_or_may_not_be_kept_is_not(cache, told):
    cache.keep(asked(), told, 0.0)
    assert cache.find(asked(), 0.0) is None


def test_nothing_is_kept_for_longer_than_an_hour_or_beyond_the_clocks_return(cache):
    cache.keep(asked(), answered(asked(), address(1_000_000)), 50.0)
    assert cache.find(asked(), 50.0 + LONGEST) is None
    cache.keep(asked(), answered(asked(), address(30)), 50.0)
    assert cache.find(asked(), 49.0) is None


def test_the_oldest_makes_room():
    cache = AnswerCache(most=2)
    for number, name in enumerate(["a.test", "b.test", "c.test"]):
        cache.keep(asked(name), answered(asked(name), address(30, name)), float(number))
    assert cache.find(asked("a.test"), 3.0) is None
    assert len(cache) == 2


@given(st.binary(max_size=200))
def test_no_packet_breaks_it(noise):
    cache = AnswerCache()
    good = answered(asked(), address(30))
    for told in (noise, good[:12] + noise, good[:2] + noise, good + noise):
        cache.keep(asked(), told, 0.0)
        found = cache.find(asked(), 1.0)
        assert found is None or len(found) == len(told)
    cache.keep(noise, noise, 0.0)
    cache.find(noise, 0.0)
