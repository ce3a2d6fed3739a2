"""DNS in every VPC: VPC+2 and 169.254.169.253, UDP and TCP, by sockets opened there.

What neither the VPC nor its zones know is asked of the host's own resolvers. Source:
network.md 3.
"""

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.agent.drivers.shared_port import open_queues
from ecsd.agent.drivers.upstream_names import UPSTREAM_SECONDS, UpstreamNames
from ecsd.clock import Clock
from ecsd.decisions.dns.message import (
    LARGEST,
    REFUSED,
    Answer,
    MalformedError,
    Question,
    ask,
    encode,
    fail,
    parse_answer,
    parse_question,
)
from ecsd.decisions.dns.name_affinity import seen_from
from ecsd.decisions.dns.names import resolve
from ecsd.decisions.dns.zone_answer import Zone, open_zone, serves, zone_of
from ecsd.decisions.network.addresses import resolver
from ecsd.decisions.vpc.packet_filter import RESOLVER
from ecsd.errors import NetworkError
from ecsd.ids import IdSource
from ecsd.records.plan import ZonePlan
from ecsd.records.plan_network import VpcPlan

log = logging.getLogger(__name__)
PORT = 53
MOST_CONNECTED = 32  # connections of one asker to a VPC's resolver
AT_ONCE = 64  # datagrams that are answered before others of the loop have their turn
MOST_REMEMBERED = 4096  # answers of a VPC

T = TypeVar("T")


class _Resolver:
    """What one VPC is asked and how it is answered.

    remembered: questions, but for their identifiers, whose answer is the same until a plan changes.
    connected: open connections by asker.
    """

    def __init__(self, plan: VpcPlan) -> None:
        self.plan = plan
        self.datagrams: list[socket.socket] = []
        self.servers: list[asyncio.Server] = []
        self.remembered: dict[bytes, bytes] = {}
        self.connected: Counter[str] = Counter()

    def remember(self, packet: bytes, answer: bytes) -> None:
        """Answer a question so from now on."""
        if len(self.remembered) >= MOST_REMEMBERED:
            self.remembered.clear()
        self.remembered[packet[2:]] = answer[2:]


