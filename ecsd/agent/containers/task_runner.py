"""One task's life on its host: a loop that looks at what is seen and does what may be done now.

The decisions (``container_order``, ``stop_cause``) are level-triggered, so the same loop launches,
adopts after a restart of the agent, restarts by policy, and ends. Work runs beside the loop, one
piece per container; each piece that ends, each event and each new plan wakes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ecsd.agent.containers.task_containers import TaskContainers
from ecsd.agent.containers.task_host import TaskHost
from ecsd.agent.containers.task_observation import Progress, observation
from ecsd.agent.drivers.engine import EngineAwayError
from ecsd.agent.drivers.engine_answers import EngineEvent
from ecsd.decisions.containers import container_config, container_order
from ecsd.decisions.containers.container_order import NOTHING, Seen
from ecsd.decisions.tasks.stop_cause import (
    ESSENTIAL_EXITED,
    VANISHED,
    StopCause,
    failed_to_start,
    task_cause,
)
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.records.plan import TaskPlan

if TYPE_CHECKING:
    from ecsd.records.observed import TaskObserved

log = logging.getLogger(__name__)

SANDBOX, VOLUMES, VALUES, END = "/sandbox", "/volumes", "/values", "/end"  # no container's name
AWAY_PAUSE = 0.2  # seconds before work that met an absent Engine looks again


class TaskRunner:
    """Runs one plan; ``run`` ends when nothing of the task runs any more."""

    def __init__(self, plan: TaskPlan, host: TaskHost) -> None:
        self.plan = plan
        self._host = host
        self._wake = asyncio.Event()
        self._containers = TaskContainers(plan, host, self._wake.set)
        self._progress = Progress()
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last: TaskObserved | None = None
        self._group: asyncio.TaskGroup | None = None
        if not plan.started:  # what ran before is told of once it has been looked at
            self._publish()

    def update(self, plan: TaskPlan) -> None:
        """Take a newer plan: of what may change in a task's life, that is whether it is wanted."""
        self.plan = plan
        self._containers.plan = plan
        self._wake.set()

    @property
    def has_begun(self) -> bool:
        """Tell whether it has looked at what is on the host."""
        return self._group is not None

    def seen(self) -> TaskSeen:
        """Return the task as it is now, for its own containers."""
        progress = self._progress
        return TaskSeen(
            self.plan,
            self._containers.view,
            progress.phase(),
            progress.pull_started_at,
            progress.pull_stopped_at,
            progress.execution_stopped_at,
            self._containers.sandbox,
        )

    def observe(self) -> None:
        """Say again what was last said."""
        if self._last is not None:
            self._host.report(self._last)

    def happened(self, event: EngineEvent) -> None:
        """Take in an event of the Engine."""
        name = self._containers.event(event)
        if name is not None:
            self._begin(f"{name}/examine", lambda: self._containers.examine(name))
        self._wake.set()

    async def resync(self) -> None:
        """Look at every container anew: the Engine was away."""
        await self._containers.refresh()
        self._wake.set()

    async def run(self) -> None:
        """Live."""
        await self._host.available.wait()
        await self._adopt()
        async with asyncio.TaskGroup() as group:
            self._group = group
            while not self._progress.over:
                self._wake.clear()
                self._step()
                self._publish()
                if not self._progress.over:
                    await self._wake.wait()
        self._group = None
        self._forget_timer()

    # ------------------------------------------------------------ looking

    async def _adopt(self) -> None:
        while True:
            try:
                await self._containers.adopt()
            except EngineAwayError:
                await self._host.clock.sleep(AWAY_PAUSE)
                await self._host.available.wait()
                continue
            break
        containers = self._containers
        self._progress.launched = containers.pause is not NOTHING
        self._progress.attached = containers.ready
        self._progress.disks_attached |= containers.disks_ready
        if self.plan.started:  # it was whole once: what is missing is not made anew
            for one in self.plan.containers:
                if one["name"] not in containers.view:
                    containers.fail(one["name"], VANISHED)

    def _step(self) -> None:
        if not self._progress.stopping:
            self._judge()
        if self._progress.stopping:
            self._step_down()
        else:
            self._step_up()

    def _judge(self) -> None:
        """Find out whether the task has to end, and why."""
        if self.plan.desired_status == "STOPPED":
            return self._stop(None)
        facts = self._host.facts_for(self.plan)
        words = container_config.refusal(self.plan, facts) or self._containers.failure
        if words:
            self._containers.fail_all(words)
            return self._stop(failed_to_start(self.plan.launch_type, words))
        view = self._containers.view
        now = self._host.clock.now()
        for one in container_order.blocked(self.plan.containers, view, now):
            self._containers.fail(one.container, one.words)
        cause = task_cause(self.plan.containers, view, self.plan.launch_type)
        lost = self.plan.started and cause is not None
        if lost or (cause is None and self._containers.pause.status == "STOPPED"):
            cause = StopCause("EssentialContainerExited", ESSENTIAL_EXITED)
        if cause is not None:
            self._note_up()
            self._stop(cause)
        return None

    def _stop(self, cause: StopCause | None) -> None:
        self._progress.stopping = True
        self._progress.cause = cause
        self._forget_timer()
        for one in self.plan.containers:
            job = self._jobs.get(one["name"])
            if job is not None and one["name"] not in self._containers.view:
                job.cancel()  # a pull, for nobody now
        if VALUES in self._jobs:
            self._jobs[VALUES].cancel()
        if SANDBOX in self._jobs and self._containers.pause.status == "RUNNING":
            self._jobs[SANDBOX].cancel()  # it waits for its interface
        log.info(
            "task is ending",
            extra={"task": self.plan.task_arn, "cause": cause.reason if cause else "asked to"},
        )

    # ------------------------------------------------------------ doing

    def _step_up(self) -> None:
        containers, view = self._containers, self._containers.view
        if not self._progress.launched:
            self._progress.launched = True
            self._progress.pull_started_at = self._host.clock.now()
        if not containers.ready:
            self._begin(SANDBOX, containers.provide_sandbox)
        if not containers.volumes_ready:
            self._begin(VOLUMES, containers.provide_volumes)
        creatable = list(container_order.creatable(self.plan.containers, view))
        if creatable and not containers.values_ready:
            self._begin(VALUES, containers.provide_values)
        self._progress.attached = containers.ready
        self._progress.disks_attached |= containers.disks_ready
        if containers.pause.runtime_id and containers.volumes_ready and containers.values_ready:
            for name in creatable:
                self._begin(name, self._bound(containers.create, name))
        if containers.ready:
            for name in container_order.startable(self.plan.containers, view):
                self._begin(name, self._bound(containers.start, name))
        for name in self._restarting():
            self._begin(name, self._bound(containers.restart, name))
        self._note_pulled()
        self._note_up()
        self._set_timer()

    def _step_down(self) -> None:
        containers, view = self._containers, self._containers.view
        for name in container_order.stoppable(self.plan.containers, view):
            self._begin(name, self._bound(containers.stop, name))
        if self._jobs or any(seen.status == "RUNNING" for seen in view.values()):
            return
        self._progress.execution_stopped_at = (
            self._progress.execution_stopped_at or self._host.clock.now()
        )
        if containers.pause.status in {"ABSENT", "GONE"}:
            self._progress.over = True
        else:
            self._begin(END, containers.end)

    def _restarting(self) -> Iterator[str]:
        for one in self.plan.containers:
            if container_order.restarts(one, self._containers.view.get(one["name"], NOTHING)):
                yield one["name"]

    def _bound(
        self, work: Callable[[dict[str, Any]], Awaitable[None]], name: str
    ) -> Callable[[], Awaitable[None]]:
        container = next(one for one in self.plan.containers if one["name"] == name)
        return lambda: work(container)

    def _begin(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Have work done beside the loop, one piece per key."""
        if key not in self._jobs and self._group is not None:
            job = self._jobs[key] = self._group.create_task(self._job(key, work))
            job.add_done_callback(lambda _: self._done(key))

    def _done(self, key: str) -> None:
        del self._jobs[key]
        self._wake.set()

    async def _job(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except EngineAwayError as error:
            log.info("engine is away, work waits", extra={"work": key, "cause": str(error)})
            if key == SANDBOX:
                self._containers.start_over()
            await self._host.clock.sleep(AWAY_PAUSE)
            await self._host.available.wait()

    # ------------------------------------------------------------ saying

    def _note_pulled(self) -> None:
        names = {one["name"] for one in self.plan.containers}
        if self._progress.pull_stopped_at is None and names <= self._containers.view.keys():
            self._progress.pull_stopped_at = self._host.clock.now()

    def _note_up(self) -> None:
        containers, view = self.plan.containers, self._containers.view
        started = all(view.get(one["name"], NOTHING).started_at for one in containers)
        if not self._progress.up and (started or container_order.is_up(containers, view)):
            self._progress.up = True
            self._progress.attached = self._containers.ready
            self._progress.started_at = max(_starts(view), default=self._host.clock.now())

    def _publish(self) -> None:
        seen = observation(self.plan, self._containers.view, self._progress)
        if seen != self._last:
            self._last = seen
            self._host.report(seen)

    def _set_timer(self) -> None:
        self._forget_timer()
        when = container_order.look_again(self.plan.containers, self._containers.view)
        if when is not None:
            self._timer = self._host.clock.call_at(when, self._wake.set)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _starts(view: dict[str, Seen]) -> list[Any]:
    return [seen.started_at for seen in view.values() if seen.started_at is not None]
