"""One health check over a socket that lives in the target's VPC.

Source: Application and Network Load Balancers guides, health checks; ecs_semantics 5.2.
"""

import re
import socket
from typing import NamedTuple

from ecsd.agent.drivers.target_channel import Channel, opened
from ecsd.clock import Clock
from ecsd.decisions.target_health import Outcome, matches

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
ALPN = {"HTTP1": "http/1.1", "HTTP2": "h2", "GRPC": "h2"}
LONGEST_ANSWER = 1 << 16  # bytes that are read before hanging up
FAREWELL_SECONDS = 0.5  # for an answer to end once its status is known


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

    def text(self) -> bytes:
        """Return the request as ELB sends it."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.address}:{self.port}\r\n"
            "Connection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            "Accept-Encoding: gzip, compressed\r\n\r\n"
        ).encode(errors="replace")


async def ask(connection: socket.socket, question: Question, clock: Clock) -> Outcome:
    """Return how the check went; the connection is closed after it."""
    channel: Channel | None = None
    try:
        async with clock.deadline(question.timeout):
            alpn = ALPN[question.version] if question.protocol == "HTTPS" else ""
            channel = await opened(connection, question.address, question.port, alpn)
            if question.protocol == "TCP":
                return Outcome("passed")
            code = await _code(channel, question)
        if question.version == "HTTP1":
            await _hear_out(channel, clock)
    except TimeoutError:
        return Outcome("timeout")
    except ConnectionRefusedError:
        return Outcome("refused")
    except OSError:
        return Outcome("failed")
    finally:
        if channel is None:
            connection.close()
        else:
            channel.close()
    if code is None:
        return Outcome("failed")
    return Outcome("passed" if matches(question.matcher, code) else "code", code)


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
    found = STATUS.match(heard)
    return int(found[1]) if found else None


async def _hear_out(channel: Channel, clock: Clock) -> None:
    """Let the application finish its answer: hanging up early would be its error to log."""
    heard = 0
    try:
        async with clock.deadline(FAREWELL_SECONDS):
            while heard < LONGEST_ANSWER:
                piece = await channel.receive()
                if not piece:
                    return
                heard += len(piece)
    except OSError:
        return  # the verdict is known; how the rest ended does not matter
