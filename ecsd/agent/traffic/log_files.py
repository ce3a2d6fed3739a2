"""Lines of load balancers' logs: on disk within a second or so, in S3 after a few minutes.

What an agent has written down, the next one delivers. Delivery is tried for a day. Source:
Application Load Balancers guide, access logs (delivery is best effort).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ecsd.agent.api_client import ApiError, Keys
from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.agent.traffic.log_spool import Delivery, LogSpool, Waiting
from ecsd.clock import Clock
from ecsd.decisions.telemetry.log_place import (
    KINDS,
    balancer_id,
    is_enabled,
    log_place,
    object_name,
    trial_words,
)
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
RETRY = timedelta(seconds=30)
MOST_WAITING = 64 << 20  # characters that wait for the disk; more are lost, and that is told
LONGEST_WAIT = timedelta(days=1)  # for a delivery to succeed
Tell = Callable[[str, str | None], None]  # part, what is wrong with it


class _Log:
    """A log that is kept."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.lines: list[str] = []
        self.tried_at: datetime | None = None


class _Batch(NamedTuple):
    """What is to be put on disk at once. kept: the files that go on growing."""

    lines: Sequence[tuple[Delivery, list[str]]]
    kept: Sequence[Delivery]
    end: datetime


class LogFiles:
    """The logs of all balancers of this host that keep any.

    settings: the API's endpoint, and the seconds that an object covers. tell: hears what is wrong,
    and when it is not any more.
    """

    def __init__(
        self, folder: Path, settings: tuple[str, int], clock: Clock, objects: S3Objects, tell: Tell
    ) -> None:
        self._spool = LogSpool(folder)
        self._endpoint, self._period = settings
        self._clock = clock
        self._objects = objects
        self._tell = tell
        self._due = self._next_end()
        self._logs: dict[tuple[str, str], _Log] = {}  # by balancer and kind
        self._ended: list[_Log] = []  # whose last lines wait for the disk
        self._size = 0  # characters that wait
        self._lost = 0  # lines
        self._keys: dict[str, Keys] = {}  # by balancer
        self._said: dict[str, str | None] = {}  # part → what was told of it last
        self._later: dict[Path, datetime] = {}  # file → when its delivery is tried again

    def follow(self, plan: BalancerPlan) -> None:
        """Keep the logs that a balancer's attributes ask for."""
        arn = plan.load_balancer_arn
        if plan.log_credentials is not None:
            self._keys[arn] = Keys.of(plan.log_credentials)
        for name, kind in KINDS.items():
            known = self._logs.get((arn, name))
            delivery = None
            if is_enabled(kind, plan.attributes):
                address = plan.addresses[0] if plan.addresses else "0.0.0.0"
                place = log_place(kind, plan.attributes, arn)
                delivery = Delivery(arn, name, place, address)
            if known is None or known.delivery != delivery:
                self._say((arn, name), None)  # what an earlier agent said is over, too
            if known is not None and known.delivery != delivery:
                self._ended.append(self._logs.pop((arn, name)))
                known = None
            if known is None and delivery is not None:
                self._logs[arn, name] = _Log(delivery)

    def forget(self, load_balancer_arn: str) -> None:
        """Keep no more of a balancer; what was kept is delivered."""
        for key in [one for one in self._logs if one[0] == load_balancer_arn]:
            self._ended.append(self._logs.pop(key))
            self._say(key, None)

    def add(self, load_balancer_arn: str, kind: str, line: str) -> None:
        """Keep a line; nothing where that log is not kept."""
        known = self._logs.get((load_balancer_arn, kind))
        if known is None:
            return
        if self._size >= MOST_WAITING:
            self._lost += 1
        else:
            self._size += len(line)
            known.lines.append(line)

    async def run(self) -> None:
        """Write and deliver until cancelled; what is told until then is on disk."""
        since = self._spool.written_at()
        if since is not None:
            words = "load balancers' logs lack what passed while no agent ran"
            log.warning(words, extra={"since": since.isoformat()})
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._often(self.write))
                group.create_task(self._often(self.deliver))
        finally:
            self._store(self._taken())

    async def write(self) -> None:
        """Put lines on disk that wait."""
        batch = self._taken()  # which a cancellation does not stop on its way
        for delivery, words in await asyncio.shield(asyncio.to_thread(self._store, batch)):
            self._say((delivery.load_balancer_arn, delivery.kind), words)

    async def deliver(self) -> None:
        """Put into S3 what is due."""
        now = self._clock.now()
        for one in [*self._logs.values()]:
            await self._try_out(one, now)
        waiting = await asyncio.to_thread(self._spool.waiting)
        left = {one.file for one in waiting}
        self._later = {file: at for file, at in self._later.items() if file in left}
        for due in waiting:
            if now >= self._later.get(due.file, now):
                await self._put(due, now)

    async def _often(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            try:
                await act()
            except OSError as error:  # such as a full disk: nothing else may end of it
                words = "load balancers' logs cannot be kept on disk"
                log.warning(words, extra={"cause": str(error)})

    # ------------------------------------------------------------------ disk

    def _next_end(self) -> datetime:
        began = int(self._clock.now().timestamp()) // self._period * self._period
        return datetime.fromtimestamp(began + self._period, UTC)

    def _taken(self) -> _Batch:
        """Return what is to be put on disk now."""
        if self._lost:
            log.warning("log lines of load balancers were lost", extra={"lines": self._lost})
        now = self._clock.now()
        open_ = [*self._logs.values()]
        lines = [(one.delivery, one.lines) for one in (*self._ended, *open_) if one.lines]
        for one in open_:
            one.lines = []
        self._ended, self._size, self._lost = [], 0, 0
        if now < self._due:
            return _Batch(lines, [one.delivery for one in open_], now)
        end, self._due = self._due, self._next_end()
        return _Batch(lines, [], end)

    def _store(self, batch: _Batch) -> list[tuple[Delivery, str]]:
        """Put lines on disk; return what is wrong. In a thread of its own."""
        wrong = []
        for delivery, lines in batch.lines:
            try:
                self._spool.append(delivery, lines, batch.end)
            except OSError as error:
                words = f"{len(lines)} lines were lost: they cannot be written: {error}"
                wrong.append((delivery, words))
        try:
            self._spool.turn(batch.kept, batch.end)
        except OSError as error:
            log.warning(
                "log files of load balancers cannot be renamed", extra={"cause": str(error)}
            )
        return wrong

    # ------------------------------------------------------------------ delivery

    async def _try_out(self, one: _Log, now: datetime) -> None:
        """Leave an object where logs will go, once, as ELB does."""
        delivery = one.delivery
        if self._spool.tried_out(delivery) or (one.tried_at and now < one.tried_at + RETRY):
            return
        one.tried_at = now
        name = f"{delivery.place.folder}{KINDS[delivery.kind].test_file}"
        said = trial_words(delivery.load_balancer_arn, now).encode()
        if await self._sent(delivery, name, said):
            self._spool.note_trial(delivery)

    async def _put(self, one: Waiting, now: datetime) -> None:
        delivery = one.delivery
        name = object_name(
            KINDS[delivery.kind],
            delivery.place,
            delivery.load_balancer_arn,
            one.end,
            (delivery.address, one.unique),
        )
        content = await asyncio.to_thread(one.packed)
        if await self._sent(delivery, name, content):
            self._spool.remove(one)
        elif now - one.end > LONGEST_WAIT:
            log.warning("log lines cannot be delivered", extra={"file": str(one.file)})
            self._spool.remove(one)
            if (delivery.load_balancer_arn, delivery.kind) not in self._logs:
                self._say(
                    (delivery.load_balancer_arn, delivery.kind), None
                )  # it is nobody's concern any more
        else:
            self._later[one.file] = now + RETRY

    async def _sent(self, delivery: Delivery, name: str, content: bytes) -> bool:
        arn = delivery.load_balancer_arn
        _, _, _, region, account, _ = arn.split(":", 5)
        keys = self._keys.get(arn)
        if keys is None and (arn, delivery.kind) in self._logs:
            return False  # they are on their way
        keys = keys or Keys(account, account)
        at = (delivery.place.bucket, name)
        try:
            await self._objects.write((self._endpoint, region), keys, at, content)
        except ApiError as error:
            self._say(
                (delivery.load_balancer_arn, delivery.kind),
                f"logs cannot be put into {delivery.place.bucket}: {error}",
            )
            return False
        self._say((delivery.load_balancer_arn, delivery.kind), None)
        return True

    def _say(self, about: tuple[str, str], words: str | None) -> None:
        arn, kind = about
        part = f"logs/{balancer_id(arn)}/{kind}"
        if part in self._said and self._said[part] == words:
            return
        if words is not None:
            log.warning("a load balancer's log is not kept", extra={"cause": words, "part": part})
        self._said[part] = words
        self._tell(part, words)
