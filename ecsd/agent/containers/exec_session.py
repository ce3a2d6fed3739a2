"""One session: what is typed goes into the container, what comes out goes to the client."""

import asyncio
import logging
import shlex
from datetime import datetime, timedelta
from uuid import UUID

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ecsd.agent.containers.log_streams import LogStreamError, LogStreams, Place
from ecsd.agent.drivers.engine import Engine
from ecsd.agent.drivers.exec_stream import ExecStream
from ecsd.clock import Clock
from ecsd.errors import EngineError
from ecsd.ids import IdSource
from ecsd.protocol.data_channel import (
    DataChannel,
    DataChannelError,
    Ready,
    Resized,
    Terminated,
    Typed,
)
from ecsd.records.plan import SessionPlan

log = logging.getLogger(__name__)

IDLE = timedelta(minutes=20)
TICK_SECONDS = 0.25
LAST_WORDS = timedelta(seconds=10)  # for a client to acknowledge the end of the output
MOST_EARLY = 65536  # bytes typed before the command runs
LOG_PIECE = 200_000  # bytes of one event
LOG_MOST = 4_000_000  # bytes of a transcript
TERMINAL = {"TERM": "xterm-256color"}


class _OverError(Exception):
    """The session is over; the words are for the client."""


class ExecSession:
    """Runs until the command ends, the client leaves, or nothing happens for long."""

    def __init__(
        self,
        plan: SessionPlan,
        connection: ServerConnection,
        engine: Engine,
        streams: LogStreams,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._connection = connection
        self._engine = engine
        self._streams = streams
        self._clock = clock
        ids = IdSource()
        self._channel = DataChannel(plan.session_id, lambda: UUID(ids.uuid()))
        self._ready = asyncio.Event()
        self._moved = asyncio.Event()  # something was acknowledged
        self._stream: ExecStream | None = None
        self._early = b""  # typed before the command ran
        self._size: Resized | None = None
        self._used_at = clock.now()
        self._transcript = bytearray()

    async def run(self) -> str:
        """Live; return why it ended."""
        self._channel.begin(self._clock.now())
        words = "the client has left"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._command())
                group.create_task(self._watch())
        except* _OverError as over:
            words = str(over.exceptions[0])
            await self._farewell(words)
        except* ConnectionClosed:
            log.debug("a client has gone", extra={"session": self._plan.session_id})
        except* (DataChannelError, EngineError) as failed:
            words = str(failed.exceptions[0])
            await self._farewell(words)
        await self._log()
        return words

    # ------------------------------------------------------------------ the client

    async def _listen(self) -> None:
        async for data in self._connection:
            if isinstance(data, str):
                continue  # the plugin speaks in frames after its first word
            for event in self._channel.receive(data, self._clock.now()):
                match event:
                    case Ready():
                        self._ready.set()
                    case Typed(data=typed):
                        self._used_at = self._clock.now()
                        await self._type(typed)
                    case Resized():
                        await self._resize(event)
                    case Terminated():
                        raise _OverError("")
            self._moved.set()
            await self._flush()
        raise _OverError("the client has left")

    async def _type(self, data: bytes) -> None:
        """Give the command input; what is typed before it runs waits for it."""
        if self._stream is None:
            self._early = (self._early + data)[:MOST_EARLY]
        else:
            await self._stream.write(data)

    async def _resize(self, size: Resized) -> None:
        if size == self._size:
            return  # clients say it again and again
        self._size = size
        if self._stream is not None:
            await self._stream.resize(size.columns, size.rows)

    async def _flush(self) -> None:
        frames, self._channel.outgoing = self._channel.outgoing, []
        for frame in frames:
            await self._connection.send(frame)

    async def _farewell(self, words: str) -> None:
        self._channel.close(words, self._clock.now())
        try:
            await self._flush()
            await self._connection.close()
        except ConnectionClosed:
            log.debug("the client was gone before the farewell")

    # ------------------------------------------------------------------ the command

    async def _command(self) -> None:
        await self._flush()
        await self._ready.wait()
        words = shlex.split(self._plan.command)
        command = await self._engine.command(self._plan.runtime_id, words, TERMINAL)
        async with command as stream:
            await self._catch_up(stream)
            while data := await stream.read():
                self._used_at = self._clock.now()
                self._remember(data)
                await self._write(data)
            self._stream = None
        await self._heard()
        raise _OverError("")

    async def _catch_up(self, stream: ExecStream) -> None:
        """Give the command what came before it ran; from then on it hears at once."""
        size = None
        while self._early or size != self._size:
            early, self._early, size = self._early, b"", self._size
            if size is not None:
                await stream.resize(size.columns, size.rows)
            if early:
                await stream.write(early)
        self._stream = stream

    async def _write(self, data: bytes) -> None:
        while not self._channel.has_room:
            self._moved.clear()
            await self._moved.wait()
        self._channel.write(data, self._clock.now())
        await self._flush()

    async def _heard(self) -> None:
        """Return when the client has all output, or has had time enough."""
        latest = self._clock.now() + LAST_WORDS
        while not self._channel.is_heard and self._clock.now() < latest:
            await self._clock.sleep(TICK_SECONDS / 10)

    async def _watch(self) -> None:
        """Send again what was lost; end a session in which nothing happens."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            now: datetime = self._clock.now()
            if now - self._used_at >= IDLE:
                raise _OverError(f"Session timed out after {IDLE.seconds // 60} minutes of silence")
            self._channel.send_again(now)
            await self._flush()

    # ------------------------------------------------------------------ the transcript

    def _remember(self, data: bytes) -> None:
        if self._plan.log_group and len(self._transcript) < LOG_MOST:
            self._transcript += data

    async def _log(self) -> None:
        plan, text = self._plan, bytes(self._transcript)
        if not plan.log_group:
            return
        place = Place(plan.logs_endpoint, plan.account, plan.region)
        pieces = [text[at : at + LOG_PIECE] for at in range(0, len(text), LOG_PIECE)]
        try:
            await self._streams.keep(
                place,
                plan.log_group,
                plan.session_id,
                [one.decode(errors="replace") for one in pieces],
            )
        except LogStreamError as error:
            words = str(error)
            log.warning("a transcript is lost", extra={"session": plan.session_id, "cause": words})
