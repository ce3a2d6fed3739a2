"""Services: create, update, delete, describe, list. Desired state only; the controller acts.

Source: Amazon ECS API Reference; ecs_semantics 4.1.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.services.service_view import show_service
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import (
    capacity,
    deployment_configuration,
    service_request,
    service_revision,
    tag_set,
    task_set,
)
from ecsd.operations.ecs.paging import page
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet
from ecsd.settings import Settings
from ecsd.store import service_events
from ecsd.store.deploy import deploy
from ecsd.store.finders.ecs import (
    arn_prefix,
    find_service,
    history_of,
    require_active_service,
    require_cluster,
    revision_of,
    services_of,
)
from ecsd.store.store import Transaction, View

MOST_DESCRIBED = 10


@operation("ecs", "CreateService")
async def create_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say what is to run; answers an equal ACTIVE service that the same clientToken made."""
    service_request.refuse_later(request)
    name = service_request.name(request)
    async with call.transaction() as change:
        cluster = require_cluster(change, request.get("cluster"))
        known = find_service(change, cluster, name)
        if known is not None and known.status != "INACTIVE":
            return {"service": describe(change, _same(known, request), tags=True)}
        arn = f"{arn_prefix(change)}:service/{cluster.name}/{name}"
        # A new service of an old name begins with an empty history.
        change.remove(*history_of(change, arn), *change.select(Task, service_arn=arn))
        service = _new(call, cluster, request, arn)
        if service.deployment_controller != "EXTERNAL":
            service = _first_deployment(call, change, service, request)
        change.put(service)
        shown = describe(change, service, tags=True)
    return {"service": shown}


@operation("ecs", "UpdateService")
async def update_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change what is wanted; some members begin a new deployment."""
    service_request.refuse_later(request)
    async with call.transaction() as change:
        cluster = require_cluster(change, request.get("cluster"))
        service = require_active_service(change, cluster, request["service"])
        service = _changed(service, request, call.settings)
        if request.get("capacityProviderStrategy") is not None:
            service = _with_strategy(service, cluster, request["capacityProviderStrategy"])
        if service.deployment_controller == "EXTERNAL":
            service_request.refuse_of_task_sets(request)
        else:
            service = _redeployed(call, change, service, request)
        if request.get("healthCheckGracePeriodSeconds") is not None:
            deployed = [revision_of(change, one) for one in service.deployments]
            balanced = any(one.load_balancers for one in deployed)
            seconds = service_request.grace_period(request, balanced=balanced)
            service = replace(service, health_check_grace_period_seconds=seconds)
        change.put(service)
        shown = describe(change, service, tags=True)
    return {"service": shown}


@operation("ecs", "DeleteService")
async def delete_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """End a service: DRAINING until its tasks are gone, then INACTIVE."""
    async with call.transaction() as change:
        cluster = require_cluster(change, request.get("cluster"))
        service = find_service(change, cluster, request["service"])
        if service is None or service.status == "INACTIVE":
            raise AwsError("ServiceNotFoundException", "Service not found.")
        if service.desired_count > 0 and not request.get("force"):
            raise AwsError(
                "InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.",
            )
        if change.select(TaskSet, service_arn=service.arn) and not request.get("force"):
            raise AwsError(
                "InvalidParameterException",
                "The service cannot be stopped while deployments are active.",
            )
        if service.status == "ACTIVE":
            service = replace(
                service, status="DRAINING", desired_count=0, deleted_at=call.clock.now()
            )
            change.put(service)
        shown = describe(change, service, tags=True)
    return {"service": shown}


@operation("ecs", "DescribeServices")
async def describe_services(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe up to ten services; unknown ones are listed as failures."""
    references = request["services"]
    if not references:
        raise AwsError("InvalidParameterException", "Services cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise AwsError(
            "InvalidParameterException",
            f"services: at most {MOST_DESCRIBED} may be described at once.",
        )
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    tags = "TAGS" in (request.get("include") or ())
    found, failures = [], []
    for reference in dict.fromkeys(references):
        service = find_service(view, cluster, reference)
        if service is None:
            failures.append({"arn": _as_arn(cluster, reference), "reason": "MISSING"})
        else:
            found.append(describe(view, service, tags=tags))
    return {"services": found, "failures": failures}


