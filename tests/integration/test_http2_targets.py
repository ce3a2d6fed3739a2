"""Targets of HTTP/2 and gRPC behind a real HAProxy, plain and over TLS; WebSocket beside them."""

import asyncio
import socket

import grpc
import pytest
from msgspec.structs import replace

from tests.integration.balancer_world import DNS_NAME, ENTRANCE, group
from tests.integration.tls_world import (
    AUTHORITY,
    DEFAULT,
    NOW,
    PORT,
    fetch,
    https,
    served,
    trusting,
    world,
)

pytestmark = pytest.mark.integration
__all__ = ["world"]  # the fixture

PROGRAM = "fake_h2_target.py"
CHECK = {"path": "/AWS.ALB/healthcheck", "matcher": "12"}
STRANGER = served("target", "stranger.test")


def versioned(target, version, protocol="HTTP", **check):
    """The plan of a group that is spoken to, and checked, by a version over a protocol."""
    settings = {"version": version, "protocol": protocol} | check
    made = replace(group("a", target, **settings), version=version, protocol=protocol)
    return replace(https(target, DEFAULT), target_groups=(made,))


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
async def test_an_http2_target_is_checked_and_reached(world, protocol):
    target = world.start_target(5, STRANGER.pem if protocol == "HTTPS" else "", PROGRAM)
    await world.balancers.apply(versioned(target, "HTTP2", protocol))
    await world.healthy(target)
    heard = await asyncio.to_thread(fetch, "/x")  # from a client of HTTP/1.1
    assert heard["headers"][":path"] == "/x"
    assert heard["headers"]["x-forwarded-proto"] == "https"


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
async def test_a_grpc_call_goes_through_and_its_status_is_the_check(world, protocol):
    target = world.start_target(5, STRANGER.pem if protocol == "HTTPS" else "", PROGRAM)
    await world.balancers.apply(versioned(target, "GRPC", protocol, **CHECK))
    await world.healthy(target)

    def call(method):
        credentials = grpc.ssl_channel_credentials(AUTHORITY.root(NOW).encode())
        options = [("grpc.ssl_target_name_override", DNS_NAME)]
        with grpc.secure_channel(f"{ENTRANCE}:{PORT}", credentials, options) as channel:
            say = channel.unary_stream(method)  # bytes in, bytes out
            return [*say(b"hello", timeout=10)]

    assert await asyncio.to_thread(call, "/echo.Echo/Say") == [b"hello", b"hello"]
    with pytest.raises(grpc.RpcError) as caught:
        await asyncio.to_thread(call, "/echo.Echo/Nothing")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_another_grpc_status_is_told(world):
    target = world.start_target(5, "", PROGRAM)
    await world.balancers.apply(versioned(target, "GRPC", **CHECK | {"matcher": "0,2-5"}))
    await world.until(lambda world: world.states() == {target: "unhealthy"})
    [seen] = world.heard[-1].targets
    assert seen.reason == "Target.ResponseCodeMismatch"
    assert seen.description == "Health checks failed with these codes: [12]"


async def test_a_target_that_speaks_http1_alone_fails_the_checks_of_http2(world):
    target = world.start_target(5)
    await world.balancers.apply(versioned(target, "HTTP2"))
    await world.until(lambda world: world.states() == {target: "unhealthy"})
    [seen] = world.heard[-1].targets
    assert seen.reason == "Target.FailedHealthChecks"


async def test_targets_that_come_later_are_spoken_to_alike(world):
    first = world.start_target(5, "", PROGRAM)
    await world.balancers.apply(versioned(first, "HTTP2"))
    await world.healthy(first)
    loads = world.loads()
    second = world.start_target(6, "", PROGRAM)
    made = versioned(second, "HTTP2")
    await world.balancers.apply(made)
    await world.healthy(second)
    assert (await asyncio.to_thread(fetch))["name"] == "t6"
    assert world.loads() == loads


async def test_a_connection_over_tls_becomes_a_websocket(world):
    target = world.start_target(5)
    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)

    def talk():
        with (
            socket.create_connection((ENTRANCE, PORT), timeout=10) as raw,
            trusting().wrap_socket(raw, server_hostname=DNS_NAME) as wrapped,
        ):
            wrapped.sendall(
                f"GET /echo HTTP/1.1\r\nHost: {DNS_NAME}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += wrapped.recv(4096)
            wrapped.sendall(b"over and out")
            return heard.split(b"\r\n", 1)[0], wrapped.recv(4096)

    status, echoed = await asyncio.to_thread(talk)
    assert status == b"HTTP/1.1 101 Switching Protocols"
    assert echoed == b"over and out"