class _Dice:
    """Chance that notes whether it had a part in an answer."""

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids
        self.cast = False

    def drawn(self, weights: Sequence[int]) -> int:
        """Return the place of one of the weights, as likely as it is heavy."""
        self.cast = self.cast or len(weights) > 1
        return self._ids.drawn(weights)

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in random order."""
        given = list(items)
        self.cast = self.cast or len(given) > 1
        return self._ids.shuffled(given)


class NameServer:
    """All VPCs' resolvers."""

    def __init__(self, clock: Clock, visitor: Visitor, ids: IdSource) -> None:
        self._clock = clock
        self._visitor = visitor
        self._ids = ids
        self._resolvers: dict[str, _Resolver] = {}
        self._zones: dict[str, Zone] = {}
        self._group: asyncio.TaskGroup | None = None
        self._upstream = UpstreamNames(clock)

    async def run(self) -> None:
        """Keep questions that are asked elsewhere going, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.get_running_loop().create_future()

    def apply(self, plan: ZonePlan) -> None:
        """Answer for a zone so from now on, in the VPCs that ask it."""
        self._zones[plan.zone_id] = open_zone(plan)
        self._forget()

    def remove(self, zone_id: str) -> None:
        """Know a zone no more."""
        self._zones.pop(zone_id, None)
        self._forget()

    def _forget(self) -> None:
        for one in self._resolvers.values():
            one.remembered.clear()

    async def serve(self, plan: VpcPlan, path: str) -> None:
        """Answer in a VPC as its plan says; the sockets are opened once."""
        known = self._resolvers.get(plan.vpc_id)
        if known is not None:
            known.plan = plan
            known.remembered.clear()
            return
        resolver_here = self._resolvers[plan.vpc_id] = _Resolver(plan)
        try:
            for address in (resolver(plan.cidr), RESOLVER):
                await self._listen(resolver_here, path, address)
        except (OSError, NetworkError) as error:
            await self.stop(plan.vpc_id)
            raise NetworkError(f"names cannot be answered in {plan.vpc_id}: {error}") from error

    async def _listen(self, here: _Resolver, path: str, address: str) -> None:
        datagrams, connections = await self._visitor.visit(path, lambda: _open(address))
        loop = asyncio.get_running_loop()
        for one in datagrams:
            loop.add_reader(one, self._hear, here, one)
        here.datagrams += datagrams
        here.servers.append(
            await asyncio.start_server(
                lambda reader, writer: self._converse(here, reader, writer), sock=connections
            )
        )

    async def stop(self, vpc_id: str) -> None:
        """Answer no more in a VPC."""
        here = self._resolvers.pop(vpc_id, None)
        if here is None:
            return
        for one in here.datagrams:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        for server in here.servers:
            server.close()
        await self._clock.sleep(0)  # the loop closes their sockets in its next turn

    def answered_on_host(self, packet: bytes, largest: int | None = None) -> bytes:
        """Return what a VPC that asks the name's zone is told; REFUSED for all other names.

        A CNAME that leads out of the zones is the asker's to follow. Raises MalformedError.
        """
        question = parse_question(packet)
        zone = zone_of(question.name, [*self._zones.values()])
        within = [
            one
            for one in self._resolvers.values()
            if zone is not None and serves(zone.plan, one.plan) and one.plan.dns_support
        ]
        if not within:
            return fail(packet, question, REFUSED)
        here = min(within, key=lambda one: one.plan.vpc_id)
        known = self._known(here, question, resolver(here.plan.cidr), _Dice(self._ids))
        if known is None:
            return fail(packet, question, REFUSED)
        return encode(packet, question, known, largest)

    def _hear(self, here: _Resolver, datagrams: socket.socket) -> None:
        """Answer the datagrams that have come, some at a time."""
        for _ in range(AT_ONCE):
            try:
                packet, peer = datagrams.recvfrom(LARGEST)
            except OSError:
                return  # none is left; or one could not be delivered, which its asker tries again
            answer = here.remembered.get(packet[2:])
            if answer is not None:
                _send(datagrams, packet[:2] + answer, peer)
            else:
                self._asked(here, packet, peer, datagrams)

    def _asked(
        self, here: _Resolver, packet: bytes, peer: tuple[str, int], datagrams: socket.socket
    ) -> None:
        """Answer a datagram at once, or ask elsewhere beside."""
        try:
            question = parse_question(packet)
        except MalformedError:
            return  # no question: nobody waits for an answer
        dice = _Dice(self._ids)
        known = self._known(here, question, peer[0], dice)
        if known is not None and known.ask is None:
            answer = encode(packet, question, known)
            if not dice.cast and not here.plan.affinities:
                here.remember(packet, answer)
            _send(datagrams, answer, peer)
        elif not here.plan.dns_support or self._group is None:
            _send(datagrams, fail(packet, question), peer)
        elif known is None and (found := self._upstream.remembered(packet)) is not None:
            _send(datagrams, found, peer)
        elif self._upstream.is_busy(peer[0]):
            _send(datagrams, fail(packet, question), peer)
        else:
            self._group.create_task(self._forward((packet, question, known), peer, datagrams))

    def _known(
        self, here: _Resolver, question: Question, client: str, dice: _Dice
    ) -> Answer | None:
        """Return what needs nobody else, or the beginning of it."""
        if not here.plan.dns_support:
            return None
        zones = [one for one in self._zones.values() if serves(one.plan, here.plan)]
        plan = seen_from(here.plan, client, question.identifier)
        return resolve(question, plan, zones, dice)

    async def _forward(
        self,
        asked: tuple[bytes, Question, Answer | None],
        peer: tuple[str, int],
        datagrams: socket.socket,
    ) -> None:
        found = await self._complete(*asked, peer[0], socket.SOCK_DGRAM)
        _send(datagrams, found, peer)

    async def _complete(
        self,
        packet: bytes,
        question: Question,
        known: Answer | None,
        client: str,
        kind: socket.SocketKind,
    ) -> bytes:
        """Return an answer that somebody else has a part in: all of it, or a CNAME's end."""
        if known is None or known.ask is None:
            return await self._upstream.ask(packet, client, kind)
        beyond = ask(question.identifier, known.ask, question.kind)
        try:
            found = parse_answer(await self._upstream.ask(beyond, client, kind))
        except MalformedError as error:
            log.debug("a resolver spoke nonsense", extra={"cause": str(error)})
            return fail(packet, question)
        whole = found._replace(answers=(*known.answers, *found.answers))
        return encode(packet, question, whole, None if kind == socket.SOCK_DGRAM else LARGEST)

    async def _converse(
        self, here: _Resolver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer questions on a TCP connection, each with its length before it."""
        client = writer.get_extra_info("peername")[0]
        here.connected[client] += 1
        try:
            if here.connected[client] > MOST_CONNECTED:
                return
            while True:
                async with self._clock.deadline(UPSTREAM_SECONDS * 2):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    packet = await reader.readexactly(length)
                found = await self._answered(here, packet, client)
                writer.write(struct.pack(">H", len(found)) + found)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, MalformedError):
            return  # the client has gone, says nothing more, or asks no question
        finally:
            here.connected[client] -= 1
            if not here.connected[client]:
                del here.connected[client]
            writer.close()

    async def _answered(self, here: _Resolver, packet: bytes, client: str) -> bytes:
        """Return the answer to a question by TCP; MalformedError when it is none."""
        question = parse_question(packet)
        if not here.plan.dns_support:
            return fail(packet, question)
        known = self._known(here, question, client, _Dice(self._ids))
        if known is not None and known.ask is None:
            return encode(packet, question, known, LARGEST)
        return await self._complete(packet, question, known, client, socket.SOCK_STREAM)


def _send(datagrams: socket.socket, answer: bytes, peer: tuple[str, int]) -> None:
    """Send an answer, if it can be sent: an asker that hears nothing asks again."""
    try:
        datagrams.sendto(answer, peer)
    except OSError as error:
        log.debug("an answer was not sent", extra={"peer": peer[0], "cause": str(error)})


def _open(address: str) -> tuple[list[socket.socket], socket.socket]:
    """Open the sockets of an address, in whatever namespace this runs."""
    datagrams = open_queues(address, PORT)
    try:
        connections = socket.create_server((address, PORT), backlog=64)
    except OSError:
        for one in datagrams:
            one.close()
        raise
    connections.setblocking(False)
    return datagrams, connections
