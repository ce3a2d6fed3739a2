"""Patterns against the plainest way to decide them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecsd.decisions.iam.pattern import ARN_COLONS, Style, any_matcher, matcher, tokens_of

patterns = st.text(alphabet="ab:*?", max_size=12)
texts = st.text(alphabet="ab:", max_size=12)


def plainly(pattern, text, style, colons=0):
    """Return whether a text matches, by trying everything."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    inside = style is not Style.TEXT and colons < ARN_COLONS
    if head == "*":
        if style is Style.RESOURCE and (not rest or rest[0] == ":"):
            inside = False
        reach = text.partition(":")[0] if inside else text
        return any(plainly(rest, text[taken:], style, colons) for taken in range(len(reach) + 1))
    if not text or (head == "?" and inside and text[0] == ":"):
        return False
    if head not in ("?", text[0]):
        return False
    return plainly(rest, text[1:], style, colons + (head == ":"))


@pytest.mark.parametrize("style", Style)
@given(patterns, texts)
@example("a*:b*a:", "ab:a:ba:")
@example("*:a*b", "b:ab:ab")
@example("*:a*:b", "b:a:a:b")
def test_a_pattern_matches_what_it_matches_plainly(style, pattern, text):
    if style is Style.ARN and pattern == "*":
        return  # every ARN
    tokens = tokens_of(pattern, variables=False)
    expected = plainly(pattern, text, style)
    assert bool(matcher(tokens, style)(text)) is expected
    assert bool(any_matcher([tokens], style)(text)) is expected
    both = any_matcher([tokens, tokens_of("a:?b", variables=False)], style)
    assert bool(both(text)) is (expected or plainly("a:?b", text, style))


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 30 + "b", "a" * 2000),
        ("a:a:a:a:a:" + "*a" * 30 + "b", "a:a:a:a:a:" + "a" * 2000),
        ("*:*:*:*:*:x", "a:" * 1000),
        ("*:a*:*:a*:*:x", "a:" * 1000),
        ("*?" * 30 + "b", "a" * 2000),
    ],
)
def test_a_hostile_pattern_costs_no_more_than_another(style, pattern, text):
    """With a way back it would take longer than the universe is old."""
    assert not matcher(tokens_of(pattern, variables=False), style)(text)
