"""The proxies of Service Connect: an HAProxy in the namespace of each task that has one.

They do not depend on this process: they go on without it and are adopted by the next one. A proxy
begins before its task's containers and ends after them.
"""

import asyncio
import logging
import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.agent.containers.log_streams import LogStreamError, LogStreams
from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.haproxy_counters import Grown, HaproxyCounters
from ecsd.agent.rooms import Networks, Place, Report
from ecsd.agent.task_roles import TaskRoles
from ecsd.agent.traffic.balancers import machine_limits
from ecsd.agent.traffic.connect_meter import ConnectMeter
from ecsd.agent.traffic.proxy_log import ProxyLog
from ecsd.agent.traffic.served_config import ServedConfig
from ecsd.clock import Clock
from ecsd.decisions.connect.service_connect_plan import compile_redirects
from ecsd.decisions.haproxy.config import Place as Home
from ecsd.decisions.haproxy.connect import compile_proxy_config
from ecsd.decisions.haproxy.observation import Observed, buckets_file
from ecsd.errors import BalancerError, EcsdError
from ecsd.link.messages import PlanApplied
from ecsd.records.plan import ProxyPlan
from ecsd.settings import Settings
from ecsd.workqueue import WorkQueue

log = logging.getLogger(__name__)

PLAN_SECONDS = 10.0  # until a plan that does not come ends its task
MOST_CONNECTIONS = 2000
LOG_SECONDS = 5.0  # between two looks at what proxies have said
LAST_WORDS_SECONDS = 2.0
OWNER = "task"  # the file that says whose proxy a folder is
BUCKETS = "buckets.map"


class HostProxies:
    """Implements ``rooms.Proxies``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        networks: Networks,
        roles: TaskRoles,
        report: Report,
    ) -> None:
        self._report = report
        self._clock = clock
        self._networks = networks
        self._root = settings.run_dir / "connect"
        limits = machine_limits()
        most = min(limits.connections, MOST_CONNECTIONS)
        self._limits = limits._replace(connections=most, threads=1)
        self._plans: dict[str, ProxyPlan] = {}
        self._proxies: dict[str, _TaskProxy] = {}
        self._faults: dict[str, str] = {}
        self._traffic: dict[str, str] = {}  # of the shares that proxies keep to
        self._told = asyncio.Condition()
        self._streams = LogStreams(LogCredentials(settings, clock, roles), clock)
        self._meter = ConnectMeter(clock, settings.balancer_metric_seconds, self._counting, report)
        self._queue: WorkQueue[str] = WorkQueue("proxies", clock, self._look, workers=4)
        self._prepared = False

    async def run(self) -> None:
        """Keep proxies running until cancelled; they go on afterwards."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._queue.run())
                group.create_task(self._send_logs())
                group.create_task(self._meter.run())
        finally:
            for proxy in self._proxies.values():
                proxy.release()

    async def apply(self, plan: ProxyPlan) -> None:
        """Let a proxy lead so, now or as soon as its task has a namespace."""
        self._plans[plan.task_arn] = plan
        async with self._told:
            self._told.notify_all()
        await self._bring(plan.task_arn)

    async def remove(self, task_arn: str) -> None:
        """Know a plan no more; what still runs for it ends."""
        self._plans.pop(task_arn, None)
        self._queue.forget(task_arn)
        await self.end(task_arn)

    async def present(self) -> set[str]:
        """Return the ARNs of the tasks that have left a proxy on this host."""
        if not self._root.is_dir():
            return set()
        return {one.read_text() for one in self._root.glob(f"*/{OWNER}")}

    async def provide(self, task_arn: str, place: Place) -> None:
        """Have a task's proxy listen in its namespace before its containers start."""
        try:
            async with self._clock.deadline(PLAN_SECONDS), self._told:
                await self._told.wait_for(lambda: task_arn in self._plans)
        except TimeoutError as error:
            raise BalancerError(f"no plan of the proxy of {task_arn} has come") from error
        self._begin(task_arn, place)
        await self._proxies[task_arn].begin_log(self._plans[task_arn])
        await self._bring(task_arn)

    def adopt(self, task_arn: str, place: Place) -> None:
        """Take over the proxy of a task that runs; one that is not there is started beside."""
        self._begin(task_arn, place)
        self._queue.add(task_arn)

    async def end(self, task_arn: str) -> None:
        """End a task's proxy; its namespace can go."""
        proxy = self._proxies.pop(task_arn, None) or self._proxy(task_arn, Place(""))
        plan = self._plans.get(task_arn)
        if plan is not None:
            try:
                async with self._clock.deadline(LAST_WORDS_SECONDS):
                    await proxy.send_log(plan)
            except TimeoutError:
                log.warning("a proxy's last words are lost", extra={"task": task_arn})
            if proxy.has_begun:
                await self._meter.last(plan, proxy)
        await proxy.end()
        self._traffic.pop(task_arn, None)
        self._fault(task_arn, None)

    def observe_all(self) -> None:
        """Report every fault, what traffic is shared by, and metrics, again."""
        for task_arn in {**self._faults, **self._traffic}:
            self._observe(task_arn)
        self._meter.observe_all()

    async def remove_everything(self) -> None:
        """End every proxy; ``run`` need not be running."""
        for task_arn in await self.present():
            await self.end(task_arn)
        shutil.rmtree(self._root, ignore_errors=True)

    # ------------------------------------------------------------------ inside

    def _begin(self, task_arn: str, place: Place) -> None:
        if not self._prepared:  # before any HAProxy reads it
            self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
            (self._root / BUCKETS).write_text(buckets_file())
            self._prepared = True
        if task_arn not in self._proxies:
            self._proxies[task_arn] = self._proxy(task_arn, place)

    def _proxy(self, task_arn: str, place: Place) -> "_TaskProxy":
        folder = self._root / task_arn.rpartition("/")[2]
        died = partial(self._queue.add, task_arn)
        counters = HaproxyCounters(folder, self._clock)
        haproxy = Haproxy(folder, place.sandbox, self._clock, died, place.seat, counters)
        return _TaskProxy(haproxy, place.sandbox, self._networks, ProxyLog(folder, self._streams))

    def _counting(self) -> Iterator[tuple[ProxyPlan, "_TaskProxy"]]:
        """Yield the proxies that have something to count."""
        for task_arn, proxy in [*self._proxies.items()]:
            plan = self._plans.get(task_arn)
            if plan is not None and proxy.has_begun:
                yield plan, proxy

    async def _bring(self, task_arn: str) -> None:
        plan, proxy = self._plans.get(task_arn), self._proxies.get(task_arn)
        if plan is None or proxy is None:
            return
        try:
            observed = Observed("", str(self._root / BUCKETS))
            await proxy.bring(plan, Home("", self._limits, observed=observed))
        except EcsdError as error:
            self._fault(task_arn, str(error))
            raise
        if self._proxies.get(task_arn) is not proxy:
            return  # it has ended meanwhile
        if plan.traffic != self._traffic.get(task_arn):
            self._traffic[task_arn] = plan.traffic
            self._faults.pop(task_arn, None)
            self._observe(task_arn)
        self._fault(task_arn, None)

    def _fault(self, task_arn: str, words: str | None) -> None:
        """Tell what keeps a proxy from what was planned, once; None: nothing does."""
        if words == self._faults.get(task_arn):
            return
        if words is None:
            del self._faults[task_arn]
        else:
            self._faults[task_arn] = words
            cause = {"task": task_arn, "cause": words}
            log.warning("a proxy of Service Connect is not as planned", extra=cause)
        self._observe(task_arn)

    def _observe(self, task_arn: str) -> None:
        """Report how it is with a proxy, whole: the server keeps the last word alone."""
        fault, traffic = self._faults.get(task_arn), self._traffic.get(task_arn)
        self._report(PlanApplied(key=f"connect/{task_arn}", fault=fault, traffic=traffic))

    async def _send_logs(self) -> None:
        """Send what proxies say, for ever."""
        while True:
            for task_arn, proxy in list(self._proxies.items()):
                plan = self._plans.get(task_arn)
                if plan is not None:
                    await proxy.send_log(plan)
            await self._clock.sleep(LOG_SECONDS)

    async def _look(self, task_arn: str) -> datetime | None:
        """Start a proxy again that ended, or that was not found running."""
        await self._bring(task_arn)
        return None


