"""Services: as many healthy tasks as wanted, of the newest revision, and the way there told.

Source: ecs_semantics 4.3 to 4.6.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions import circuit_breaker, deployment, rollout
from ecsd.decisions import service_deployment as history
from ecsd.decisions.new_task import Origin
from ecsd.decisions.rollout import Condition, Member
from ecsd.decisions.service_tags import task_tags
from ecsd.decisions.task import NOT_STOPPING, is_live, is_wanted, stop
from ecsd.decisions.task_end import how_it_ended
from ecsd.decisions.task_health import Verdict, judge
from ecsd.ids import IdSource
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Deployment, Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.elbv2.target_group import Target
from ecsd.records.record import Record
from ecsd.store import service_events
from ecsd.store.finders.ecs import revision_of
from ecsd.store.launch import Refusal, launch
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, Transaction

RETRY_PLACEMENT = timedelta(seconds=10)


class ServiceController:
    """Moves each service step by step towards what is wanted."""

    name = "service"
    watches: Sequence[type[Record]] = (Service, Task, Target)

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the service that a change concerns."""
        record = change.after or change.before
        if isinstance(record, Service):
            return ((change.scope, record.arn),)
        if isinstance(record, Target) and record.task_arn:
            record = self._store.view(change.scope).get(Task, record.task_arn)
        if isinstance(record, Task) and record.service_arn:
            return ((change.scope, record.service_arn),)
        return ()

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Take one step; return when a grace period, a settling time or a throttle ends."""
        async with self._store.transaction(scope) as change:
            service = change.get(Service, key)
            if service is None or service.status == "INACTIVE":
                return None
            pass_ = _Pass(change, service, self._ids, self._clock.now())
            if service.status == "DRAINING":
                pass_.wind_down()
            else:
                pass_.step()
            return pass_.look_again


class _Pass:
    """One look at one service, inside one transaction."""

    def __init__(self, change: Transaction, service: Service, ids: IdSource, now: datetime) -> None:
        self._change = change
        self._service = service
        self._ids = ids
        self._now = now
        self._tasks = change.select(Task, service_arn=service.arn)
        self._verdicts: dict[str, Verdict] = {}
        self._attempt = change.get(ServiceDeployment, service.service_deployment_arn or "")
        self._breaker = service.deployment_configuration.circuit_breaker or {}
        self.look_again: datetime | None = None

    # -------------------------------------------------------------- the two ways

    def wind_down(self) -> None:
        """The service is deleted: end its tasks, then call it INACTIVE."""
        self._stop([one for one in self._tasks if is_wanted(one)])
        if self._attempt is not None and history.is_open(self._attempt):
            self._change.put(history.give_up(self._attempt, "the service was deleted", self._now))
        if not any(is_live(one) for one in self._tasks):
            self._service = replace(self._service, status="INACTIVE", deployments=())
        self._change.put(self._service)

    def step(self) -> None:
        """Judge, count, break or move, and tell."""
        if self._attempt is not None:
            self._attempt = history.start(self._attempt, self._now)
        self._judge()
        self._note_ends()
        self._break_circuit()
        self._move()
        self._finish()
        self._change.put(self._service)
        if self._attempt is not None:
            self._change.put(self._attempt)

    # -------------------------------------------------------------- what is there

    def _judge(self) -> None:
        grace = self._service.health_check_grace_period_seconds or 0
        for index, task in enumerate(self._tasks):
            targets = self._change.select(Target, task_arn=task.task_arn)
            verdict = judge(task, targets, grace, self._now)
            self._verdicts[task.task_arn] = verdict
            self._remind(verdict.look_again)
            if verdict.healthy and task.healthy_at is None:
                self._tasks[index] = replace(task, healthy_at=self._now)
                self._change.put(self._tasks[index])
                if task.deployment_id == self._primary.deployment_id:
                    reset = self._breaker.get("resetOnHealthyTask") is not False
                    self._set_primary(
                        circuit_breaker.count_success(self._primary, self._now, reset=reset)
                    )
            if verdict.report:
                self._tell_once(f"unhealthy {task.task_id}", verdict.report)

    def _note_ends(self) -> None:
        """Take note, once each, of tasks that ended without having been asked to."""
        for index, task in enumerate(self._tasks):
            if is_wanted(task) or task.end_noted:
                continue
            failed = circuit_breaker.is_failure(task)
            self._tasks[index] = replace(task, end_noted=True)
            self._change.put(self._tasks[index])
            told = how_it_ended(task)
            if told:
                self._tell(told)
            if failed and task.deployment_id == self._primary.deployment_id:
                self._set_primary(circuit_breaker.count_failure(self._primary, task, self._now))
        if self._attempt is not None:
            self._attempt = history.count(self._attempt, self._primary.failures, self._now)
        if self._primary.launch_failures >= circuit_breaker.INCONSISTENT_AFTER:
            self._tell_once("throttled", "is unable to consistently start tasks successfully.")

    def _break_circuit(self) -> None:
        desired = self._service.desired_count
        if circuit_breaker.is_tripped(self._primary, desired, self._breaker):
            failed = self._primary
            reason = "ECS deployment circuit breaker: tasks failed to start."
            self._service = deployment.fail(self._service, reason, self._now)
            self._tell(
                f"(deployment {failed.deployment_id}) deployment failed: tasks failed to start."
            )
            self._give_up(history.BREAKER, back=bool(self._breaker.get("rollback")))
        elif self._attempt is not None and self._attempt.status == "ROLLBACK_REQUESTED":
            reason = f"ECS deployment {self._primary.deployment_id} stopped on request."
            self._service = deployment.fail(self._service, reason, self._now)
            self._give_up(history.REQUESTED, back=True)

    def _give_up(self, cause: str, *, back: bool) -> None:
        """Leave the primary deployment, for the last completed one where there is one."""
        returning = deployment.roll_back(self._service, self._now) if back else None
        if self._attempt is not None:
            if returning is None:
                self._attempt = history.give_up(self._attempt, cause, self._now)
            else:
                self._attempt = history.roll_back(
                    self._attempt, cause, returning.revision_arn, self._now
                )
        if returning is not None:
            self._service = returning
            self._tell(f"rolling back to deployment {self._primary.deployment_id}.")

    # -------------------------------------------------------------- the step

    def _move(self) -> None:
        service = self._service
        percent = service.deployment_configuration
        bounds = rollout.limits(
            service.desired_count, percent.minimum_healthy_percent, percent.maximum_percent
        )
        step = rollout.next_step(
            self._members(),
            self._primary.deployment_id,
            service.desired_count,
            bounds,
            may_start=self._may_start(),
        )
        by_arn = {one.task_arn: one for one in self._tasks}
        self._stop([by_arn[arn] for arn in step.stop])
        if step.start:
            self._start(step.start)
        if step.blocked:
            self._tell_once(
                "blocked",
                "was unable to stop or start tasks during a deployment because of the service "
                "deployment configuration. Update the minimumHealthyPercent or maximumPercent "
                "value and try again.",
            )

    def _members(self) -> list[Member]:
        present = [one for one in self._tasks if one.last_status in NOT_STOPPING]
        present.sort(key=lambda one: one.created_at)
        return [
            Member(
                task_arn=one.task_arn,
                deployment_id=one.deployment_id or "",
                condition=self._condition(one),
                zone=one.availability_zone or "",
                number=number,
            )
            for number, one in enumerate(present)
        ]

    def _condition(self, task: Task) -> Condition:
        verdict = self._verdicts[task.task_arn]
        if not is_wanted(task):
            return Condition.LEAVING
        if task.last_status != "RUNNING":
            return Condition.STARTING
        if verdict.failing:
            return Condition.FAILING
        if verdict.healthy:
            return Condition.HEALTHY
        return Condition.UNJUDGED if task.healthy_at is None else Condition.DOUBTED

    def _may_start(self) -> bool:
        if self._primary.rollout_state == "FAILED":
            return False
        allowed_at = circuit_breaker.may_start_at(self._primary)
        if allowed_at is None or allowed_at <= self._now:
            return True
        self._remind(allowed_at)
        return False

    def _start(self, count: int) -> None:
        cluster = self._change.get(Cluster, self._service.cluster)
        revision = revision_of(self._change, self._primary)
        definition = self._change.get(TaskDefinition, revision.task_definition)
        if cluster is None or definition is None:
            missing = "cluster" if cluster is None else "task definition"
            self._tell_once(
                "missing", f"was unable to place a task. Reason: The {missing} is gone."
            )
            return
        started: list[Task] = []
        for _ in range(count):
            task = launch(
                self._change,
                cluster,
                definition,
                self._origin(cluster, definition, revision),
                self._ids,
                self._now,
            )
            if isinstance(task, Refusal):
                self._tell_once("placement", f"was unable to place a task. Reason: {task.reason}.")
                self._remind(self._now + RETRY_PLACEMENT)
                break
            started.append(task)
            self._tasks.append(task)
        if started:
            self._tell_started(started)

    def _origin(
        self, cluster: Cluster, definition: TaskDefinition, revision: ServiceRevision
    ) -> Origin:
        service = self._service
        provider = None
        if revision.capacity_provider_strategy:
            provider = revision.capacity_provider_strategy[0]["capacityProvider"]
        return Origin(
            group=f"service:{service.name}",
            started_by=self._primary.deployment_id,
            service_arn=service.arn,
            deployment_id=self._primary.deployment_id,
            launch_type=revision.launch_type,
            capacity_provider_name=provider,
            platform_version=revision.platform_version,
            network_configuration=revision.network_configuration,
            load_balancers=revision.load_balancers,
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
            ending = stop(task, "ServiceSchedulerInitiated", reason, self._now)
            self._tasks[self._tasks.index(task)] = ending
            self._change.put(ending)
            stopped["running" if task.last_status == "RUNNING" else "pending"].append(task)
        if stopped["running"]:
            names = _names(stopped["running"])
            self._tell(f"has stopped {len(stopped['running'])} running tasks: {names}.")
        if stopped["pending"]:
            self._tell(f"stopped {len(stopped['pending'])} pending tasks.")

    # -------------------------------------------------------------- what is reached

    def _finish(self) -> None:
        """Drop emptied deployments; declare completion and steady state."""
        alive = {one.deployment_id or "" for one in self._tasks if is_live(one)}
        self._service = deployment.without_vanished(self._service, alive)
        if len(self._service.deployments) > 1 or not self._is_settled():
            if self._service.steady:
                self._service = replace(self._service, steady=False)
            return
        if self._primary.rollout_state == "IN_PROGRESS":
            self._service = deployment.complete(self._service, self._now)
            self._tell(f"(deployment {self._primary.deployment_id}) deployment completed.")
            if self._attempt is not None and history.is_open(self._attempt):
                self._attempt = history.succeed(self._attempt, self._now)
        if not self._service.steady:
            self._tell("has reached a steady state.")
            self._service = replace(self._service, steady=True, reported=())

    def _is_settled(self) -> bool:
        """Tell whether exactly the wanted tasks live, all of them well."""
        live = [one for one in self._tasks if is_live(one)]
        healthy = [one for one in live if is_wanted(one) and self._is_healthy(one)]
        return len(live) == len(healthy) == self._service.desired_count

    def _is_healthy(self, task: Task) -> bool:
        verdict = self._verdicts.get(task.task_arn)
        return verdict is not None and verdict.healthy

    # -------------------------------------------------------------- small things

    @property
    def _primary(self) -> Deployment:
        return deployment.primary(self._service)

    def _set_primary(self, changed: Deployment) -> None:
        self._service = deployment.with_primary(self._service, changed)

    def _remind(self, when: datetime | None) -> None:
        if when is not None and (self.look_again is None or when < self.look_again):
            self.look_again = when

    def _tell(self, words: str) -> None:
        message = f"(service {self._service.name}) {words}"
        service_events.append(self._change, self._service.arn, message, self._ids, self._now)

    def _tell_once(self, fault: str, words: str) -> None:
        """Tell of a fault that lasts; it is told again only after a steady state."""
        if fault in self._service.reported:
            return
        self._service = replace(self._service, reported=(*self._service.reported, fault))
        self._tell(words)

    def _tell_started(self, started: Sequence[Task]) -> None:
        failing = sum(one.failing is not None for one in self._verdicts.values())
        unhealthy = min(failing, len(started))
        suffix = (
            f" Amazon ECS replaced {unhealthy} tasks due to an unhealthy status."
            if unhealthy
            else ""
        )
        self._tell(f"has started {len(started)} tasks: {_names(started)}.{suffix}")


def _names(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {one.task_id})" for one in tasks)
