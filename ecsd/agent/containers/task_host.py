"""What a task's life needs of its host: the Engine, the network, cgroups, turns at starting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from ecsd.agent.containers.image_pulls import ImagePulls
from ecsd.agent.containers.log_streams import LogStreams
from ecsd.agent.containers.registry_access import RegistryAccess
from ecsd.agent.containers.startup_values import StartupValues
from ecsd.agent.drivers.cgroups import Cgroups
from ecsd.agent.drivers.engine import EngineRefusalError
from ecsd.agent.drivers.engine_answers import Digests, EngineEvent, Host, Inspected, Owned
from ecsd.agent.rooms import Ground, Report
from ecsd.agent.turns import Turns
from ecsd.clock import Clock
from ecsd.decisions.containers.container_config import HostFacts
from ecsd.decisions.containers.container_volumes import Volume
from ecsd.decisions.containers.startup_values import Login
from ecsd.decisions.tasks.task_measures import Footprint
from ecsd.errors import EngineError
from ecsd.records.plan import TaskPlan

STARTS_AT_ONCE = 4  # twice the cores is the Engine's best: dataplane 6


class ContainerEngine(Protocol):
    """The Engine, as ``drivers/engine.py`` gives it. Errors: EngineError and its children."""

    silence: asyncio.Event  # set when a call got no answer in time

    async def close(self) -> None: ...  # noqa: D102 - see drivers/engine.py for each
    async def host(self) -> Host: ...  # noqa: D102
    async def answers(self) -> bool: ...  # noqa: D102
    async def provide_pause_image(self, architecture: str) -> None: ...  # noqa: D102
    async def remove_image(self, image: str) -> None: ...  # noqa: D102
    async def create(self, name: str, body: dict[str, Any]) -> str: ...  # noqa: D102
    async def start(self, container: str) -> None: ...  # noqa: D102
    async def stop(self, container: str, seconds: int) -> None: ...  # noqa: D102
    async def remove(self, container: str) -> None: ...  # noqa: D102
    async def inspect(self, container: str) -> Inspected | None: ...  # noqa: D102
    async def last_lines(self, container: str, count: int) -> list[str]: ...  # noqa: D102
    async def stats(self, container: str) -> dict[str, Any]: ...  # noqa: D102
    async def footprint(self, container: str) -> Footprint: ...  # noqa: D102
    async def volume_folders(self, task_arn: str) -> list[str]: ...  # noqa: D102
    async def owned(self, task_arn: str | None = None) -> list[Owned]: ...  # noqa: D102
    async def pull(  # noqa: D102
        self, image: str, platform: str | None = None, login: Login | None = None
    ) -> None: ...
    async def digests(self, image: str) -> Digests | None: ...  # noqa: D102
    async def provide_volume(self, volume: Volume) -> None: ...  # noqa: D102
    async def volumes(self) -> dict[str, str]: ...  # noqa: D102
    async def remove_volume(self, name: str) -> None: ...  # noqa: D102
    def events(self) -> AbstractAsyncContextManager[AsyncIterator[EngineEvent]]: ...  # noqa: D102


class Services(NamedTuple):
    """What is asked of the API for tasks, in their execution roles' names."""

    log_streams: LogStreams
    startup_values: StartupValues
    registry: RegistryAccess


class TaskHost:
    """The shared parts, and what the Engine said of itself when it was last reached."""

    def __init__(
        self,
        clock: Clock,
        engine: ContainerEngine,
        ground: Ground,
        report: Report,
        services: Services,
    ) -> None:
        self.clock = clock
        self.engine = engine
        self.networks, self.proxies, self.roles, self.volumes, self.disks = ground
        self.report = report
        self.log_streams, self.startup_values, self.registry = services
        self.cgroups = Cgroups("cgroupfs")
        self.facts_for: Callable[[TaskPlan], HostFacts] = _unknown
        self.pulls = ImagePulls(engine)
        self.starts = Turns(STARTS_AT_ONCE)
        self.removals = Turns(1)  # of network endpoints
        self.available = asyncio.Event()
        self.storage = ""  # the folder in which containers write
        self._known: dict[str, dict[str, str]] = {}
        self._architecture = ""

    async def create_pause(self, name: str, body: dict[str, Any]) -> str:
        """Create a pause container, and its image anew where somebody has pruned it."""
        try:
            return await self.engine.create(name, body)
        except EngineRefusalError as error:
            if "No such image" not in str(error):
                raise
            await self.engine.provide_pause_image(self._architecture)
            return await self.engine.create(name, body)

    def arrived(
        self, host: Host, cgroups: Cgroups, facts_for: Callable[[TaskPlan], HostFacts]
    ) -> None:
        """Take in what a newly reached Engine is. facts_for: what a task's bodies depend on."""
        self.cgroups, self.facts_for = cgroups, facts_for
        self._architecture = host.architecture
        self.storage = host.storage
        self.removals = Turns(1 if host.removes_serially else STARTS_AT_ONCE)

    def know(self, containers: list[Owned]) -> None:
        """Remember what was there when the Engine was reached: to be adopted."""
        self._known = {}
        self.know_more(containers)

    def know_more(self, containers: list[Owned]) -> None:
        """Remember further containers to be adopted."""
        for one in containers:
            self._known.setdefault(one.task_arn, {})[_key(one)] = one.id

    def known(self, task_arn: str) -> dict[str, str]:
        """Return, once, what a task left on this host: container (empty: pause) → id."""
        return self._known.pop(task_arn, {})


def _unknown(_plan: TaskPlan) -> HostFacts:
    raise EngineError("the Engine was not reached yet")


def _key(one: Owned) -> str:
    return "" if one.role == "pause" else one.container
