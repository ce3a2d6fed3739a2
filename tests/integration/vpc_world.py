"""A real VPC with namespaces for tasks, and sockets in all of them, for tests of networks."""

import asyncio
import errno
import fcntl
import itertools
import os
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.agent.networks import HostNetworks
from ecsd.clock import SystemClock
from ecsd.decisions.dns.message import Answer, address_record, encode, parse_question
from ecsd.decisions.network.addresses import NUMBERS, uplink
from ecsd.decisions.network.security_group import Flow
from ecsd.records.plan import TaskPlan
from ecsd.records.plan_network import (
    InterfacePlan,
    PacketRule,
    RoutePlan,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)
from ecsd.settings import Settings

INSTANCE = 3
CIDR = "10.207.0.0/16"
PUBLIC, PRIVATE = "10.207.1.0/24", "10.207.2.0/24"
LOCAL = RoutePlan(destination=CIDR, target="local")
OUT = RoutePlan(destination="0.0.0.0/0", target="internet")
BY_NAT = RoutePlan(destination="0.0.0.0/0", target="nat")
WORLD_HERE, WORLD = "198.51.100.1", "198.51.100.2"
LABEL = "ecstnet"  # nothing that an ecsd of this machine would sweep away
ALONE = Path("/run/lock/ecst-networks")  # two of these worlds at a time would be one
HOST = uplink(INSTANCE * NUMBERS + 2041).host  # as VPC number 2041 sees this host
EVERYTHING = (PacketRule(protocol="-1", cidr="0.0.0.0/0"),)
PATIENCE = 0.4  # seconds: what a packet filter drops is never answered
PORTS = (8001, 8002)
# Below what the kernel hands out by itself; another run's connections may still wait for their end.
SOURCE_PORTS = itertools.cycle(range(10_000, 32_000))
for _ in range(os.getpid() % 22_000):
    next(SOURCE_PORTS)


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def interface(number: int, address: str, *groups: str, **more) -> InterfacePlan:
    """Return a task's interface, unless ``more`` says otherwise."""
    facts = {
        "network_interface_id": f"eni-{number:017x}",
        "address": address,
        "subnet_id": "subnet-public" if address.startswith("10.207.1.") else "subnet-private",
        "mac_address": f"0a:00:00:00:{number // 256:02x}:{number % 256:02x}",
        "kind": "task",
        "group_ids": groups,
    }
    return InterfacePlan(**facts | more)


def group(name: str, *, ingress=(), egress=EVERYTHING):
    return SecurityGroupPlan(group_id=name, ingress=tuple(ingress), egress=tuple(egress))


def allow(protocol: str, first: int | None = None, last: int | None = None, **peer) -> PacketRule:
    """Return a rule; its peer is ``cidr=`` or ``group_id=``."""
    return PacketRule(protocol=protocol, from_port=first, to_port=last or first, **peer)


def vpc_plan(vpc_id: str = "vpc-0a", number: int = 2041, **more) -> VpcPlan:
    facts = {
        "vpc_id": vpc_id,
        "number": number,
        "cidr": CIDR,
        "dns_support": True,
        "subnets": subnets((OUT,), ()),
    }
    return VpcPlan(**facts | more)


def subnets(public: tuple[RoutePlan, ...], private: tuple[RoutePlan, ...]):
    """Return both subnets with these routes beside the local one."""
    return (
        SubnetPlan(subnet_id="subnet-public", cidr=PUBLIC, routes=(LOCAL, *public)),
        SubnetPlan(subnet_id="subnet-private", cidr=PRIVATE, routes=(LOCAL, *private)),
    )


def task_plan(plan: VpcPlan, one: InterfacePlan) -> TaskPlan:
    return TaskPlan(
        task_arn=f"arn:task/{one.address}",
        task_id=one.address,
        cluster="c",
        account="000000000000",
        region="us-east-1",
        family="f",
        revision=1,
        desired_status="RUNNING",
        launch_type="FARGATE",
        containers=(),
        vpc_id=plan.vpc_id,
        network_interface_id=one.network_interface_id,
        address=one.address,
        prefix_length=24,
        subnet_router=one.address.rsplit(".", 1)[0] + ".1",
        mac_address=one.mac_address,
    )


