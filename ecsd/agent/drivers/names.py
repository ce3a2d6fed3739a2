"""DNS in every VPC: VPC+2 and 169.254.169.253, UDP and TCP, by sockets opened there.

What the VPC itself does not know is asked of the host's own resolvers. Source: network.md 3.
"""

import asyncio
import logging
import socket
import struct
from pathlib import Path

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.clock import Clock
from ecsd.decisions.addresses import resolver
from ecsd.decisions.name_affinity import seen_from
from ecsd.decisions.names import MalformedError, answer, fail, parse_question, resolve
from ecsd.decisions.packet_filter import RESOLVER
from ecsd.errors import NetworkError
from ecsd.records.plan import VpcPlan

log = logging.getLogger(__name__)
PORT = 53
UPSTREAM_SECONDS = 3.0
MOST_WAITING = 512  # questions asked elsewhere at one time
LARGEST = 65535
RESOLVERS = Path("/etc/resolv.conf")


class _Zone:
    """What one VPC is asked and how it is answered."""

    def __init__(self, plan: VpcPlan) -> None:
        self.plan = plan
        self.transports: list[asyncio.DatagramTransport] = []
        self.servers: list[asyncio.Server] = []


class NameServer:
    """All VPCs' resolvers."""

    def __init__(self, clock: Clock, visitor: Visitor) -> None:
        self._clock = clock
        self._visitor = visitor
        self._zones: dict[str, _Zone] = {}
        self._group: asyncio.TaskGroup | None = None
        self._waiting = 0

    async def run(self) -> None:
        """Keep questions that are asked elsewhere going, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.get_running_loop().create_future()

    async def serve(self, plan: VpcPlan, path: str) -> None:
        """Answer in a VPC as its plan says; the sockets are opened once."""
        zone = self._zones.get(plan.vpc_id)
        if zone is not None:
            zone.plan = plan
            return
        zone = self._zones[plan.vpc_id] = _Zone(plan)
        try:
            for address in (resolver(plan.cidr), RESOLVER):
                await self._listen(zone, path, address)
        except (OSError, NetworkError) as error:
            await self.stop(plan.vpc_id)
            raise NetworkError(f"names cannot be answered in {plan.vpc_id}: {error}") from error

    async def _listen(self, zone: _Zone, path: str, address: str) -> None:
        datagrams, connections = await self._visitor.visit(path, lambda: _open(address))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self, zone), sock=datagrams
        )
        zone.transports.append(transport)
        zone.servers.append(
            await asyncio.start_server(
                lambda reader, writer: self._converse(zone, reader, writer), sock=connections
            )
        )

    async def stop(self, vpc_id: str) -> None:
        """Answer no more in a VPC."""
        zone = self._zones.pop(vpc_id, None)
        if zone is None:
            return
        for transport in zone.transports:
            transport.close()
        for server in zone.servers:
            server.close()
        await self._clock.sleep(0)  # the loop closes their sockets in its next turn

    def asked(
        self,
        zone: _Zone,
        packet: bytes,
        peer: tuple[str, int],
        transport: asyncio.DatagramTransport,
    ) -> None:
        """Answer a datagram at once, or ask elsewhere beside."""
        at_once = self._at_once(zone, packet, peer[0])
        if at_once == b"":
            return  # no question: nobody waits for an answer
        if at_once is not None:
            transport.sendto(at_once, peer)
        elif self._group is None or self._waiting >= MOST_WAITING:
            transport.sendto(fail(packet, parse_question(packet)), peer)
        else:
            self._group.create_task(self._forward(zone, packet, peer, transport))

    def _at_once(self, zone: _Zone, packet: bytes, client: str) -> bytes | None:
        """Return an answer that needs nobody else; empty for what is no question."""
        try:
            question = parse_question(packet)
        except MalformedError:
            return b""
        if not zone.plan.dns_support:
            return fail(packet, question)
        plan = seen_from(zone.plan, question.name, client, question.identifier)
        known = resolve(question, plan)
        return None if known is None else answer(packet, question, known)

    async def _forward(
        self,
        zone: _Zone,
        packet: bytes,
        peer: tuple[str, int],
        transport: asyncio.DatagramTransport,
    ) -> None:
        self._waiting += 1
        try:
            found = await self._ask_elsewhere(packet)
        finally:
            self._waiting -= 1
        if not transport.is_closing():
            transport.sendto(found, peer)

    async def _ask_elsewhere(
        self, packet: bytes, kind: socket.SocketKind = socket.SOCK_DGRAM
    ) -> bytes:
        """Return what the host's resolvers say, asked the way we were; or a failure."""
        for address in _resolvers():
            asked = socket.socket(socket.AF_INET, kind)
            asked.setblocking(False)
            try:
                async with self._clock.deadline(UPSTREAM_SECONDS):
                    return await _ask(asked, address, packet)
            except (OSError, TimeoutError, EOFError) as error:
                log.debug("a resolver did not answer", extra={"at": address, "cause": str(error)})
            finally:
                asked.close()
        return fail(packet, parse_question(packet))

    async def _converse(
        self, zone: _Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer questions on a TCP connection, each with its length before it."""
        try:
            while True:
                async with self._clock.deadline(UPSTREAM_SECONDS * 2):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    packet = await reader.readexactly(length)
                found = self._at_once(zone, packet, writer.get_extra_info("peername")[0])
                if found is None:
                    found = await self._ask_elsewhere(packet, socket.SOCK_STREAM)
                if not found:
                    return
                writer.write(struct.pack(">H", len(found)) + found)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return  # the client has gone, or says nothing more
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """One UDP socket of a VPC."""

    def __init__(self, server: NameServer, zone: _Zone) -> None:
        self._server = server
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Begin."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a question."""
        if self._transport is not None:
            self._server.asked(self._zone, data, addr, self._transport)


async def _ask(asked: socket.socket, address: str, packet: bytes) -> bytes:
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


def _open(address: str) -> tuple[socket.socket, socket.socket]:
    """Open the two sockets of an address, in whatever namespace this runs."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        datagrams.bind((address, PORT))
        connections = socket.create_server((address, PORT), backlog=64)
    except OSError:
        datagrams.close()
        raise
    datagrams.setblocking(False)
    connections.setblocking(False)
    return datagrams, connections


def _resolvers() -> list[str]:
    try:
        lines = RESOLVERS.read_text().splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [
        one[1] for one in words if len(one) > 1 and one[0] == "nameserver" and ":" not in one[1]
    ]
