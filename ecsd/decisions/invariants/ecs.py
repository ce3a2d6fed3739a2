"""What must always hold between clusters, services, tasks and their interfaces and targets."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal, warning
from ecsd.decisions.services.service_deployment import is_open
from ecsd.decisions.tasks.task import ORDER
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition, TaskDefinitionFamily
from ecsd.records.elbv2.target_group import Target


class Containers(NamedTuple):
    """Every ECS record of one account and region, and what tasks hold elsewhere."""

    clusters: Sequence[Cluster] = ()
    services: Sequence[Service] = ()
    revisions: Sequence[ServiceRevision] = ()
    service_deployments: Sequence[ServiceDeployment] = ()
    tasks: Sequence[Task] = ()
    task_definitions: Sequence[TaskDefinition] = ()
    families: Sequence[TaskDefinitionFamily] = ()
    interfaces: Sequence[NetworkInterface] = ()
    targets: Sequence[Target] = ()


def check_ecs(containers: Containers) -> Iterator[Finding]:
    """Yield what contradicts itself in one account and region."""
    yield from _check_tasks(containers)
    yield from _check_interfaces(containers)
    yield from _check_services(containers)
    yield from _check_attempts(containers)
    yield from _check_families(containers)
    yield from _check_targets(containers)


def _check_tasks(containers: Containers) -> Iterator[Finding]:
    clusters = {one.name: one for one in containers.clusters}
    definitions = {one.name for one in containers.task_definitions}
    services = {one.arn: one for one in containers.services}
    for task in containers.tasks:
        cluster = clusters.get(task.cluster)
        live = task.last_status != "STOPPED"
        if cluster is None:
            yield fatal(task.task_arn, f"is in cluster {task.cluster}, which does not exist")
        elif live and cluster.status != "ACTIVE":
            yield fatal(task.task_arn, f"lives in cluster {task.cluster}, which is INACTIVE")
        if task.last_status not in ORDER:
            yield fatal(task.task_arn, f"has the unknown lastStatus {task.last_status}")
        if live and task.task_definition not in definitions:
            yield fatal(task.task_arn, f"runs {task.task_definition}, which does not exist")
        if not live and task.stopped_at is None:
            yield fatal(task.task_arn, "is STOPPED without stoppedAt")
        if task.desired_status == "STOPPED" and task.stop_code is None:
            yield fatal(task.task_arn, "is wanted STOPPED without a stopCode")
        service = services.get(task.service_arn or "")
        if live and task.service_arn and (service is None or service.status == "INACTIVE"):
            yield fatal(task.task_arn, f"lives for {task.service_arn}, which is not there")


def _check_interfaces(containers: Containers) -> Iterator[Finding]:
    """A live awsvpc task has its interface; a task's interface has its live task."""
    tasks = {one.task_arn: one for one in containers.tasks}
    interfaces = {one.network_interface_id: one for one in containers.interfaces}
    for task in containers.tasks:
        if task.last_status == "STOPPED" or task.network_interface_id is None:
            continue
        interface = interfaces.get(task.network_interface_id)
        if interface is None:
            yield fatal(task.task_arn, f"has lost its interface {task.network_interface_id}")
        elif interface.owner != task.task_arn:
            yield fatal(task.task_arn, f"shares {task.network_interface_id} with {interface.owner}")
    for interface in containers.interfaces:
        if ":task/" not in interface.owner:
            continue
        owner = tasks.get(interface.owner)
        if owner is None or owner.last_status == "STOPPED":
            yield fatal(interface.network_interface_id, f"outlived its task {interface.owner}")


def _check_services(containers: Containers) -> Iterator[Finding]:
    clusters = {one.name: one for one in containers.clusters}
    definitions = {one.name for one in containers.task_definitions}
    revisions = {one.arn: one for one in containers.revisions}
    for service in containers.services:
        if service.status == "INACTIVE":
            continue
        cluster = clusters.get(service.cluster)
        if cluster is None or cluster.status != "ACTIVE":
            yield fatal(service.arn, f"is in cluster {service.cluster}, which is not ACTIVE")
        statuses = [one.status for one in service.deployments]
        own = service.deployment_controller != "EXTERNAL"
        if own and (statuses.count("PRIMARY") != 1 or statuses[0] != "PRIMARY"):
            yield fatal(
                service.arn, f"has deployments {statuses}: the first, and it alone, is PRIMARY"
            )
        ids = [one.deployment_id for one in service.deployments]
        if len(set(ids)) < len(ids):
            yield fatal(service.arn, "has a deployment twice")
        for deployment in service.deployments:
            revision = revisions.get(deployment.revision_arn)
            if revision is None:
                yield fatal(service.arn, f"deploys {deployment.revision_arn}, which is gone")
            elif revision.task_definition not in definitions:
                yield fatal(service.arn, f"deploys {revision.task_definition}, which is gone")
        yield from _check_members(service, containers.tasks)


def _check_attempts(containers: Containers) -> Iterator[Finding]:
    """At most the newest attempt at a service goes on, and its revisions are known."""
    services = {one.arn: one for one in containers.services}
    revisions = {one.arn for one in containers.revisions}
    for attempt in containers.service_deployments:
        service = services.get(attempt.service_arn)
        if service is None:
            yield fatal(attempt.arn, f"outlived its service {attempt.service_arn}")
        elif is_open(attempt) and attempt.arn != service.service_deployment_arn:
            yield fatal(attempt.arn, f"is {attempt.status}, though a newer one began")
        if attempt.target_revision_arn not in revisions:
            yield fatal(attempt.arn, f"goes to {attempt.target_revision_arn}, which is gone")


def _check_members(service: Service, tasks: Sequence[Task]) -> Iterator[Finding]:
    own = [one for one in tasks if one.service_arn == service.arn and one.last_status != "STOPPED"]
    known = {one.deployment_id for one in service.deployments}
    for task in own:
        if task.deployment_id not in known:
            yield fatal(
                task.task_arn, f"belongs to {task.deployment_id}, which {service.arn} lacks"
            )
    healthy = sum(one.desired_status == "RUNNING" for one in own)
    if service.steady and healthy != service.desired_count:
        yield warning(
            service.arn, f"is called steady with {healthy} of {service.desired_count} tasks"
        )


def _check_families(containers: Containers) -> Iterator[Finding]:
    last = {one.family: one.last_revision for one in containers.families}
    for definition in containers.task_definitions:
        if definition.revision > last.get(definition.family, 0):
            yield fatal(definition.arn, "is newer than its family's last revision")


def _check_targets(containers: Containers) -> Iterator[Finding]:
    """A target that ECS registered belongs to a live task, or drains."""
    tasks = {one.task_arn: one for one in containers.tasks}
    for target in containers.targets:
        if target.task_arn is None or target.draining_since is not None:
            continue
        task = tasks.get(target.task_arn)
        if task is None:
            yield fatal(target.place, f"is registered for {target.task_arn}, which is gone")
        elif task.last_status == "STOPPED":
            # The task controller drains it in the same moment that it hears of the end.
            yield warning(target.place, f"is registered for {target.task_arn}, which has stopped")
