"""Lines of load balancers' logs: on disk within a second or so, in S3 after a few minutes.

What an agent has written down, the next one delivers. Delivery is tried until it succeeds; when the
disk's share is used up, the oldest files go. Source: Application Load Balancers guide, access logs
(delivery is best effort).
"""

import asyncio
import gzip
import logging
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ecsd.agent.api_client import ApiError, Keys
from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.clock import Clock
from ecsd.decisions.telemetry.log_place import (
    KINDS,
    LogPlace,
    balancer_id,
    is_enabled,
    log_place,
    object_name,
    trial_words,
)
from ecsd.ids import IdSource
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
RETRY_SECONDS = 30
MOST_LINES = 200_000  # that wait for the disk; more are lost, and that is told
LARGEST_FILE = 64 << 20  # bytes; then another object is begun
MOST_BYTES = 512 << 20  # on disk, of files that wait for delivery
LONGEST_WAIT = timedelta(days=1)  # for a delivery to succeed
STAMP = "%Y%m%dT%H%M%S"
Tell = Callable[[str, str | None], None]  # part, what is wrong with it


class Delivery(msgspec.Struct, frozen=True):
    """Where a file's lines go."""

    load_balancer_arn: str
    kind: str
    place: LogPlace
    address: str


class _Open:
    """A file that lines are added to."""

    def __init__(self, folder: Path, delivery: Delivery) -> None:
        self.delivery = delivery
        self.path = folder / f"{delivery.kind}.log"
        self.lines: list[str] = []
        self.lost = 0
        self.tried_at: datetime | None = None


