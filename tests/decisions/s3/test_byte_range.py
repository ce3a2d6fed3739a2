"""Ranges, and the pieces that hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.s3.byte_range import Span, parts_of, span_of


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-4", Span(2, 5)),
        ("bytes=2-", Span(2, 10)),
        ("bytes=2-99", Span(2, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-99", Span(0, 10)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("octets=0-1", None),
    ],
)
def test_ranges(header, span):
    assert span_of(header, 10) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=-5", 0)])
def test_ranges_behind_the_end(header, size):
    with pytest.raises(ValueError, match="bytes"):
        span_of(header, size)


@given(st.lists(st.binary(max_size=6), max_size=5), st.integers(0, 30), st.integers(0, 30))
def test_pieces_together_are_the_span(pieces, start, length):
    whole = b"".join(pieces)
    span = Span(min(start, len(whole)), min(start + length, len(whole)))
    found = parts_of([len(one) for one in pieces], span)
    assert (
        b"".join(pieces[at][own.start : own.end] for at, own in found)
        == (whole[span.start : span.end])
    )
    assert all(own.start < own.end for _, own in found)
