"""One host made true: plans in, applied by difference, what is not planned taken away.

What it is told is logged first, so that a host that comes up without its server goes on with that.
Applying a plan twice is the same as once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from ecsd.agent.plan_log import PlanLog, applied
from ecsd.agent.rooms import Report, Rooms
from ecsd.clock import Clock
from ecsd.decisions.balancers.balancer_plan import traffic_digest
from ecsd.errors import EcsdError
from ecsd.link.messages import Down, PlanApplied, Snapshot
from ecsd.records.plan import (
    BalancerPlan,
    EndpointCheckPlan,
    HookPlan,
    Plan,
    ProxyPlan,
    RegistryPlan,
    RolesPlan,
    SessionPlan,
    TaskPlan,
    ZonePlan,
)
from ecsd.records.plan_files import FileSystemPlan, ImagePlan
from ecsd.records.plan_network import EndpointPlan, VpcPlan
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)
LEADING_SECONDS = 2.0


class Reconciler:
    """Holds this host's plans and brings each into force, one key at a time."""

    def __init__(
        self,
        clock: Clock,
        rooms: Rooms,
        report: Report,
        log: PlanLog,
    ) -> None:
        self._rooms = rooms
        self._report = report
        self._log = log
        self._clock = clock
        self._plans: dict[str, Plan] = {}
        self._leading: dict[str, asyncio.Event] = {}  # proxies' plans that are not in force yet
        self._queue: WorkQueue[str] = WorkQueue("plans", clock, self._apply, workers=32)

    def resume(self) -> None:
        """Go on with what this host was last told; nothing when it was told nothing yet."""
        self._plans = self._log.read()
        self._bring_about(self._plans)

    def receive(self, message: Down) -> None:
        """Take a message of the server in: first it is logged, then it is brought into force."""
        if isinstance(message, Snapshot):
            keys = [*message.plans, *(set(self._plans) - set(message.plans))]
        else:
            keys = [message.key]
        self._plans = applied(self._plans, message)
        self._log.write(message, self._plans)
        self._bring_about(keys)

    def _bring_about(self, keys: Iterable[str]) -> None:
        """Let names be so at once, before anything that is told with them or later; queue the rest.

        A task that is taken out of a namespace is not signalled while its name leads to it, nor
        while proxies that were told before do (``_led_elsewhere``).
        """
        rest = []
        for key in keys:
            kind, _, name = key.partition("/")
            plan = self._plans.get(key)
            if isinstance(plan, ZonePlan):
                self._rooms.names.apply(plan)
            elif kind == "zone":
                self._rooms.names.remove(name)
            else:
                rest.append(key)
            if isinstance(plan, ProxyPlan):
                self._leading[key] = asyncio.Event()
        for key in rest:
            self._queue.add(key)

    async def sweep(self) -> None:
        """Find what exists here without a plan and have it taken away."""
        present = {f"vpc/{name}" for name in await self._rooms.networks.present()}
        present |= {f"balancer/{arn}" for arn in await self._rooms.balancers.present()}
        present |= {f"connect/{arn}" for arn in await self._rooms.proxies.present()}
        present |= {f"task/{arn}" for arn in await self._rooms.tasks.present()}
        present |= {f"registry/{name}" for name in await self._rooms.registry.present()}
        for key in present - set(self._plans):
            self._queue.add(key)
        vpcs = [one for one in self._plans.values() if isinstance(one, VpcPlan)]
        entrances = {one.entrance for vpc in vpcs for one in vpc.interfaces if one.entrance}
        await self._rooms.networks.keep_entrances(entrances)

    async def run(self) -> None:
        """Apply plans until cancelled."""
        try:
            await self._queue.run()
        finally:
            self._log.close()

    async def idle(self) -> None:
        """Return when nothing waits to be applied (tests)."""
        await self._queue.idle()

    async def _apply(self, key: str) -> datetime | None:
        leading = self._leading.get(key)
        try:
            return await self._bring(key)
        finally:
            if leading is not None:
                leading.set()
                if self._leading.get(key) is leading:
                    del self._leading[key]

    async def _task(self, plan: TaskPlan) -> None:
        if plan.desired_status == "STOPPED":
            await self._led_elsewhere()
        await self._rooms.tasks.apply(plan)

    async def _led_elsewhere(self) -> None:
        """Wait, not for long, until proxies that were told so lead nobody to a task that ends."""
        try:
            async with self._clock.deadline(LEADING_SECONDS):
                for one in list(self._leading.values()):
                    await one.wait()
        except TimeoutError:
            log.warning("a task is stopped while proxies may still lead to it")

    async def _bring(self, key: str) -> datetime | None:
        plan = self._plans.get(key)
        kind, _, name = key.partition("/")
        match plan:
            case VpcPlan():
                await self._told(key, lambda: self._rooms.networks.apply(plan))
            case ZonePlan():
                pass  # in force since it was told
            case BalancerPlan():
                traffic = traffic_digest(plan)
                await self._told(key, lambda: self._rooms.balancers.apply(plan), traffic)
            case EndpointPlan():
                await self._told(key, lambda: self._rooms.endpoints.apply(plan))
            case FileSystemPlan():
                await self._told(key, lambda: self._rooms.file_systems.apply(plan))
            case ImagePlan():
                await self._told(key, lambda: self._rooms.disks.apply(plan))
            case TaskPlan():
                await self._task(plan)
            case None:
                await self._remove(kind, name)
                if key not in self._plans:
                    self._queue.forget(key)
            case _:
                await self._hand_on(plan)
        return None

    async def _hand_on(
        self,
        plan: ProxyPlan | RolesPlan | HookPlan | SessionPlan | RegistryPlan | EndpointCheckPlan,
    ) -> None:
        """Give a plan to its room, which tells itself how that goes."""
        match plan:
            case ProxyPlan():
                await self._rooms.proxies.apply(plan)
            case RolesPlan():
                await self._rooms.roles.apply(plan)
            case HookPlan():
                await self._rooms.hooks.apply(plan)
            case SessionPlan():
                await self._rooms.sessions.apply(plan)
            case RegistryPlan():
                await self._rooms.registry.apply(plan)
            case EndpointCheckPlan():
                await self._rooms.endpoint_checks.apply(plan)

    async def _told(
        self, key: str, work: Callable[[], Awaitable[None]], traffic: str | None = None
    ) -> None:
        """Apply, and say how it went; a refusal goes up as a fault and is tried again."""
        try:
            await work()
        except EcsdError as error:
            self._report(PlanApplied(key=key, fault=str(error)))
            raise
        self._report(PlanApplied(key=key, traffic=traffic))

    async def _remove(self, kind: str, name: str) -> None:
        removers = {
            "vpc": self._rooms.networks.remove,
            "balancer": self._rooms.balancers.remove,
            "connect": self._rooms.proxies.remove,
            "task": self._rooms.tasks.remove,
            "roles": self._rooms.roles.remove,
            "hook": self._rooms.hooks.remove,
            "session": self._rooms.sessions.remove,
            "registry": self._rooms.registry.remove,
            "efs": self._rooms.file_systems.remove,
            "endpoint": self._rooms.endpoints.remove,
            "endpoint-check": self._rooms.endpoint_checks.remove,
            "ebs": self._rooms.disks.remove,
        }
        await removers[kind](name)
