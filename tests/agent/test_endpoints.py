"""What listens for VPC endpoints, with addresses of this machine's loopback for theirs."""

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.agent import endpoints
from ecsd.agent.endpoints import Doors, HostEndpoints
from ecsd.certificates.authority import Authority
from ecsd.clock import SystemClock
from ecsd.records.plan_network import EndpointPlan, RoutePlan, SubnetPlan, VpcPlan

AUTHORITY = Authority(None)
NOW = datetime.now(UTC)
NAME = "logs.us-east-1.amazonaws.com"
FIRST, OTHER, S3 = "127.0.0.81", "127.0.0.82", "127.0.0.83"


def vpc(via):
    route = RoutePlan(destination="127.0.0.83/32", target="endpoint", via=via)
    subnet = SubnetPlan(subnet_id="subnet-1", cidr="127.0.0.0/24", routes=(route,))
    return VpcPlan(
        vpc_id="vpc-1", number=1, cidr="127.0.0.0/16", dns_support=True, subnets=(subnet,)
    )


def plan(number=1, *addresses, **more):
    issued = AUTHORITY.issue([NAME], "EC_prime256v1", NOW)
    return EndpointPlan(
        vpc_endpoint_id=f"vpce-{number}",
        account="1",
        region="us-east-1",
        vpc_id="vpc-1",
        service=more.pop("service", "logs"),
        addresses=addresses,
        certificate=f"{issued.body}{issued.chain}{issued.private_key}",
        **more,
    )


class World:
    """An API behind its unix socket, and endpoints before it."""

    def __init__(self, folder, monkeypatch, registry):
        self.ports = [free_port(), free_port()]
        monkeypatch.setattr(endpoints, "PLAIN", self.ports[0])
        monkeypatch.setattr(endpoints, "TLS", self.ports[1])
        self.path = folder / "api.sock"
        self.plan = vpc("vpce-1")
        self.room = HostEndpoints(SystemClock(), self, self, Doors(self.path, registry))
        self.trust = ssl.create_default_context(cadata=AUTHORITY.root(NOW))

    async def visit(self, _, work):
        return work()

    async def opened(self, _):
        return "path"

    def plan_of(self, _):
        return self.plan

    async def api(self):
        async def tell(reader, writer):
            said = json.loads(await reader.readline())
            body = await reader.read()
            writer.write(json.dumps(said).encode() + b"\n" + body.upper())
            writer.close()

        return await asyncio.start_unix_server(tell, self.path)

    async def ask(self, address, *, secure, data=b"hello"):
        """Return what the API was told of a connection, and its answer; None: it was closed."""
        tls = {"ssl": self.trust, "server_hostname": NAME} if secure else {}
        reader, writer = await asyncio.open_connection(address, self.ports[secure], **tls)
        writer.write(data)
        if not secure:
            writer.write_eof()
        try:
            line = await reader.readline()
        except ConnectionResetError:
            return None  # closed before it was heard
        rest = b"" if secure else await reader.read()
        writer.close()
        return (json.loads(line), rest) if line else None


def free_port():
    with socket.create_server((FIRST, 0)) as bound:
        return bound.getsockname()[1]


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async def registry(reader, writer):
        writer.write(b'{"registry": true}\n')
        writer.close()

    server = await asyncio.start_server(registry, FIRST, 0)
    made = World(tmp_path, monkeypatch, server.sockets[0].getsockname())
    yield made
    for number in (1, 2):
        await made.room.remove(f"vpce-{number}")
    server.close()


async def test_a_client_is_led_to_the_api_which_is_told_how_it_came(world):
    await world.room.apply(plan(1, FIRST))
    async with await world.api():
        told, answer = await world.ask(FIRST, secure=False, data=b"x" * 300_000)
        assert answer == b"X" * 300_000
        assert (told["vpc_endpoint_id"], told["vpc_id"], told["secure"]) == (
            *("vpce-1", "vpc-1"),
            False,
        )
        assert told["peer"].startswith("127.")


async def test_it_speaks_tls_by_the_certificate_that_it_was_told_last(world):
    await world.room.apply(plan(1, FIRST))

    def shown():
        return ssl.get_server_certificate((FIRST, world.ports[1]), timeout=5)

    first = await asyncio.to_thread(shown)
    await world.room.apply(plan(1, FIRST))
    assert await asyncio.to_thread(shown) != first
    async with await world.api():
        reader, writer = await asyncio.open_connection(
            FIRST, world.ports[1], ssl=world.trust, server_hostname=NAME
        )
        writer.close()
        assert await reader.read() == b""


async def test_it_listens_where_its_plan_says_and_no_more_when_it_is_gone(world):
    await world.room.apply(plan(1, FIRST, OTHER))
    await world.room.apply(plan(1, OTHER))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(FIRST, world.ports[0])
    async with await world.api():
        assert await world.ask(OTHER, secure=False) is not None
    await world.room.remove("vpce-1")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(OTHER, world.ports[0])


async def test_of_gateways_the_one_on_the_clients_route_counts(world):
    for number in (1, 2):
        await world.room.apply(plan(number, S3, service="s3", gateway=True))
    async with await world.api():
        assert (await world.ask(S3, secure=False))[0]["vpc_endpoint_id"] == "vpce-1"
        world.plan = vpc("vpce-2")
        assert (await world.ask(S3, secure=False))[0]["vpc_endpoint_id"] == "vpce-2"
        world.plan = replace(world.plan, subnets=())
        assert await world.ask(S3, secure=False) is None
        world.plan = vpc("vpce-1")
        await world.room.remove("vpce-1")  # the other one goes on listening
        assert await world.ask(S3, secure=False) is None


async def test_the_registrys_endpoint_leads_to_the_registry(world):
    await world.room.apply(plan(1, FIRST, service="ecr.dkr"))
    assert (await world.ask(FIRST, secure=True))[0] == {"registry": True}


async def test_an_api_that_begins_again_is_waited_for_but_not_for_ever(world, monkeypatch):
    await world.room.apply(plan(1, FIRST))
    asked = asyncio.create_task(world.ask(FIRST, secure=False))
    await asyncio.sleep(0)
    async with await world.api():
        assert await asked is not None
    world.path.unlink(missing_ok=True)
    monkeypatch.setattr(endpoints, "CONNECT_SECONDS", 0.01)
    assert await world.ask(FIRST, secure=False) is None


async def test_connections_are_bounded(world, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_RELAYED", 0)
    await world.room.apply(plan(1, FIRST))
    assert await world.ask(FIRST, secure=False) is None
