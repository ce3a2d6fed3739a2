"""Clusters. Source: Amazon ECS API Reference; ecs_semantics 11.1, 12."""

import re
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.discovery import MOST_NAMESPACES
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import tag_set
from ecsd.operations.ecs.capacity import parse_providers, parse_strategy
from ecsd.operations.ecs.paging import page
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.cluster import AccountSetting, Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.finders.ecs import (
    arn_prefix,
    find_cluster,
    live_tasks,
    require_cluster,
    services_of,
)
from ecsd.store.finders.servicediscovery import find_called
from ecsd.store.service_connect import make_namespace
from ecsd.store.store import Transaction, View

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
INSIGHTS = ("enabled", "disabled", "enhanced")
LOGS_LATER = (
    *("cloudWatchEncryptionEnabled", "s3BucketName", "s3EncryptionEnabled", "s3KeyPrefix"),
)
LONGEST_NAMESPACE = 1024
MOST_DESCRIBED = 100


@operation("ecs", "CreateCluster")
async def create_cluster(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a cluster; the name of an ACTIVE one answers that one, unchanged."""
    name = request.get("clusterName") or "default"
    if not NAME.fullmatch(name):
        raise AwsError(
            "InvalidParameterException",
            "clusterName must be 1 to 255 letters, numbers, hyphens and underscores.",
        )
    settings = _settings(request.get("settings"))
    tags = tag_set.parse(request.get("tags"))
    providers = parse_providers(request.get("capacityProviders") or [])
    strategy = parse_strategy(request.get("defaultCapacityProviderStrategy") or [], providers)
    async with call.transaction() as change:
        known = change.get(Cluster, name)
        if known is not None and known.status == "ACTIVE":
            return {"cluster": describe(change, known, frozenset({"TAGS", "SETTINGS"}))}
        if "containerInsights" not in settings:
            settings["containerInsights"] = _default_insights(change)
        cluster = Cluster(
            name=name,
            arn=f"{arn_prefix(change)}:cluster/{name}",
            created_at=call.clock.now(),
            settings=settings,
            configuration=_configuration(request.get("configuration")),
            service_connect_namespace=_namespace(call, change, request),
            capacity_providers=providers,
            default_capacity_provider_strategy=strategy,
            tags=tags,
        )
        change.put(cluster)
        return {"cluster": describe(change, cluster, frozenset({"TAGS", "SETTINGS"}))}


@operation("ecs", "DescribeClusters")
async def describe_clusters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe clusters by name or ARN; unknown ones are listed as failures."""
    references = request.get("clusters") or ["default"]
    if len(references) > MOST_DESCRIBED:
        raise AwsError(
            "InvalidParameterException",
            f"clusters: at most {MOST_DESCRIBED} may be described at once.",
        )
    include = frozenset(request.get("include") or ())
    view = call.view
    found, failures = [], []
    for reference in dict.fromkeys(references):
        cluster = find_cluster(view, reference)
        if cluster is None:
            failures.append({"arn": _as_arn(view, reference), "reason": "MISSING"})
        else:
            found.append(describe(view, cluster, include))
    return {"clusters": found, "failures": failures}


@operation("ecs", "ListClusters")
async def list_clusters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the ARNs of ACTIVE clusters."""
    active = [one.arn for one in call.view.select(Cluster) if one.status == "ACTIVE"]
    arns, token = page(sorted(active), request, key=str)
    return {"clusterArns": arns, "nextToken": token}


@operation("ecs", "UpdateCluster")
async def update_cluster(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change settings and configuration."""
    settings = _settings(request.get("settings"))
    async with call.transaction() as change:
        cluster = require_cluster(change, request["cluster"])
        configuration = cluster.configuration
        if request.get("configuration") is not None:
            configuration = _configuration(request["configuration"])
        namespace = cluster.service_connect_namespace
        if request.get("serviceConnectDefaults") is not None:
            namespace = _namespace(call, change, request)
        cluster = replace(
            cluster,
            settings=cluster.settings | settings,
            configuration=configuration,
            service_connect_namespace=namespace,
        )
        change.put(cluster)
        include = frozenset({"TAGS", "SETTINGS", "CONFIGURATIONS"})
        return {"cluster": describe(change, cluster, include)}


@operation("ecs", "UpdateClusterSettings")
async def update_cluster_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change settings."""
    settings = _settings(request["settings"])
    async with call.transaction() as change:
        cluster = require_cluster(change, request["cluster"])
        cluster = replace(cluster, settings=cluster.settings | settings)
        change.put(cluster)
        return {"cluster": describe(change, cluster, frozenset({"TAGS", "SETTINGS"}))}


@operation("ecs", "DeleteCluster")
async def delete_cluster(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make an empty cluster INACTIVE; it can be described a while longer."""
    async with call.transaction() as change:
        cluster = require_cluster(change, request["cluster"])
        if services_of(change, cluster, "ACTIVE", "DRAINING"):
            raise AwsError(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            )
        if live_tasks(change, cluster):
            raise AwsError(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
        cluster = replace(cluster, status="INACTIVE", deleted_at=call.clock.now())
        change.put(cluster)
        # Nobody can describe the tasks of a cluster that is gone.
        change.remove(*change.select(Task, cluster=cluster.name))
        return {"cluster": describe(change, cluster, frozenset({"TAGS", "SETTINGS"}))}


def describe(view: View, cluster: Cluster, include: frozenset[str]) -> dict[str, Any]:
    """Return a cluster as DescribeClusters shows it, with the parts that ``include`` names."""
    active = cluster.status == "ACTIVE"
    tasks = live_tasks(view, cluster) if active else []
    running = sum(one.last_status == "RUNNING" for one in tasks)
    pending = sum(one.last_status in {"PROVISIONING", "PENDING", "ACTIVATING"} for one in tasks)
    services = services_of(view, cluster, "ACTIVE", "DRAINING") if active else []
    serving = [one for one in services if one.status == "ACTIVE"]
    shown: dict[str, Any] = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": len(serving),
        "statistics": [],
        "tags": tag_set.show(cluster.tags) if "TAGS" in include else [],
        "settings": [],
        "capacityProviders": list(cluster.capacity_providers),
        "defaultCapacityProviderStrategy": list(cluster.default_capacity_provider_strategy),
    }
    if cluster.service_connect_namespace is not None:
        shown["serviceConnectDefaults"] = {"namespace": cluster.service_connect_namespace}
    if "SETTINGS" in include:
        shown["settings"] = [
            {"name": name, "value": value} for name, value in cluster.settings.items()
        ]
    if "STATISTICS" in include:
        shown["statistics"] = _statistics(tasks, services)
    if "CONFIGURATIONS" in include and cluster.configuration is not None:
        shown["configuration"] = cluster.configuration
    if "ATTACHMENTS" in include:
        shown["attachments"] = []
    return shown


def _namespace(call: Call, change: Transaction, request: dict[str, Any]) -> str | None:
    """Return the ARN of serviceConnectDefaults' namespace, made if it is new; "" takes it away."""
    name = (request.get("serviceConnectDefaults") or {}).get("namespace")
    if not name:
        return None
    found = find_called(change, name)
    if found is not None:
        return found.arn
    if name.startswith("arn:"):
        raise AwsError("NamespaceNotFoundException", "The specified namespace wasn't found.")
    if len(name) > LONGEST_NAMESPACE or set(name) & set('<>"/'):
        raise AwsError(
            "InvalidParameterException",
            f"serviceConnectDefaults: namespace must be at most {LONGEST_NAMESPACE} characters "
            'without <, >, " and /.',
        )
    if len(change.select(Namespace)) >= MOST_NAMESPACES:
        raise AwsError(
            "ClientException",
            f"serviceConnectDefaults: a region has at most {MOST_NAMESPACES} namespaces.",
        )
    return make_namespace(change, name, call.ids, call.clock.now()).arn


def _statistics(tasks: list[Task], services: list[Service]) -> list[dict[str, str]]:
    """Count by launch type. Source: API Reference, Cluster, statistics."""
    pending = {"PROVISIONING", "PENDING", "ACTIVATING"}

    def count_tasks(launch_type: str, statuses: set[str]) -> int:
        return sum(
            (one.launch_type or "FARGATE") == launch_type and one.last_status in statuses
            for one in tasks
        )

    def count_services(launch_type: str, status: str) -> int:
        return sum(
            (one.launch_type or "FARGATE") == launch_type and one.status == status
            for one in services
        )

    counts = {
        "runningEC2TasksCount": count_tasks("EC2", {"RUNNING"}),
        "runningFargateTasksCount": count_tasks("FARGATE", {"RUNNING"}),
        "pendingEC2TasksCount": count_tasks("EC2", pending),
        "pendingFargateTasksCount": count_tasks("FARGATE", pending),
        "runningExternalTasksCount": 0,
        "pendingExternalTasksCount": 0,
        "activeEC2ServiceCount": count_services("EC2", "ACTIVE"),
        "activeFargateServiceCount": count_services("FARGATE", "ACTIVE"),
        "drainingEC2ServiceCount": count_services("EC2", "DRAINING"),
        "drainingFargateServiceCount": count_services("FARGATE", "DRAINING"),
        "activeExternalServiceCount": 0,
        "drainingExternalServiceCount": 0,
    }
    return [{"name": name, "value": str(value)} for name, value in counts.items()]


def _settings(given: list[dict[str, str]] | None) -> dict[str, str]:
    settings: dict[str, str] = {}
    for one in given or ():
        name, value = one.get("name", ""), one.get("value", "")
        if name != "containerInsights":
            raise AwsError(
                "InvalidParameterException", f"settings: unknown cluster setting {name!r}."
            )
        if value not in INSIGHTS:
            raise AwsError(
                "InvalidParameterException",
                f"settings: containerInsights should be one of {list(INSIGHTS)}, got {value!r}.",
            )
        settings[name] = value
    return settings


def _configuration(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refuse configuration of parts that are not there yet (encryption, S3)."""
    code, where = "InvalidParameterException", "configuration."
    refuse_members(given or {}, ("managedStorageConfiguration",), code, where)
    commands = (given or {}).get("executeCommandConfiguration") or {}
    where += "executeCommandConfiguration."
    refuse_members(commands, ("kmsKeyId",), code, where)
    logs = commands.get("logConfiguration") or {}
    refuse_members(logs, LOGS_LATER, code, f"{where}logConfiguration.")
    if commands.get("logging") == "OVERRIDE" and not logs.get("cloudWatchLogGroupName"):
        raise AwsError(code, f"{where}logConfiguration must be given when logging is OVERRIDE.")
    return given or None


def _default_insights(view: View) -> str:
    setting = view.get(AccountSetting, "containerInsights|")
    return setting.value if setting else "disabled"


def _as_arn(view: View, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return f"{arn_prefix(view)}:cluster/{reference}"
