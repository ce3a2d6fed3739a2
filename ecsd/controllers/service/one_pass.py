"""One look at one service, inside one transaction: what is there, and verbs to change it.

Every strategy works with these; ``controller.py`` says in which order. Source: ecs_semantics 4.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.decisions.rollout.fleet import Condition, Member, Step
from ecsd.decisions.services import circuit_breaker, deployment
from ecsd.decisions.services.capacity_shares import provider_of_next
from ecsd.decisions.services.service_tags import task_tags
from ecsd.decisions.tasks.image_pins import pinned
from ecsd.decisions.tasks.new_task import Origin
from ecsd.decisions.tasks.task import NOT_STOPPING, is_protected, is_wanted, stop
from ecsd.decisions.tasks.task_end import how_it_ended
from ecsd.decisions.tasks.task_health import Verdict, judge
from ecsd.ids import IdSource
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Deployment, Service
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.elbv2.target_group import Target
from ecsd.store import service_events
from ecsd.store.finders.ecs import revision_of
from ecsd.store.launch import Refusal, launch
from ecsd.store.store import Transaction

RETRY_PLACEMENT = timedelta(seconds=10)
NOTHING_KNOWN = Verdict()  # of a task that this pass has started


class ServicePass:
    """A service as it is now, and verbs to change it; subclasses know what its tasks belong to.

    counted: the deployments whose successes and failures are counted, by id.
    """

    def __init__(self, change: Transaction, service: Service, ids: IdSource, now: datetime) -> None:
        self.change = change
        self.service = service
        self.ids = ids
        self.now = now
        self.tasks = change.select(Task, service_arn=service.arn)
        self.look_again: datetime | None = None
        self._verdicts: dict[str, Verdict] = {}
        self.breaker = service.deployment_configuration.circuit_breaker or {}

    # -------------------------------------------------------------- what is there

    @property
    def counted(self) -> dict[str, Deployment]:
        """Return the deployments that the circuit breaker and the throttle look at."""
        raise NotImplementedError

    def put_deployment(self, changed: Deployment) -> None:
        """Replace a deployment's record."""
        self.service = deployment.with_deployment(self.service, changed)

    def look(self) -> None:
        """Judge every task, and take note of those that ended."""
        self._judge()
        self._note_ends()
        for goal in self.counted.values():
            self._pin_images(goal)

    def stop_all(self) -> None:
        """Ask every task to end."""
        self._stop([one for one in self.tasks if is_wanted(one)])

    def _judge(self) -> None:
        grace = self.service.health_check_grace_period_seconds or 0
        for index, task in enumerate(self.tasks):
            targets = self.change.select(Target, task_arn=task.task_arn)
            verdict = judge(task, targets, grace, self.now)
            self._verdicts[task.task_arn] = verdict
            self.remind(verdict.look_again)
            if verdict.healthy and task.healthy_at is None:
                self.tasks[index] = replace(task, healthy_at=self.now)
                self.change.put(self.tasks[index])
                self._count_success(task)
            if verdict.report:
                self.tell_once(f"unhealthy {task.task_id}", verdict.report)

    def _note_ends(self) -> None:
        """Take note, once each, of tasks that ended without having been asked to."""
        for index, task in enumerate(self.tasks):
            if is_wanted(task) or task.end_noted:
                continue
            failed = circuit_breaker.is_failure(task)
            self.tasks[index] = replace(task, end_noted=True)
            self.change.put(self.tasks[index])
            told = how_it_ended(task)
            if told:
                self.tell(told)
            counted = self.counted.get(task.deployment_id or "")
            if failed and counted is not None:
                self.put_deployment(circuit_breaker.count_failure(counted, task, self.now))
        failures = [one.launch_failures for one in self.counted.values()]
        if max(failures, default=0) >= circuit_breaker.INCONSISTENT_AFTER:
            self.tell_once("throttled", "is unable to consistently start tasks successfully.")

    def _count_success(self, task: Task) -> None:
        counted = self.counted.get(task.deployment_id or "")
        if counted is not None:
            reset = self.breaker.get("resetOnHealthyTask") is not False
            self.put_deployment(circuit_breaker.count_success(counted, self.now, reset=reset))

    def _pin_images(self, goal: Deployment) -> None:
        """What the first task of a deployment runs, the others run too."""
        revision = revision_of(self.change, goal)
        if revision.image_references:
            return
        definition = self.change.get(TaskDefinition, revision.task_definition)
        own = [one for one in self.tasks if one.deployment_id == goal.deployment_id]
        first = min(
            (one for one in own if one.started_at), key=lambda one: one.created_at, default=None
        )
        if definition is not None and first is not None:
            self.change.put(pinned(revision, first, definition))

    # -------------------------------------------------------------- the step

    def take(self, step: Step, goal: Deployment) -> None:
        """Start and stop what a step says; what it starts is of the deployment ``goal``."""
        by_arn = {one.task_arn: one for one in self.tasks}
        self._stop([by_arn[arn] for arn in step.stop])
        if step.start:
            self._start(step.start, goal)
        if step.held:
            self.tell_once(
                "protected",
                f"was unable to reach steady state because (taskSet {goal.deployment_id}) was "
                f"unable to scale in due to (reason {step.held} tasks under protection)",
            )
            for task in self.tasks:
                self.remind(task.protected_until if is_protected(task, self.now) else None)

    def members(self) -> list[Member]:
        """Return the tasks that are RUNNING or before, as decisions see them, oldest first."""
        present = [one for one in self.tasks if one.last_status in NOT_STOPPING]
        present.sort(key=lambda one: one.created_at)
        return [
            Member(
                task_arn=one.task_arn,
                deployment_id=one.deployment_id or "",
                condition=self._condition(one),
                zone=one.availability_zone or "",
                number=number,
                protected=is_protected(one, self.now),
            )
            for number, one in enumerate(present)
        ]

    def _condition(self, task: Task) -> Condition:
        verdict = self._verdicts.get(task.task_arn, NOTHING_KNOWN)
        if not is_wanted(task):
            return Condition.LEAVING
        if task.last_status != "RUNNING":
            return Condition.STARTING
        if verdict.failing:
            return Condition.FAILING
        if verdict.healthy:
            return Condition.HEALTHY
        return Condition.UNJUDGED if task.healthy_at is None else Condition.DOUBTED

    def may_start(self, goal: Deployment) -> bool:
        """Tell whether tasks of a deployment may be launched now."""
        if goal.rollout_state == "FAILED":
            return False
        allowed_at = circuit_breaker.may_start_at(goal)
        if allowed_at is None or allowed_at <= self.now:
            return True
        self.remind(allowed_at)
        return False

    def _start(self, count: int, goal: Deployment) -> None:
        cluster = self.change.get(Cluster, self.service.cluster)
        revision = revision_of(self.change, goal)
        definition = self.change.get(TaskDefinition, revision.task_definition)
        if cluster is None or definition is None:
            missing = "cluster" if cluster is None else "task definition"
            self.tell_once("missing", f"was unable to place a task. Reason: The {missing} is gone.")
            return
        origin = self._origin(cluster, definition, revision, goal)
        started: list[Task] = []
        for _ in range(count):
            beside = [one for one in self.tasks if one.deployment_id == goal.deployment_id]
            provider = provider_of_next(self.service.capacity_provider_strategy, beside)
            origin = replace(origin, capacity_provider_name=provider)
            task = launch(self.change, cluster, definition, origin, self.ids, self.now)
            if isinstance(task, Refusal):
                self.tell_once("placement", f"was unable to place a task. Reason: {task.reason}.")
                self.remind(self.now + RETRY_PLACEMENT)
                break
            started.append(task)
            self.tasks.append(task)
        if started:
            self._tell_started(started)

    def _origin(
        self,
        cluster: Cluster,
        definition: TaskDefinition,
        revision: ServiceRevision,
        goal: Deployment,
    ) -> Origin:
        service = self.service
        return Origin(
            group=f"service:{service.name}",
            started_by=goal.deployment_id,
            service_arn=service.arn,
            deployment_id=goal.deployment_id,
            launch_type=service.launch_type,
            platform_version=revision.platform_version,
            network_configuration=revision.network_configuration,
            load_balancers=revision.resolved_load_balancers,
            service_registries=revision.service_registries,
            service_connect=revision.service_connect,
            image_references=revision.image_references,
            enable_execute_command=service.enable_execute_command,
            tags=task_tags(service, cluster, definition),
            volume_configurations=revision.volume_configurations,
        )

    def _stop(self, tasks: Sequence[Task]) -> None:
        stopped: dict[str, list[Task]] = {"running": [], "pending": []}
        for task in tasks:
            verdict = self._verdicts.get(task.task_arn)
            reason = (verdict and verdict.failing) or (
                f"Scaling activity initiated by (deployment {task.started_by})"
            )
            ending = stop(task, "ServiceSchedulerInitiated", reason, self.now)
            self.tasks[self.tasks.index(task)] = ending
            self.change.put(ending)
            stopped["running" if task.last_status == "RUNNING" else "pending"].append(task)
        if stopped["running"]:
            names = _names(stopped["running"])
            self.tell(f"has stopped {len(stopped['running'])} running tasks: {names}.")
        if stopped["pending"]:
            self.tell(f"stopped {len(stopped['pending'])} pending tasks.")

    def is_healthy(self, task: Task) -> bool:
        """Tell whether a task counts."""
        verdict = self._verdicts.get(task.task_arn)
        return verdict is not None and verdict.healthy

    # -------------------------------------------------------------- small things

    def remind(self, when: datetime | None) -> None:
        """Look again at a moment, or earlier."""
        if when is not None and (self.look_again is None or when < self.look_again):
            self.look_again = when

    def tell(self, words: str) -> None:
        """Write a service event."""
        message = f"(service {self.service.name}) {words}"
        service_events.append(self.change, self.service.arn, message, self.ids, self.now)

    def tell_of(self, task_set_id: str, words: str) -> None:
        """Write a service event about a task set."""
        message = f"(service {self.service.name}, taskSet {task_set_id}) {words}"
        service_events.append(self.change, self.service.arn, message, self.ids, self.now)

    def tell_once(self, fault: str, words: str) -> None:
        """Tell of a fault that lasts; it is told again only after a steady state."""
        if fault in self.service.reported:
            return
        self.service = replace(self.service, reported=(*self.service.reported, fault))
        self.tell(words)

    def _tell_started(self, started: Sequence[Task]) -> None:
        failing = sum(one.failing is not None for one in self._verdicts.values())
        unhealthy = min(failing, len(started))
        suffix = (
            f" Amazon ECS replaced {unhealthy} tasks due to an unhealthy status."
            if unhealthy
            else ""
        )
        self.tell(f"has started {len(started)} tasks: {_names(started)}.{suffix}")


def _names(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {one.task_id})" for one in tasks)
