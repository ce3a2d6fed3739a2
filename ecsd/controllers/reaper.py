"""Forgets what AWS shows only for a while after its end.

Source: ecs_semantics 2.2 (DELETE_IN_PROGRESS), 4.1 (INACTIVE services stay describable), 11.1.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service, ServiceEvent
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, Transaction

SHOWN = timedelta(hours=1)


class ReaperController:
    """Removes deleted clusters, services and task definitions when their time is over."""

    name = "reaper"
    watches: Sequence[type[Record]] = (Cluster, Service, TaskDefinition, Task)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[Place]:
        """Return what ended; a task's end may free its task definition."""
        record = change.after
        match record:
            case Cluster(status="INACTIVE") | Service(status="INACTIVE"):
                yield change.scope, f"{record.KIND}/{record.key}"
            case TaskDefinition(status="DELETE_IN_PROGRESS"):
                yield change.scope, f"{record.KIND}/{record.key}"
            case Task(last_status="STOPPED"):
                yield change.scope, f"{TaskDefinition.KIND}/{record.task_definition}"
            case _:
                return

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Forget one thing, or say when."""
        kind, _, name = key.partition("/")
        async with self._store.transaction(scope) as change:
            if kind == Cluster.KIND:
                return self._cluster(change, name)
            if kind == Service.KIND:
                return self._service(change, name)
            return self._task_definition(change, name)

    def _cluster(self, change: Transaction, name: str) -> datetime | None:
        cluster = change.get(Cluster, name)
        if cluster is None or cluster.status != "INACTIVE":
            return None
        when = self._when(cluster.deleted_at)
        if when is None:
            change.remove(cluster)
        return when

    def _service(self, change: Transaction, name: str) -> datetime | None:
        service = change.get(Service, name)
        if service is None or service.status != "INACTIVE":
            return None
        when = self._when(service.deleted_at)
        if when is None:
            change.remove(service, *change.select(ServiceEvent, service_arn=service.arn))
        return when

    def _task_definition(self, change: Transaction, name: str) -> datetime | None:
        definition = change.get(TaskDefinition, name)
        if definition is None or definition.status != "DELETE_IN_PROGRESS":
            return None
        if not _in_use(change, definition):
            change.remove(definition)
        return None

    def _when(self, ended_at: datetime | None) -> datetime | None:
        """Return the moment to forget, or None when it has come."""
        now = self._clock.now()
        forgotten_at = (ended_at or now) + SHOWN
        return forgotten_at if forgotten_at > now else None


def _in_use(change: Transaction, definition: TaskDefinition) -> bool:
    tasks = change.select(Task, task_definition=definition.name)
    if any(one.last_status != "STOPPED" for one in tasks):
        return True
    return any(
        one.task_definition == definition.name
        for service in change.select(Service)
        if service.status != "INACTIVE"
        for one in service.deployments
    )
