"""bindfs: a directory in which everybody acts as one user. It outlives the agent.

It runs as that user, with that user's groups, so the kernel judges every access as the user's own;
``-p a+rwX`` lets other users' requests come that far. Of root's capabilities it has the one that
mounting needs. When it has died the next one is laid over the dead mount, and whoever has a copy
sees that. Source: bindfs(1); mount.fuse(8); mount_namespaces(7), slave mounts.
"""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from ecsd.agent.drivers import mounts
from ecsd.agent.drivers.kept_process import Watch, program, spawn, start_time
from ecsd.clock import Clock
from ecsd.errors import FileSystemError
from ecsd.records.efs.access_point import PosixUser

log = logging.getLogger(__name__)

DEVICE = Path("/dev/fuse")
START_SECONDS, LOOK_SECONDS = 10.0, 0.02
STOP_SECONDS = 5.0
OPEN_TO_ALL = 0o006
SUPERUSER = 0
LONGEST_WORDS = 300


class Running(msgspec.Struct, frozen=True):
    """A bindfs as it was started. started: its start time in the kernel's ticks since boot."""

    process: int
    started: str
    generation: int
    user: PosixUser


class Bindfs:
    """The bindfs of one folder: ``source`` is what it shows, ``shown`` where.

    died: called when it ends without having been told to.
    """

    def __init__(self, folder: Path, clock: Clock, died: Callable[[], None]) -> None:
        self._folder = folder
        self._clock = clock
        self._died = died
        self._running: Running | None = None
        self._watch: Watch | None = None

    @property
    def source(self) -> Path:
        """What it shows."""
        return self._folder / "source"

    @property
    def shown(self) -> Path:
        """Where it is shown."""
        return self._folder / "shown"

    @property
    def runs(self) -> bool:
        """Whether it runs, as far as is known, and shows something."""
        return self._running is not None and mounts.mounted(self.shown) > 0

    def adopt(self) -> PosixUser | None:
        """Take over what an earlier agent started here; return its user, even if it has died."""
        try:
            known = msgspec.json.decode(self._state.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.DecodeError):
            return None  # never started, or cut off while it was
        if start_time(known.process) == known.started:
            self._follow(known)
        return known.user

    async def start(self, descriptor: int | None, user: PosixUser) -> None:
        """Show a directory (its descriptor; None: the one it had) as a user sees it.

        Raises:
            FileSystemError: bindfs is not installed, or does not start.
        """
        obstacle = lacking()
        if obstacle is not None:
            raise FileSystemError(obstacle)
        for folder in (self.source, self.shown):
            folder.mkdir(parents=True, exist_ok=True)
        if descriptor is not None:
            mounts.unmount(self.source)
            mounts.show(f"/proc/self/fd/{descriptor}", self.source)
        generation = self._next_generation()
        staging = self._folder / f"mount-{generation}"
        staging.mkdir()
        self._spawn(staging, generation, user)
        try:
            await self._await(staging)
        except FileSystemError:
            self._give_up()
            raise
        if mounts.mounted(self.shown):
            mounts.lay_over(staging, self.shown)
        else:
            mounts.show(str(staging), self.shown)

    async def stop(self) -> None:
        """End it and take its mounts and its folder away."""
        running, self._running = self._running, None
        self._unfollow()
        if running is not None and start_time(running.process) == running.started:
            await self._end(running)
        if not self._folder.exists():
            return
        for one in (self.shown, *self._folder.glob("mount-*"), self.source):
            mounts.unmount(one)
            if one.exists():
                one.rmdir()  # never more: it would be somebody's files
        for file in self._folder.iterdir():
            file.unlink()
        self._folder.rmdir()

    def release(self) -> None:
        """Stop watching; it goes on."""
        self._unfollow()

    # ------------------------------------------------------------------ inside

    @property
    def _state(self) -> Path:
        return self._folder / "running.json"

    @property
    def _log(self) -> Path:
        return self._folder / "bindfs.log"

    def _next_generation(self) -> int:
        """Return the next number, and take away what earlier ones have left."""
        known = [int(one.name.partition("-")[2]) for one in self._folder.glob("mount-*")]
        for one in known:
            mounts.unmount(self._folder / f"mount-{one}")
            (self._folder / f"mount-{one}").rmdir()
        return max(known, default=0) + 1

    def _spawn(self, staging: Path, generation: int, user: PosixUser) -> None:
        command = [*_as(user), _program("bindfs"), "-f", "-p", "a+rwX"]
        command += [str(self.source), str(staging)]
        self._log.unlink(missing_ok=True)
        process = spawn(command, self._log, {})
        running = Running(process, start_time(process) or "", generation, user)
        self._state.write_bytes(msgspec.json.encode(running))
        self._follow(running)

    async def _await(self, staging: Path) -> None:
        """Return when it has mounted."""
        try:
            async with self._clock.deadline(START_SECONDS):
                while not mounts.mounted(staging):
                    if self._running is None:
                        words = self._log.read_text(errors="replace").strip()
                        raise FileSystemError(f"bindfs does not start: {words[-LONGEST_WORDS:]}")
                    await self._clock.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise FileSystemError("bindfs has not mounted in time") from error

    def _give_up(self) -> None:
        """End a process that has not mounted; another one may be started."""
        running, self._running = self._running, None
        self._unfollow()
        if running is not None:
            os.kill(running.process, signal.SIGKILL)

    def _follow(self, running: Running) -> None:
        self._running = running
        try:
            self._watch = Watch(running.process, self._ended)
        except ProcessLookupError:
            self._running = None

    def _unfollow(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _ended(self) -> None:
        self._watch = None
        if self._running is not None:
            self._running = None
            log.warning("bindfs ended", extra={"folder": str(self._folder)})
            self._died()

    async def _end(self, running: Running) -> None:
        ended: list[bool] = []
        try:
            watch = Watch(running.process, lambda: ended.append(True))
        except ProcessLookupError:
            return  # ended by itself meanwhile
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                os.kill(running.process, number)
                try:
                    async with self._clock.deadline(STOP_SECONDS):
                        while not ended:
                            await self._clock.sleep(LOOK_SECONDS)
                except TimeoutError:
                    log.warning("bindfs does not end", extra={"signal": number.name})
                    continue
                return
        except ProcessLookupError:
            return
        finally:
            watch.close()
        raise FileSystemError(f"bindfs (process {running.process}) cannot be ended")


def lacking() -> str | None:
    """Return what access points with a PosixUser lack on this host, with the fix; None: nothing."""
    if program("bindfs") is None:
        return "bindfs is not installed: apt-get install bindfs"
    if not DEVICE.exists():
        return f"{DEVICE} is not there: modprobe fuse"
    if DEVICE.stat().st_mode & OPEN_TO_ALL != OPEN_TO_ALL:
        return f"{DEVICE} is closed to users other than root: chmod 0666 {DEVICE}"
    return None


def _as(user: PosixUser) -> list[str]:
    """Return how to run as a user; root keeps what root may do with files."""
    groups = ",".join(str(one) for one in user.secondary_gids)
    words = [
        _program("setpriv"),
        f"--reuid={user.uid}",
        f"--regid={user.gid}",
        f"--groups={groups}" if groups else "--clear-groups",
    ]
    if user.uid == SUPERUSER:
        return words
    only = "-all,+sys_admin"
    return [*words, f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]


def _program(name: str) -> str:
    found = program(name)
    if found is None:
        raise FileSystemError(f"{name} is not installed")
    return found
