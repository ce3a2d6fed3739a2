"""What must always hold between namespaces, services, instances and the tasks behind them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.dns.discovery import place
from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService


class Discovery(NamedTuple):
    """Every Cloud Map record of one account and region, and its tasks."""

    namespaces: Sequence[Namespace] = ()
    services: Sequence[DiscoveryService] = ()
    instances: Sequence[Instance] = ()
    tasks: Sequence[Task] = ()
    ecs_services: Sequence[Service] = ()


def check_discovery(discovery: Discovery) -> Iterator[Finding]:
    """Yield what contradicts itself in one account and region."""
    namespaces = {one.namespace_id: one for one in discovery.namespaces}
    taken: dict[tuple[str, str], str] = {}
    for service in discovery.services:
        namespace = namespaces.get(service.namespace_id)
        if namespace is None:
            yield fatal(service.arn, "belongs to no namespace")
            continue
        name = service.name if namespace.type == "HTTP" else service.name.lower()
        other = taken.setdefault((service.namespace_id, name), service.arn)
        if other != service.arn:
            yield fatal(service.arn, f"has the name of {other}")
    served = {one.arn for one in discovery.ecs_services if one.status != "INACTIVE"}
    for service in discovery.services:
        if service.ecs_service_arn is not None and service.ecs_service_arn not in served:
            yield fatal(service.arn, f"outlived {service.ecs_service_arn}")
    services = {one.service_id for one in discovery.services}
    live = {one.task_arn for one in discovery.tasks if one.last_status != "STOPPED"}
    for one in discovery.instances:
        if one.service_id not in services:
            yield fatal(one.place, "is an instance of no service")
        if one.place != place(one.service_id, one.instance_id):
            yield fatal(one.place, "is kept under another instance's key")
        if one.task_arn is not None and one.task_arn not in live:
            yield fatal(one.place, f"outlived {one.task_arn}")
