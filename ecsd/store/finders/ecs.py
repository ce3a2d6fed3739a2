"""Look-ups in ECS: ``find`` → None when absent, ``require`` → ECS's own error.

Names and full ARNs are accepted alike. Source: ecs_semantics 2.1, 11.1.
"""

import re

from ecsd.errors import AwsError, StoreError
from ecsd.records.ecs.cluster import AccountSetting, Cluster
from ecsd.records.ecs.service import Deployment, Service, ServiceEvent
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition, TaskDefinitionFamily
from ecsd.records.ecs.task_set import TaskSet
from ecsd.records.record import Record
from ecsd.store.store import View

LOG_DRIVER_MODE = "defaultLogDriverMode"
REVISION = re.compile(r"(?P<family>[A-Za-z0-9_-]{1,255})(?::(?P<revision>[^:/]*))?")


def arn_prefix(view: View) -> str:
    """Return ``arn:aws:ecs:REGION:ACCOUNT`` of a scope."""
    return f"arn:aws:ecs:{view.scope.region}:{view.scope.account}"


def short_name(reference: str, kind: str, view: View) -> str | None:
    """Return the part after ``:kind/`` of an ARN of this scope, or the name as it is.

    None: an ARN of another account, region or kind.
    """
    if not reference.startswith("arn:"):
        return reference
    prefix = f"{arn_prefix(view)}:{kind}/"
    return reference.removeprefix(prefix) if reference.startswith(prefix) else None


def find_cluster(view: View, reference: str | None) -> Cluster | None:
    """Return the cluster (``default`` when none is named), also an INACTIVE one."""
    name = short_name(reference or "default", "cluster", view)
    return view.get(Cluster, name) if name else None


def require_cluster(view: View, reference: str | None) -> Cluster:
    """Return the ACTIVE cluster, or refuse with ClusterNotFoundException."""
    cluster = find_cluster(view, reference)
    if cluster is None:
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    if cluster.status != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "The referenced cluster was inactive.")
    return cluster


def find_service(view: View, cluster: Cluster, reference: str) -> Service | None:
    """Return the service of a cluster by name or ARN, whatever its status."""
    name = short_name(reference, "service", view)
    if name is None:
        return None
    name = name.removeprefix(f"{cluster.name}/")
    return view.get(Service, f"{arn_prefix(view)}:service/{cluster.name}/{name}")


def require_active_service(view: View, cluster: Cluster, reference: str) -> Service:
    """Return the ACTIVE service, or refuse in ECS's words."""
    service = find_service(view, cluster, reference)
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    return service


def revision_of(view: View, deployment: Deployment) -> ServiceRevision:
    """Return what a deployment of a living service rolls out."""
    return revision_by_arn(view, deployment.revision_arn)


def revision_by_arn(view: View, arn: str) -> ServiceRevision:
    """Return a revision that a service deploys or names in its history: kept as long as that."""
    revision = view.get(ServiceRevision, arn)
    if revision is None:
        raise StoreError(f"{arn} is gone, though a service deploys it")
    return revision


def attempt_of(view: View, service: Service) -> ServiceDeployment:
    """Return the newest attempt at a service: kept as long as the service."""
    attempt = view.get(ServiceDeployment, service.service_deployment_arn)
    if attempt is None:
        raise StoreError(f"{service.service_deployment_arn} of {service.arn} is gone")
    return attempt


def history_of(view: View, service_arn: str) -> list[Record]:
    """Return all that is remembered of a service and goes with it."""
    kinds = (ServiceEvent, ServiceDeployment, ServiceRevision, TaskSet)
    return [one for kind in kinds for one in view.select(kind, service_arn=service_arn)]


def find_task(view: View, cluster: Cluster, reference: str) -> Task | None:
    """Return the task of a cluster by id or ARN."""
    name = short_name(reference, "task", view)
    if name is None:
        return None
    name = name.removeprefix(f"{cluster.name}/")
    return view.get(Task, f"{arn_prefix(view)}:task/{cluster.name}/{name}")


def find_task_definition(view: View, reference: str) -> TaskDefinition | None:
    """Return a definition by ``family:revision``, ARN, or ``family`` (its newest ACTIVE one).

    InvalidParameterException when the revision is no number.
    """
    name = short_name(reference, "task-definition", view)
    parts = REVISION.fullmatch(name) if name else None
    if name is None or parts is None:
        return None
    family, revision = parts["family"], parts["revision"]
    if revision is None:
        return newest_active(view, family)
    if not revision.isdecimal():
        raise AwsError("InvalidParameterException", f"Invalid revision number. Number: {revision}")
    return view.get(TaskDefinition, f"{family}:{int(revision)}")


def newest_active(view: View, family: str) -> TaskDefinition | None:
    """Return the family's ACTIVE definition with the highest revision."""
    known = view.get(TaskDefinitionFamily, family)
    for revision in range(known.last_revision if known else 0, 0, -1):
        found = view.get(TaskDefinition, f"{family}:{revision}")
        if found is not None and found.status == "ACTIVE":
            return found
    return None


def require_runnable(view: View, reference: str) -> TaskDefinition:
    """Return an ACTIVE definition to run, or refuse with ClientException."""
    found = find_task_definition(view, reference)
    if found is None:
        raise AwsError("ClientException", "TaskDefinition not found.")
    if found.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    return found


def live_tasks(view: View, cluster: Cluster) -> list[Task]:
    """Return the cluster's tasks that have not stopped."""
    return [one for one in view.select(Task, cluster=cluster.name) if one.last_status != "STOPPED"]


def services_of(view: View, cluster: Cluster, *statuses: str) -> list[Service]:
    """Return the cluster's services in any of these statuses."""
    return [one for one in view.select(Service, cluster=cluster.name) if one.status in statuses]


def account_setting(view: View, name: str, principal: str = "") -> str | None:
    """Return the value set for a principal, or else for everybody: by the account's root.

    None: AWS's own default holds. Source: Amazon ECS API Reference, PutAccountSetting.
    """
    root = f"arn:aws:iam::{view.scope.account}:root"
    for who in (principal, "", root):
        known = view.get(AccountSetting, f"{name}|{who}")
        if known is not None:
            return known.value
    return None
