"""One health check over a socket that lives in the target's VPC.

Source: Application and Network Load Balancers guides, health checks; ecs_semantics 5.2.
"""

import asyncio
import re
import socket
from typing import NamedTuple

from ecsd.clock import Clock
from ecsd.decisions.target_health import Outcome, matches

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
LONGEST_ANSWER = 1 << 16  # bytes that are read before hanging up
FAREWELL_SECONDS = 0.5  # for an answer to end once its status is known


class Question(NamedTuple):
    """What to ask. timeout: seconds for the whole check. Over TCP a connection is the answer."""

    address: str
    port: int
    path: str
    timeout: int
    matcher: str
    protocol: str = "HTTP"

    def text(self) -> bytes:
        """Return the request as ELB sends it."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.address}:{self.port}\r\n"
            "Connection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            "Accept-Encoding: gzip, compressed\r\n\r\n"
        ).encode(errors="replace")


async def ask(connection: socket.socket, question: Question, clock: Clock) -> Outcome:
    """Return how the check went; the connection is closed after it."""
    try:
        async with clock.deadline(question.timeout):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (question.address, question.port))
            if question.protocol == "TCP":
                return Outcome("passed")
            await loop.sock_sendall(connection, question.text())
            code = await _status(connection)
        await _hear_out(connection, clock)
    except TimeoutError:
        return Outcome("timeout")
    except ConnectionRefusedError:
        return Outcome("refused")
    except OSError:
        return Outcome("failed")
    finally:
        connection.close()
    if code is None:
        return Outcome("failed")
    return Outcome("passed" if matches(question.matcher, code) else "code", code)


async def _status(connection: socket.socket) -> int | None:
    """Return the answer's status; None when what came is not HTTP."""
    loop = asyncio.get_running_loop()
    heard = b""
    while b"\n" not in heard and len(heard) < LONGEST_ANSWER:
        piece = await loop.sock_recv(connection, LONGEST_ANSWER)
        if not piece:
            break
        heard += piece
    found = STATUS.match(heard)
    return int(found[1]) if found else None


async def _hear_out(connection: socket.socket, clock: Clock) -> None:
    """Let the application finish its answer: hanging up early would be its error to log."""
    loop = asyncio.get_running_loop()
    heard = 0
    try:
        async with clock.deadline(FAREWELL_SECONDS):
            while heard < LONGEST_ANSWER:
                piece = await loop.sock_recv(connection, LONGEST_ANSWER)
                if not piece:
                    return
                heard += len(piece)
    except OSError:
        return  # the verdict is known; how the rest ended does not matter
