"""Questions and answers as packets."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.message import MalformedError, encode, fail, parse_question
from ecsd.decisions.dns.names import resolve
from ecsd.records.plan_network import VpcPlan
from tests.decisions.chance import Still

A, AAAA, PTR = 1, 28, 12
PLAN = VpcPlan(
    vpc_id="vpc-1",
    number=1,
    cidr="10.0.0.0/16",
    secondary_cidrs=("10.7.0.0/16",),
    domain="eu-west-1.compute.internal",
    dns_support=True,
    names={"web-1.elb.localhost": ("10.0.1.20", "10.0.2.20")},
)


def packet(name: str, kind: int = A, *, flags: int = 0x0100, number: int = 7) -> bytes:
    labels = b"".join(bytes((len(one),)) + one.encode() for one in name.split(".") if one)
    return (
        struct.pack(">6H", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)
    )


def read(told: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """Return an answer's code and records."""
    _, flags, questions, answers, _, _ = struct.unpack_from(">6H", told)
    assert questions == 1
    at = told.index(b"\0", 12) + 5
    records = []
    for _ in range(answers):
        pointer, kind, _, _, size = struct.unpack_from(">HHHIH", told, at)
        assert pointer == 0xC00C
        records.append((kind, told[at + 12 : at + 12 + size]))
        at += 12 + size
    assert at == len(told)
    return flags & 0xF, records


def ask(name: str, kind: int = A) -> tuple[int, list[tuple[int, bytes]]] | None:
    asked = packet(name, kind)
    question = parse_question(asked)
    known = resolve(question, PLAN, (), Still())
    return None if known is None else read(encode(asked, question, known))


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("web-1.elb.localhost", [b"\x0a\0\1\x14", b"\x0a\0\2\x14"]),
        ("WEB-1.elb.LOCALHOST", [b"\x0a\0\1\x14", b"\x0a\0\2\x14"]),
        ("ip-10-0-1-5.eu-west-1.compute.internal", [b"\x0a\0\1\5"]),
        ("ip-10-0-1-5.ec2.internal", [b"\x0a\0\1\5"]),
        ("localhost", [b"\x7f\0\0\1"]),
        ("api.localhost", [b"\x7f\0\0\1"]),
    ],
)
def test_a_vpc_knows_its_own_names(name, addresses):
    assert ask(name) == (0, [(A, one) for one in addresses])


@pytest.mark.parametrize("name", ["web-1.elb.localhost", "localhost", "ip-10-0-1-5.ec2.internal"])
def test_a_known_name_has_no_other_records(name):
    assert ask(name, AAAA) == (0, [])


def test_a_balancer_that_is_not_there_does_not_exist_and_nobody_else_is_asked():
    assert ask("gone-1.elb.localhost") == (3, [])


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "ip-10-1-1-5.ec2.internal",
        "ip-10-0-1-500.ec2.internal",
        "5.1.1.10.in-addr.arpa",
        "notlocalhost",
    ],
)
def test_other_names_are_asked_elsewhere(name):
    assert ask(name) is None


def test_an_address_of_the_vpc_has_a_name():
    code, records = ask("5.1.0.10.in-addr.arpa", PTR)
    name = b"\x0bip-10-0-1-5\x09eu-west-1\x07compute\x08internal\0"
    assert (code, records) == (0, [(PTR, name)])
    assert ask("5.1.7.10.in-addr.arpa", PTR) == (0, [(PTR, name.replace(b"10-0", b"10-7"))])


def test_the_answer_carries_the_number_and_repeats_the_question():
    asked = packet("localhost", number=0xBEEF)
    question = parse_question(asked)
    told = encode(asked, question, resolve(question, PLAN, (), Still()))
    assert told[:2] == b"\xbe\xef"
    assert told[12 : question.end] == asked[12:]
    flags = struct.unpack_from(">H", told, 2)[0]
    assert flags & 0x8580 == 0x8580  # response, authoritative, recursion wanted and offered


def test_a_failure_says_so():
    asked = packet("example.com")
    assert read(fail(asked, parse_question(asked))) == (2, [])


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        packet("a.b")[:-1],
        packet("a.b", flags=0x8000),  # an answer
        struct.pack(">6H", 1, 0, 2, 0, 0, 0) + packet("a")[12:],  # two questions
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",  # a pointer
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x02\xff\xfe\0\0\1\0\1",
    ],
)
def test_what_is_no_question_is_refused(broken):
    with pytest.raises(MalformedError):
        parse_question(broken)


@given(st.binary(max_size=80))
def test_no_bytes_bring_anything_else_about(noise):
    try:
        question = parse_question(noise)
    except MalformedError:
        return
    known = resolve(question, PLAN, (), Still())
    told = fail(noise, question) if known is None else encode(noise, question, known)
    assert told[:2] == noise[:2]
