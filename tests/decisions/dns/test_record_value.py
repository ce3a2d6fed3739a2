"""Values of records: from Route 53's words to the wire, and what is wrong with the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.domain_name import NameProblem
from ecsd.decisions.dns.message import KINDS, Resource, shown
from ecsd.decisions.dns.record_value import TYPES, packed


@pytest.mark.parametrize(
    ("kind", "value", "wire"),
    [
        ("A", "10.0.0.1", b"\x0a\0\0\1"),
        ("AAAA", "fd00::1", b"\xfd" + b"\0" * 14 + b"\1"),
        ("CNAME", "Web.example.com.", b"\3web\7example\3com\0"),
        ("NS", "ns.a", b"\2ns\1a\0"),
        ("PTR", "a", b"\1a\0"),
        ("MX", "10 mail.a.", b"\0\x0a\4mail\1a\0"),
        ("SRV", "1 2 80 web.a", b"\0\1\0\2\0\x50\3web\1a\0"),
        ("SRV", "0 0 0 .", b"\0\0\0\0\0\0\0"),
        ("TXT", '"a b" "c"', b"\3a b\1c"),
        ("TXT", '"\\"\\101\\377"', b'\3"A\xff'),
        ("TXT", '""', b"\0"),
        ("CAA", '0 issue "ca.com"', b"\0\5issueca.com"),
        (
            "SOA",
            "ns.a. m.a. 1 2 3 4 5",
            b"\2ns\1a\0\1m\1a\0" + bytes.fromhex("00000001 00000002 00000003 00000004 00000005"),
        ),
    ],
)
def test_a_value_as_messages_carry_it(kind, value, wire):
    assert packed(kind, value) == wire


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("A", "10.0.0.256", "ARRDATAIllegalIPv4Address"),
        ("A", "10.0.0.1, 10.0.0.2", "ARRDATANotSingleField"),
        ("AAAA", "10.0.0.1", "AAAARRDATAIllegalIPv6Address"),
        ("CNAME", "a..b", "DomainLabelEmpty"),
        ("CNAME", "a b", "RRDATANotSingleField"),
        ("MX", "mail.a", "MXRRDATANotTwoFields"),
        ("MX", "70000 mail.a", "InvalidNumber"),
        ("SRV", "1 2 web.a", "SRVRRDATANotFourFields"),
        ("TXT", "plain", "InvalidCharacterString"),
        ("TXT", '"a" b', "InvalidCharacterString"),
        ("TXT", "", "InvalidCharacterString"),
        ("TXT", '"é"', "InvalidCharacterString"),
        ("TXT", '"' + "x" * 256 + '"', "CharacterStringTooLong"),
        ("TXT", '"x" ' * 1001, "RDATATooLong"),
        ("CAA", "0 issue ca.com", "CAARRDATAInvalid"),
        ("CAA", '256 issue "ca.com"', "CAARRDATAInvalid"),
        ("SOA", "ns.a. m.a. 1 2 3 4", "SOARRDATANotSevenFields"),
        ("SOA", "ns.a. m.a. 1 2 3 4 x", "InvalidNumber"),
    ],
)
def test_what_is_wrong_with_a_value(kind, value, code):
    problem = packed(kind, value)
    assert isinstance(problem, NameProblem)
    assert f"FATAL problem: {code} (" in problem


@given(st.sampled_from(sorted(TYPES)), st.text(max_size=40))
def test_any_text_is_a_value_or_a_problem(kind, value):
    content = packed(kind, value)
    assert isinstance(content, bytes | NameProblem)
    if isinstance(content, bytes):
        shown(Resource("a", KINDS[kind], 1, content))  # dig can show it
