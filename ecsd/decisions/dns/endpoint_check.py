"""One check of an endpoint after the other: what is asked, what the answer says, who is healthy.

Source: Route 53 Developer Guide, how Route 53 determines whether a health check is healthy; API
Reference, HealthCheckConfig, StatusReport.
"""

import re
from http import HTTPStatus
from typing import NamedTuple

from ecsd.decisions.dns.health_check import MATCHING, PORTS
from ecsd.records.plan import EndpointCheckPlan

LONGEST_SEARCHED = 5120  # bytes of a body that SearchString is looked for in
LONGEST_HEAD = 1 << 16  # bytes
LONGEST_ANSWER = LONGEST_HEAD + 4 * LONGEST_SEARCHED  # bytes that are heard of an answer
WELL = range(200, 400)  # status codes
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
CHUNKED = re.compile(rb"^transfer-encoding:.*\bchunked[ \t]*$", re.IGNORECASE | re.MULTILINE)
LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Found(NamedTuple):
    """How a check went. words: the same for the same finding; detail: what may differ each time."""

    passed: bool
    words: str
    checker: str = ""
    detail: str = ""


class Standing(NamedTuple):
    """What checks have come to. healthy: None: too few yet. run: how many alike in a row."""

    healthy: bool | None = None
    passing: bool = True
    run: int = 0


def judge(standing: Standing, *, passed: bool, threshold: int) -> Standing:
    """Return what is known after one more check: as many alike as the threshold decide."""
    run = standing.run + 1 if passed == standing.passing else 1
    healthy = passed if run >= threshold else standing.healthy
    return Standing(healthy, passed, run)


def request_text(plan: EndpointCheckPlan, address: str) -> bytes:
    """Return the request as Route 53 sends it."""
    host = plan.name or (f"[{address}]" if ":" in address else address)
    if plan.port != PORTS[plan.kind]:
        host = f"{host}:{plan.port}"
    return (
        f"GET {plan.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"User-Agent: Amazon-Route53-Health-Check-Service (ref {plan.health_check_id})\r\n"
        "Accept: */*\r\n\r\n"
    ).encode(errors="replace")


def is_enough(heard: bytes, plan: EndpointCheckPlan) -> bool:
    """Tell whether what was heard of an answer says how the check went."""
    if len(heard) >= LONGEST_ANSWER:
        return True
    if plan.kind not in MATCHING:
        return b"\n" in heard
    head, end, rest = heard.partition(b"\r\n\r\n")
    if not end:
        return False
    body = body_of(heard)
    length = LENGTH.search(head)
    whole = length is not None and len(rest) >= int(length[1])
    return whole or len(body) >= LONGEST_SEARCHED or plan.search.encode() in body


def body_of(heard: bytes) -> bytes:
    """Return the body of an answer as far as it is searched, chunks put together."""
    head, _, rest = heard.partition(b"\r\n\r\n")
    if not CHUNKED.search(head.replace(b"\r", b"")):
        return rest[:LONGEST_SEARCHED]
    body = b""
    while len(body) < LONGEST_SEARCHED:
        size, end, rest = rest.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            break
        if not end or length <= 0:
            break
        body += rest[:length]
        rest = rest[length + 2 :]
    return body[:LONGEST_SEARCHED]


def answered(heard: bytes, plan: EndpointCheckPlan) -> Found:
    """Return what an endpoint's answer comes to."""
    status = STATUS.match(heard)
    if status is None:
        return Found(passed=False, words="Failure: The endpoint's answer was not HTTP.")
    code = int(status[1])
    told = f"HTTP Status Code {code}{_phrase(code)}"
    if code not in WELL:
        return Found(passed=False, words=f"Failure: {told}.")
    if plan.kind in MATCHING and plan.search.encode() not in body_of(heard):
        return Found(
            passed=False,
            words=f"Failure: {told}. The search string was not in the first "
            f"{LONGEST_SEARCHED} bytes of the response body.",
        )
    return Found(passed=True, words=f"Success: {told}.")


def _phrase(code: int) -> str:
    try:
        return f", {HTTPStatus(code).phrase}"
    except ValueError:
        return ""  # a code that nobody has given a name
