"""One health check over a socket that lives in the target's VPC.

Source: Application and Network Load Balancers guides, health checks; ecs_semantics 5.2.
"""

import socket
from typing import NamedTuple

from ecsd.agent.drivers.plain_exchange import LONGEST_ANSWER, PlainExchange, status_of
from ecsd.agent.drivers.target_channel import Channel, hear_out, opened
from ecsd.clock import Clock
from ecsd.decisions.balancers.target_health import Outcome, matches

ALPN = {"HTTP1": "http/1.1", "HTTP2": "h2", "GRPC": "h2"}


class Question(NamedTuple):
    """What to ask. timeout: seconds for the whole check.

    protocol: HTTP, HTTPS, TCP (a connection is the answer). version: HTTP1, HTTP2, GRPC.
    """

    address: str
    port: int
    path: str
    timeout: int
    matcher: str
    protocol: str = "HTTP"
    version: str = "HTTP1"

    @property
    def is_plain(self) -> bool:
        """Tell whether it goes by HTTP/1 or a connection alone, without TLS."""
        return self.protocol == "TCP" or (self.protocol == "HTTP" and self.version == "HTTP1")

    def text(self) -> bytes:
        """Return the request as ELB sends it."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.address}:{self.port}\r\n"
            "Connection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            "Accept-Encoding: gzip, compressed\r\n\r\n"
        ).encode(errors="replace")


async def ask(connection: socket.socket, question: Question, clock: Clock) -> Outcome:
    """Return how the check went; the connection is closed after it."""
    way = _by_callbacks if question.is_plain else _by_channel
    try:
        code = await way(connection, question, clock)
    except TimeoutError:
        return Outcome("timeout")
    except ConnectionRefusedError:
        return Outcome("refused")
    except OSError:
        return Outcome("failed")
    if question.protocol == "TCP":
        return Outcome("passed")
    if code is None:
        return Outcome("failed")
    return Outcome("passed" if matches(question.matcher, code) else "code", code)


async def _by_callbacks(connection: socket.socket, question: Question, clock: Clock) -> int | None:
    request = b"" if question.protocol == "TCP" else question.text()
    exchange = PlainExchange(connection, request, clock)
    try:
        exchange.begin(question.address, question.port, question.timeout)
        return await exchange.status
    finally:
        exchange.end()
        connection.close()


async def _by_channel(connection: socket.socket, question: Question, clock: Clock) -> int | None:
    channel: Channel | None = None
    try:
        async with clock.deadline(question.timeout):
            alpn = ALPN[question.version] if question.protocol == "HTTPS" else ""
            channel = await opened(connection, question.address, question.port, alpn)
            code = await _code(channel, question)
        if question.version == "HTTP1":
            await hear_out(channel, clock)
        return code
    finally:
        if channel is None:
            connection.close()
        else:
            channel.close()


async def _code(channel: Channel, question: Question) -> int | None:
    """Return the answer's code, HTTP's or gRPC's; None when there is no answer."""
    if question.version == "HTTP1":
        await channel.send(question.text())
        return await _status(channel)
    from ecsd.agent.drivers.h2_question import H2Question  # most hosts have no such targets

    return await H2Question(
        f"{question.address}:{question.port}",
        question.path,
        grpc=question.version == "GRPC",
        secure=question.protocol == "HTTPS",
    ).ask(channel)


async def _status(channel: Channel) -> int | None:
    """Return the answer's status; None when what came is not HTTP."""
    heard = b""
    while b"\n" not in heard and len(heard) < LONGEST_ANSWER:
        piece = await channel.receive()
        if not piece:
            break
        heard += piece
    return status_of(heard)
