"""Credentials of tasks' roles: opened before a task starts, renewed in time, ended with it.

Source: Amazon ECS Developer Guide, task IAM role (credentials are rotated, and good for six hours).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.tasks.task import is_wanted, stop
from ecsd.decisions.tasks.task_roles import RoleOfTask, roles_of
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.settings import Settings
from ecsd.store import service_events
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store
from ecsd.store.task_roles import Rules, fault_of, open_task_session

log = logging.getLogger(__name__)

RENEWED = timedelta(hours=5)  # of six


class TaskCredentialsController:
    """Gives every task that has roles a session of each."""

    name = "task_credentials"
    watches: tuple[type[Record], ...] = (Task,)

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, authority: Authority, settings: Settings
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._seal = authority.seal
        self._rules = Rules.of(settings)

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the task that came, or ended."""
        before, after = change.before, change.after
        if isinstance(before, Task) and isinstance(after, Task) and not _ends(before, after):
            return ()
        record = after or before
        return ((change.scope, record.key),) if record is not None else ()

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Open what is missing or due, end what is over; return when more is due."""
        view, home = self._store.view(scope), self._store.view(scope.globally())
        task = view.get(Task, key)
        held = home.select(Session, task_arn=key)
        if task is None or task.last_status == "STOPPED":
            if held:
                async with self._store.transaction(scope.globally()) as change:
                    change.remove(*held)
            return None
        definition = view.get(TaskDefinition, task.task_definition)
        if not task.endpoint_key or definition is None or not is_wanted(task):
            return None
        roles = roles_of(definition, task.overrides, scope.account)
        for role in roles:
            fault = fault_of(home, role, key, self._rules)
            if fault is not None and not any(one.purpose == role.purpose for one in held):
                await self._refuse(scope, task, fault)
                return None
        return await self._renew(scope, task, roles, held)

    async def _renew(
        self, scope: Scope, task: Task, roles: tuple[RoleOfTask, ...], held: list[Session]
    ) -> datetime | None:
        """Open a session of each role that has none that is young; return when one is due."""
        now = self._clock.now()
        opened_at = {one.purpose: one.created_at for one in sorted(held, key=_age)}
        due = [one for one in roles if now >= opened_at.get(one.purpose, now - RENEWED) + RENEWED]
        if due:
            async with self._store.transaction(scope.globally()) as change:
                for role in due:
                    made_by = (self._ids, self._seal, now)
                    change.put(open_task_session(change, role, task.task_arn, self._rules, made_by))
                    opened_at[role.purpose] = now
        return min(opened_at.values()) + RENEWED if roles else None

    async def _refuse(self, scope: Scope, task: Task, words: str) -> None:
        """End a task whose role cannot be taken; its service tells why."""
        now = self._clock.now()
        async with self._store.transaction(scope) as change:
            known = change.get(Task, task.task_arn)
            if known is None or not is_wanted(known):
                return
            change.put(stop(known, "TaskFailedToStart", words, now))
            service = change.get(Service, known.service_arn) if known.service_arn else None
            if service is not None:
                told = f"(service {service.name}) failed to launch a task with (error {words})."
                service_events.append(change, service.arn, told, self._ids, now)
        log.info("a task's role cannot be assumed", extra={"task": task.task_arn, "cause": words})


def _ends(before: Task, after: Task) -> bool:
    return before.last_status != "STOPPED" and after.last_status == "STOPPED"


def _age(session: Session) -> datetime:
    return session.created_at
