"""Load balancers of this host: health checks, ways in from the host, and what carries traffic.

That is one HAProxy for each VPC's application load balancers, and the kernel for its network load
balancers. Neither depends on this process: they go on without it and are adopted by the next one.
A target is reported healthy only after its carrier has it in use.
"""

import asyncio
import logging
import os
import pwd
import resource
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.haproxy_counters import HaproxyCounters
from ecsd.agent.drivers.log_socket import LogSocket
from ecsd.agent.rooms import Networks, Report
from ecsd.agent.traffic.balancer_proxy import BalancerProxy
from ecsd.agent.traffic.balancer_requests import BalancerRequests
from ecsd.agent.traffic.balancer_rules import BalancerRules
from ecsd.agent.traffic.health_checks import HealthChecks
from ecsd.agent.traffic.log_files import LogFiles
from ecsd.agent.traffic.request_logs import RequestLogs
from ecsd.agent.traffic.shared_edge import SharedEdge
from ecsd.agent.traffic.traffic_meter import Sources, TrafficMeter
from ecsd.clock import Clock
from ecsd.decisions.balancers.target_health import in_use
from ecsd.decisions.haproxy.config import Limits
from ecsd.decisions.haproxy.config import Place as Home
from ecsd.decisions.haproxy.observation import Observed, buckets_file
from ecsd.errors import BalancerError
from ecsd.link.messages import PlanApplied
from ecsd.records.observed import TargetGroupObserved, TargetObserved
from ecsd.records.plan import BalancerPlan
from ecsd.settings import Settings
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

AGENT_SOCKET = "agent.sock"  # where HAProxies hand requests to the agent
LOG_SOCKET = "log.sock"  # where they tell what they observe
BUCKETS = "buckets.map"
EDGE = "edge"  # the folder, and the queue's key, of the shared edge
USER = "haproxy"  # workers run as this user where it exists
MOST_CONNECTIONS = 8000
SPARE_FILES = 1000  # of the limit of open files, for everything but connections
MOST_THREADS = 2
CLOSED_PAUSE = 30  # seconds until a port that was taken is tried again


