"""Lines of logs: AWS's fields, and nothing of a user's text that ends one."""

import shlex
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.listener_names import answer_prefix, asking_prefix, frontend_name
from ecsd.decisions.haproxy.observation import ERROR, FIELDS, HANDSHAKE, REQUEST, SEPARATOR
from ecsd.decisions.telemetry.access_log import (
    Listened,
    access_line,
    connection_line,
    quoted,
)
from ecsd.decisions.telemetry.request_line import ENCODED, Told, read_line
from tests.decisions.listener_plans import ARN, GROUP, SHOP, function_group, group, plan, secure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEN = "1772366399500000"  # half a second earlier
LISTENER = "arn:listener"
FOUND = {
    "listener": frontend_name(LISTENER),
    "backend": backend_name(GROUP),
    "client": "10.0.0.9",
    "client_port": "4711",
    "node": "10.0.1.20",
    "listener_port": "80",
    "target": "10.0.1.5",
    "target_port": "8080",
    "status": "200",
    "target_status": "200",
    "began": SEEN,
    "received_ms": "1",
    "queued_ms": "0",
    "connected_ms": "2",
    "answered_ms": "45",
    "total_ms": "60",
    "received": "120",
    "sent": "340",
    "method": "GET",
    "uri": "/a?b=c",
    "version": "HTTP/1.1",
    "host": "web.test:80",
    "user_agent": "curl/8",
    "trace_id": "Root=1-2-3",
    "rule": "0123456789abcdef_default",
    "connection": "c6ce1540-d2ed-402d-af86-e764bc945c4b",
}
CONDITION = {"Field": "path-pattern", "Values": ["/x"]}
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
MOVED = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}
LOGIN = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {}}


def line(**more):
    """A datagram as HAProxy writes it."""
    texts = dict.fromkeys(FIELDS, "-") | FOUND | more
    encoded = {
        name: b64encode(texts[name].encode("latin-1")).decode()
        for name in ENCODED
        if texts[name] != "-"
    }
    return SEPARATOR.join([REQUEST, *(texts | encoded).values()]).encode()


def about(made=None, *groups):
    made = made or plan()
    known = {backend_name(one.target_group_arn): one for one in groups or made.target_groups}
    return Listened(ARN, made.listeners[0], known, {"ab12": SHOP})


def fields(text):
    """A line's fields, without their quotes."""
    return shlex.split(text.replace("\\", "\\\\"))


def written(listened=None, **more):
    return fields(access_line(read_line(line(**more)), listened or about(), NOW))


def test_a_forwarded_request_is_told_in_awss_thirty_fields():
    assert access_line(read_line(line()), about(), NOW) == (
        "http 2026-03-01T11:59:59.560000Z app/web/1 10.0.0.9:4711 10.0.1.5:8080 "
        "0.003 0.045 0.000 200 200 120 340 "
        f'"GET http://web.test:80/a?b=c HTTP/1.1" "curl/8" - - {GROUP} "Root=1-2-3" "-" "-" '
        '0 2026-03-01T11:59:59.500000Z "forward" "-" "-" "10.0.1.5:8080" "200" "-" "-" '
        "TID_c6ce1540d2ed402daf86e764bc945c4b"
    )


@pytest.mark.parametrize(
    ("action", "more", "told"),
    [
        (FIXED, {"status": "503"}, ["-", "-1", "-1", "-1", "503", "-", "7", "fixed-response", "-"]),
        (
            MOVED,
            {"status": "301", "location": "https://a/b"},
            ["-", "-1", "-1", "-1", "301", "-", "7", "redirect", "https://a/b"],
        ),
    ],
)
def test_what_the_balancer_answers_has_no_target(action, more, told):
    backend = f"{answer_prefix(LISTENER)}7"
    nobody = dict.fromkeys(("target", "target_port", "target_status"), "-")
    nobody |= dict.fromkeys(("connected_ms", "answered_ms"), "-1")
    found = written(
        about(plan(CONDITION, action=action)), backend=backend, rule="f_7", **nobody, **more
    )
    assert [found[one] for one in (4, 5, 6, 7, 8, 9, 20, 22, 23)] == told


def test_a_target_that_refuses_and_one_that_hangs_up_have_no_times():
    refused = written(target_status="-", status="502", connected_ms="-1", answered_ms="-1")
    assert refused[4:10] == ["10.0.1.5:8080", "-1", "-1", "-1", "502", "-"]
    gone = written(target_status="-", status="502", answered_ms="-1")
    assert gone[4:10] == ["10.0.1.5:8080", "0.003", "-1", "-1", "502", "-"]


def test_a_function_has_no_address_and_its_failure_a_reason():
    function = function_group("http://f")
    found = written(about(None, function), target="unix", own="LambdaInvalidResponse", status="502")
    assert (found[4], found[16], found[24], found[25]) == ("-", GROUP, "LambdaInvalidResponse", "-")


