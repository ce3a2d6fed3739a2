"""What HAProxies tell becomes lines of logs, and errors for the metrics."""

import asyncio
import socket
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.log_socket import LogSocket
from ecsd.agent.traffic.request_logs import RequestLogs
from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.listener_names import frontend_name
from ecsd.decisions.haproxy.observation import (
    ERROR,
    ERROR_FIELDS,
    FIELDS,
    HANDSHAKE,
    HANDSHAKE_FIELDS,
    REQUEST,
    SEPARATOR,
)
from tests.certificates.pems import pair
from tests.decisions.listener_plans import ARN, GROUP, plan

LISTENER = frontend_name("arn:listener")
BACK = backend_name(GROUP)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Moment:
    def now(self):
        return NOW


class Files(list):
    """Takes lines as ``LogFiles`` does."""

    def add(self, load_balancer_arn, kind, line):
        self.append((load_balancer_arn, kind, line))


@pytest.fixture
def files():
    return Files()


@pytest.fixture
def logs(files):
    logs = RequestLogs(Moment(), files)
    logs.follow(plan())
    return logs


def line(kind, names, **texts):
    return SEPARATOR.join([kind, *(texts.get(one, "-") for one in names)]).encode()


def request(**texts):
    told = {"listener": LISTENER, "backend": BACK, "status": "200", "target_status": "200"}
    return line(REQUEST, FIELDS, **told | texts)


def test_a_request_is_a_line_and_the_first_of_a_connection_two(logs, files):
    logs.hear([request(first="1"), request(), b"NOTICE: something else\n", b"R|cut"])
    assert [(arn, kind) for arn, kind, _ in files] == [
        (ARN, "access"),
        (ARN, "connection"),
        (ARN, "access"),
    ]
    assert " app/web/1 " in files[0][2]


def test_a_handshake_that_failed_is_a_connection(logs, files):
    logs.hear([line(HANDSHAKE, HANDSHAKE_FIELDS, listener=LISTENER, client="10.0.0.9", error="30")])
    [(_, kind, text)] = files
    assert (kind, "Failed:" in text) == ("connection", True)


def test_errors_are_counted_once(logs, files):
    logs.hear(
        [
            request(),
            request(status="502", target_status="-"),
            line(ERROR, ERROR_FIELDS, backend=BACK, status="503"),
            line(ERROR, ERROR_FIELDS, backend=BACK, status="502", own="LambdaUnhandled"),
        ]
    )
    taken = logs.take_errors()
    assert taken.answers == {(BACK, "502"): 2, (BACK, "503"): 1}
    assert taken.own == {(BACK, "hrsp_5xx"): 1}
    assert not logs.take_errors().answers
    assert len(files) == 2  # an error's line is for the metrics alone


def test_a_balancer_that_is_gone_has_no_lines(logs, files):
    logs.forget(ARN)
    logs.hear([request()])
    assert files == []


def test_certificates_are_told_by_their_arn(logs, files):
    pem = pair("www.example.com")
    whole = f"{pem.private_key.decode()}{pem.body.decode()}"
    made = replace(plan(), certificates={"arn:shop": whole})
    logs.follow(made)
    [known] = {one for each in logs._listeners.values() for one in each.certificates.items()}
    logs.hear([request(certificate=known[0].upper(), protocol="TLSv1.3")])
    assert (known[1], '"arn:shop"' in files[0][2]) == ("arn:shop", True)


def test_whatever_a_user_says_ends_no_line(logs, files):
    evil = b64encode(b'a" - -\nhttp 2026 "').decode()
    logs.hear([request(user_agent=evil, uri=evil, host=evil)])
    [(_, _, text)] = files
    assert "\n" not in text
    assert r'"a\x22 - -\x0Ahttp 2026 \x22"' in text


async def test_datagrams_are_heard_and_many_may_wait(tmp_path):
    heard, whole = [], asyncio.Event()

    def hear(lines):
        heard.extend(lines)
        if len(heard) == 100:
            whole.set()

    path = tmp_path / "log.sock"
    path.write_text("what another agent left")
    ears = LogSocket(path, "", hear)
    ears.open()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as said:
            for number in range(100):  # the kernel lets ten wait elsewhere
                said.sendto(str(number).encode(), str(path))
        async with asyncio.timeout(5):
            await whole.wait()
        assert heard == [str(one).encode() for one in range(100)]
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        ears.close()
