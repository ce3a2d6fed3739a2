"""What an endpoint is asked, what its answer says, and how many alike decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.dns.endpoint_check import (
    LONGEST_SEARCHED,
    Standing,
    answered,
    body_of,
    is_enough,
    judge,
    request_text,
)
from ecsd.records.plan import EndpointCheckPlan

PLAN = EndpointCheckPlan(
    health_check_id="hc", account="1", kind="HTTP", port=80, interval=30, threshold=3
)
MATCH = replace(PLAN, kind="HTTP_STR_MATCH", search="fine")
HEAD = b"HTTP/1.1 200 OK\r\n"


def said(body, *, chunks=0):
    if not chunks:
        return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    parts = [body[at : at + chunks] for at in range(0, len(body), chunks)]
    written = b"".join(b"%x;x=y\r\n%b\r\n" % (len(one), one) for one in parts)
    return HEAD + b"Transfer-Encoding: gzip, chunked\r\nX: y\r\n\r\n" + written + b"0\r\n\r\n"


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 10))
def test_as_many_alike_as_the_threshold_decide(outcomes, threshold):
    standing = Standing()
    for number, passed in enumerate(outcomes, 1):
        before = standing.healthy
        standing = judge(standing, passed=passed, threshold=threshold)
        last = outcomes[max(0, number - threshold) : number]
        if len(last) == threshold and len(set(last)) == 1:
            assert standing.healthy is passed
        else:
            assert standing.healthy is before


def test_a_request_names_the_host_and_a_port_that_is_not_the_types_own():
    assert b"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n" in request_text(PLAN, "192.0.2.1")
    assert b"Host: [::1]:8080\r\n" in request_text(replace(PLAN, port=8080), "::1")
    assert b"Host: a.com\r\n" in request_text(replace(PLAN, name="a.com"), "192.0.2.1")
    secure = replace(PLAN, kind="HTTPS", name="a.com", port=443)
    assert b"Host: a.com\r\n" in request_text(secure, "192.0.2.1")


@pytest.mark.parametrize(
    ("heard", "passed", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n", True, "Success: HTTP Status Code 200, OK."),
        (b"HTTP/1.0 302 Found\r\n", True, "Success: HTTP Status Code 302, Found."),
        (b"HTTP/1.1 404 \r\n", False, "Failure: HTTP Status Code 404, Not Found."),
        (b"HTTP/1.1 799 x\r\n", False, "Failure: HTTP Status Code 799."),
        (b"SSH-2.0-x\r\n", False, "Failure: The endpoint's answer was not HTTP."),
        (b"", False, "Failure: The endpoint's answer was not HTTP."),
    ],
)
def test_a_status_of_two_or_three_hundred_passes(heard, passed, words):
    found = answered(heard, PLAN)
    assert (found.passed, found.words) == (passed, words)


@given(st.binary(max_size=200), st.integers(0, 40))
def test_chunks_are_put_together(body, chunks):
    assert body_of(said(body, chunks=chunks)) == body


def test_the_search_string_counts_in_the_first_bytes_of_the_body_alone():
    edge = LONGEST_SEARCHED - len("fine")
    for chunks in (0, 7):
        assert answered(said(b"x" * edge + b"fine", chunks=chunks), MATCH).passed
        late = answered(said(b"x" * (edge + 1) + b"fine", chunks=chunks), MATCH)
        assert not late.passed
        assert "search string" in late.words
    assert not answered(said(b"fine").replace(b"200", b"500"), MATCH).passed
    in_head = HEAD + b"X: fine\r\nContent-Length: 0\r\n\r\n"
    assert not answered(in_head, MATCH).passed


@given(st.integers(0, 6000), st.integers(0, 900), st.data())
def test_no_more_is_heard_than_decides(length, chunks, data):
    whole = said(b"x" * length + b"fine", chunks=chunks)
    cut = data.draw(st.integers(0, len(whole)))
    if is_enough(whole[:cut], MATCH):
        assert answered(whole[:cut], MATCH) == answered(whole, MATCH)
    assert is_enough(HEAD, PLAN)
    assert not is_enough(HEAD[:-2], PLAN)
