"""What one HAProxy's workers count, also those that leave after a reload.

A worker that leaves listens no more, but answers on a connection that it had: one is kept with each
until its last client has gone, and holds it for that long. How far counters had come is noted at
each period's end, so that another agent goes on from there and counts nothing twice.
Source: HAProxy 2.6 Management Guide, 9.3 (prompt), 4 (soft stop).
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from ecsd.certificates.private_files import write_private
from ecsd.clock import Clock
from ecsd.decisions.telemetry.counters import Place, Reading, added, growth, read_worker
from ecsd.errors import BalancerError

log = logging.getLogger(__name__)

FILE = "counted.msgpack"
PROMPT = b"\n> "
ANSWER_SECONDS = 5
AT_ONCE = 50  # tables in a command; HAProxy reads at most 16 KiB
MOST_LEAVING = 8  # workers that are held; of more, what they still do is not counted
PIECE = 1 << 18
LATE = 0.5  # of a period: what was observed over so much more or less is no period


class Noted(msgspec.Struct, frozen=True):
    """How far counters had come: worker → counters."""

    at: datetime
    counts: dict[str, dict[Place, int]]


class Grown(NamedTuple):
    """What was counted in a period, and what there is at its end. complete: no line was lost."""

    counts: Mapping[Place, int]
    levels: Mapping[Place, int]
    complete: bool


class _Worker:
    """A connection with a worker. Errors: BalancerError."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, path: Path) -> None:
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                self._reader, self._writer = await asyncio.open_unix_connection(path, limit=PIECE)
        except (OSError, TimeoutError) as error:
            raise BalancerError(f"HAProxy's command socket: {str(error) or 'no answer'}") from error
        try:
            await self.ask("prompt")
        except BaseException:  # cancelled too: nobody else knows of the connection yet
            self.close()
            raise

    async def ask(self, command: str) -> list[str]:
        if self._reader is None or self._writer is None:
            raise BalancerError("HAProxy's command socket is closed")
        heard = bytearray()
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                self._writer.write(f"{command}\n".encode())
                while not heard.endswith(PROMPT):
                    piece = await self._reader.read(PIECE)
                    if not piece:
                        raise BalancerError("HAProxy's worker has gone")
                    heard += piece
        except (OSError, TimeoutError) as error:
            raise BalancerError(f"HAProxy's command socket: {str(error) or 'no answer'}") from error
        return [one for one in heard[: -len(PROMPT)].decode(errors="replace").splitlines() if one]

    async def read(self) -> Reading:
        info, stat = await self.ask("show info"), await self.ask("show stat")
        known = [one for one in await self.ask("show table") if one.startswith("# table: ")]
        used = [
            one.removeprefix("# table: ").partition(",")[0]
            for one in known
            if not one.endswith("used:0")
        ]
        tables: list[str] = []
        for start in range(0, len(used), AT_ONCE):
            names = used[start : start + AT_ONCE]
            tables += await self.ask(";".join(f"show table {one}" for one in names))
        reading = read_worker(info, stat, tables)
        if reading is None:
            raise BalancerError("HAProxy's worker told nothing that can be read")
        return reading

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None


