"""Regular expressions of rules: what is refused, in words; what is let through means the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.rule_regex import check_regex, check_replacement, replacement_parts

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
PIECES = st.lists(
    st.sampled_from(
        [
            *("a", "b", ".", "/", "-", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?<n>", "(?="),
            *("[a-z]", "[^/]", "[]x]", "[", "]", r"\d", r"\w", r"\.", r"\/", r"\b", r"\1", r"\p"),
            *("*", "+", "?", "*?", "*+", "{2}", "{2,}", "{1,3}", "{", r"\x41", "\\", "(a+)+"),
        ]
    ),
    max_size=10,
).map("".join)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^/api/([^/]+/)*x$",
        r"(?i)^abc|def$",
        r"^(?P<first>[a-z]+)-(?<second>\d{2,4})$",
        r"\/a\.b\-c\x41\A\z",
        "[]a-z^-]+[^]]",
        r"[\w.-]+",
        "a??b*?c+?d{2}?",
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "|",
    ],
)
def test_what_an_expression_may_hold(pattern):
    assert list(check_regex(pattern)) == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=a)", "'(?' is not supported"),
        ("(?<!a)b", "'(?' is not supported"),
        ("(?>a)", "'(?' is not supported"),
        ("(?R)", "'(?' is not supported"),
        ("(?#a)", "'(?' is not supported"),
        ("(*LIMIT_MATCH=9)a", "'(*' is not supported"),
        (r"(a)\1", r"'\1' is not supported"),
        (r"\p{L}", r"'\p' is not supported"),
        (r"[\b]", r"'\b' is not supported"),
        ("a*+", "possessive quantifiers"),
        ("a{2}+", "possessive quantifiers"),
        ("[[:alpha:]]", "'[' inside a class must be escaped"),
        ("a{x", "'{' must be escaped"),
        ("(", "missing )"),
        ("[z-a]", "bad character range"),
        ("a{1001}", "more than 1000 repetitions"),
        ("((((a){10}){10}){10}){10}", "too complex"),
        ("a**", "multiple repeat"),
        ("a\\", "ends with a backslash"),
    ],
)
def test_what_it_may_not(pattern, words):
    [found] = list(check_regex(pattern))[:1]
    assert found.startswith(f"The regular expression '{pattern}' is not valid: ")
    assert words in found


@given(st.one_of(TEXTS, PIECES))
def test_any_text_is_judged_and_what_passes_can_be_compiled(pattern):
    if not list(check_regex(pattern)):
        re.compile(pattern.replace(r"\z", r"\Z").replace("(?<", "(?P<"))


def test_a_replacement_names_groups():
    assert replacement_parts("a$1-${2}$$x\\1") == ["a", 1, "-", 2, "$$x\\1"]
    assert list(check_replacement("(a)(b)", "$1$2$0")) == []
    assert "not there: $3" in next(check_replacement("(a)(b)", "$3"))
    assert "not there: $10" in next(check_replacement("(a)" * 12, "${10}"))


@given(TEXTS)
def test_a_replacement_loses_nothing(text):
    parts = replacement_parts(text)
    joined = "".join(one if isinstance(one, str) else f"${one}" for one in parts)
    assert joined == re.sub(
        r"\$\{0*(\d{1,2})\}", lambda one: f"${int(one[1])}", text, flags=re.ASCII
    )
