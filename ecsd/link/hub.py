"""The server's end of the link: plans out to every host's agent, observations in.

One outgoing queue per host that replaces by key: a slow agent gets the newest state, never a
backlog. A host that connects gets a snapshot of everything, once ``open_up`` was called.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed

from ecsd.errors import LinkError
from ecsd.link.messages import Assign, Down, Hello, Snapshot, Up, Withdraw
from ecsd.records.plan import Plan

log = logging.getLogger(__name__)
MAX_MESSAGE = 64 * 1024 * 1024  # bytes

decode_up = msgspec.msgpack.Decoder(Up).decode
encode = msgspec.msgpack.encode


class Listener(Protocol):
    """Who hears what hosts say."""

    def receive(self, host: str, message: Up) -> None:
        """Take an observation in."""
        ...

    async def host_came(self, host: str, boot_id: str) -> None:
        """A host's agent has connected."""
        ...

    async def host_went(self, host: str) -> None:
        """A host's agent is away."""
        ...


class _Published(NamedTuple):
    plan: Plan
    host: str | None  # None: every host


class _Host:
    """A connected host: what it has still to be told."""

    def __init__(self) -> None:
        self.outgoing: dict[str, Assign | Withdraw] = {}
        self.something = asyncio.Event()

    def tell(self, message: Assign | Withdraw) -> None:
        self.outgoing.pop(message.key, None)
        self.outgoing[message.key] = message
        self.something.set()


class Hub:
    """All hosts' connections and all plans in force."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._plans: dict[str, _Published] = {}
        self._hosts: dict[str, _Host] = {}
        self._opened = asyncio.Event()

    def open_up(self) -> None:
        """Let hosts have their snapshot: every plan of the stored state has been published."""
        self._opened.set()

    def publish(self, key: str, plan: Plan, host: str | None = None) -> None:
        """Put a plan in force on a host, or on all."""
        known = self._plans.get(key)
        if known is not None and known.plan == plan and known.host == host:
            return
        self._plans[key] = _Published(plan, host)
        for name, connected in self._hosts.items():
            if host in {None, name}:
                connected.tell(Assign(key=key, plan=plan))
            elif known is not None and known.host in {None, name}:
                connected.tell(Withdraw(key=key))

    def withdraw(self, key: str) -> None:
        """Take a plan out of force everywhere."""
        known = self._plans.pop(key, None)
        if known is None:
            return
        for name, connected in self._hosts.items():
            if known.host in {None, name}:
                connected.tell(Withdraw(key=key))

    async def serve(self, socket_path: Path) -> None:
        """Accept agents on a unix socket until cancelled; its folder has to exist."""
        make_way(socket_path)
        async with unix_serve(
            self._connected, str(socket_path), compression=None, max_size=MAX_MESSAGE
        ) as server:
            close_to_others(socket_path)
            await server.serve_forever()

    async def _connected(self, connection: ServerConnection) -> None:
        try:
            hello = _hello(decode_up(await _bytes(connection)))
            await self._opened.wait()
            await self._listener.host_came(hello.host, hello.boot_id)
            await self._converse(connection, hello.host)
        except ConnectionClosed:
            log.info("an agent's connection ended")
        except (LinkError, msgspec.DecodeError) as error:
            log.warning("an agent spoke nonsense", extra={"cause": str(error)})

    async def _converse(self, connection: ServerConnection, name: str) -> None:
        host = _Host()
        self._hosts[name] = host
        log.info("a host has connected", extra={"host": name})
        plans = {key: one.plan for key, one in self._plans.items() if one.host in {None, name}}
        try:
            await connection.send(encode(Snapshot(plans=plans)))
            await first_to_end(
                lambda: self._listen(connection, name), lambda: _speak(connection, host)
            )
        finally:
            if self._hosts.get(name) is host:
                del self._hosts[name]
                await self._listener.host_went(name)

    async def _listen(self, connection: ServerConnection, name: str) -> None:
        while True:
            self._listener.receive(name, decode_up(await _bytes(connection)))


def make_way(socket_path: Path) -> None:
    """Remove what an earlier process left at a socket's path."""
    socket_path.unlink(missing_ok=True)


def close_to_others(socket_path: Path) -> None:
    """Let its owner alone connect, whatever the umask: plans hold private keys and tokens."""
    socket_path.chmod(0o600)


def _hello(message: Up) -> Hello:
    if not isinstance(message, Hello):
        raise LinkError(f"an agent began with {type(message).__name__} instead of Hello")
    return message


async def _speak(connection: ServerConnection, host: _Host) -> None:
    while True:
        await host.something.wait()
        host.something.clear()
        while host.outgoing:
            key = next(iter(host.outgoing))
            message: Down = host.outgoing.pop(key)
            await connection.send(encode(message))


async def _bytes(connection: ServerConnection) -> bytes:
    message = await connection.recv()
    if isinstance(message, str):
        raise LinkError("a text message came over the link")
    return message


async def first_to_end(*works: Callable[[], Awaitable[None]]) -> None:
    """Run endless works side by side; the first error ends all and is raised alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(_awaited(work))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()
