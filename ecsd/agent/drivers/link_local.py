"""What answers at 169.254.170.2 in every VPC: an HTTP server, and a way to the API beside it.

Clients are seen by the addresses that they have in the VPC. Source: network.md 3.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.clock import Clock
from ecsd.decisions.containers.task_endpoint import ADDRESS, PORT
from ecsd.errors import NetworkError
from ecsd.records.plan_network import VpcPlan

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024  # bytes
PIECE = 256 * 1024  # bytes
CONNECT_SECONDS = 5
CLOSE_SECONDS = 1.0
MOST_RELAYED = 2000  # connections to the API at one time


class Asked(NamedTuple):
    """A request of a task. peer: its address in the VPC."""

    vpc_id: str
    peer: str
    method: str
    path: str
    body: bytes


class Answered(NamedTuple):
    """What a task is told. content_type: without parameters."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"


Answer = Callable[[Asked], Awaitable[Answered]]


class LinkLocal:
    """The address in all VPCs. api: host and port of the API on this host."""

    def __init__(self, clock: Clock, visitor: Visitor, api: tuple[str, int]) -> None:
        self._clock = clock
        self._visitor = visitor
        self._api = api
        self._answer: Answer | None = None
        self._open: dict[str, tuple[asyncio.Server, ...]] = {}
        self._webs: dict[str, web.Server] = {}
        self._relayed = 0

    def answer_with(self, answer: Answer) -> None:
        """Have requests answered so."""
        self._answer = answer

    async def serve(self, plan: VpcPlan, path: str) -> None:
        """Listen in a VPC; the sockets are opened once."""
        if plan.vpc_id in self._open:
            return
        ports = (PORT, self._api[1])
        try:
            first, second = await self._visitor.visit(path, lambda: [_listen(one) for one in ports])
        except (OSError, NetworkError) as error:
            words = f"nothing answers at {ADDRESS} in {plan.vpc_id}: {error}"
            raise NetworkError(words) from error
        loop = asyncio.get_running_loop()
        server = self.server(plan.vpc_id)
        self._webs[plan.vpc_id] = server
        self._open[plan.vpc_id] = (
            await loop.create_server(server, sock=first),
            await asyncio.start_server(self._relay, sock=second),
        )

    def server(self, vpc_id: str) -> web.Server:
        """Return what answers a VPC's tasks, to be given sockets."""
        return web.Server(partial(self._handle, vpc_id), access_log=None)

    async def stop(self, vpc_id: str) -> None:
        """Listen no more in a VPC."""
        for one in self._open.pop(vpc_id, ()):
            one.close()
        server = self._webs.pop(vpc_id, None)
        if server is not None:
            await server.shutdown(CLOSE_SECONDS)

    async def _handle(self, vpc_id: str, request: web.BaseRequest) -> web.StreamResponse:
        if (request.content_length or 0) > LARGEST_BODY:
            return web.Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = await request.content.read(LARGEST_BODY) if request.can_read_body else b""
        if self._answer is None:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        asked = Asked(vpc_id, request.remote or "", request.method, request.path, body)
        answered = await self._answer(asked)
        return web.Response(
            status=answered.status, body=answered.body, content_type=answered.content_type
        )

    # ------------------------------------------------------------------ the API

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection to the API; one that cannot be is closed."""
        if self._relayed >= MOST_RELAYED:
            log.warning("too many connections of tasks to the API", extra={"most": MOST_RELAYED})
            writer.close()
            return
        self._relayed += 1
        try:
            async with self._clock.deadline(CONNECT_SECONDS):
                there, out = await asyncio.open_connection(*self._api)
            await both_ways((reader, writer), (there, out))
        except (OSError, TimeoutError) as error:
            log.debug("a task's connection to the API ended", extra={"cause": str(error)})
        finally:
            self._relayed -= 1
            writer.close()


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def both_ways(one: Stream, other: Stream) -> None:
    """Carry bytes between two connections until both have said all; an error ends both."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(one[0], other[1]))
            group.create_task(_carry(other[0], one[1]))
    except* OSError as errors:
        raise errors.exceptions[0] from None
    finally:
        other[1].close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.is_closing():
        return
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()  # TLS says so by its end alone


def _listen(port: int) -> socket.socket:
    """Open a listening socket, in whatever namespace this runs."""
    opened = socket.create_server((ADDRESS, port), backlog=512)
    opened.setblocking(False)
    return opened
