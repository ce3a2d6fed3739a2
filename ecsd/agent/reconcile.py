"""One host made true: plans in, applied by difference, what is not planned taken away.

The newest plans are cached on disk, so that a host that comes up without its server goes on with
what it was last told. Applying a plan twice is the same as once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import msgspec

from ecsd.agent.rooms import Balancers, Networks, Report, Tasks
from ecsd.clock import Clock
from ecsd.errors import EcsdError
from ecsd.link.messages import Assign, Down, PlanApplied, Snapshot, Withdraw
from ecsd.records.plan import BalancerPlan, Plan, TaskPlan, VpcPlan
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

CACHE_SECONDS = 0.2  # between two writings of the cache


class Reconciler:
    """Holds this host's plans and brings each into force, one key at a time."""

    def __init__(
        self,
        clock: Clock,
        networks: Networks,
        balancers: Balancers,
        tasks: Tasks,
        report: Report,
        cache: Path,
    ) -> None:
        self._clock = clock
        self._networks = networks
        self._balancers = balancers
        self._tasks = tasks
        self._report = report
        self._cache = cache
        self._plans: dict[str, Plan] = {}
        self._unsaved = asyncio.Event()
        self._saved = asyncio.Event()  # of the next writing of the cache
        self._leaving: dict[str, asyncio.Event] = {}  # withdrawn → the writing that says so
        self._queue: WorkQueue[str] = WorkQueue("plans", clock, self._apply, workers=32)

    def load_cache(self) -> None:
        """Go on with what this host was last told; nothing when it was told nothing yet."""
        try:
            snapshot = msgspec.msgpack.decode(self._cache.read_bytes(), type=Snapshot)
        except FileNotFoundError:
            return
        except msgspec.DecodeError as error:
            log.warning("the cached snapshot is unreadable", extra={"cause": str(error)})
            return
        self._plans = dict(snapshot.plans)
        for key in self._plans:
            self._queue.add(key)

    def receive(self, message: Down) -> None:
        """Take a message of the server in."""
        match message:
            case Snapshot():
                self._take(message)
            case Assign(key=key, plan=plan):
                self._plans[key] = plan
                self._queue.add(key)
            case Withdraw(key=key):
                self._plans.pop(key, None)
                self._leave(key)
        self._unsaved.set()

    async def sweep(self) -> None:
        """Find what exists here without a plan and have it taken away."""
        present = {f"vpc/{name}" for name in await self._networks.present()}
        present |= {f"balancer/{arn}" for arn in await self._balancers.present()}
        present |= {f"task/{arn}" for arn in await self._tasks.present()}
        for key in present - set(self._plans):
            self._queue.add(key)

    async def run(self) -> None:
        """Apply plans until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run())
            group.create_task(self._keep_cache())

    async def idle(self) -> None:
        """Return when nothing waits to be applied (tests)."""
        await self._queue.idle()

    def _take(self, snapshot: Snapshot) -> None:
        gone = set(self._plans) - set(snapshot.plans)
        self._plans = dict(snapshot.plans)
        for key in self._plans:
            self._queue.add(key)
        for key in gone:
            self._leave(key)

    def _leave(self, key: str) -> None:
        self._leaving[key] = self._saved
        self._queue.add(key)

    async def _keep_cache(self) -> None:
        """Write the cache after changes, many at once: the server says all again to who lost it."""
        try:
            while True:
                await self._unsaved.wait()
                self._unsaved.clear()
                self._save()
                self._saved.set()
                self._saved = asyncio.Event()
                await self._clock.sleep(CACHE_SECONDS)
        finally:
            if self._unsaved.is_set():
                self._save()

    def _save(self) -> None:
        """Write whole, then in place, so that a crash leaves the old or the new."""
        draft = self._cache.with_suffix(".new")
        try:
            draft.write_bytes(msgspec.msgpack.encode(Snapshot(plans=self._plans)))
            draft.replace(self._cache)
        except OSError as error:
            log.warning("the snapshot cannot be cached", extra={"cause": str(error)})

    async def _apply(self, key: str) -> datetime | None:
        plan = self._plans.get(key)
        kind, _, name = key.partition("/")
        match plan:
            case VpcPlan():
                await self._told(key, lambda: self._networks.apply(plan))
            case BalancerPlan():
                await self._told(key, lambda: self._balancers.apply(plan))
            case TaskPlan():
                await self._tasks.apply(plan)
            case None:
                await self._forgotten(key)
                await self._remove(kind, name)
                if key not in self._plans:
                    self._queue.forget(key)
        return None

    async def _forgotten(self, key: str) -> None:
        """Return when the cache no longer names a plan: nothing taken away may start again."""
        saved = self._leaving.pop(key, None)
        if saved is not None:
            await saved.wait()

    async def _told(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Apply, and say how it went; a refusal goes up as a fault and is tried again."""
        try:
            await work()
        except EcsdError as error:
            self._report(PlanApplied(key=key, fault=str(error)))
            raise
        self._report(PlanApplied(key=key))

    async def _remove(self, kind: str, name: str) -> None:
        removers = {
            "vpc": self._networks.remove,
            "balancer": self._balancers.remove,
            "task": self._tasks.remove,
        }
        await removers[kind](name)
