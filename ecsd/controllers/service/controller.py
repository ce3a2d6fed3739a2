"""Services: as many healthy tasks as wanted, of the newest revision, and the way there told.

Source: ecs_semantics 4.3 to 4.6, 4.9.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.controllers.service import rolling_update, task_sets, traffic_shift
from ecsd.controllers.service.deployment_pass import DeploymentPass
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.elbv2.target_group import Target
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

SHIFTING = ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS")  # attempts that may wait for a balancer or proxy


class ServiceController:
    """Moves each service step by step towards what is wanted."""

    name = "service"
    watches: Sequence[type[Record]] = (
        Service,
        ServiceDeployment,
        TaskSet,
        Task,
        Target,
        LoadBalancer,
    )

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the service that a change concerns."""
        record = change.after or change.before
        if isinstance(record, Service):
            return ((change.scope, record.arn),)
        if isinstance(record, ServiceDeployment | TaskSet):
            return ((change.scope, record.service_arn),)
        if isinstance(record, LoadBalancer):
            return self._shifting(change.scope)
        if isinstance(record, Task) and _concerns_traffic(change):
            own = [(change.scope, record.service_arn)] if record.service_arn else []
            return [*own, *self._shifting(change.scope)]
        if isinstance(record, Target) and record.task_arn:
            record = self._store.view(change.scope).get(Task, record.task_arn)
        if isinstance(record, Task) and record.service_arn:
            return ((change.scope, record.service_arn),)
        return ()

    def _shifting(self, scope: Scope) -> list[Place]:
        view = self._store.view(scope)
        going = [view.select(ServiceDeployment, status=one) for one in SHIFTING]
        return [(scope, one.service_arn) for some in going for one in some]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Take one step; return when a grace period, a settling time or a throttle ends."""
        async with self._store.transaction(scope) as change:
            service = change.get(Service, key)
            if service is None or service.status == "INACTIVE":
                return None
            parts = (change, service, self._ids, self._clock.now())
            if service.deployment_controller == "EXTERNAL":
                return task_sets.step(task_sets.TaskSetPass(*parts))
            one = DeploymentPass(*parts)
            if service.status == "DRAINING":
                one.wind_down()
            else:
                one.look()
                strategy = traffic_shift if traffic_shift.is_under_way(one) else rolling_update
                strategy.step(one)
            return one.look_again


def _concerns_traffic(change: Change) -> bool:
    """Tell whether a task's proxy has come to lead elsewhere, or counts from now on, or no more."""
    before, after = change.before, change.after
    if not isinstance(before, Task) or not isinstance(after, Task):
        return False
    seen = (before.connect_traffic, before.connect_fault, before.last_status)
    return bool(after.connect_names) and seen != (
        after.connect_traffic,
        after.connect_fault,
        after.last_status,
    )
