"""One HAProxy: started, reloaded, watched, adopted, stopped. It outlives the agent.

It runs as master and worker (``-Ws``): SIGUSR2 makes the master load the file anew and hand the
listening sockets on, so that no connection is lost; a datagram on the folder's ``notify.sock``
says when that is done, and what HAProxy wrote says how it went.
Source: HAProxy 2.6 Management Guide, 3 and 4; sd_notify(3); pidfd_open(2).
"""

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ecsd.agent.drivers.haproxy_commands import converse, replace_certificate
from ecsd.agent.drivers.haproxy_counters import Grown, HaproxyCounters
from ecsd.agent.drivers.kept_process import Watch, program, spawn, start_time
from ecsd.clock import Clock
from ecsd.errors import BalancerError

log = logging.getLogger(__name__)

CHECK_SECONDS = 20
LOAD_SECONDS = 20
HEARD_SECONDS = 0.1
STOP_SECONDS = 5
LONGEST_WORDS = 600  # characters of HAProxy's own words in an error
NOTICE_BYTES = 4096
JOIN = 'for one in $1; do echo $$ > "$one" || exit 1; done; shift; exec "$@"'


class Running(msgspec.Struct, frozen=True):
    """A master as it was started. started: its start time in the kernel's ticks since boot."""

    process: int
    started: str
    generation: int
    frame: str