class _Settings(Settings, frozen=True, kw_only=True):
    @property
    def label(self) -> str:
        return LABEL


class World:
    """One agent's networks on this host, namespaces that stand for tasks, and a world outside."""

    def __init__(self) -> None:
        self._alone = ALONE.open("w")
        fcntl.flock(self._alone, fcntl.LOCK_EX)
        self._folder = tempfile.TemporaryDirectory(prefix="ecst-")
        self.settings = _Settings(run_dir=Path(self._folder.name), instance=INSTANCE)
        self.heard: list[object] = []
        self.visitor = Visitor()
        self.namespaces: dict[str, str] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server | asyncio.DatagramTransport] = []
        self._running: asyncio.Task[None] | None = None
        self._made: list[str] = []
        self._wire = ""  # to the world outside
        self._numbers = itertools.count(1)
        self.networks = self.new_agent()

    def new_agent(self) -> HostNetworks:
        return HostNetworks(self.settings, SystemClock(), self.heard.append)

    async def begin(self) -> None:
        """Start answering names, as the agent does."""
        self._running = asyncio.get_running_loop().create_task(self.networks.run())

    async def restart(self) -> None:
        """Let the agent end, the networks go on, and a new agent begin that knows nothing."""
        await self._stop()
        self.networks = self.new_agent()
        await self.begin()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for one in self._sockets:
            one.close()
        try:
            await self._stop()
            await self.new_agent().remove_everything()
        finally:
            if self._wire:
                ip("link", "delete", self._wire)
            for name in self._made:
                ip("netns", "delete", name)
            self._folder.cleanup()
            self._alone.close()

    async def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            try:
                await self._running
            except asyncio.CancelledError:
                self._running = None
        await self.networks.release()

    # ---------------------------------------------------------------- places

    def namespace(self, address: str) -> str:
        """Make the namespace of a task; return its path."""
        name = f"ecst-{os.getpid()}-{address}"
        ip("netns", "add", name)
        self._made.append(name)
        ip("-n", name, "link", "set", "lo", "up")
        self.namespaces[address] = f"/run/netns/{name}"
        return self.namespaces[address]

    async def attach_again(
        self, plan: VpcPlan, one: InterfacePlan, sandbox: str | None = None
    ) -> None:
        await self.networks.attach(task_plan(plan, one), sandbox or self.namespaces[one.address])

    async def start_task(self, plan: VpcPlan, one: InterfacePlan) -> None:
        await self.networks.attach(task_plan(plan, one), self.namespace(one.address))

    def make_world(self) -> None:
        """Put a machine beyond this host: ``WORLD``."""
        path = self.namespace(WORLD)
        name = Path(path).name
        ip("link", "add", "ecst-net", "type", "veth", "peer", "name", "eth0", "netns", name)
        self._wire = "ecst-net"
        ip("addr", "add", f"{WORLD_HERE}/30", "dev", "ecst-net")
        ip("link", "set", "ecst-net", "up")
        ip("-n", name, "addr", "add", f"{WORLD}/30", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", "default", "via", WORLD_HERE)

    def place(self, address: str) -> str:
        """Return the namespace in which an address lives: a task's, the host's, or the VPC's."""
        if address == HOST:
            return "/proc/self/ns/net"
        return self.namespaces.get(address) or self.networks.namespace_path("vpc-0a")

    async def listen(self, address: str, ports=PORTS) -> None:
        """Answer TCP and UDP at an address with the name of who asked."""
        loop = asyncio.get_running_loop()
        for port in ports:
            opened = await self.visitor.visit(
                self.place(address), lambda at=(address, port): _listeners(at)
            )
            self._servers.append(await asyncio.start_server(_tell_peer, sock=opened[0]))
            transport, _ = await loop.create_datagram_endpoint(_Echo, sock=opened[1])
            self._servers.append(transport)

    async def answer_names(self, at: str, address: str) -> None:
        """Answer every DNS question at an address with this one."""
        opened = await self.visitor.visit(self.place(at), lambda: _listeners((at, 53)))

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            size = int.from_bytes(await reader.readexactly(2))
            told = _answered(await reader.readexactly(size), address)
            writer.write(len(told).to_bytes(2) + told)
            writer.close()

        self._servers.append(await asyncio.start_server(converse, sock=opened[0]))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Names(address), sock=opened[1]
        )
        self._servers.append(transport)

    # ---------------------------------------------------------------- attempts

    async def reaches(self, flow: Flow, patience: float = PATIENCE) -> bool:
        """Try a flow for real."""
        return await self.peer_seen(flow, patience) is not None

    async def peer_seen(self, flow: Flow, patience: float = PATIENCE) -> str | None:
        """Return the source address that the other side saw, or None when nothing came back."""
        if flow.protocol == "icmp":
            return await self._ping(flow)
        kind = socket.SOCK_STREAM if flow.protocol == "tcp" else socket.SOCK_DGRAM
        opened = await self.open(flow.source, kind)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                await loop.sock_connect(opened, (flow.destination, flow.port))
                await loop.sock_sendall(opened, b"who?\n")
                return (await loop.sock_recv(opened, 100)).decode() or None
        except (TimeoutError, OSError):
            return None
        finally:
            opened.close()

    async def open(self, source: str, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking socket bound to an address, where that address lives.

        Its port was never used before: a flow that was let in once stays let in, as on AWS.
        """
        return await self.visitor.visit(self.place(source), lambda: _bound_anew(source, kind))

    async def _ping(self, flow: Flow) -> str | None:
        opened = await self.visitor.visit(
            self.place(flow.source),
            lambda: _bound(flow.source, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        )
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        packet = struct.pack(">BBHHH", flow.port, flow.code, 0, number, 1)
        total = sum(struct.unpack(">4H", packet))
        packet = packet[:2] + struct.pack(">H", 0xFFFF - total % 0xFFFF) + packet[4:]
        try:
            async with asyncio.timeout(PATIENCE):
                opened.connect((flow.destination, 0))
                await loop.sock_sendall(opened, packet)
                while True:
                    heard = await loop.sock_recv(opened, 200)
                    if heard[20] == 0 and heard[24:26] == packet[4:6]:
                        return socket.inet_ntoa(heard[16:20])
        except (TimeoutError, OSError):
            return None
        finally:
            opened.close()


def _bound_anew(source: str, kind: socket.SocketKind) -> socket.socket:
    while True:
        try:
            return _bound(source, kind, 0, next(SOURCE_PORTS))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def _bound(source: str, kind: socket.SocketKind, protocol: int, port: int = 0) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind, protocol)
    opened.setblocking(False)
    try:
        opened.bind((source, port))
    except OSError:
        opened.close()
        raise
    return opened


def _listeners(at: tuple[str, int]) -> tuple[socket.socket, socket.socket]:
    stream = socket.create_server(at)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(at)
    stream.setblocking(False)
    datagrams.setblocking(False)
    return stream, datagrams


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(addr[0].encode(), addr)


class _Names(asyncio.DatagramProtocol):
    def __init__(self, address: str) -> None:
        self._address = address

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(_answered(data, self._address), addr)


def _answered(packet: bytes, address: str) -> bytes:
    question = parse_question(packet)
    return encode(packet, question, Answer(answers=(address_record(question.name, address, 10),)))


async def _tell_peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every line with the peer's address, until the peer goes."""
    try:
        while await reader.readline():
            writer.write(writer.get_extra_info("peername")[0].encode())
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()
