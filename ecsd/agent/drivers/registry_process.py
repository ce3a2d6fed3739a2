"""The Distribution registry of this host: started, watched, adopted, stopped, tidied.

It listens on a unix socket alone, which belongs to HAProxy's user. It outlives the agent.
Source: Distribution 2.8, configuration and garbage collection; pidfd_open(2).
"""

import asyncio
import logging
import os
import pwd
import shutil
import signal
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec

from ecsd.agent.drivers.kept_process import Watch, program, spawn, start_time
from ecsd.clock import Clock
from ecsd.errors import RegistryError

log = logging.getLogger(__name__)

PROGRAM = "docker-registry"
START_SECONDS, STOP_SECONDS = 10, 5
LOOK_SECONDS = 0.02
COLLECT_SECONDS = 600
MOST_LOG = 4 << 20  # bytes
LONGEST_WORDS = 600  # characters of its own words in an error


class Running(msgspec.Struct, frozen=True):
    """A registry as it was started. started: in the kernel's ticks since boot."""

    process: int
    started: str
    digest: str  # of its configuration


class RegistryProcess:
    """The registry of one folder. died: called when it ends without having been told to.

    user: whom its socket belongs to; empty: nobody else.
    """

    def __init__(
        self, folder: Path, clock: Clock, died: Callable[[], None], user: str = ""
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._died = died
        self._user = user
        self._running: Running | None = None
        self._watch: Watch | None = None
        self._stopping = False
        self._serving = False
        self._over = asyncio.Event()

    def adopt(self) -> bool:
        """Take over the registry that an earlier agent started here, if it still runs."""
        if self._running is not None:
            return True
        try:
            known = msgspec.json.decode(self._state.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return False  # never started, or cut off while it was
        if start_time(known.process) != known.started:
            return False
        self._running = known
        self._follow(known.process)
        self._serving = self._running is not None
        return self._serving

    async def serve(self, config: str) -> None:
        """Have it run with a configuration; one that does already is left alone.

        Raises:
            RegistryError: it is not installed, or does not start.
        """
        digest = sha256(config.encode()).hexdigest()
        if self._running is not None and self._running.digest == digest:
            return
        await self.stop()
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._config.touch(mode=0o600)
        self._config.write_text(config)
        self._socket.unlink(missing_ok=True)
        process = self._spawn()
        self._running = Running(process, start_time(process) or "", digest)
        self._state.write_bytes(msgspec.json.encode(self._running))
        self._follow(process)
        await self._listening()
        self._serving = True
        log.info("the registry of images runs", extra={"pid": process})

    async def collect(self, config: str) -> None:
        """Stop it, and remove blobs that no manifest names; it has to be served again.

        Raises:
            RegistryError: it cannot be stopped or tidied.
        """
        await self.stop()
        self._config.touch(mode=0o600)
        self._config.write_text(config)
        process = await asyncio.create_subprocess_exec(
            *(_program(), "garbage-collect", str(self._config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with self._clock.deadline(COLLECT_SECONDS):
                _, words = await process.communicate()
        except TimeoutError as error:
            raise RegistryError("unused blobs were not collected in time") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise RegistryError(f"unused blobs cannot be collected: {_last(words)}")

    async def stop(self) -> None:
        """End it; one that does not run has ended.

        Raises:
            RegistryError: it does not end.
        """
        running = self._running
        if running is None:
            return
        self._stopping = True
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if await self._ends(running.process, number):
                    return
        finally:
            self._stopping = False
        raise RegistryError(f"the registry (process {running.process}) cannot be ended")

    def release(self) -> None:
        """Stop watching; it goes on."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def tidy(self) -> None:
        """Empty its log where it has grown: each push writes of every layer that was not there."""
        if self._log.exists() and self._log.stat().st_size > MOST_LOG:
            os.truncate(self._log, 0)

    def remove(self) -> None:
        """Remove its folder; it does not run."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _state(self) -> Path:
        return self._folder / "running.json"

    @property
    def _config(self) -> Path:
        return self._folder / "config.yml"

    @property
    def _socket(self) -> Path:
        return self._folder / "registry.sock"

    @property
    def _log(self) -> Path:
        return self._folder / "registry.log"

    def _spawn(self) -> int:
        self._log.write_bytes(b"")
        return spawn([_program(), "serve", str(self._config)], self._log, {})

    async def _listening(self) -> None:
        """Return when it listens, and HAProxy may reach it."""
        try:
            async with self._clock.deadline(START_SECONDS):
                while not self._socket.exists():
                    if self._running is None:
                        words = _last(self._log.read_bytes())
                        raise RegistryError(f"the registry does not start: {words}")
                    await self._clock.sleep(LOOK_SECONDS)  # nothing tells when it listens
        except TimeoutError as error:
            raise RegistryError("the registry did not listen in time") from error
        if self._user:
            known = pwd.getpwnam(self._user)
            os.chown(self._socket, known.pw_uid, known.pw_gid)
        self._socket.chmod(0o600)

    def _follow(self, process: int) -> None:
        self._over.clear()
        try:
            self._watch = Watch(process, self._ended)
        except ProcessLookupError:
            self._running = None

    def _ended(self) -> None:
        self._watch = self._running = None
        self._over.set()
        served, self._serving = self._serving, False
        if served and not self._stopping:
            log.warning("the registry of images ended", extra={"folder": str(self._folder)})
            self._died()

    async def _ends(self, process: int, number: signal.Signals) -> bool:
        try:
            os.kill(process, number)
            async with self._clock.deadline(STOP_SECONDS):
                await self._over.wait()
        except ProcessLookupError:
            return True  # ended by itself meanwhile
        except TimeoutError:
            log.warning("the registry does not end", extra={"signal": number.name})
            return False
        return True


def _program() -> str:
    found = program(PROGRAM)
    if found is None:
        raise RegistryError(f"{PROGRAM} is not installed: ECR needs Debian's package of that name")
    return found


def _last(words: bytes) -> str:
    lines = words.decode(errors="replace").strip().splitlines()
    return " ".join(lines[-3:])[:LONGEST_WORDS] or "it gave no reason"
