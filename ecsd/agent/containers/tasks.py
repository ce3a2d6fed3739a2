"""Tasks of this host: accepted, run, adopted, removed; what happens goes out as observations.

``run`` holds one stream of the Engine's events and one runner per task. While the Engine is away
nothing is decided; when it is back everything is looked at anew.
"""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.agent.containers.log_streams import LogStreams
from ecsd.agent.containers.registry_access import RegistryAccess
from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.agent.containers.startup_values import StartupValues
from ecsd.agent.containers.task_containers import erase_task
from ecsd.agent.containers.task_host import STARTS_AT_ONCE, ContainerEngine, Services, TaskHost
from ecsd.agent.containers.task_measures import TaskMeasures
from ecsd.agent.containers.task_runner import TaskRunner
from ecsd.agent.drivers import pause
from ecsd.agent.drivers.cgroups import ROOT, Cgroups
from ecsd.agent.drivers.engine import Engine, EngineAwayError
from ecsd.agent.drivers.engine_answers import EngineEvent, Host, Owned
from ecsd.agent.drivers.open_files import open_files
from ecsd.agent.rooms import Ground, Report
from ecsd.agent.turns import Turns
from ecsd.clock import Clock
from ecsd.decisions.containers.container_config import HostFacts
from ecsd.decisions.containers.container_volumes import Roots
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.errors import EngineError
from ecsd.link.messages import HostFaults
from ecsd.records.plan import TaskPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between attempts to reach an absent Engine
PROBE_PAUSE = 5.0  # seconds, while the Engine hangs
HANGS = (
    "Docker Engine answers nothing about networks: it may be deadlocked (moby#46661, Engine < 23); "
    "restart it"
)
FAULT_SHOWN = 5.0  # seconds without another one, then it is taken back
FAULT_PAUSE = 1.0  # seconds before a runner that met a fault of its own begins again