class Haproxy:
    """The HAProxy of one folder. namespace: path of the one it runs in; None: the host's.

    died: called when it ends without having been told to. seat: files by which it joins its
    cgroups; none: this process's own. counters: that are to be read of it; None: nobody asks.
    """

    def __init__(
        self,
        folder: Path,
        namespace: str | None,
        clock: Clock,
        died: Callable[[], None],
        seat: Sequence[str] = (),
        counters: HaproxyCounters | None = None,
    ) -> None:
        self.counters = counters
        self._seat = seat
        self._folder = folder
        self._namespace = namespace
        self._clock = clock
        self._died = died
        self._running: Running | None = None
        self._watch: Watch | None = None
        self._notify: socket.socket | None = None
        self._news = asyncio.Event()
        self._stopping = False

    @property
    def folder(self) -> Path:
        """Return where its files and sockets lie."""
        return self._folder

    @property
    def frame(self) -> str | None:
        """Return the digest of the configuration in force; None when it does not run."""
        return self._running.frame if self._running else None

    @property
    def admin(self) -> Path:
        """Return the running generation's command socket."""
        return self._admin(self._running.generation if self._running else 1)

    def adopt(self) -> bool:
        """Take over the HAProxy that an earlier agent started here, if it still runs."""
        try:
            known = msgspec.json.decode(self._state.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return False  # never started, or cut off while it was
        if start_time(known.process) != known.started:
            return False
        self._running = known
        self._follow(known.process)
        if self.counters is not None and self._running is not None:
            self.counters.resume()
        return self._running is not None

    async def load(self, frame: str, render: Callable[[str], str]) -> None:
        """Put a configuration in force; ``render`` gets the path of its command socket.

        Raises:
            BalancerError: HAProxy refuses it; what ran before goes on.
        """
        generation = self._running.generation + 1 if self._running else 1
        draft = self._folder / "haproxy.cfg.new"
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        draft.write_text(render(str(self._admin(generation))))
        draft.chmod(0o600)
        await self._check(draft)
        draft.replace(self._folder / "haproxy.cfg")
        self._listen()
        self._log.write_bytes(b"")
        self._news.clear()
        before = self._running
        try:
            if before is None:
                if self.counters is not None:
                    self.counters.begin()
                self._spawn(generation)
            else:
                # An agent that dies now leaves a note that what runs is not known.
                self._write_down(before.process, generation, "")
                if self.counters is not None:
                    await self.counters.hold(self._admin(before.generation))
                await self._reload(before.process)
            await self._loaded()
        except BalancerError:
            if before is not None and self._running is not None:
                self._running = self._write_down(before.process, before.generation, before.frame)
            raise
        self._enter(generation, frame)

    async def note_counters(self) -> None:
        """Have its counters read before servers, and theirs, are deleted."""
        if self.counters is not None and self._running is not None:
            await self.counters.note(self.admin)

    async def forget_counters(self, backend: str, server: str) -> None:
        """Know that a server has been deleted: another of its name counts from nothing."""
        if self.counters is not None:
            await self.counters.forget(backend, server)

    async def tend_counters(self) -> None:
        """Let workers go that have nothing more to count."""
        if self.counters is not None:
            await self.counters.tend()

    async def period(self, seconds: float) -> Grown | None:
        """Return what was counted in a period that ends now; None: that was not observed."""
        if self.counters is None:
            return None
        return await self.counters.period(self.admin if self._running else None, seconds)

    async def command(self, commands: list[str]) -> list[str]:
        """Give commands to the running worker; return its answers, line by line.

        Raises:
            BalancerError: it does not run or does not answer.
        """
        if self._running is None:
            raise BalancerError("HAProxy does not run")
        return await converse(self._admin(self._running.generation), commands, self._clock)

    async def replace_certificate(self, file: str, pem: str) -> str | None:
        """Have new handshakes see a certificate file's new contents; return why not, or None.

        Raises:
            BalancerError: it does not run or does not answer.
        """
        if self._running is None:
            raise BalancerError("HAProxy does not run")
        return await replace_certificate(self.admin, file, pem, self._clock)

    async def stop(self) -> None:
        """End it and remove its folder; one that does not run leaves only the folder."""
        self._stopping = True
        try:
            if self._running is not None:
                await self._end(self._running.process)
        finally:
            self._stopping = False
        if self.counters is not None:
            self.counters.close()
        self._unfollow()
        if self._notify is not None:
            asyncio.get_running_loop().remove_reader(self._notify)
            self._notify.close()
            self._notify = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def release(self) -> None:
        """Stop watching; HAProxy goes on."""
        if self.counters is not None:
            self.counters.close()
        self._unfollow()
        if self._notify is not None:
            asyncio.get_running_loop().remove_reader(self._notify)
            self._notify.close()
            self._notify = None

    # ------------------------------------------------------------------ loading

    @property
    def _state(self) -> Path:
        return self._folder / "running.json"

    @property
    def _log(self) -> Path:
        return self._folder / "haproxy.log"

    def _admin(self, generation: int) -> Path:
        """A socket of each generation's own: commands never reach a worker that is leaving."""
        return self._folder / f"admin-{generation}.sock"

    async def _check(self, draft: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            _program("haproxy"),
            *("-c", "-f", str(draft)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with self._clock.deadline(CHECK_SECONDS):
                _, words = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise BalancerError("HAProxy did not check its configuration in time") from error
        if process.returncode != 0:
            raise BalancerError(f"HAProxy refuses its configuration: {_alerts(words)}")

    def _spawn(self, generation: int) -> None:
        """Start a master, in a session of its own, that is not ended with the agent."""
        enter = [_program("sh"), "-c", JOIN, "sh", " ".join(self._seat)] if self._seat else []
        if self._namespace is not None:
            enter += [_program("nsenter"), f"--net={self._namespace}"]
        command = [*enter, _program("haproxy"), "-Ws", "-f", str(self._folder / "haproxy.cfg")]
        process = spawn(command, self._log, {"NOTIFY_SOCKET": str(self._notice)})
        self._running = self._write_down(process, generation, "")
        self._follow(process)

    async def _reload(self, process: int) -> None:
        """Tell the master until it has heard: one that still ends its last reload forgets it."""
        while b"Reloading" not in self._log.read_bytes() and self._running is not None:
            os.kill(process, signal.SIGUSR2)
            try:
                async with self._clock.deadline(HEARD_SECONDS):
                    while b"Reloading" not in self._log.read_bytes():
                        await self._news.wait()
                        self._news.clear()
            except TimeoutError:
                log.debug("HAProxy is told again to reload", extra={"master": process})

    async def _loaded(self) -> None:
        """Return when the file is in force."""
        try:
            async with self._clock.deadline(LOAD_SECONDS):
                while True:
                    words = self._log.read_bytes()
                    if self._running is None:
                        raise BalancerError(f"HAProxy does not start: {_alerts(words)}")
                    if b"Loading failure" in words:
                        raise BalancerError(f"HAProxy does not reload: {_alerts(words)}")
                    if b"Loading success" in words:
                        return
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError as error:
            raise BalancerError("HAProxy did not say in time that it has loaded") from error

    def _enter(self, generation: int, frame: str) -> None:
        """Write down what runs, and take the last generation's socket away."""
        if self._running is None:
            raise BalancerError("HAProxy ended as soon as it had started")
        old = self._running.generation
        process = self._running.process
        self._running = self._write_down(process, generation, frame)
        log.info(
            "HAProxy has a new configuration in force",
            extra={"folder": str(self._folder), "master": process, "generation": generation},
        )
        if old != generation:
            self._admin(old).unlink(missing_ok=True)

    def _write_down(self, process: int, generation: int, frame: str) -> Running:
        """Note what runs, for the next agent."""
        running = Running(process, start_time(process) or "", generation, frame)
        self._state.write_bytes(msgspec.json.encode(running))
        return running

    # ------------------------------------------------------------------ watching

    @property
    def _notice(self) -> Path:
        return self._folder / "notify.sock"

    def _listen(self) -> None:
        """Hear HAProxy's notices; also those of one that an earlier agent started."""
        if self._notify is not None:
            return
        self._notice.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._notify.bind(str(self._notice))
        asyncio.get_running_loop().add_reader(self._notify, self._noticed)

    def _noticed(self) -> None:
        if self._notify is None:
            return
        try:
            self._notify.recv(NOTICE_BYTES)
        except BlockingIOError:
            return  # somebody else read it: the news is the same
        self._news.set()

    def _follow(self, process: int) -> None:
        """Watch a process's end."""
        try:
            self._watch = Watch(process, self._ended)
        except ProcessLookupError:
            self._running = None

    def _unfollow(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _ended(self) -> None:
        self._watch = None
        served = self._running is not None and self._running.frame != ""
        self._running = None
        self._news.set()
        if served and not self._stopping:
            log.warning("HAProxy ended", extra={"folder": str(self._folder)})
            if self.counters is not None:
                self.counters.lose()
            self._died()

    async def _end(self, process: int) -> None:
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            try:
                os.kill(process, number)
                async with self._clock.deadline(seconds):
                    while self._running is not None:
                        self._news.clear()
                        await self._news.wait()
            except ProcessLookupError:
                return  # ended by itself meanwhile
            except TimeoutError:
                log.warning("HAProxy does not end", extra={"signal": number.name})
                continue
            return
        raise BalancerError(f"HAProxy (process {process}) cannot be ended")


def _program(name: str) -> str:
    found = program(name)
    if found is None:
        raise BalancerError(f"{name} is not installed")
    return found


def _alerts(words: bytes) -> str:
    """Return HAProxy's own reasons."""
    lines = words.decode(errors="replace").splitlines()
    reasons = [line.partition(": ")[2] or line for line in lines if line.startswith("[ALERT]")]
    return "; ".join(reasons or lines[-3:] or ["it gave no reason"])[:LONGEST_WORDS]
