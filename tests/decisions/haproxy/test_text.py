"""Users' texts in HAProxy's configuration mean themselves, and wildcards what ELB says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.wildcard import regex
from ecsd.decisions.haproxy.text import format_literal, url_literal, wildcard, word

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)
PATTERNS = st.text("ab*?\\./^$|(", max_size=8)


def read(written: str) -> str:
    """Read a word as HAProxy does."""
    if written == '""':
        return ""
    octets = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), written)
    return octets.encode("latin-1").decode(errors="replace")


@given(TEXTS)
def test_a_word_stands_for_its_text_and_ends_nothing(text):
    written = word(text)
    assert read(written) == text.replace("\0", "")
    assert not re.search(r"[\s\"'#{}$`]|\\(?!x[0-9a-f]{2})", written.replace('""', ""))


@given(TEXTS)
def test_a_literal_holds_no_expression(text):
    assert re.sub("%%", "", format_literal(text)).count("%") == 0


@given(TEXTS)
def test_a_location_holds_no_line_end(text):
    assert re.fullmatch(r"[\x21-\x7e]*", url_literal(text))


def matches(pattern: str, text: str) -> bool:
    """Decide as HAProxy does."""
    match = wildcard(pattern)
    value = read(match.word)
    decide = {
        "str": lambda: text == value,
        "beg": lambda: text.startswith(value),
        "end": lambda: text.endswith(value),
        "reg": lambda: re.search(value.replace("$", r"\Z"), text) is not None,
    }
    return decide[match.method]()


def by_the_book(pattern: str, text: str) -> bool:
    """Decide character by character."""
    if not pattern:
        return not text
    if pattern[0] == "\\" and pattern[1:2] and pattern[1] in "*?\\":
        return text[:1] == pattern[1] and by_the_book(pattern[2:], text[1:])
    if pattern[0] == "*":
        return by_the_book(pattern[1:], text) or (bool(text) and by_the_book(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and by_the_book(pattern[1:], text[1:])


@given(PATTERNS, st.text("ab*?\\./^$|(", max_size=8))
def test_wildcards_match_by_the_book(pattern, text):
    assert matches(pattern, text) == by_the_book(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "method"), [("/a", "str"), ("/a/*", "beg"), ("*.jpg", "end"), ("a?c*", "reg")]
)
def test_simple_patterns_need_no_regular_expression(pattern, method):
    assert wildcard(pattern).method == method


def test_a_query_pattern_stays_inside_its_parameter():
    assert regex("a*", "[^&]") == "a[^&]*"
