"""One look at one service, inside one transaction: what is there, and verbs to change it.

Every strategy works with these; ``controller.py`` says in which order. Source: ecs_semantics 4.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.decisions import circuit_breaker, deployment
from ecsd.decisions import service_deployment as history
from ecsd.decisions.capacity_shares import provider_of_next
from ecsd.decisions.image_pins import pinned
from ecsd.decisions.new_task import Origin
from ecsd.decisions.rollout.fleet import Condition, Member, Step
from ecsd.decisions.service_tags import task_tags
from ecsd.decisions.task import NOT_STOPPING, is_live, is_protected, is_wanted, stop
from ecsd.decisions.task_end import how_it_ended
from ecsd.decisions.task_health import Verdict, judge
from ecsd.ids import IdSource
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Deployment, Service
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.elbv2.target_group import Target
from ecsd.store import service_events
from ecsd.store.finders.ecs import attempt_of, revision_of
from ecsd.store.launch import Refusal, launch
from ecsd.store.store import Transaction

RETRY_PLACEMENT = timedelta(seconds=10)
NOTHING_KNOWN = Verdict()  # of a task that this pass has started


class ServicePass:
    """A service as it is now. ``finish`` writes what has become of it."""

    def __init__(self, change: Transaction, service: Service, ids: IdSource, now: datetime) -> None:
        self.change = change
        self.service = service
        self.ids = ids
        self.now = now
        self.tasks = change.select(Task, service_arn=service.arn)
        self.attempt = attempt_of(change, service)
        self.look_again: datetime | None = None
        self._verdicts: dict[str, Verdict] = {}
        self._breaker = service.deployment_configuration.circuit_breaker or {}

    @property
    def primary(self) -> Deployment:
        """Return the deployment that is being, or has been, rolled out."""
        return deployment.primary(self.service)

    # -------------------------------------------------------------- from beginning to end

    def wind_down(self) -> None:
        """The service is deleted: end its tasks, then call it INACTIVE."""
        self._stop([one for one in self.tasks if is_wanted(one)])
        if history.is_open(self.attempt):
            self.attempt = history.give_up(self.attempt, "the service was deleted", self.now)
        if not any(is_live(one) for one in self.tasks):
            self.service = replace(self.service, status="INACTIVE", deployments=())
        self.change.put(self.service, self.attempt)

    def look(self) -> None:
        """Judge every task, and take note of those that ended."""
        self.attempt = history.start(self.attempt, self.now)
        self._judge()
        self._note_ends()
        self._pin_images()
        self.attempt = history.count(self.attempt, self.primary.failures, self.now)

    def finish(self, *, may_complete: bool = True, keep: str | None = None) -> None:
        """Drop emptied deployments; declare completion and steady state; write it all.

        keep: a deployment that stays though it has no task at this moment.
        """
        alive = {one.deployment_id or "" for one in self.tasks if is_live(one)} | {keep or ""}
        self.service = deployment.without_vanished(self.service, alive)
        if not may_complete or len(self.service.deployments) > 1 or not self._is_settled():
            self.service = replace(self.service, steady=False)
        else:
            self._settle()
        self.change.put(self.service, self.attempt)

    def _settle(self) -> None:
        if self.primary.rollout_state == "IN_PROGRESS":
            self.service = deployment.complete(self.service, self.now)
            self.tell(f"(deployment {self.primary.deployment_id}) deployment completed.")
            if history.is_open(self.attempt):
                self.attempt = history.succeed(self.attempt, self.now)
        if not self.service.steady:
            self.tell("has reached a steady state.")
            self.service = replace(self.service, steady=True, reported=())

    # -------------------------------------------------------------- what is there

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
                if task.deployment_id == self.primary.deployment_id:
                    reset = self._breaker.get("resetOnHealthyTask") is not False
                    self._set_primary(
                        circuit_breaker.count_success(self.primary, self.now, reset=reset)
                    )
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
            if failed and task.deployment_id == self.primary.deployment_id:
                self._set_primary(circuit_breaker.count_failure(self.primary, task, self.now))
        if self.primary.launch_failures >= circuit_breaker.INCONSISTENT_AFTER:
            self.tell_once("throttled", "is unable to consistently start tasks successfully.")

    def _pin_images(self) -> None:
        """What the first task of a deployment runs, the others run too."""
        revision = revision_of(self.change, self.primary)
        if revision.image_references:
            return
        definition = self.change.get(TaskDefinition, revision.task_definition)
        own = [one for one in self.tasks if one.deployment_id == self.primary.deployment_id]
        first = min(
            (one for one in own if one.started_at), key=lambda one: one.created_at, default=None
        )
        if definition is not None and first is not None:
            self.change.put(pinned(revision, first, definition))

    def break_circuit(self) -> bool:
        """Give the deployment up if too many of its tasks failed, or if that was asked for."""
        name = self.primary.deployment_id
        if self.attempt.status == "ROLLBACK_REQUESTED":
            self.give_up(f"ECS deployment {name} stopped on request.", history.REQUESTED, back=True)
            return True
        if not circuit_breaker.is_tripped(self.primary, self.service.desired_count, self._breaker):
            return False
        self.tell(f"(deployment {name}) deployment failed: tasks failed to start.")
        state = "ECS deployment circuit breaker: tasks failed to start."
        self.give_up(state, history.BREAKER, back=bool(self._breaker.get("rollback")))
        return True

    def give_up(self, state: str, cause: str, *, back: bool) -> None:
        """Leave the primary deployment, for the last completed one where there is one.

        state: rolloutStateReason. cause: follows "because" in statusReason.
        """
        self.service = deployment.fail(self.service, state, self.now)
        returning = deployment.roll_back(self.service, self.now) if back else None
        if returning is None:
            self.attempt = history.give_up(self.attempt, cause, self.now)
            return
        self.attempt = history.roll_back(self.attempt, cause, returning.revision_arn, self.now)
        self.service = returning
        self.tell(f"rolling back to deployment {self.primary.deployment_id}.")

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

    def may_start(self) -> bool:
        """Tell whether tasks of the primary deployment may be launched now."""
        if self.primary.rollout_state == "FAILED":
            return False
        allowed_at = circuit_breaker.may_start_at(self.primary)
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
            image_references=revision.image_references,
            enable_execute_command=service.enable_execute_command,
            tags=task_tags(service, cluster, definition),
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

    def _is_settled(self) -> bool:
        """Tell whether exactly the wanted tasks live, all of them well."""
        live = [one for one in self.tasks if is_live(one)]
        healthy = [one for one in live if is_wanted(one) and self._is_healthy(one)]
        return len(live) == len(healthy) == self.service.desired_count

    def _is_healthy(self, task: Task) -> bool:
        verdict = self._verdicts.get(task.task_arn)
        return verdict is not None and verdict.healthy

    # -------------------------------------------------------------- small things

    def _set_primary(self, changed: Deployment) -> None:
        self.service = deployment.with_primary(self.service, changed)

    def remind(self, when: datetime | None) -> None:
        """Look again at a moment, or earlier."""
        if when is not None and (self.look_again is None or when < self.look_again):
            self.look_again = when

    def tell(self, words: str) -> None:
        """Write a service event."""
        message = f"(service {self.service.name}) {words}"
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
