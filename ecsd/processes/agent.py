"""The agent: this host's networks, balancers and tasks, kept as the server's plans say."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path

from ecsd.agent.containers.exec_sessions import HostSessions
from ecsd.agent.containers.task_endpoint import TaskEndpoint
from ecsd.agent.containers.tasks import HostTasks
from ecsd.agent.ebs_volumes import HostDisks
from ecsd.agent.endpoints import Doors, HostEndpoints
from ecsd.agent.file_systems import HostFileSystems
from ecsd.agent.hooks import HostHooks
from ecsd.agent.networks import HostNetworks
from ecsd.agent.plan_log import PlanLog
from ecsd.agent.reconcile import Reconciler
from ecsd.agent.registry import HostRegistry
from ecsd.agent.rooms import Ground, Report, Rooms
from ecsd.agent.task_roles import TaskRoles
from ecsd.agent.traffic.balancers import HostBalancers
from ecsd.agent.traffic.endpoint_checks import HostEndpointChecks
from ecsd.agent.traffic.proxies import HostProxies
from ecsd.clock import SystemClock
from ecsd.decisions.request_rate import Rate
from ecsd.link.client import Link
from ecsd.link.messages import Down, Hello, HostFaults, Snapshot, Up
from ecsd.processes import journal, paths
from ecsd.processes.side_by_side import run_until
from ecsd.settings import EVERYWHERE, Settings

log = logging.getLogger(__name__)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
HOST_NAME = Path("/proc/sys/kernel/hostname")


def main(settings: Settings) -> None:
    """Serve until SIGTERM."""
    journal.start("agent", settings)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Adopt what runs, go on with the logged plans, then with the server's."""
    host = _Host(settings)
    host.reconciler.resume()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await run_until(ended.wait(), host.works())
    log.info("stopped; containers, networks and traffic go on")


def kept_name(file: Path, current: str) -> str:
    """Return the name kept in a file; at first the current one, which is kept.

    Tasks are assigned to hosts by name: a machine that is renamed has to stay the same host.
    """
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.write_text(f"{current}\n")
        draft.replace(file)
    return file.read_text().strip()


class _Host:
    """This machine's parts, wired to each other and to the link."""

    def __init__(self, settings: Settings) -> None:
        clock = SystemClock()
        self._name = kept_name(paths.host_name(settings), HOST_NAME.read_text().strip())
        self._boot_id = BOOT_ID.read_text().strip()
        self._told = asyncio.Event()
        self.link = Link(
            paths.link_socket(settings), clock, self._hello, self._receive, self._observe_all
        )
        self._faults: dict[str, dict[str, str]] = {}
        self.networks = HostNetworks(settings, clock, self._reporter("networks"))
        self.balancers = HostBalancers(settings, clock, self.networks, self._reporter("balancers"))
        self.roles = TaskRoles()
        self.proxies = HostProxies(
            settings, clock, self.networks, self.roles, self._reporter("proxies")
        )
        self.file_systems = HostFileSystems(settings, clock, self._reporter("file systems"))
        self.disks = HostDisks(settings, clock, self.link.report)
        ground = Ground(
            self.networks, self.proxies, self.roles, self.file_systems.volumes, self.disks
        )
        self.tasks = HostTasks(settings, clock, ground, self._reporter("tasks"))
        endpoint = TaskEndpoint(clock, self.tasks, self.roles, Rate(*settings.metadata_rate))
        self.networks.link_local.answer_with(endpoint.answer)
        self.hooks = HostHooks(self.link.report)
        self.sessions = HostSessions(settings, clock, self.roles, self._reporter("sessions"))
        self.registry = HostRegistry(settings, clock, self._reporter("registry"))
        self.endpoints = HostEndpoints(
            clock, self.networks, self.networks.visitor, _doors(settings)
        )
        self.endpoint_checks = HostEndpointChecks(
            settings, clock, self._reporter("endpoint_checks")
        )
        self.reconciler = Reconciler(
            clock,
            Rooms(
                self.networks,
                self.networks.names,
                self.balancers,
                self.proxies,
                self.tasks,
                self.roles,
                self.hooks,
                self.sessions,
                self.registry,
                self.file_systems,
                self.endpoints,
                self.endpoint_checks,
                self.disks,
            ),
            self.link.report,
            PlanLog(paths.plan_log(settings)),
        )

    def works(self) -> list[Coroutine[None, None, None]]:
        """Return everything that runs as long as the agent does."""
        return [
            self.networks.run(),
            self.balancers.run(),
            self.proxies.run(),
            self.tasks.run(),
            self.hooks.run(),
            self.sessions.run(),
            self.registry.run(),
            self.file_systems.run(),
            self.endpoint_checks.run(),
            self.disks.run(),
            self.reconciler.run(),
            self.link.run(),
            self._sweep(),
        ]

    def _reporter(self, part: str) -> Report:
        """Return where a part reports; the parts' faults of the host go up together."""

        def report(message: Up) -> None:
            if isinstance(message, HostFaults):
                self._faults[part] = message.faults
                together = {
                    name: words for one in self._faults.values() for name, words in one.items()
                }
                message = HostFaults(faults=together)
            self.link.report(message)

        return report

    async def _sweep(self) -> None:
        """After the server's first snapshot, take away what no plan names."""
        await self._told.wait()
        await self.reconciler.sweep()

    def _hello(self) -> Hello:
        return Hello(host=self._name, boot_id=self._boot_id)

    def _receive(self, message: Down) -> None:
        self.reconciler.receive(message)
        if isinstance(message, Snapshot):
            self._told.set()

    def _observe_all(self) -> None:
        self.tasks.observe_all()
        self.hooks.observe_all()
        self.sessions.observe_all()
        self.registry.observe_all()
        self.file_systems.observe_all()
        self.endpoint_checks.observe_all()
        self.disks.observe_all()
        self.balancers.observe_all()
        self.proxies.observe_all()
        self.networks.observe_all()


def _doors(settings: Settings) -> Doors:
    host, port = settings.registry_place
    return Doors(paths.entrance(settings), (EVERYWHERE.get(host, host), port))
