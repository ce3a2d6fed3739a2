"""Sharing the names that a service has by Service Connect, inside a transaction.

The shares lie with the service's names in Cloud Map: every proxy that leads there follows them.
"""

from msgspec.structs import replace

from ecsd.decisions.connect.connect_traffic import digest
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_connect import ConnectShares
from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import find_service
from ecsd.store.store import Transaction, View


def share(change: Transaction, service: Service, shares: ConnectShares | None) -> None:
    """Let all names of a service be shared so; None: whoever is found by them answers alike."""
    for one in change.select(DiscoveryService, ecs_service_arn=service.arn):
        if one.shares != shares:
            change.put(replace(one, shares=shares))


def shares_reached(view: View, task: Task) -> dict[str, ConnectShares]:
    """Return what the proxy of a task is to keep to, by discovery ARN."""
    found = [find_service(view, arn) for arn in task.reached_services]
    return {one.arn: one.shares for one in found if one is not None and one.shares is not None}


def in_force(view: View, service: Service) -> bool:
    """Tell whether every proxy that leads to a service keeps to the shares, as hosts saw it."""
    return not _behind(view, service)


def fault(view: View, service: Service) -> str | None:
    """Return what keeps a proxy from the shares, if anything does."""
    behind = [one for one in _behind(view, service) if one.connect_fault]
    return next((f"the proxy of task {one.task_id}: {one.connect_fault}" for one in behind), None)


def _behind(view: View, service: Service) -> list[Task]:
    owned = view.select(DiscoveryService, ecs_service_arn=service.arn)
    clients = {
        task.task_arn: task
        for one in owned
        for task in view.select(Task, reached_services=one.arn)
        if task.last_status == "RUNNING"
    }
    return [
        task
        for task in clients.values()
        if task.connect_traffic != digest(shares_reached(view, task))
    ]
