"""A command inside a container, at the other end of a terminal. Docker Engine API, Exec."""

import logging
import os
import signal
from types import TracebackType
from typing import TYPE_CHECKING, Self

import aiodocker
import aiohttp
from aiodocker.execs import Exec

from ecsd.errors import EngineError

if TYPE_CHECKING:
    from aiodocker.stream import Stream

log = logging.getLogger(__name__)


class ExecStream:
    """One command; ``async with`` starts it and sees to it that it is gone afterwards."""

    def __init__(self, handle: Exec) -> None:
        self._handle = handle
        self._stream: Stream = handle.start(detach=False)

    async def __aenter__(self) -> Self:
        """Start the command. Raises EngineError."""
        try:
            await self._stream.__aenter__()
        except (aiodocker.DockerError, aiohttp.ClientError) as error:
            raise EngineError(str(error)) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up, and end what does not end by that."""
        await self._stream.close()
        await self._end()

    async def read(self) -> bytes:
        """Return the next output; empty when the command has ended. Raises EngineError."""
        try:
            message = await self._stream.read_out()
        except aiohttp.ClientError as error:
            raise EngineError(str(error)) from error
        return message.data if message else b""

    async def write(self, data: bytes) -> None:
        """Give the command input; one that has ended hears nothing."""
        try:
            await self._stream.write_in(data)
        except (aiohttp.ClientError, OSError, RuntimeError, AssertionError) as error:
            raise EngineError(str(error) or "the command's input is closed") from error

    async def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size. Raises EngineError."""
        try:
            await self._handle.resize(h=rows, w=columns)
        except (aiodocker.DockerError, aiohttp.ClientError) as error:
            raise EngineError(str(error)) from error

    async def _end(self) -> None:
        """The Engine lets a command go on whose terminal is gone: end its whole session."""
        try:
            found = await self._handle.inspect()
        except (aiodocker.DockerError, aiohttp.ClientError):
            return  # the container is gone, and with it the command
        process = int(found.get("Pid") or 0)
        if not found.get("Running") or process <= 1:
            return
        try:
            os.killpg(process, signal.SIGHUP)
            os.killpg(process, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("a command has just ended", extra={"pid": process})
