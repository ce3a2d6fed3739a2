"""What answers at the link-local address, with addresses of this machine's loopback for it."""

import asyncio
import socket
from contextlib import ExitStack
from http import HTTPStatus

import aiohttp
import pytest

from ecsd.agent.drivers import link_local
from ecsd.agent.drivers.link_local import LARGEST_BODY, Answered, LinkLocal
from ecsd.clock import SystemClock
from ecsd.errors import NetworkError
from ecsd.records.plan_network import VpcPlan

VPC = VpcPlan(vpc_id="vpc-1", number=1, cidr="10.0.0.0/16", dns_support=True)
ADDRESS, API = "127.0.0.77", "127.0.0.1"


class Here:
    """Stands for the visitor of namespaces."""

    async def visit(self, _, work):
        return work()


def free_port(*addresses):
    """Return a port that is free at each address."""
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in addresses]
        bound[0].bind((addresses[0], 0))
        port = bound[0].getsockname()[1]
        for one, address in zip(bound[1:], addresses[1:], strict=True):
            one.bind((address, port))
        return port


class World:
    """An API that shouts back, and the address before it."""

    def __init__(self, monkeypatch):
        self.web, self.port = free_port(ADDRESS), free_port(ADDRESS, API)
        monkeypatch.setattr(link_local, "ADDRESS", ADDRESS)
        monkeypatch.setattr(link_local, "PORT", self.web)
        self.asked, self.heard = [], asyncio.Event()
        self.server = LinkLocal(SystemClock(), Here(), (API, self.port))
        self.server.answer_with(self.answer)

    async def answer(self, asked):
        self.asked.append(asked)
        return Answered(HTTPStatus.OK, b'{"a": 1}')

    async def api(self):
        async def shout(reader, writer):
            said = await reader.read(1)
            self.heard.set()
            writer.write((said + await reader.read()).upper())  # until the asker has said all
            writer.close()

        return await asyncio.start_server(shout, API, self.port)

    def url(self, path):
        return f"http://{ADDRESS}:{self.web}{path}"


@pytest.fixture
async def world(monkeypatch):
    made = World(monkeypatch)
    await made.server.serve(VPC, "path")
    yield made
    await made.server.stop("vpc-1")


async def test_a_request_comes_with_its_vpc_and_its_peer(world):
    async with aiohttp.ClientSession() as session:
        async with session.put(world.url("/v4/x?y=1"), data=b"body") as answer:
            assert (answer.status, await answer.json()) == (200, {"a": 1})
        async with session.put(world.url("/"), data=b"x" * (LARGEST_BODY + 1)) as answer:
            assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    (asked,) = world.asked
    assert (asked.vpc_id, asked.method, asked.path, asked.body) == (
        *("vpc-1", "PUT", "/v4/x"),
        b"body",
    )
    assert asked.peer.startswith("127.")


async def test_bytes_go_both_ways_until_both_have_said_all(world):
    async with await world.api():
        reader, writer = await asyncio.open_connection(ADDRESS, world.port)
        writer.write(b"hello " * 100_000)
        writer.write_eof()
        assert await reader.read() == b"HELLO " * 100_000
        writer.close()


async def test_a_connection_ends_where_the_api_is_away_and_the_next_one_finds_it_back(world):
    reader, writer = await asyncio.open_connection(ADDRESS, world.port)
    assert await reader.read() == b""
    writer.close()
    async with await world.api():
        reader, writer = await asyncio.open_connection(ADDRESS, world.port)
        writer.write(b"back")
        writer.write_eof()
        assert await reader.read() == b"BACK"
        writer.close()


async def test_connections_to_the_api_are_bounded(world, monkeypatch):
    monkeypatch.setattr(link_local, "MOST_RELAYED", 1)
    async with await world.api():
        first = await asyncio.open_connection(ADDRESS, world.port)
        first[1].write(b"x")
        await world.heard.wait()
        reader, writer = await asyncio.open_connection(ADDRESS, world.port)
        assert await reader.read() == b""  # closed at once
        writer.close()
        first[1].write_eof()
        assert await first[0].read() == b"X"
        first[1].close()


async def test_an_address_that_is_taken_is_told(world, monkeypatch):
    other = LinkLocal(SystemClock(), Here(), (API, world.port))
    with pytest.raises(NetworkError, match="nothing answers at 127.0.0.77 in vpc-1"):
        await other.serve(VPC, "path")