class HostBalancers:
    """Implements ``rooms.Balancers``."""

    def __init__(
        self, settings: Settings, clock: Clock, networks: Networks, report: Report
    ) -> None:
        self._clock = clock
        self._networks = networks
        self._report = report
        self._root = settings.run_dir / "haproxy"
        self._limits = machine_limits()._replace(host_namespace=f"{settings.label}-host")
        self._rules_root = settings.run_dir / "nlb"
        self._carriers: dict[str, BalancerProxy | BalancerRules] = {}  # by kind and VPC: see _key
        self._checks = HealthChecks(clock, networks, self._changed)
        self._untold: set[tuple[str, str]] = set()  # (balancer, group) whose targets changed
        self._told_faults: dict[str, str] = {}
        self._requests = BalancerRequests(self._root / AGENT_SOCKET, self._limits.user, clock)
        host, port = settings.api_place
        self._files = LogFiles(
            settings.data_dir / "balancer-logs",
            (f"http://{host}:{port}", settings.balancer_log_seconds),
            clock,
            S3Objects(settings, clock),
            lambda part, words: report(PlanApplied(key=part, fault=words)),
        )
        self._lines = RequestLogs(clock, self._files)
        self._socket = LogSocket(self._root / LOG_SOCKET, self._limits.user, self._lines.hear)
        sources = Sources(self._carriers.values, self._checks, self._lines)
        self._meter = TrafficMeter(clock, settings.balancer_metric_seconds, sources, report)
        self._queue: WorkQueue[str] = WorkQueue("balancers", clock, self._look, workers=4)
        edge = Haproxy(self._root / EDGE, None, clock, lambda: self._queue.add(EDGE))
        self._edge = SharedEdge(settings, edge, self._limits)
        self._edge_lock = asyncio.Lock()
        self._adopted = False

    async def run(self) -> None:
        """Check targets and keep HAProxies running until cancelled; they go on afterwards."""
        self._adopt()
        self._socket.open()
        self._lines.since = self._clock.now()
        for key, carrier in self._carriers.items():
            if carrier.plans:
                self._queue.add(key)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._checks.run())
                group.create_task(self._queue.run())
                group.create_task(self._requests.run())
                group.create_task(self._files.run())
                group.create_task(self._meter.run())
        finally:
            self._socket.close()
            for carrier in self._carriers.values():
                carrier.release()
            self._edge.release()

    async def apply(self, plan: BalancerPlan) -> None:
        """Make a load balancer so; twice is the same as once."""
        self._adopt()
        key = _key(plan.kind, plan.vpc_id)
        self._carrier(key).plans[plan.load_balancer_arn] = plan
        self._follow(plan)
        for group in plan.target_groups:
            self._untold.add((plan.load_balancer_arn, group.target_group_arn))
        await self._bring(key)
        await self._lead()

    async def remove(self, load_balancer_arn: str) -> None:
        """Take a load balancer away."""
        self._adopt()
        self._checks.forget(load_balancer_arn)
        self._requests.forget(load_balancer_arn)
        self._lines.forget(load_balancer_arn)
        self._files.forget(load_balancer_arn)
        for key, carrier in list(self._carriers.items()):
            if carrier.plans.pop(load_balancer_arn, None) is not None:
                await self._bring(key)
                if not carrier.plans:
                    self._carriers.pop(key, None)
                    self._queue.forget(key)
        await self._lead()

    async def present(self) -> set[str]:
        """Return the ARNs of all balancers that exist on this host."""
        self._adopt()
        return {arn for carrier in self._carriers.values() for arn in carrier.plans}

    def observe_all(self) -> None:
        """Report every target, and every closed way in, again."""
        for carrier in self._carriers.values():
            for plan in carrier.plans.values():
                for group in plan.target_groups:
                    self._observe(plan.load_balancer_arn, group.target_group_arn)
        for part, words in self._told_faults.items():
            self._report(PlanApplied(key=part, fault=words))
        self._meter.observe_all()

    async def remove_everything(self) -> None:
        """End every HAProxy and take the names out of the hosts file; ``run`` need not run.

        What the kernel carries goes with its VPC.

        Raises:
            BalancerError: a HAProxy cannot be ended.
        """
        self._adopt()
        for carrier in self._carriers.values():
            carrier.plans.clear()
            if isinstance(carrier, BalancerRules):
                await carrier.halt()
            else:
                await carrier.bring([], {}, ())
        self._carriers.clear()
        await self._edge.bring({})
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.rmtree(self._rules_root, ignore_errors=True)

    # ------------------------------------------------------------------ inside

    def _adopt(self) -> None:
        """Once, before anything else: take over what an earlier agent left."""
        if self._adopted:
            return
        self._adopted = True
        self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._rules_root.mkdir(mode=0o711, parents=True, exist_ok=True)
        (self._root / BUCKETS).write_text(buckets_file())
        self._edge.adopt()
        for kind, root in (("application", self._root), ("network", self._rules_root)):
            for folder in sorted(root.iterdir()):
                if folder.name != EDGE and folder.is_dir():
                    carrier = self._carrier(_key(kind, folder.name))
                    self._checks.known |= carrier.adopt()
                    for plan in carrier.plans.values():
                        self._follow(plan)

    def _follow(self, plan: BalancerPlan) -> None:
        self._checks.follow(plan)
        self._requests.follow(plan)
        if plan.kind == "application":
            self._lines.follow(plan)
            self._files.follow(plan)

    def _carrier(self, key: str) -> BalancerProxy | BalancerRules:
        carrier = self._carriers.get(key)
        if carrier is None:
            kind, _, vpc_id = key.partition("/")
            if kind == "network":
                folder = self._rules_root / vpc_id
                relays = self._haproxy(folder / "relays", vpc_id, key)
                carrier = BalancerRules(folder, vpc_id, self._networks, relays, self._limits)
            else:
                folder = self._root / vpc_id
                haproxy = self._haproxy(folder, vpc_id, key)
                haproxy.counters = HaproxyCounters(folder, self._clock)
                carrier = BalancerProxy(folder, haproxy, self._home())
            self._carriers[key] = carrier
        return carrier

    def _home(self) -> Home:
        """Return what the HAProxies of all VPCs have in common."""
        observed = Observed(str(self._socket.path), str(self._root / BUCKETS))
        return Home("", self._limits, (), str(self._requests.socket), observed)

    def _haproxy(self, folder: Path, vpc_id: str, key: str) -> Haproxy:
        """Return the HAProxy of a folder, in a VPC."""
        namespace = self._networks.namespace_path(vpc_id)
        return Haproxy(folder, namespace, self._clock, lambda: self._queue.add(key))

    async def _look(self, key: str) -> datetime | None:
        """Look at what has changed without a plan: health, an ended HAProxy, a port set free."""
        for one in [*self._carriers] if key == EDGE else [key]:
            await self._bring(one)
        await self._lead()
        if self._told_faults:
            return self._clock.now() + timedelta(seconds=CLOSED_PAUSE)
        return None

    async def _bring(self, key: str) -> None:
        carrier = self._carriers.get(key)
        if carrier is None:
            return
        untold = {one for one in self._untold if one[0] in carrier.plans}
        self._untold -= untold
        try:
            await self._carry(carrier)
        except BalancerError:
            self._untold |= untold
            raise
        carrier.keep(list(self._checks.all_known(set(carrier.plans))))
        for arn, group_arn in untold:
            self._observe(arn, group_arn)

    async def _carry(self, carrier: BalancerProxy | BalancerRules) -> None:
        """Bring plans and healths of this moment into force."""
        plans = [*carrier.plans.values()]
        groups = [(plan.load_balancer_arn, one) for plan in plans for one in plan.target_groups]
        healths = {
            (arn, one.target_group_arn): self._checks.healths(arn, one) for arn, one in groups
        }
        if isinstance(carrier, BalancerRules):
            await carrier.bring(plans, healths)
            return
        used = {
            (arn, one.target_group_arn): in_use(one, healths[arn, one.target_group_arn])
            for arn, one in groups
        }
        await carrier.bring(plans, used, self._edge.entrances(plans))

    async def _lead(self) -> None:
        """Bring the host's side up to date, and tell what is wrong with it."""
        async with self._edge_lock:
            plans = {
                carrier.folder: [*carrier.plans.values()]
                for carrier in self._carriers.values()
                if carrier.plans
            }
            await self._edge.bring(plans)
            faults = dict(self._edge.faults)
            for carrier in self._carriers.values():
                faults |= carrier.faults if isinstance(carrier, BalancerRules) else {}
            self._tell_faults(faults)

    def _tell_faults(self, faults: dict[str, str]) -> None:
        """Report ways in that closed or opened; a closed one is tried again."""
        for part in {**faults, **self._told_faults}:
            if faults.get(part) != self._told_faults.get(part):
                self._report(PlanApplied(key=part, fault=faults.get(part)))
        if faults and not self._told_faults:
            self._queue.add_at(EDGE, self._clock.now() + timedelta(seconds=CLOSED_PAUSE))
        self._told_faults = faults

    def _changed(self, load_balancer_arn: str, target_group_arn: str) -> None:
        self._untold.add((load_balancer_arn, target_group_arn))
        for key, carrier in self._carriers.items():
            if load_balancer_arn in carrier.plans:
                self._queue.add(key)

    def _observe(self, load_balancer_arn: str, target_group_arn: str) -> None:
        for carrier in self._carriers.values():
            plan = carrier.plans.get(load_balancer_arn)
            groups = plan.target_groups if plan else ()
            for group in groups:
                if group.target_group_arn == target_group_arn:
                    healths = self._checks.healths(load_balancer_arn, group)
                    self._report(
                        TargetGroupObserved(
                            load_balancer_arn=load_balancer_arn,
                            target_group_arn=target_group_arn,
                            targets=tuple(
                                TargetObserved(
                                    target_id=target_id,
                                    port=port,
                                    state=health.state,
                                    reason=health.reason,
                                    description=health.description,
                                )
                                for (target_id, port), health in healths.items()
                            ),
                        )
                    )


def _key(kind: str, vpc_id: str) -> str:
    """Return the key of what carries a VPC's balancers of a kind."""
    return f"{kind}/{vpc_id}"


def machine_limits() -> Limits:
    """Return what this machine grants an HAProxy: files as in getrlimit(2), processors, a user."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = MOST_CONNECTIONS * 4
    connections = max(100, min(MOST_CONNECTIONS, (files - SPARE_FILES) // 2))
    try:
        pwd.getpwnam(USER)
    except KeyError:
        user = ""
    else:
        user = USER
    return Limits(connections, min(MOST_THREADS, os.cpu_count() or 1), user)
