"""Connections that agents bring: who the client is comes first, then its requests."""

import asyncio
import json
import stat

import pytest
import uvicorn

from ecsd.gateway.entrance import STATE, EntranceProtocol, open_entrance
from ecsd.protocol.through import LONGEST, Through, said

THROUGH = Through(
    account="1",
    region="us-east-1",
    vpc_id="vpc-1",
    vpc_endpoint_id="vpce-1",
    peer="10.0.0.5",
    secure=True,
)
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def app(scope, receive, send):
    through = scope["state"].get(STATE)
    told = [scope["scheme"], scope["client"] and scope["client"][0], through and through.vpc_id]
    body = json.dumps(told).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Served(uvicorn.Server):
    """A server that tells when it serves."""

    def __init__(self, config):
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
async def path(tmp_path):
    """A unix socket with that application behind it."""
    at = tmp_path / "entrance.sock"
    opened = open_entrance(at)
    config = uvicorn.Config(app, http=EntranceProtocol, ws="none", lifespan="off", log_config=None)
    server = Served(config)
    running = asyncio.create_task(server._serve([opened]))
    await server.ready.wait()
    yield at
    server.should_exit = True
    await running


async def exchange(path, *pieces):
    reader, writer = await asyncio.open_unix_connection(path)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    head = await reader.readuntil(b"\r\n\r\n") if pieces else b""
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return json.loads(body)


@pytest.mark.parametrize("cut", [len(said(THROUGH)), 1, 7, len(said(THROUGH)) + 5])
async def test_the_client_is_who_the_line_says(path, cut):
    whole = said(THROUGH) + REQUEST
    assert await exchange(path, whole[:cut], whole[cut:]) == ["https", "10.0.0.5", "vpc-1"]


@pytest.mark.parametrize("line", [REQUEST, b"x" * (LONGEST + 1)])
async def test_without_that_line_nothing_is_answered(path, line):
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    assert await reader.read() == b""
    writer.close()


async def test_its_owner_alone_may_connect(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