class _TaskProxy:
    """One task's HAProxy; calls wait for each other."""

    def __init__(self, haproxy: Haproxy, sandbox: str, networks: Networks, said: ProxyLog) -> None:
        self._folder = haproxy.folder
        self._haproxy = haproxy
        self._sandbox = sandbox
        self._networks = networks
        self._said = said
        self._served = ServedConfig(haproxy.folder, haproxy)
        self._lock = asyncio.Lock()
        self._looked = False
        self._over = False

    @property
    def has_begun(self) -> bool:
        """Whether HAProxy was started or found here, and not ended."""
        return self._looked and not self._over

    async def tend_counters(self) -> None:
        """Let workers go that have nothing more to count."""
        await self._haproxy.tend_counters()

    async def period(self, seconds: float) -> Grown | None:
        """Return what was counted in a period that ends now; None: that was not observed."""
        async with self._lock:  # no reload takes the worker away meanwhile
            return await self._haproxy.period(seconds)

    async def bring(self, plan: ProxyPlan, home: Home) -> None:
        """Bring a plan into force, in a folder of its own. Raises BalancerError, NetworkError."""
        async with self._lock:
            if self._over:
                return
            if not self._looked and not self._haproxy.adopt():
                self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
                (self._folder / OWNER).write_text(plan.task_arn)
                await self._networks.enforce(self._sandbox, compile_redirects(plan))
            self._looked = True
            config = compile_proxy_config(plan, home._replace(folder=str(self._folder)))
            await self._served.bring(config)

    async def begin_log(self, plan: ProxyPlan) -> None:
        """Make the stream of what it will say. Raises LogStreamError."""
        if plan.log is not None:
            await self._said.begin(plan.log)

    async def send_log(self, plan: ProxyPlan) -> None:
        """Send what it has said; what cannot be sent now is sent later."""
        if plan.log is None:
            return
        try:
            await self._said.send(plan.log)
        except (LogStreamError, OSError) as error:
            cause = {"task": plan.task_arn, "cause": str(error)}
            log.warning("a proxy's log is not sent", extra=cause)

    async def end(self) -> None:
        """End HAProxy. Raises BalancerError."""
        async with self._lock:
            if not self._looked:
                self._haproxy.adopt()
            self._looked = self._over = True
            await self._served.stop()

    def release(self) -> None:
        """Stop watching; HAProxy goes on."""
        self._haproxy.release()
