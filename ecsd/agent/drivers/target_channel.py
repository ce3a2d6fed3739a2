"""A health check's connection to a target: plain, or TLS that trusts everybody, as ELB's does.

Source: Application Load Balancers guide, target security: certificates of targets are not checked.
"""

import asyncio
import socket
import ssl
from functools import cache
from typing import Protocol

from ecsd.agent.drivers.plain_exchange import FAREWELL_SECONDS, LONGEST_ANSWER
from ecsd.clock import Clock

MOST_AT_ONCE = 1 << 16  # bytes


class Channel(Protocol):
    """Bytes to a target and back; OSError when it fails."""

    async def send(self, content: bytes) -> None:
        """Send all of it."""
        ...

    async def receive(self) -> bytes:
        """Return some bytes; none when the target has hung up."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class PlainChannel:
    """TCP."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    async def send(self, content: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self._connection, content)

    async def receive(self) -> bytes:
        """Return some bytes."""
        return await asyncio.get_running_loop().sock_recv(self._connection, MOST_AT_ONCE)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class SecureChannel:
    """TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, content: bytes) -> None:
        """Send all of it."""
        self._writer.write(content)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """Return some bytes."""
        return await self._reader.read(MOST_AT_ONCE)

    def close(self) -> None:
        """Hang up without ceremony: the verdict is known."""
        self._writer.transport.abort()


async def opened(
    connection: socket.socket, address: str, port: int, alpn: str, name: str = ""
) -> Channel:
    """Connect and return the channel.

    alpn: what is spoken over TLS; empty: no TLS. name: what TLS says is asked for; empty: nothing.
    """
    await asyncio.get_running_loop().sock_connect(connection, (address, port))
    if not alpn:
        return PlainChannel(connection)
    # TLS at once, by open_connection, leaves a transport open when it is cancelled right after it
    # was made (CPython 3.11).
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        await writer.start_tls(_trusting(alpn), server_hostname=name or None)
    except BaseException:
        writer.transport.abort()
        raise
    return SecureChannel(reader, writer)


async def hear_out(channel: Channel, clock: Clock) -> None:
    """Let the application finish its answer: hanging up early would be its error to log."""
    heard = 0
    try:
        async with clock.deadline(FAREWELL_SECONDS):
            while heard < LONGEST_ANSWER:
                piece = await channel.receive()
                if not piece:
                    return
                heard += len(piece)
    except OSError:
        return  # the verdict is known; how the rest ended does not matter


@cache
def _trusting(alpn: str) -> ssl.SSLContext:
    """Return what takes any certificate, and every TLS that ELB still speaks to targets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols([alpn])
    return context