@operation("ecs", "ListServices")
async def list_services(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the ARNs of a cluster's ACTIVE services."""
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    arns = sorted(
        one.arn
        for one in services_of(view, cluster, "ACTIVE")
        if request.get("launchType") in {None, "", one.launch_type}
        and request.get("schedulingStrategy") in {None, "", one.scheduling_strategy}
    )
    chosen, token = page(arns, request, key=str, limit=10)
    return {"serviceArns": chosen, "nextToken": token}


def describe(view: View, service: Service, *, tags: bool) -> dict[str, Any]:
    """Return a service with its counts and history."""
    tasks = view.select(Task, service_arn=service.arn)
    events = service_events.newest_first(view, service.arn)
    attempt = view.get(ServiceDeployment, service.service_deployment_arn)
    external = service.deployment_controller == "EXTERNAL"
    revisions = {one.arn: one for one in view.select(ServiceRevision, service_arn=service.arn)}
    shown = show_service(service, revisions, attempt, tasks, events, tags=tags)
    if external:
        shown |= {"taskSets": task_set.show_all(view, service), "deployments": []}
    return shown


def _first_deployment(
    call: Call, change: Transaction, service: Service, request: dict[str, Any]
) -> Service:
    revision = service_revision.first_revision(call, change, service, request)
    service = replace(
        service,
        launch_type=revision.launch_type,
        capacity_provider_strategy=revision.capacity_provider_strategy,
    )
    return deploy(change, service, revision, call.ids, call.clock.now())


def _redeployed(
    call: Call, change: Transaction, service: Service, request: dict[str, Any]
) -> Service:
    revision = service_revision.next_revision(call, change, service, request)
    if revision is None:
        return service
    return deploy(change, service, revision, call.ids, call.clock.now())


def _same(known: Service, request: dict[str, Any]) -> Service:
    """Return the known service if this is the same request again; else refuse."""
    if known.status == "DRAINING":
        raise AwsError(
            "InvalidParameterException", "Unable to Start a service that is still Draining."
        )
    token = request.get("clientToken")
    if not token or token != known.client_token:
        raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
    return known


def _new(call: Call, cluster: Cluster, request: dict[str, Any], arn: str) -> Service:
    controller = (request.get("deploymentController") or {}).get("type")
    balanced = bool(request.get("loadBalancers")) or controller == "EXTERNAL"
    service = Service(
        arn=arn,
        name=request["serviceName"],
        cluster=cluster.name,
        cluster_arn=cluster.arn,
        desired_count=service_request.desired_count(request),
        deployments=(),
        health_check_grace_period_seconds=service_request.grace_period(request, balanced=balanced),
        deployment_controller=controller,
        availability_zone_rebalancing=request.get("availabilityZoneRebalancing") or "ENABLED",
        enable_ecs_managed_tags=bool(request.get("enableECSManagedTags")),
        enable_execute_command=bool(request.get("enableExecuteCommand")),
        propagate_tags=request.get("propagateTags") or "NONE",
        role_arn=request.get("role") or None,
        created_by=call.caller.arn,
        created_at=call.clock.now(),
        client_token=request.get("clientToken"),
        tags=tag_set.parse(request.get("tags")),
    )
    return _with_configuration(service, request, call.settings)


def _with_strategy(service: Service, cluster: Cluster, given: list[dict[str, Any]]) -> Service:
    """Say what launches tasks from now on; an empty strategy goes back to the launch type."""
    strategy = capacity.parse_strategy(given, cluster.capacity_providers)
    return replace(
        service,
        capacity_provider_strategy=strategy,
        launch_type=None if strategy else "FARGATE",
        steady=False,
    )


def _with_configuration(service: Service, request: dict[str, Any], settings: Settings) -> Service:
    configuration = deployment_configuration.changed(
        service.deployment_configuration,
        request.get("deploymentConfiguration"),
        has_functions=bool(settings.lambda_endpoint),
    )
    return replace(service, deployment_configuration=configuration)


def _changed(service: Service, request: dict[str, Any], settings: Settings) -> Service:
    """Take in what changes without a deployment."""
    if request.get("desiredCount") is not None:
        count = service_request.desired_count(request)
        service = replace(service, desired_count=count, steady=False, reported=())
    members = {
        "enable_ecs_managed_tags": request.get("enableECSManagedTags"),
        "enable_execute_command": request.get("enableExecuteCommand"),
        "propagate_tags": request.get("propagateTags"),
        "availability_zone_rebalancing": request.get("availabilityZoneRebalancing"),
    }
    given = {field: value for field, value in members.items() if value is not None}
    return _with_configuration(replace(service, **given), request, settings)


def _as_arn(cluster: Cluster, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return cluster.arn.replace(":cluster/", ":service/") + f"/{reference}"
