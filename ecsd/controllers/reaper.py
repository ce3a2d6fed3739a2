"""Forgets what AWS shows only for a while after its end.

Source: ecs_semantics 2.2 (DELETE_IN_PROGRESS), 4.1 (INACTIVE services stay describable), 11.1.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.record import Record
from ecsd.store.finders.ecs import history_of
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, Transaction, View

DEPLOYMENTS_SHOWN = timedelta(days=90)


class ReaperController:
    """Removes deleted clusters, services and task definitions when their time is over."""

    name = "reaper"
    watches: Sequence[type[Record]] = (Cluster, Service, ServiceDeployment, TaskDefinition, Task)

    def __init__(self, store: Store, clock: Clock, shown: timedelta) -> None:
        """shown: how long deleted clusters and services stay describable."""
        self._store = store
        self._clock = clock
        self._shown = shown

    def keys(self, change: Change) -> Iterable[Place]:
        """Return what ended; a task's end may free its task definition."""
        record = change.after
        match record:
            case Cluster(status="INACTIVE") | Service(status="INACTIVE"):
                yield change.scope, f"{record.KIND}/{record.key}"
            case TaskDefinition(status="DELETE_IN_PROGRESS"):
                yield change.scope, f"{record.KIND}/{record.key}"
            case ServiceDeployment(finished_at=datetime()):
                yield change.scope, f"{record.KIND}/{record.key}"
            case Task(last_status="STOPPED"):
                yield change.scope, f"{TaskDefinition.KIND}/{record.task_definition}"
            case Service():
                view = self._store.view(change.scope)
                for name in _no_longer_deployed(view, change.before, record):
                    yield change.scope, f"{TaskDefinition.KIND}/{name}"
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
            if kind == ServiceDeployment.KIND:
                return self._attempt(change, name)
            return self._task_definition(change, name)

    def _cluster(self, change: Transaction, name: str) -> datetime | None:
        cluster = change.get(Cluster, name)
        if cluster is None or cluster.status != "INACTIVE":
            return None
        when = self._when(cluster.deleted_at, self._shown)
        if when is None:
            change.remove(cluster)
        return when

    def _service(self, change: Transaction, name: str) -> datetime | None:
        service = change.get(Service, name)
        if service is None or service.status != "INACTIVE":
            return None
        when = self._when(service.deleted_at, self._shown)
        if when is None:
            change.remove(service, *history_of(change, service.arn))
        return when

    def _attempt(self, change: Transaction, arn: str) -> datetime | None:
        """Forget an attempt, and the revisions that nothing else names."""
        attempt = change.get(ServiceDeployment, arn)
        if attempt is None or attempt.finished_at is None:
            return None
        when = self._when(attempt.finished_at, DEPLOYMENTS_SHOWN)
        service = change.get(Service, attempt.service_arn)
        if when is not None or service is None or service.service_deployment_arn == arn:
            return when
        change.remove(attempt)
        named = {service.revision_arn, *(one.revision_arn for one in service.deployments)}
        if service.last_completed is not None:
            named.add(service.last_completed.revision_arn)
        for one in change.select(ServiceDeployment, service_arn=service.arn):
            named |= {one.target_revision_arn, *one.source_revision_arns}
        known = change.select(ServiceRevision, service_arn=service.arn)
        change.remove(*(one for one in known if one.arn not in named))
        return None

    def _task_definition(self, change: Transaction, name: str) -> datetime | None:
        definition = change.get(TaskDefinition, name)
        if definition is None or definition.status != "DELETE_IN_PROGRESS":
            return None
        if not _in_use(change, definition):
            change.remove(definition)
        return None

    def _when(self, ended_at: datetime | None, shown: timedelta) -> datetime | None:
        """Return the moment to forget, or None when it has come."""
        now = self._clock.now()
        forgotten_at = (ended_at or now) + shown
        return forgotten_at if forgotten_at > now else None


def _in_use(change: Transaction, definition: TaskDefinition) -> bool:
    tasks = change.select(Task, task_definition=definition.name)
    if any(one.last_status != "STOPPED" for one in tasks):
        return True
    deployed = {one.arn for one in change.select(ServiceRevision, task_definition=definition.name)}
    return any(
        one.revision_arn in deployed
        for service in change.select(Service)
        if service.status != "INACTIVE"
        for one in service.deployments
    )


def _no_longer_deployed(view: View, before: Record | None, after: Service) -> Iterable[str]:
    """Return the task definitions of deployments that a service has let go."""
    if not isinstance(before, Service) or before.deployments == after.deployments:
        return
    left = {one.revision_arn for one in after.deployments}
    for one in before.deployments:
        revision = view.get(ServiceRevision, one.revision_arn)
        if revision is not None and one.revision_arn not in left:
            yield revision.task_definition
