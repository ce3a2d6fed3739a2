"""Checks of endpoints over real sockets of this machine."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

from msgspec.structs import replace

from ecsd.agent.drivers import endpoint_probe
from ecsd.agent.drivers.endpoint_probe import ask_endpoint
from ecsd.clock import SystemClock
from ecsd.records.plan import EndpointCheckPlan
from tests.certificates.pems import pair

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


@asynccontextmanager
async def listening(answer, **more):
    """Serve one answer to everybody; None: nothing is ever said."""
    heard = []

    async def serve(reader, writer):
        try:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the check hung up first
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **more)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def plan(port, kind="HTTP", **more):
    return EndpointCheckPlan(
        health_check_id="hc",
        account="1",
        kind=kind,
        port=port,
        interval=30,
        threshold=3,
        **{"address": "127.0.0.1"} | more,
    )


async def asked(one, *, strict=False):
    return await ask_endpoint(one, SystemClock(), strict=strict)


async def test_each_type_is_asked_and_says_what_it_found():
    async with listening(OK) as (port, heard):
        found = await asked(plan(port, path="/up", name="a.com"))
        assert (found.passed, found.checker) == (True, "127.0.0.1")
        assert found.words == "Success: HTTP Status Code 200, OK."
        assert f"GET /up HTTP/1.1\r\nHost: a.com:{port}\r\n".encode() in heard[0]
        assert (await asked(plan(port, "TCP"))).passed
        assert (await asked(plan(port, "HTTP_STR_MATCH", search="fine"))).passed
        assert not (await asked(plan(port, "HTTP_STR_MATCH", search="bad"))).passed
        assert "answered in" in (await asked(plan(port, latency=True))).detail


async def test_tls_trusts_everybody_and_names_the_endpoint_where_it_is_to(tmp_path):
    made = pair("a.com")
    (tmp_path / "both.pem").write_bytes(made.body + made.private_key)
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    context.sni_callback = lambda _, name, __: names.append(name)
    async with listening(OK, ssl=context) as (port, _):
        for sni in (True, False):
            assert (await asked(plan(port, "HTTPS", name="a.com", sni=sni))).passed
    assert names == ["a.com", None]

    def blurt(_, writer):
        writer.write(OK)
        writer.close()

    plain = await asyncio.start_server(blurt, "127.0.0.1", 0)
    async with plain:
        port = plain.sockets[0].getsockname()[1]
        assert "SSL handshake failed" in (await asked(plan(port, "HTTPS"))).words


async def test_who_does_not_answer_fails(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "Connection refused" in (await asked(plan(port))).words
    monkeypatch.setattr(endpoint_probe, "ANSWER_SECONDS", 0.05)
    async with listening(None) as (port, _):
        assert "did not answer" in (await asked(plan(port))).words
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        monkeypatch.setattr(endpoint_probe, "CONNECT_SECONDS", 0.05)
        with socket.create_connection(("127.0.0.1", port)):
            assert "Connection timed out" in (await asked(plan(port))).words


async def test_a_name_leads_to_what_may_be_asked(monkeypatch):
    async with listening(OK) as (port, _):
        found = await asked(plan(port, address="", name="localhost"))
        assert found.words.endswith("OK. Resolved IP: 127.0.0.1.")
        found = await asked(plan(port, address="", name="localhost"), strict=True)
        assert found.words == "Failure: The address 127.0.0.1 may not be checked."
        assert (await asked(plan(port, is_balancer=True), strict=True)).passed
        for address in ("169.254.169.254", "127.0.0.1"):
            assert "may not" in (await asked(plan(port, address=address), strict=True)).words
    found = await asked(plan(80, address="", name="nobody.invalid"))
    assert found.words.startswith("Failure: DNS resolution failed: nobody.invalid")

    async def never(*_, **__):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr(endpoint_probe, "CONNECT_SECONDS", 0.05)
    assert "in time" in (await asked(replace(plan(80), address="", name="a.com"))).words
