"""Regular expressions over messages: what is refused, and that what is left ends."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.logs.regex import RegexFault, filter_regex, query_regex


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("(a+)+", "repeats a group"),
        ("(a|b)*", "repeats a group"),
        ("((a?)b){2,9}", "repeats a group"),
        ("(?<x>a*){3}", "repeats a group"),
        (r"(a)\1", "refers back"),
        ("a{1,5000}", "repetitions"),
        ("(", "not valid"),
        ("x" * 2000, "longer"),
    ],
)
def test_what_could_run_for_ever_or_means_nothing_is_refused(text, words):
    fault = query_regex(text)
    assert isinstance(fault, RegexFault)
    assert words in fault.words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r"user=(?<user>\S+) took (?<ms>\d+)ms", "user=bob took 15ms"),
        ("(?i)error", "An ERROR"),
        (r"(\d+\.)?x", "1.x"),
        ("(?:abc){2}", "abcabc"),
        (r"a|b", "b"),
    ],
)
def test_what_queries_usually_hold_is_taken(text, message):
    compiled = query_regex(text)
    assert isinstance(compiled, re.Pattern)
    assert compiled.search(message)


@given(st.text(alphabet="ab|*+?(){}[]\\d1,^$.:<", max_size=14))
def test_whatever_is_taken_ends_soon(text):
    """Exponential search would not come back from this in the test's time."""
    for compile_one in (query_regex, filter_regex):
        compiled = compile_one(text)
        if isinstance(compiled, re.Pattern):
            compiled.search("ab1" * 8 + "aaaaaaaaaaaaaaaaaaaa!")
