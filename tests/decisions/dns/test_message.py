"""DNS packets, taken apart with no help of what wrote them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.message import (
    CNAME,
    MX,
    SRV,
    TXT,
    A,
    Answer,
    MalformedError,
    Resource,
    address_record,
    ask,
    encode,
    packed_name,
    parse_answer,
    parse_question,
    srv_record,
)
from tests.decisions.dns.test_names import packet

NAME = "web.prod.local"
OPT = b"\0" + struct.pack(">HHIH", 41, 4096, 0, 0)


def with_edns(size=4096):
    plain = packet(NAME)
    head = plain[:10] + b"\0\1"
    return head + plain[12:] + b"\0" + struct.pack(">HHIH", 41, size, 0, 0)


def counts(told):
    return struct.unpack_from(">6H", told)[2:]


def addresses(number):
    return tuple(address_record(NAME, f"10.0.{n // 250}.{n % 250}", 10) for n in range(number))


def test_an_asker_with_edns_is_heard_and_answered_so():
    asked = with_edns(1400)
    question = parse_question(asked)
    assert question.size == 1400
    told = encode(asked, question, Answer(answers=addresses(1)))
    assert counts(told) == (1, 1, 0, 1)
    assert told.endswith(b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0))
    assert parse_question(packet(NAME)).size is None


def test_what_lies_behind_the_question_may_be_nonsense():
    asked = with_edns()[:-3]
    assert parse_question(asked).size is None


@pytest.mark.parametrize(
    ("asked", "most"), [(packet(NAME), 512), (with_edns(100), 512), (with_edns(65535), 1232)]
)
def test_what_does_not_fit_sends_the_asker_to_tcp(asked, most):
    question = parse_question(asked)
    fits = (most - len(asked) - 11) // 16
    told = encode(asked, question, Answer(answers=addresses(fits)))
    assert len(told) <= most
    assert (counts(told)[1], told[2] & 2) == (fits, 0)
    told = encode(asked, question, Answer(answers=addresses(fits + 2)))
    assert (counts(told)[1], told[2] & 2) == (0, 2)
    whole = encode(asked, question, Answer(answers=addresses(200)), 65535)
    assert (counts(whole)[1], whole[2] & 2) == (200, 0)


def test_additional_records_give_way_first():
    asked = packet(NAME)
    question = parse_question(asked)
    answers = tuple(srv_record(NAME, 80, f"i{n}.{NAME}", 10) for n in range(8))
    told = encode(asked, question, Answer(answers=answers, additional=addresses(40)))
    assert (counts(told), told[2] & 2) == ((1, 8, 0, 0), 0)


def test_an_srv_record_is_priority_weight_port_and_a_name():
    record = srv_record(NAME, 8080, f"i1.{NAME}", 10)
    assert record.kind == SRV
    assert record.content == b"\0\1\0\1\x1f\x90\x02i1\x03web\x04prod\x05local\0"


def test_another_resolvers_answer_is_taken_apart_and_its_pointers_followed():
    asked = ask(7, "alias.example", A)
    answer = struct.pack(">6H", 7, 0x8180, 1, 4, 0, 0) + asked[12:]
    answer += b"\xc0\x0c" + struct.pack(">HHIH", CNAME, 1, 30, 6) + b"\x03web\xc0\x12"
    target = len(answer) - 6
    answer += struct.pack(">H", 0xC000 | target) + struct.pack(">HHIH", A, 1, 9, 4) + b"\x0a\0\0\1"
    answer += b"\xc0\x0c" + struct.pack(">HHIH", MX, 1, 9, 4) + b"\0\1\xc0\x0c"
    answer += b"\xc0\x0c" + struct.pack(">HHIH", 35, 1, 9, 1) + b"\0"  # NAPTR: left out
    told = parse_answer(answer)
    assert told.answers == (
        Resource("alias.example", CNAME, 30, packed_name("web.example")),
        Resource("web.example", A, 9, b"\x0a\0\0\1"),
        Resource("alias.example", MX, 9, b"\0\1" + packed_name("alias.example")),
    )
    assert (told.code, told.truncated) == (0, False)


def test_a_pointer_in_a_circle_ends():
    answer = struct.pack(">6H", 7, 0x8180, 0, 1, 0, 0) + b"\xc0\x0c" + b"\0" * 10
    with pytest.raises(MalformedError):
        parse_answer(answer)


@given(st.binary(max_size=120))
def test_noise_is_no_answer(noise):
    try:
        told = parse_answer(noise)
    except MalformedError:
        return
    assert noise[2] & 0x80
    assert all(one.kind in {A, CNAME, SRV, TXT, 28} for one in told.answers)


names = st.lists(st.text("abz09-", min_size=1, max_size=63), min_size=1, max_size=3)


@given(names, st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read_back(labels, ttl, number):
    name = ".".join(labels)
    asked = packet(name)
    question = parse_question(asked)
    records = (
        Resource(name, A, ttl, struct.pack(">I", number)),
        Resource(f"x.{name}", CNAME, ttl, packed_name(name)),
    )
    told = parse_answer(encode(asked, question, Answer(answers=records), 65535))
    assert told.answers == records
