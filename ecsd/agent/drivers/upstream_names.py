"""The host's own resolvers: asked for all that no VPC knows, and remembered.

Nobody's questions fill the place of all: one asker's wait among themselves.
"""

import asyncio
import logging
import socket
import struct
from collections import Counter
from pathlib import Path

from ecsd.clock import Clock
from ecsd.decisions.dns.answer_cache import AnswerCache
from ecsd.decisions.dns.message import LARGEST, fail, parse_question

log = logging.getLogger(__name__)
PORT = 53
UPSTREAM_SECONDS = 3.0
RESOLVERS = Path("/etc/resolv.conf")
MOST_WAITING = 512  # questions asked at one time
MOST_OF_ONE = 64  # of them one asker's


class UpstreamNames:
    """Asks and remembers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept = {kind: AnswerCache() for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)}
        self._waiting: Counter[str] = Counter()

    def is_busy(self, client: str) -> bool:
        """Whether one more question of this asker is one too many."""
        return self._waiting[client] >= MOST_OF_ONE or self._waiting.total() >= MOST_WAITING

    def remembered(
        self, packet: bytes, kind: socket.SocketKind = socket.SOCK_DGRAM
    ) -> bytes | None:
        """Return an answer that still holds."""
        return self._kept[kind].find(packet, self._now())

    async def ask(
        self, packet: bytes, client: str, kind: socket.SocketKind = socket.SOCK_DGRAM
    ) -> bytes:
        """Return what the host's resolvers say, asked the way we were; or a failure."""
        known = self.remembered(packet, kind)
        if known is not None:
            return known
        if self.is_busy(client):
            return fail(packet, parse_question(packet))
        self._waiting[client] += 1
        try:
            return await self._ask(packet, kind)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    async def _ask(self, packet: bytes, kind: socket.SocketKind) -> bytes:
        for address in _resolvers():
            asked = socket.socket(socket.AF_INET, kind)
            asked.setblocking(False)
            try:
                async with self._clock.deadline(UPSTREAM_SECONDS):
                    answer = await exchange(asked, address, packet)
            except (OSError, TimeoutError, EOFError) as error:
                log.debug("a resolver did not answer", extra={"at": address, "cause": str(error)})
            else:
                self._kept[kind].keep(packet, answer, self._now())
                return answer
            finally:
                asked.close()
        return fail(packet, parse_question(packet))

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def exchange(asked: socket.socket, address: str, packet: bytes) -> bytes:
    """Return the answer of the resolver at an address; EOFError when it hangs up."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(asked, (address, PORT))
    if asked.type == socket.SOCK_DGRAM:
        await loop.sock_sendall(asked, packet)
        return await loop.sock_recv(asked, LARGEST)
    await loop.sock_sendall(asked, struct.pack(">H", len(packet)) + packet)
    heard = b""
    while len(heard) < 2 or len(heard) < 2 + int.from_bytes(heard[:2]):  # noqa: PLR2004 - length
        more = await loop.sock_recv(asked, LARGEST)
        if not more:
            raise EOFError("hung up")
        heard += more
    return heard[2:]


def _resolvers() -> list[str]:
    try:
        lines = RESOLVERS.read_text().splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [
        one[1] for one in words if len(one) > 1 and one[0] == "nameserver" and ":" not in one[1]
    ]
