"""Tasks: given a host, taken out of balancers and names before the first signal, and forgotten.

Source: ecs_semantics 1.1 and 1.4 (stop sequence: deregister, drain, then signal).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.balancers.target import drain
from ecsd.decisions.tasks.host_choice import choose_host
from ecsd.decisions.tasks.task import (
    STARTING,
    advance,
    begin_deactivating,
    is_ready_to_end,
    is_wanted,
)
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.elbv2.target_group import Target
from ecsd.records.host import Host
from ecsd.records.record import Record
from ecsd.records.servicediscovery.instance import Instance
from ecsd.store import service_events
from ecsd.store.registrations import deregister_task
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change, Store, Transaction
from ecsd.store.task_ends import end_task


class TaskController:
    """Walks every task from its host to its end."""

    name = "task"
    watches: Sequence[type[Record]] = (Task, Target, Instance, Host)

    def __init__(self, store: Store, clock: Clock, ids: IdSource, shown: timedelta) -> None:
        """shown: how long a stopped task stays visible (AWS: at least an hour)."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._shown = shown

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the tasks that a change concerns; a host that came concerns all without one."""
        record = change.after or change.before
        if isinstance(record, Task):
            return ((change.scope, record.task_arn),)
        if isinstance(record, Target | Instance):
            return ((change.scope, record.task_arn),) if record.task_arn else ()
        return [
            (scope, task.task_arn)
            for scope, task in self._store.everywhere(Task)
            if task.host is None
        ]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Take the task's next step."""
        async with self._store.transaction(scope) as change:
            task = change.get(Task, key)
            if task is None:
                return None
            if task.last_status == "STOPPED":
                return self._forget(change, task)
            if not is_wanted(task):
                self._wind_down(change, task)
            elif task.host is None:
                change.put(replace(task, host=self._host()))
        return None

    def _host(self) -> str | None:
        hosts = self._store.view(HOSTS).select(Host)
        loads = {
            one.name: self._store.count_everywhere(Task, "occupied_host", one.name) for one in hosts
        }
        return choose_host(hosts, loads)

    def _wind_down(self, change: Transaction, task: Task) -> None:
        now = self._clock.now()
        targets = change.select(Target, task_arn=task.task_arn)
        registered = [one for one in targets if one.draining_since is None]
        if registered:
            change.put(*(drain(one, now) for one in registered))
            self._tell_draining(change, task, registered, now)
        # Out of names first, in a change of its own: hosts hear of it before they are told to stop.
        named = deregister_task(change, task)
        if task.host is None:
            end_task(change, task, now)
            return
        if (targets or named) and task.last_status not in STARTING:
            task = begin_deactivating(task, now)
        if is_ready_to_end(task, len(targets) + len(named)):
            task = advance(task, "STOPPING", now)
        change.put(task)

    def _tell_draining(
        self, change: Transaction, task: Task, targets: Sequence[Target], now: datetime
    ) -> None:
        service = change.get(Service, task.service_arn) if task.service_arn else None
        if service is None:
            return
        for group, count in Counter(one.target_group_arn for one in targets).items():
            words = f"deregistered {count} targets in (target-group {group})"
            message = f"(service {service.name}) {words}"
            service_events.append(change, service.arn, message, self._ids, now)
        message = (
            f"(service {service.name}, taskSet {task.started_by}) "
            "has begun draining connections on 1 tasks."
        )
        service_events.append(change, service.arn, message, self._ids, now)

    def _forget(self, change: Transaction, task: Task) -> datetime | None:
        forgotten_at = (task.stopped_at or self._clock.now()) + self._shown
        if forgotten_at > self._clock.now():
            return forgotten_at
        change.remove(task)
        return None
