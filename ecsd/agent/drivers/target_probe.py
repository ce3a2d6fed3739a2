"""One health check over a socket that lives in the target's VPC.

Source: Application and Network Load Balancers guides, health checks; ecs_semantics 5.2.
"""

import socket
from collections.abc import Callable
from typing import NamedTuple

from ecsd.agent.drivers.beats import Timers
from ecsd.agent.drivers.plain_exchange import (
    LONGEST_ANSWER,
    Ending,
    PlainExchange,
    status_of,
)
from ecsd.agent.drivers.readiness import Readiness
from ecsd.agent.drivers.target_channel import Channel, hear_out, opened
from ecsd.clock import Clock
from ecsd.decisions.balancers.target_health import Outcome, matches

Told = Callable[[Outcome], None]
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

    def request(self) -> bytes:
        """Return the request as ELB sends it; empty where a connection is all that is asked."""
        if self.protocol == "TCP":
            return b""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.address}:{self.port}\r\n"
            "Connection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            "Accept-Encoding: gzip, compressed\r\n\r\n"
        ).encode(errors="replace")


class PlainProbe:
    """Asks plain questions, many at a time, without a task for any."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._readiness: Readiness | None = None
        self._under_way: dict[PlainExchange, tuple[Question, Told]] = {}

    def ask(
        self,
        connection: socket.socket,
        question: Question,
        request: bytes,
        told: Told,
    ) -> None:
        """Tell how a check went, perhaps before this returns; the connection is closed then.

        request: the question's ``request()``, which stays the same.
        """
        if self._readiness is None:
            self._readiness = Readiness()
        ways = (self._readiness, self._timers)
        exchange = PlainExchange(connection, request, ways, self._ended)
        self._under_way[exchange] = (question, told)
        exchange.begin(question.address, question.port, question.timeout)

    def stop(self) -> None:
        """Call everything off; nobody is told."""
        for exchange in self._under_way:
            exchange.end()
        self._under_way.clear()
        if self._readiness is not None:
            self._readiness.close()
            self._readiness = None

    def _ended(self, exchange: PlainExchange, ending: Ending) -> None:
        question, told = self._under_way.pop(exchange)
        told(outcome_of(question, ending))


async def ask_by_channel(connection: socket.socket, question: Question, clock: Clock) -> Outcome:
    """Return how a check went, by TLS or HTTP/2; the connection is closed after it."""
    ending: Ending
    try:
        ending = await _by_channel(connection, question, clock)
    except OSError as error:
        ending = error
    return outcome_of(question, ending)


def outcome_of(question: Question, ending: Ending) -> Outcome:
    """Return what a check's end means."""
    match ending:
        case TimeoutError():
            return Outcome("timeout")
        case ConnectionRefusedError():
            return Outcome("refused")
        case OSError():
            return Outcome("failed")
        case None:
            return Outcome("passed" if question.protocol == "TCP" else "failed")
        case code:
            return Outcome("passed" if matches(question.matcher, code) else "code", code)


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
        await channel.send(question.request())
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
