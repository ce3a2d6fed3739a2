"""The agent's end of the link: connects again for ever, says again what matters.

Outgoing observations are kept by key, newest only, while the server is away; of flow logs every
interval has a key of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from ecsd.clock import Clock
from ecsd.errors import LinkError
from ecsd.link.hub import MAX_MESSAGE, encode, first_to_end
from ecsd.link.messages import Down, Hello, Up
from ecsd.records.observed import (
    FlowsObserved,
)

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.1
CONNECT_SECONDS = 5.0
MOST_INTERVALS = 240  # of flow logs, kept while the server is away

decode_down = msgspec.msgpack.Decoder(Down).decode


class Link:
    """A connection to the server that is always there or being made."""

    def __init__(
        self,
        socket_path: Path,
        clock: Clock,
        hello: Callable[[], Hello],
        receive: Callable[[Down], None],
        connected: Callable[[], None],
    ) -> None:
        """``receive`` gets every message; ``connected`` is called to have everything reported."""
        self._socket_path = socket_path
        self._clock = clock
        self._hello = hello
        self._receive = receive
        self._on_connected = connected
        self._outgoing: dict[str, Up] = {}
        self._something = asyncio.Event()
        self._away_told = False

    def report(self, message: Up) -> None:
        """Queue an observation; it replaces an older one of the same key."""
        key = message.subject
        self._outgoing.pop(key, None)
        self._outgoing[key] = message
        if isinstance(message, FlowsObserved):
            self._shed_flows()
        self._something.set()

    def _shed_flows(self) -> None:
        """Forget the oldest interval of flow logs when too many wait: none replaces another."""
        waiting = [one for one, it in self._outgoing.items() if isinstance(it, FlowsObserved)]
        if len(waiting) > MOST_INTERVALS:
            del self._outgoing[waiting[0]]
            log.warning(
                "flows of an interval are lost, the server is away", extra={"of": waiting[0]}
            )

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                await self._session()
            except (
                OSError,
                TimeoutError,
                ConnectionClosed,
                InvalidHandshake,
                InvalidMessage,
            ) as error:
                if not self._away_told:
                    log.warning("the server is away", extra={"cause": str(error)})
                    self._away_told = True
            except (LinkError, msgspec.DecodeError) as error:
                log.warning("the server spoke nonsense", extra={"cause": str(error)})
            await self._clock.sleep(RETRY_SECONDS)

    async def _session(self) -> None:
        async with self._clock.deadline(CONNECT_SECONDS):
            connection = await unix_connect(
                str(self._socket_path), compression=None, max_size=MAX_MESSAGE
            )
        async with connection:
            await connection.send(encode(self._hello()))
            await first_to_end(lambda: self._listen(connection), lambda: self._speak(connection))

    async def _listen(self, connection: ClientConnection) -> None:
        self._receive(decode_down(await _bytes(connection)))
        log.info("connected to the server")
        self._away_told = False
        self._on_connected()
        while True:
            self._receive(decode_down(await _bytes(connection)))

    async def _speak(self, connection: ClientConnection) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._outgoing:
                key, message = next(iter(self._outgoing.items()))
                await connection.send(encode(message))
                if self._outgoing.get(key) is message:
                    del self._outgoing[key]


async def _bytes(connection: ClientConnection) -> bytes:
    message = await connection.recv()
    if isinstance(message, str):
        raise LinkError("a text message came over the link")
    return message