class HostTasks:
    """The tasks of one host. Implements ``rooms.Tasks``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ground: Ground,
        report: Report,
        engine: ContainerEngine | None = None,
        cgroups: Path = ROOT,
    ) -> None:
        self._settings = settings
        self._owner = str(settings.data_dir)
        self._clock = clock
        self._cgroups = cgroups
        self._report = report
        self._engine = engine or Engine(settings.docker_socket, self._owner, clock)
        self._credentials = LogCredentials(settings, clock, ground.roles)
        streams = LogStreams(self._credentials, clock)
        services = Services(
            streams,
            StartupValues(clock, S3Objects(settings, clock)),
            RegistryAccess(self._credentials, clock),
        )
        self._host = TaskHost(clock, self._engine, ground, report, services)
        self.measures = TaskMeasures(clock, self._engine)
        self._runners: dict[str, TaskRunner] = {}
        self._addresses: dict[tuple[str, str], str] = {}  # VPC and address → task
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._faults: dict[str, str] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for task_arn in self._runners:
                    self._bring_to_life(task_arn)
                group.create_task(self._serve_credentials())
                group.create_task(self._watch())
                group.create_task(self._probe())
        finally:
            self._group = None
            await self._engine.close()

    async def apply(self, plan: TaskPlan) -> None:
        """Accept what a task is to be."""
        runner = self._runners.get(plan.task_arn)
        if runner is not None:
            runner.update(plan)
            return
        if plan.vpc_id and plan.address:
            self._addresses[plan.vpc_id, plan.address] = plan.task_arn
        self._runners[plan.task_arn] = TaskRunner(plan, self._host)
        self._bring_to_life(plan.task_arn)

    async def remove(self, task_arn: str) -> None:
        """Take a task and all it left off this host.

        Raises:
            EngineError: the Engine is away or refuses; to be tried again.
        """
        runner = self._runners.pop(task_arn, None)
        if runner is not None:
            self._forget_address(runner.plan)
        life = self._lives.pop(task_arn, None)
        if life is not None:
            life.cancel()
            await asyncio.wait([life])
        await erase_task(self._host, task_arn)

    async def present(self) -> set[str]:
        """Return the ARNs of all tasks that have something here; waits for the Engine."""
        listed = {one.task_arn for one in await self._listed()} - {""}
        return listed | self._host.volumes.present() | self._host.disks.present()

    def seen_at(self, vpc_id: str, address: str) -> TaskSeen | None:
        """Return the task that has an address of a VPC."""
        runner = self._runners.get(self._addresses.get((vpc_id, address), ""))
        return runner.seen() if runner is not None else None

    def observe_all(self) -> None:
        """Report every task, and what is wrong with the host, again."""
        self._report(HostFaults(faults=dict(self._faults)))
        for runner in self._runners.values():
            runner.observe()

    async def remove_everything(self) -> None:
        """Take all that this installation ever made off the Engine; ``run`` need not be running.

        Raises:
            EngineError: the Engine is away, or refuses some of it; the rest is gone.
        """
        for life in self._lives.values():
            life.cancel()
        self._runners.clear()
        try:
            await self._erase_all()
        finally:
            if self._group is None:
                await self._engine.close()

    async def _erase_all(self) -> None:
        self._meet(await self._engine.host())
        turns, left = Turns(STARTS_AT_ONCE), list[str]()

        async def erase(task_arn: str) -> None:
            try:
                async with turns.turn():
                    await erase_task(self._host, task_arn)
            except EngineError as error:
                left.append(f"{task_arn}: {error}")

        async with asyncio.TaskGroup() as group:
            for task_arn in {one.task_arn for one in await self._engine.owned()}:
                group.create_task(erase(task_arn))
        for name in await self._engine.volumes():
            await self._engine.remove_volume(name)
        await self._engine.remove_image(pause.IMAGE)
        self._host.cgroups.remove_all()
        if left:
            raise EngineError("; ".join(left))

    # ------------------------------------------------------------ lives

    def _bring_to_life(self, task_arn: str) -> None:
        if self._group is not None:
            self._lives[task_arn] = self._group.create_task(self._live(task_arn))

    async def _live(self, task_arn: str) -> None:
        while (runner := self._runners.get(task_arn)) is not None:
            try:
                await runner.run()
            except Exception as error:  # one boundary: a fault in one life must not end the others
                log.exception("a task's life met a fault", extra={"task": task_arn})
                self._fault(task_arn, f"a fault of ecsd's own: {error!r}")
            else:
                self._fault(task_arn, None)
                return
            await self._clock.sleep(FAULT_PAUSE)
            self._host.know_more(await self._listed(task_arn))
            self._runners[task_arn] = again = TaskRunner(runner.plan, self._host)
            when = self._clock.now() + timedelta(seconds=FAULT_SHOWN)
            self._clock.call_at(when, partial(self._well_again, task_arn, again))

    def _well_again(self, task_arn: str, runner: TaskRunner) -> None:
        """Take a fault back if the runner that began after it has met none."""
        if self._runners.get(task_arn) is runner:
            self._fault(task_arn, None)

    def _forget_address(self, plan: TaskPlan) -> None:
        """Let an address be nobody's, unless another task has it already."""
        place = (plan.vpc_id or "", plan.address or "")
        if self._addresses.get(place) == plan.task_arn:
            del self._addresses[place]

    async def _listed(self, task_arn: str | None = None) -> list[Owned]:
        """Return our containers as soon as there is an Engine to ask."""
        while True:
            await self._host.available.wait()
            try:
                return await self._engine.owned(task_arn)
            except EngineAwayError as error:
                log.info("engine is away, a list waits", extra={"cause": str(error)})
            await self._clock.sleep(SHORTEST_PAUSE)

    # ------------------------------------------------------------ the Engine

    async def _watch(self) -> None:
        """Listen to the Engine for ever; look at everything anew whenever it is back."""
        wait = SHORTEST_PAUSE
        while True:
            try:
                async with self._engine.events() as events:
                    await self._arrive()
                    wait = SHORTEST_PAUSE
                    async for event in events:
                        self._happened(event)
            except EngineError as error:
                self._away(str(error))
            await self._clock.sleep(wait)
            wait = min(LONGEST_PAUSE, wait * 2)

    async def _probe(self) -> None:
        """After a call without an answer, find out whether the Engine hangs, until it does not."""
        while True:
            await self._engine.silence.wait()
            self._engine.silence.clear()
            try:
                while not await self._engine.answers():
                    self._fault("engine networks", HANGS)
                    await self._clock.sleep(PROBE_PAUSE)
            except EngineError as error:
                log.info("engine went away while probed", extra={"cause": str(error)})
            self._engine.silence.clear()
            self._fault("engine networks", None)

    async def _arrive(self) -> None:
        host = await self._engine.host()
        await self._engine.provide_pause_image(host.architecture)
        self._meet(host)
        containers = await self._engine.owned()
        begun = {arn: one for arn, one in self._runners.items() if one.has_begun}
        self._host.know([one for one in containers if one.task_arn not in begun])
        for runner in begun.values():
            await runner.resync()
        self._host.available.set()
        self._fault("engine", None)
        log.info("engine is here", extra={"version": host.version, "containers": len(containers)})

    def _meet(self, host: Host) -> None:
        facts = HostFacts(
            owner=self._owner,
            pause_image=pause.IMAGE,
            cgroup_driver=host.cgroup_driver,
            open_files=open_files(self._settings.docker_socket),
            lacks=host.lacks,
            roots=Roots(self._host.volumes.root, self._host.disks.root),
        )
        self._host.arrived(
            host, Cgroups(host.cgroup_driver, self._cgroups), partial(self._facts, facts)
        )

    def _facts(self, facts: HostFacts, plan: TaskPlan) -> HostFacts:
        endpoint = self._credentials.endpoint(plan)
        devices = self._host.disks.devices(plan.task_id) if plan.ebs_mounts else {}
        return replace(facts, credentials_endpoint=endpoint, devices=devices)

    def _happened(self, event: EngineEvent) -> None:
        runner = self._runners.get(event.task_arn)
        if runner is not None:
            runner.happened(event)

    def _away(self, words: str) -> None:
        self._host.available.clear()
        self._fault("engine", words)

    def _fault(self, part: str, words: str | None) -> None:
        known = dict(self._faults)
        if words is None:
            self._faults.pop(part, None)
        else:
            self._faults[part] = words
        if known != self._faults:
            log.warning("host's faults changed", extra={"faults": dict(self._faults)})
            self._report(HostFaults(faults=dict(self._faults)))

    async def _serve_credentials(self) -> None:
        while True:
            try:
                await self._credentials.serve(lambda: self._fault("awslogs", None))
            except OSError as error:
                self._fault("awslogs", f"no credentials for the Engine's log driver: {error}")
            await self._clock.sleep(FAULT_PAUSE)
