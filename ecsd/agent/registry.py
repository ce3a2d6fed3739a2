"""ECR's registry on this host: Distribution behind a socket, and the HAProxy that clients meet."""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.registry_process import RegistryProcess
from ecsd.agent.rooms import Report
from ecsd.agent.traffic.balancers import machine_limits
from ecsd.clock import Clock
from ecsd.decisions.ecr.registry_config import Place, compile_front, compile_registry
from ecsd.errors import BalancerError, RegistryError
from ecsd.link.messages import HostFaults
from ecsd.records.plan import RegistryPlan
from ecsd.settings import Settings
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

OWN = "registry"  # the one key of its queue, and the part whose fault is told
TIDIED = timedelta(hours=1)
AGAIN = timedelta(seconds=5)  # until what does not run is tried again


class HostRegistry:
    """Implements ``rooms.Registries``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self._settings = settings
        self._clock = clock
        self._report = report
        self._folder = settings.registry_socket.parent
        self._blobs = settings.registry_blobs
        self._limits = machine_limits()
        self._plan: RegistryPlan | None = None
        self._fault = ""
        self._queue: WorkQueue[str] = WorkQueue(OWN, clock, self._bring, workers=1)
        self._registry = RegistryProcess(self._folder, clock, self._died, self._limits.user)
        self._front = Haproxy(self._folder / "front", None, clock, self._died)

    async def run(self) -> None:
        """Keep it running until cancelled; it goes on afterwards."""
        try:
            await self._queue.run()
        finally:
            self._registry.release()
            self._front.release()

    async def apply(self, plan: RegistryPlan) -> None:
        """Have the registry so soon."""
        self._plan = plan
        self._died()

    async def remove(self, _name: str) -> None:
        """Have it gone; what it holds stays.

        Raises:
            BalancerError, RegistryError: it does not end.
        """
        self._plan = None
        self._adopt()
        await self._front.stop()
        await self._registry.stop()
        self._registry.remove()
        self._tell("")

    async def present(self) -> set[str]:
        """Return its name, if it has left anything on this host."""
        return {OWN} if self._folder.exists() else set()

    async def remove_everything(self) -> None:
        """Take it off this host; ``run`` need not be running."""
        if await self.present():
            await self.remove(OWN)

    def observe_all(self) -> None:
        """Report what is wrong again (after a reconnection)."""
        self._report(HostFaults(faults=self._faults()))

    def _died(self) -> None:
        self._queue.add(OWN)

    async def _bring(self, _key: str) -> datetime | None:
        """Bring what is planned about; return when to try again what could not be done."""
        plan = self._plan
        if plan is None:
            return None
        self._adopt()
        try:
            await self._provide(plan)
        except (RegistryError, BalancerError, OSError) as error:
            self._tell(f"ECR's registry does not run: {error}")
            return self._clock.now() + AGAIN
        self._tell("")
        self._registry.tidy()
        return self._clock.now() + TIDIED

    async def _provide(self, plan: RegistryPlan) -> None:
        place = self._place()
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tokens.write_text(plan.certificate)
        config = compile_registry(place, self._settings.registry_name, plan.secret)
        if plan.collection > self._collected():
            await self._registry.collect(config)
            self._done.write_text(f"{plan.collection}\n")
        await self._registry.serve(config)
        front = compile_front(place, self._limits)
        if self._front.frame != front.frame():
            await self._front.load(front.frame(), front.text)

    def _place(self) -> Place:
        settings = self._settings
        return Place(
            front=settings.registry_place,
            api=settings.api_place,
            socket=str(settings.registry_socket),
            data=str(self._blobs),
            certificate=str(self._tokens),
        )

    @property
    def _tokens(self) -> Path:
        return self._folder / "tokens.pem"

    @property
    def _done(self) -> Path:
        """The number of the last collection, beside what was collected."""
        return self._blobs / "collected"

    def _collected(self) -> int:
        try:
            return int(self._done.read_text())
        except FileNotFoundError:
            return 0

    def _adopt(self) -> None:
        self._registry.adopt()
        if self._front.frame is None:
            self._front.adopt()

    def _faults(self) -> dict[str, str]:
        return {OWN: self._fault} if self._fault else {}

    def _tell(self, words: str) -> None:
        if words == self._fault:
            return
        self._fault = words
        if words:
            log.warning("ECR's registry does not run", extra={"cause": words})
        self._report(HostFaults(faults=self._faults()))
