"""Instances of Cloud Map's services: tasks are registered, health is checked and comes into force.

A task is taken out before it is signalled by the task controller; whatever a crash left behind is
taken out here. Source: ecs_semantics 6.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.dns.discovery import settle_health
from ecsd.decisions.dns.health_check import is_only_seen
from ecsd.decisions.dns.instance_check import check_of, state_of
from ecsd.decisions.dns.registration import (
    Origin,
    bindings_of,
    instance_of,
    is_registered,
    updated,
)
from ecsd.ids import IdSource
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheck
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import find_service, instances_of
from ecsd.store.registrations import deregister, register
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, Transaction

log = logging.getLogger(__name__)


class InstanceController:
    """Registers tasks, takes them out, and changes health when its time has come."""

    name = "discovery_instance"
    watches: Sequence[type[Record]] = (Task, Instance, DiscoveryService, HealthCheck)

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the tasks and instances that a change concerns."""
        if is_only_seen(change.before, change.after):
            return
        for record in (change.before, change.after):
            match record:
                case Task() if record.registry_bindings or record.connect_ports:
                    yield change.scope, f"task/{record.task_arn}"
                case Instance(task_arn=str()):
                    yield change.scope, f"task/{record.task_arn}"
                case Instance():
                    yield change.scope, f"instance/{record.place}"
                    yield change.scope, f"check/{record.place}"
                case DiscoveryService() if _checked_anew(change):
                    view = self._store.view(change.scope)
                    for one in instances_of(view, record):
                        yield change.scope, f"check/{one.place}"
                case HealthCheck(linked_instance=str() as linked):
                    region, _, place = linked.partition("|")
                    yield Scope(change.scope.account, region), f"check/{place}"
                case _:
                    pass  # before its birth, after its death, or a task that nobody is to find

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Make one task's registrations, or one instance's health, what they are to be."""
        kind, _, name = key.partition("/")
        if kind == "check":
            await self._check(scope, name)
            return None
        async with self._store.transaction(scope) as change:
            if kind == "task":
                self._task(change, name)
                return None
            instance = change.get(Instance, name)
            if instance is None:
                return None
            settled = settle_health(instance, self._clock.now())
            change.put(settled)
            return settled.changes_at

    async def _check(self, scope: Scope, place: str) -> None:
        """Let Route 53 check an instance as its service says, and its health be what that says."""
        view = self._store.view(scope)
        instance = view.get(Instance, place)
        service = view.get(DiscoveryService, instance.service_id) if instance else None
        wanted, linked = check_of(instance, service), f"{scope.region}|{place}"
        async with self._store.transaction(scope.globally()) as change:
            known = next(iter(change.select(HealthCheck, linked_instance=linked)), None)
            if wanted is None or service is None:
                change.remove(*([known] if known else []))
                return
            if known is None:
                known = HealthCheck(
                    health_check_id=self._ids.uuid(),
                    caller_reference=self._ids.uuid(),
                    config=wanted,
                    linked_instance=linked,
                    linked_service=service.name,
                    created_at=self._clock.now(),
                )
            elif known.config != wanted:
                known = replace(known, config=wanted, version=known.version + 1)
            change.put(known)
        async with self._store.transaction(scope) as own:
            instance = own.get(Instance, place)
            if instance is not None:
                own.put(replace(instance, health=state_of(known)))

    def _task(self, change: Transaction, task_arn: str) -> None:
        task = change.get(Task, task_arn)
        known = {one.place: one for one in change.select(Instance, task_arn=task_arn)}
        wanted = self._wanted(change, task) if task is not None and is_registered(task) else []
        kept = {one.place for one in wanted}
        deregister(change, (one for place, one in known.items() if place not in kept))
        for one in wanted:
            register(change, updated(known.get(one.place), one))

    def _wanted(self, change: Transaction, task: Task) -> list[Instance]:
        interface = change.get(NetworkInterface, task.network_interface_id or "")
        found: list[Instance] = []
        for binding in bindings_of(task):
            service = find_service(change, binding.registry_arn)
            if service is None or interface is None:
                log.warning(
                    "a task cannot be registered: its registry or interface is gone",
                    extra={"task": task.task_arn, "registry": binding.registry_arn},
                )
                continue
            origin = _origin(change, task)
            now = self._clock.now()
            found.append(instance_of(task, binding, service, interface, origin, now))
        return found


def _checked_anew(change: Change) -> bool:
    """Tell whether a service's instances may need other health checks."""
    checks = [
        one.health_check if isinstance(one, DiscoveryService) else None
        for one in (change.before, change.after)
    ]
    return checks[0] != checks[1]


def _origin(change: Transaction, task: Task) -> Origin:
    service = change.get(Service, task.service_arn or "")
    sets = change.select(TaskSet, service_arn=task.service_arn)
    external = (one.external_id for one in sets if one.task_set_id == task.deployment_id)
    return Origin(
        region=change.scope.region,
        service_name=service.name if service else task.group.removeprefix("service:"),
        external_id=next(external, None),
    )
