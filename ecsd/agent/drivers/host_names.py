"""Private names on the host itself: an address of its loopback network that answers for them.

Nothing of the host is changed: who wants these names asks here, or has the host's resolver ask
(``ecsd dns``). Names that belong to no zone are refused, not looked up elsewhere.
"""

import asyncio
import logging
import struct
from collections.abc import Callable

from ecsd.agent.drivers.names import NameServer
from ecsd.clock import Clock
from ecsd.decisions.dns.message import LARGEST, MalformedError

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 6.0  # for a question by TCP
TAKEN_PAUSE = 5.0  # seconds until a port that is taken is tried again

Tell = Callable[[str | None], None]


class HostNames:
    """One address. tell: hears what stands in the way; None: nothing does."""

    def __init__(self, clock: Clock, names: NameServer, place: tuple[str, int], tell: Tell) -> None:
        self._clock = clock
        self._names = names
        self._place = place
        self._tell = tell

    async def run(self) -> None:
        """Answer until cancelled."""
        address, port = self._place
        while True:
            try:
                await self._serve(address, port)
            except OSError as error:
                self._tell(f"private names are not answered at {address}:{port}: {error.strerror}")
            await self._clock.sleep(TAKEN_PAUSE)

    async def _serve(self, address: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._names), local_addr=(address, port)
        )
        try:
            server = await asyncio.start_server(self._converse, address, port)
            self._tell(None)
            async with server:
                await server.serve_forever()
        finally:
            transport.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer questions on a TCP connection, each with its length before it."""
        try:
            while True:
                async with self._clock.deadline(PATIENCE_SECONDS):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    packet = await reader.readexactly(length)
                found = self._names.answered_on_host(packet, LARGEST)
                writer.write(struct.pack(">H", len(found)) + found)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, MalformedError) as error:
            log.debug("a conversation about names ended", extra={"cause": str(error)})
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket."""

    def __init__(self, names: NameServer) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Begin."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question; what is none is nobody's."""
        try:
            found = self._names.answered_on_host(data)
        except MalformedError:
            return
        if self._transport is not None:
            self._transport.sendto(found, addr)
