"""What hosts report, entered into the store: facts only, judged by the other controllers.

An observation is complete for its key, so only the newest of a key is kept until it is stored.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.balancers.target import place, register
from ecsd.decisions.services.lifecycle_hook import answered
from ecsd.decisions.tasks.task import STARTING, is_wanted, observe, run
from ecsd.ids import IdSource
from ecsd.link.messages import Hello, HostFaults, PlanApplied, Up
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.ecs.task import Task
from ecsd.records.efs.file_system import AVAILABLE, CREATING, DELETING, FileSystem
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.elbv2.target_group import Target
from ecsd.records.host import Host
from ecsd.records.observed import (
    EndpointObserved,
    FileSystemObserved,
    FlowsObserved,
    HookObserved,
    ImageObserved,
    SessionOpened,
    TargetGroupObserved,
    TaskObserved,
    TrafficObserved,
)
from ecsd.records.route53.health_check import CheckSeen, HealthCheck
from ecsd.store import service_events
from ecsd.store.ebs_volumes import attached, observed
from ecsd.store.recent_traffic import RecentTraffic
from ecsd.store.scope import GLOBAL, HOSTS, Scope
from ecsd.store.store import Store, Transaction
from ecsd.store.task_ends import end_task
from ecsd.workqueue import WorkQueue

Deliver = Callable[[FlowsObserved], Awaitable[None]]


class Observations:
    """Takes messages from hosts and writes what they say. deliver: what flow logs are about."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, deliver: Deliver) -> None:
        self._deliver = deliver
        self.traffic = RecentTraffic()
        self._store = store
        self._clock = clock
        self._ids = ids
        self._messages: dict[str, tuple[str, Up]] = {}
        self._queue: WorkQueue[str] = WorkQueue("observations", clock, self._enter)

    def receive(self, host: str, message: Up) -> None:
        """Take a message in; it is stored soon, tried again if the disk refuses."""
        key = f"{host}/{message.subject}"
        self._messages[key] = (host, message)
        self._queue.add(key)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._queue.run()

    async def idle(self) -> None:
        """Return when everything received is stored (tests)."""
        await self._queue.idle()

    async def begin(self) -> None:
        """Enter every host as away: until its agent connects to this process, nobody knows it."""
        async with self._store.transaction(HOSTS) as change:
            change.put(*(replace(one, connected=False) for one in change.select(Host)))

    async def host_came(self, host: str, boot_id: str) -> None:
        """Enter a host's agent as connected."""
        async with self._store.transaction(HOSTS) as change:
            change.put(Host(name=host, boot_id=boot_id, connected=True))

    async def host_went(self, host: str) -> None:
        """Enter a host's agent as away; its tasks keep their last heard states."""
        async with self._store.transaction(HOSTS) as change:
            known = change.get(Host, host)
            if known is not None:
                change.put(replace(known, connected=False))

    async def _enter(self, key: str) -> datetime | None:
        entry = self._messages.get(key)
        if entry is None:
            return None
        host, message = entry
        match message:
            case TaskObserved():
                await self._task(message)
            case TargetGroupObserved():
                await self._targets(message)
            case PlanApplied():
                await self._applied(host, message)
            case HostFaults():
                await self._faults(host, message.faults)
            case Hello():
                await self.host_came(host, message.boot_id)
            case ImageObserved():
                await self._image(host, message)
            case _:
                await self._noted(host, message)
        if self._messages.get(key) == entry:
            del self._messages[key]
        return None

    async def _noted(
        self,
        host: str,
        message: HookObserved
        | SessionOpened
        | FileSystemObserved
        | EndpointObserved
        | FlowsObserved
        | TrafficObserved,
    ) -> None:
        match message:
            case HookObserved():
                await self._hook(message)
            case SessionOpened():
                await self._opened(message)
            case FileSystemObserved():
                await self._file_system(message)
            case EndpointObserved():
                await self._endpoint_check(message)
            case FlowsObserved():
                await self._deliver(message)
            case TrafficObserved():
                self.traffic.enter(host, message)

    # -------------------------------------------------------------- tasks

    async def _task(self, seen: TaskObserved) -> None:
        now = self._clock.now()
        async with self._store.transaction(Scope.of_arn(seen.task_arn)) as change:
            task = change.get(Task, seen.task_arn)
            if task is None or task.last_status == "STOPPED":
                return
            task = observe(task, seen, now)
            if seen.volumes_attached:
                task = attached(change, task, now)
            if seen.phase == "RUNNING" and task.last_status in STARTING and is_wanted(task):
                self._register(change, task, now)
                task = run(task, seen.started_at, now)
            if seen.phase == "STOPPED":
                end_task(change, task, now)
            else:
                change.put(task)

    def _register(self, change: Transaction, task: Task, now: datetime) -> None:
        """Make the task a target of its groups, as the last act before RUNNING."""
        interface = change.get(NetworkInterface, task.network_interface_id or "")
        if interface is None:
            return
        for binding in task.target_bindings:
            key = place(
                binding.target_group_arn, interface.private_ip_address, binding.container_port
            )
            change.put(
                replace(
                    register(
                        change.get(Target, key),
                        target_group_arn=binding.target_group_arn,
                        target_id=interface.private_ip_address,
                        port=binding.container_port,
                        availability_zone=interface.availability_zone,
                        now=now,
                    ),
                    task_arn=task.task_arn,
                )
            )
            service = change.get(Service, task.service_arn) if task.service_arn else None
            if service is not None:
                message = (
                    f"(service {service.name}) registered 1 targets in "
                    f"(target-group {binding.target_group_arn})"
                )
                service_events.append(change, service.arn, message, self._ids, now)

    # -------------------------------------------------------------- load balancers and networks

    async def _targets(self, seen: TargetGroupObserved) -> None:
        async with self._store.transaction(Scope.of_arn(seen.target_group_arn)) as change:
            for one in seen.targets:
                target = change.get(Target, place(seen.target_group_arn, one.target_id, one.port))
                if target is not None:
                    change.put(
                        replace(
                            target,
                            state=one.state,
                            reason=one.reason,
                            description=one.description,
                        )
                    )

    async def _hook(self, seen: HookObserved) -> None:
        now = self._clock.now()
        async with self._store.transaction(Scope.of_arn(seen.deployment_arn)) as change:
            attempt = change.get(ServiceDeployment, seen.deployment_arn)
            if attempt is None:
                return
            hooks = tuple(
                answered(one, seen.call, seen.answer, seen.words, now)
                if one.hook_id == seen.hook_id
                else one
                for one in attempt.hooks
            )
            change.put(replace(attempt, hooks=hooks))

    async def _opened(self, seen: SessionOpened) -> None:
        async with self._store.transaction(Scope.of_arn(seen.task_arn)) as change:
            session = change.get(ExecSession, seen.session_id)
            if session is not None:
                change.remove(session)

    async def _file_system(self, seen: FileSystemObserved) -> None:
        async with self._store.transaction(Scope.of_arn(seen.file_system_arn)) as change:
            known = change.get(FileSystem, seen.file_system_arn.rpartition("/")[2])
            if known is None:
                return
            if seen.size is not None:
                state = AVAILABLE if known.state == CREATING else known.state
                change.put(replace(known, state=state, size=seen.size, measured_at=seen.at))
            elif known.state == DELETING:
                change.remove(known)

    async def _endpoint_check(self, seen: EndpointObserved) -> None:
        """Enter how a check went; what was known stays until enough checks say otherwise."""
        async with self._store.transaction(Scope(seen.account, GLOBAL)) as change:
            known = change.get(HealthCheck, seen.health_check_id)
            if known is None:
                return
            last = CheckSeen(words=seen.words, at=seen.at, checker=seen.checker)
            change.put(
                replace(
                    known,
                    healthy=known.healthy if seen.healthy is None else seen.healthy,
                    last=last,
                    last_failure=known.last_failure if seen.passed else last,
                )
            )

    async def _image(self, host: str, seen: ImageObserved) -> None:
        async with self._store.transaction(Scope.of_arn(seen.arn)) as change:
            outcome = (seen.outcome, seen.words)
            observed(change, seen.arn.rpartition("/")[2], outcome, host, seen.at)

    async def _applied(self, host: str, applied: PlanApplied) -> None:
        kind, _, name = applied.key.partition("/")
        if kind == "balancer":
            async with self._store.transaction(Scope.of_arn(name)) as change:
                balancer = change.get(LoadBalancer, name)
                if balancer is not None:
                    state = "active" if applied.fault is None else _state_after_fault(balancer)
                    change.put(
                        replace(
                            balancer,
                            state=state,
                            state_reason=applied.fault,
                            traffic=applied.traffic or balancer.traffic,
                        )
                    )
        if kind == "connect":
            await self._proxy(name, applied)
        async with self._store.transaction(HOSTS) as change:
            known = change.get(Host, host)
            if known is None:
                return
            faults = {part: words for part, words in known.faults.items() if part != applied.key}
            if applied.fault is not None:
                faults[applied.key] = applied.fault
            if faults != known.faults:
                change.put(replace(known, faults=faults))

    async def _proxy(self, task_arn: str, applied: PlanApplied) -> None:
        async with self._store.transaction(Scope.of_arn(task_arn)) as change:
            task = change.get(Task, task_arn)
            if task is None:
                return
            traffic = task.connect_traffic if applied.traffic is None else applied.traffic
            seen = replace(task, connect_traffic=traffic, connect_fault=applied.fault)
            if seen != task:
                change.put(seen)

    async def _faults(self, host: str, faults: dict[str, str]) -> None:
        async with self._store.transaction(HOSTS) as change:
            known = change.get(Host, host)
            if known is not None:
                plans = {part: words for part, words in known.faults.items() if "/" in part}
                change.put(replace(known, faults=faults | plans))


def _state_after_fault(balancer: LoadBalancer) -> str:
    """A balancer that once worked keeps carrying traffic on its old plan; a new one has failed."""
    return "active_impaired" if balancer.state.startswith("active") else "failed"