class LogFiles:
    """The logs of all balancers of this host that keep any.

    endpoint: of the API. period: seconds. tell: hears what is wrong, and when it is not any more.
    """

    def __init__(
        self,
        folder: Path,
        settings: tuple[str, int],
        clock: Clock,
        objects: S3Objects,
        tell: Tell,
    ) -> None:
        self._folder = folder
        self._endpoint, self._period = settings
        self._clock = clock
        self._ids = IdSource()
        self._objects = objects
        self._tell = tell
        self._due = self._next_end()
        self._open: dict[tuple[str, str], _Open] = {}  # by balancer and kind
        self._keys: dict[str, Keys] = {}  # by balancer
        self._faults: dict[str, str] = {}
        self._later: dict[Path, datetime] = {}  # file → when its delivery is tried again

    def follow(self, plan: BalancerPlan) -> None:
        """Keep the logs that a balancer's attributes ask for."""
        arn = plan.load_balancer_arn
        given = plan.log_credentials
        if given is not None:
            self._keys[arn] = Keys.of(given)
        for name, kind in KINDS.items():
            known = self._open.get((arn, name))
            if not is_enabled(kind, plan.attributes):
                if known is not None:
                    self._end(known)
                continue
            place = log_place(kind, plan.attributes, arn)
            address = plan.addresses[0] if plan.addresses else "0.0.0.0"
            delivery = Delivery(arn, name, place, address)
            if known is not None and known.delivery == delivery:
                continue
            if known is not None:
                self._end(known)
            self._open[arn, name] = _Open(self._home(arn), delivery)

    def forget(self, load_balancer_arn: str) -> None:
        """Keep no more of a balancer; what was kept is delivered."""
        for (arn, _), one in [*self._open.items()]:
            if arn == load_balancer_arn:
                self._end(one)

    def add(self, load_balancer_arn: str, kind: str, line: str) -> None:
        """Keep a line; nothing where that log is not kept."""
        known = self._open.get((load_balancer_arn, kind))
        if known is None:
            return
        if len(known.lines) >= MOST_LINES:
            known.lost += 1
        else:
            known.lines.append(line)

    async def run(self) -> None:
        """Write and deliver until cancelled; what is told until then is on disk."""
        try:
            while True:
                await self._clock.sleep(FLUSH_SECONDS)
                await self.look()
        finally:
            self._flush()

    async def look(self) -> None:
        """Put lines on disk that wait, and into S3 what is due."""
        await asyncio.to_thread(self._flush)
        now = self._clock.now()
        if now >= self._due:
            for one in self._open.values():
                self._turn(one, self._due)
            self._due = self._next_end()
        await self._deliver(now)

    # ------------------------------------------------------------------ disk

    def _home(self, arn: str) -> Path:
        return self._folder / balancer_id(arn).replace("/", ".")

    def _next_end(self) -> datetime:
        began = int(self._clock.now().timestamp()) // self._period * self._period
        return datetime.fromtimestamp(began + self._period, UTC)

    def _flush(self) -> None:
        """Put the lines that wait on disk."""
        for one in [*self._open.values()]:
            lines, one.lines = one.lines, []
            lost, one.lost = one.lost, 0
            if lost:
                log.warning("log lines of a load balancer were lost", extra={"lines": lost})
            if not lines:
                continue
            try:
                self._begin(one)
                with one.path.open("a") as file:
                    file.writelines(f"{line}\n" for line in lines)
                if one.path.stat().st_size >= LARGEST_FILE:
                    self._turn(one, self._clock.now())
            except OSError as error:
                words = f"{len(lines)} log lines of a load balancer were lost: {error}"
                self._say(one.delivery, words)

    def _begin(self, one: _Open) -> None:
        """Note beside a file where it goes, before it has a line."""
        note = one.path.with_suffix(".json")
        if not note.exists():
            one.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.write_bytes(msgspec.json.encode(one.delivery))

    def _turn(self, one: _Open, end: datetime) -> None:
        """Let a file be delivered, and begin another."""
        if not one.path.exists():
            return
        name = f"{one.delivery.kind}~{end:{STAMP}}~{self._ids.hexadecimal(8)}"
        note = one.path.with_suffix(".json")
        note.rename(note.with_name(f"{name}.json"))
        one.path.rename(one.path.with_name(f"{name}.log"))

    def _end(self, one: _Open) -> None:
        self._open.pop((one.delivery.load_balancer_arn, one.delivery.kind))
        if one.lines:
            self._begin(one)
            with one.path.open("a") as file:
                file.writelines(f"{line}\n" for line in one.lines)
        self._turn(one, self._clock.now())

    def _waiting(self) -> list[Path]:
        """Return the files that wait for delivery, the oldest first; too many are not kept."""
        found = [*self._folder.glob("*/*~*.log")]
        found.sort(key=lambda one: one.name.split("~")[1])
        sizes = {one: one.stat().st_size for one in found}
        while sum(sizes.values()) > MOST_BYTES:
            oldest = found.pop(0)
            sizes.pop(oldest)
            _remove(oldest)
            log.warning("an undelivered log file had to go", extra={"file": str(oldest)})
        return found

    def _left(self) -> Iterator[_Open]:
        """Yield the files that an earlier agent left open, of balancers that keep no such log."""
        for note in self._folder.glob("*/*.json"):
            delivery = _read_note(note)
            if "~" in note.name or delivery is None:
                continue
            known = self._open.get((delivery.load_balancer_arn, delivery.kind))
            if known is None or known.delivery != delivery:
                yield _Open(note.parent, delivery)

    # ------------------------------------------------------------------ delivery

    async def _deliver(self, now: datetime) -> None:
        for left in self._left():
            self._turn(left, now)
        for one in [*self._open.values()]:
            await self._try_out(one, now)
        for file in await asyncio.to_thread(self._waiting):
            if now >= self._later.get(file, now):
                await self._put(file, now)

    async def _try_out(self, one: _Open, now: datetime) -> None:
        """Leave an object where logs will go, once, as ELB does."""
        marker = one.path.with_suffix(".told")
        words = "/".join(one.delivery.place)
        if marker.exists() and marker.read_text() == words:
            return
        if one.tried_at and now < one.tried_at + timedelta(seconds=RETRY_SECONDS):
            return
        one.tried_at = now
        kind = KINDS[one.delivery.kind]
        said = trial_words(one.delivery.load_balancer_arn, now).encode()
        if await self._write(one.delivery, f"{one.delivery.place.folder}{kind.test_file}", said):
            marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            marker.write_text(words)

    async def _put(self, file: Path, now: datetime) -> None:
        delivery = _read_note(file.with_suffix(".json"))
        if delivery is None:
            log.warning("a log file is of no balancer", extra={"file": str(file)})
            _remove(file)
            return
        _, stamp, unique = file.stem.split("~")
        end = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
        name = object_name(
            KINDS[delivery.kind],
            delivery.place,
            delivery.load_balancer_arn,
            end,
            (delivery.address, unique),
        )
        content = await asyncio.to_thread(lambda: gzip.compress(file.read_bytes(), 6))
        if await self._write(delivery, name, content):
            self._later.pop(file, None)
            _remove(file)
        else:
            self._later[file] = now + timedelta(seconds=RETRY_SECONDS)
            if now - end > LONGEST_WAIT:
                log.warning("a log file cannot be delivered", extra={"file": str(file)})
                _remove(file)

    async def _write(self, delivery: Delivery, name: str, content: bytes) -> bool:
        _, _, _, region, account, _ = delivery.load_balancer_arn.split(":", 5)
        arn = delivery.load_balancer_arn
        keys = self._keys.get(arn)
        if keys is None and (arn, delivery.kind) in self._open:
            return False  # they are on their way
        keys = keys or Keys(account, account)
        try:
            at = (delivery.place.bucket, name)
            await self._objects.write((self._endpoint, region), keys, at, content)
        except ApiError as error:
            self._say(delivery, f"logs cannot be put into {delivery.place.bucket}: {error}")
            return False
        self._say(delivery, None)
        return True

    def _say(self, delivery: Delivery, words: str | None) -> None:
        part = f"logs/{balancer_id(delivery.load_balancer_arn)}/{delivery.kind}"
        if self._faults.get(part) == words:
            return
        if words is None:
            del self._faults[part]
        else:
            log.warning("a load balancer's log is not kept", extra={"cause": words})
            self._faults[part] = words
        self._tell(part, words)


def remove_logs(folder: Path) -> None:
    """Remove all that is not delivered."""
    shutil.rmtree(folder, ignore_errors=True)


def _read_note(file: Path) -> Delivery | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Delivery)
    except (FileNotFoundError, msgspec.DecodeError):
        return None  # it was cut off as it was written: before any line


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.with_suffix(".json").unlink(missing_ok=True)
