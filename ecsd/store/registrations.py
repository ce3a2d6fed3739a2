"""Instances of Cloud Map's services entered and taken out, inside a transaction.

Cloud Map's own operations and ECS for its tasks do it alike: each raises the service's revision,
which DiscoverInstancesRevision tells.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.store import Transaction


def register(change: Transaction, instance: Instance) -> None:
    """Enter an instance, or what is new about it; a change of health is no new revision."""
    known = change.get(Instance, instance.place)
    change.put(instance)
    if known is None or known.attributes != instance.attributes:
        _raise_revision(change, instance.service_id)


def deregister(change: Transaction, instances: Iterable[Instance]) -> None:
    """Take instances out."""
    for one in instances:
        change.remove(one)
        _raise_revision(change, one.service_id)


def deregister_task(change: Transaction, task: Task) -> list[Instance]:
    """Take out what leads to a task; return what there was."""
    found = change.select(Instance, task_arn=task.task_arn)
    deregister(change, found)
    return found


def _raise_revision(change: Transaction, service_id: str) -> None:
    service = change.get(DiscoveryService, service_id)
    if service is not None:
        change.put(replace(service, instances_revision=service.instances_revision + 1))