class HaproxyCounters:
    """The counters of the HAProxy of one folder; calls wait for each other."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._since: datetime | None = None  # what is in _grown was counted since then
        self._base: dict[str, dict[Place, int]] = {}  # worker → counters as they were read last
        self._grown: dict[Place, int] = {}
        self._seen: set[str] = set()  # workers that were read in this period
        self._lost = False  # in this period a worker took what it had counted with it
        self._noted = ""  # the worker of the latest note
        self._leaving: list[_Worker] = []
        self._lock = asyncio.Lock()

    def begin(self) -> None:
        """HAProxy is being started: from now on, all that it does is counted."""
        if self._since is None:
            self._since = self._clock.now()

    def resume(self) -> None:
        """Go on from where an earlier agent was."""
        try:
            noted = msgspec.msgpack.decode((self._folder / FILE).read_bytes(), type=Noted)
        except (FileNotFoundError, msgspec.DecodeError):
            return  # it was not for a whole period here: the next period is the first
        self._since, self._base = noted.at, noted.counts

    def lose(self) -> None:
        """HAProxy has died with what it had counted: this period is not observed."""
        self._lost = True

    async def hold(self, admin: Path) -> None:
        """Keep in touch with the worker that is to leave; without, its last requests are lost."""
        async with self._lock:
            worker = _Worker(self._clock)
            try:
                await worker.open(admin)
            except BalancerError as error:
                log.warning("a worker's last requests are not counted", extra={"cause": str(error)})
                return
            self._leaving.append(worker)
            if len(self._leaving) > MOST_LEAVING:
                self._leaving.pop(0).close()

    async def note(self, admin: Path) -> None:
        """Take in what has been counted so far: servers are about to be deleted."""
        async with self._lock:
            reading = await self._read(admin)
            self._noted = reading.worker if reading else ""

    async def forget(self, backend: str, server: str) -> None:
        """Know that the worker of the latest note has deleted a server."""
        async with self._lock:
            counts = self._base.get(self._noted, {})
            for place in [one for one in counts if one[:2] == (backend, server)]:
                del counts[place]

    async def tend(self) -> None:
        """Let workers go whose last clients have gone; others are told that somebody is there."""
        async with self._lock:
            for one in [*self._leaving]:
                try:
                    reading = await one.read()
                except BalancerError:
                    self._let_go(one)
                    continue
                self._take(reading)
                if reading.leaving and reading.connections == 0:
                    self._let_go(one)

    async def period(self, admin: Path | None, seconds: float) -> Grown | None:
        """Return what was counted since the last call; None: not just that period was observed.

        admin: the running worker's command socket; None: HAProxy does not run.
        """
        await self.tend()
        async with self._lock:
            levels: Mapping[Place, int] = {}
            whole = True
            if admin is not None:
                running = await self._read(admin)
                levels, whole = (running.levels, True) if running else ({}, False)
            now = self._clock.now()
            before, self._since = self._since, now
            grown, self._grown = self._grown, {}
            lost, self._lost = self._lost, False
            self._keep(now)
        if before is None or lost or not whole:
            return None
        lasted = (now - before).total_seconds()
        if lasted > seconds * (1 + LATE):
            return None
        dropped = grown.pop(DROPPED, 0)
        if dropped:
            words = "log lines of HAProxy were lost: too many came at once"
            log.warning(words, extra={"lines": dropped, "folder": str(self._folder)})
        return Grown(grown, levels, dropped == 0)

    def close(self) -> None:
        """Let every worker go."""
        for one in [*self._leaving]:
            self._let_go(one)

    def _let_go(self, worker: _Worker) -> None:
        worker.close()
        if worker in self._leaving:  # it may have been let go while it was asked
            self._leaving.remove(worker)

    async def _read(self, admin: Path) -> Reading | None:
        worker = _Worker(self._clock)
        try:
            await worker.open(admin)
            reading = await worker.read()
        except BalancerError as error:
            log.warning("HAProxy's counters cannot be read", extra={"cause": str(error)})
            return None
        finally:
            worker.close()
        self._take(reading)
        return reading

    def _take(self, reading: Reading) -> None:
        """Add by how much a worker's counters have grown."""
        now = reading.counts | {DROPPED: reading.dropped}
        before = self._base.get(reading.worker)
        if before is None and self._since is not None:
            young = reading.started >= int(self._since.timestamp()) - 1
            before = {} if young else now
        if before is not None:
            self._grown = added(self._grown, growth(before, now))
        self._base[reading.worker] = now
        self._seen.add(reading.worker)

    def _keep(self, now: datetime) -> None:
        """Write down how far counters have come, and forget workers that are no more."""
        self._base = {one: self._base[one] for one in self._seen}
        self._seen.clear()
        if not self._folder.is_dir():
            return
        noted = msgspec.msgpack.encode(Noted(now, self._base))
        try:
            write_private(self._folder / FILE, noted, lasting=False)
        except OSError as error:
            log.warning("HAProxy's counters cannot be noted", extra={"cause": str(error)})


DROPPED: Place = ("", "", "dropped")