def test_users_that_log_in_are_told_as_such():
    made = plan(CONDITION)
    rule = replace(made.listeners[0].rules[0], actions=(LOGIN, {**MOVED, "Order": 2}))
    made = replace(made, listeners=(replace(made.listeners[0], rules=(rule,)),))
    away = written(about(made), backend=f"{asking_prefix(LISTENER)}7", rule="f_7", status="302")
    assert (away[20], away[22]) == ("7", "authenticate")
    denied = written(about(made), backend=f"{answer_prefix(LISTENER)}7_denied", rule="f_7")
    assert denied[22] == "authenticate"
    passed = written(about(made), backend=f"{answer_prefix(LISTENER)}7", rule="f_7")
    assert passed[22] == "authenticate,redirect"


@pytest.mark.parametrize(
    ("version", "status", "of_group", "kind"),
    [
        ("HTTP/1.1", "200", "HTTP1", "https"),
        ("HTTP/2.0", "200", "HTTP1", "h2"),
        ("HTTP/2.0", "200", "GRPC", "grpcs"),
        ("HTTP/1.1", "101", "HTTP1", "wss"),
    ],
)
def test_tls_is_told_of(version, status, of_group, kind):
    tls = {"protocol": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256"}
    listened = about(secure(), replace(group(), version=of_group))
    found = written(
        listened,
        version=version,
        status=status,
        certificate="AB12",
        server_name="shop.test",
        uri="https://web.test/a",
        **tls,
    )
    assert found[0] == kind
    assert found[12] == f"GET https://web.test:443/a {version}"
    assert found[14:16] == ["TLS_AES_128_GCM_SHA256", "TLSv1.3"]
    assert found[18:20] == ["shop.test", SHOP]


def test_a_request_that_is_none_is_told_with_what_is_known():
    bad = read_line(SEPARATOR.join([REQUEST, *["-"] * len(FIELDS)]).encode())
    found = fields(access_line(bad, about(), NOW))
    assert len(found) == 30
    assert found[12] == "- http://:80- -"
    assert found[20:24] == ["-1", "2026-03-01T12:00:00.000000Z", "-", "-"]


def test_a_connection_is_told_by_its_first_request():
    told = read_line(line(first="1"))
    assert connection_line(told, NOW) == (
        '2026-03-01T11:59:59.500000Z 10.0.0.9 4711 80 - - - "-" - - - '
        "TID_c6ce1540d2ed402daf86e764bc945c4b"
    )
    shown = {
        "protocol": "TLSv1.3",
        "cipher": "AES",
        "handshake_ms": "12",
        "client_subject": "/CN=a",
        "client_serial": "0F",
        "client_begins": "260101000000Z",
        "client_ends": "270101000000Z",
    }
    assert connection_line(read_line(line(**shown)), NOW).split(" ")[4:11] == [
        *("TLSv1.3", "AES", "0.012", '"/CN=a"'),
        "NotBefore=2026-01-01T00:00:00Z;NotAfter=2027-01-01T00:00:00Z",
        *("0F", "Success"),
    ]


def test_a_handshake_that_failed_is_a_connection_too():
    failed = read_line(f"{HANDSHAKE}|f_1|10.0.0.9|4711|443|-|33|1".encode())
    assert connection_line(failed, NOW) == (
        '2026-03-01T12:00:00.000000Z 10.0.0.9 4711 443 - - - "-" - - '
        "Failed:UnmappedConnectionError -"
    )


def test_quotes_and_what_cannot_be_printed_are_escaped():
    assert quoted('a"b\\c\r\nd\x7f\xe9') == r'"a\x22b\x5Cc\x0D\x0Ad\x7F\xE9"'
    assert quoted("") == '"-"'
    assert len(quoted("a" * 100_000)) < 17_000


@given(
    st.dictionaries(
        st.sampled_from(sorted(ENCODED)),
        st.binary(max_size=60).map(lambda one: one.decode("latin-1")),
    )
)
def test_whatever_users_send_a_line_has_its_fields_and_one_end(texts):
    told = read_line(line(**texts))
    text = access_line(told, about(), NOW)
    assert text.isascii()
    assert text.isprintable()
    assert len(fields(text)) == 30
    assert len(fields(connection_line(told, NOW))) == 12


@given(st.binary(max_size=400) | st.lists(st.binary(max_size=9), max_size=60).map(b"|".join))
def test_whatever_comes_is_read_or_not(datagram):
    full = SEPARATOR.join([REQUEST, *["9" * 30] * len(FIELDS)]).encode()
    assert read_line(full) is None or access_line(read_line(full), about(), NOW)
    for head in (b"", b"R|", b"E|", b"H|"):
        told = read_line(head + datagram)
        if told is not None:
            text = f"{access_line(told, about(), NOW)}{connection_line(told, NOW)}"
            assert text.isprintable()


def test_an_error_is_told_in_few_words():
    told = read_line(f"{ERROR}|t_1|503|-".encode())
    assert told == Told(ERROR, {"backend": "t_1", "status": "503", "own": "-"})
