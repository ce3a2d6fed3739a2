"""Services: create, update, delete, describe, list. Desired state only; the controller acts.

Source: Amazon ECS API Reference; ecs_semantics 4.1.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions import deployment as deployments
from ecsd.decisions.service_view import show_service
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import capacity, load_balancers, network, service_request, tag_set
from ecsd.operations.ecs.paging import page
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Deployment, Service, ServiceEvent
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.store import service_events
from ecsd.store.finders.ecs import (
    arn_prefix,
    find_service,
    require_active_service,
    require_cluster,
    require_runnable,
    services_of,
)
from ecsd.store.store import Transaction, View

MOST_DESCRIBED = 10
DEPLOYING = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "forceNewDeployment",
)


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
        service = _new(call, change, cluster, request)
        # A new service of an old name begins with an empty history.
        change.remove(*change.select(ServiceEvent, service_arn=service.arn))
        change.remove(*change.select(Task, service_arn=service.arn))
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
        service = _changed(service, request)
        if any(request.get(member) not in (None, False) for member in DEPLOYING):
            service = _redeployed(call, change, service, request)
        if request.get("healthCheckGracePeriodSeconds") is not None:
            seconds = service_request.grace_period(request, balanced=bool(service.load_balancers))
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
    return show_service(service, tasks, events, tags=tags)


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


def _new(call: Call, change: Transaction, cluster: Cluster, request: dict[str, Any]) -> Service:
    if not request.get("taskDefinition"):
        raise AwsError("InvalidParameterException", "TaskDefinition can not be blank.")
    definition = require_runnable(change, request["taskDefinition"])
    wired = network.parse(change, definition, request.get("networkConfiguration"))
    balancers = load_balancers.parse(change, definition, request.get("loadBalancers"), wired)
    first = _deployment(
        call,
        definition,
        launch_type=capacity.launch_type(request, definition),
        platform_version=capacity.platform_version(request),
        network_configuration=wired,
        load_balancers=balancers,
    )
    service = Service(
        arn=f"{arn_prefix(change)}:service/{cluster.name}/{request['serviceName']}",
        name=request["serviceName"],
        cluster=cluster.name,
        cluster_arn=cluster.arn,
        desired_count=service_request.desired_count(request),
        task_definition_arn=definition.arn,
        deployments=(first,),
        launch_type=first.launch_type,
        platform_version=first.platform_version,
        network_configuration=wired,
        load_balancers=balancers,
        target_group_arns=deployments.target_groups(first),
        health_check_grace_period_seconds=service_request.grace_period(
            request, balanced=bool(balancers)
        ),
        deployment_controller=(request.get("deploymentController") or {}).get("type"),
        availability_zone_rebalancing=request.get("availabilityZoneRebalancing") or "ENABLED",
        enable_ecs_managed_tags=bool(request.get("enableECSManagedTags")),
        propagate_tags=request.get("propagateTags") or "NONE",
        role_arn=request.get("role") or None,
        created_by=call.caller.arn,
        created_at=call.clock.now(),
        client_token=request.get("clientToken"),
        tags=tag_set.parse(request.get("tags")),
    )
    return _with_configuration(service, request)


def _with_configuration(service: Service, request: dict[str, Any]) -> Service:
    members = service_request.deployment(request.get("deploymentConfiguration"))
    service = replace(service, **members)
    service_request.check_percentages(service.minimum_healthy_percent, service.maximum_percent)
    return service


def _changed(service: Service, request: dict[str, Any]) -> Service:
    """Take in what changes without a deployment."""
    if request.get("desiredCount") is not None:
        count = service_request.desired_count(request)
        service = replace(service, desired_count=count, steady=False, reported=())
    members = {
        "enable_ecs_managed_tags": request.get("enableECSManagedTags"),
        "propagate_tags": request.get("propagateTags"),
        "availability_zone_rebalancing": request.get("availabilityZoneRebalancing"),
    }
    given = {field: value for field, value in members.items() if value is not None}
    return _with_configuration(replace(service, **given), request)


def _redeployed(
    call: Call, change: Transaction, service: Service, request: dict[str, Any]
) -> Service:
    """Begin a deployment of what is wanted now, unless nothing of it differs."""
    now = service.deployments[0]
    definition = _wanted_definition(change, service, request)
    wired, balancers = service.network_configuration, service.load_balancers
    if request.get("networkConfiguration") is not None:
        wired = network.parse(change, definition, request["networkConfiguration"])
    if request.get("loadBalancers") is not None or definition.arn != now.task_definition_arn:
        given = request.get("loadBalancers")
        wanted = list(balancers) if given is None else given
        balancers = load_balancers.parse(change, definition, wanted, wired)
    version = capacity.platform_version(request) or service.platform_version
    fresh = _deployment(
        call,
        definition,
        launch_type=service.launch_type,
        platform_version=version,
        network_configuration=wired,
        load_balancers=balancers,
    )
    if _equal(fresh, now) and not request.get("forceNewDeployment"):
        return service
    service = replace(
        service,
        platform_version=version,
        network_configuration=wired,
        load_balancers=balancers,
        target_group_arns=deployments.target_groups(fresh),
    )
    return deployments.begin(service, fresh, call.clock.now())


def _wanted_definition(view: View, service: Service, request: dict[str, Any]) -> TaskDefinition:
    if request.get("taskDefinition"):
        definition = require_runnable(view, request["taskDefinition"])
        if service.launch_type not in (None, *definition.compatibilities):
            raise AwsError(
                "InvalidParameterException",
                f"Task definition does not support launch_type {service.launch_type}.",
            )
        return definition
    known = view.get(TaskDefinition, service.deployments[0].task_definition)
    if known is None:
        raise AwsError("ClientException", "TaskDefinition not found.")
    return known


def _equal(one: Deployment, other: Deployment) -> bool:
    return (
        one.task_definition_arn == other.task_definition_arn
        and one.network_configuration == other.network_configuration
        and one.load_balancers == other.load_balancers
        and one.platform_version == other.platform_version
    )


def _deployment(call: Call, definition: TaskDefinition, **members: Any) -> Deployment:  # noqa: ANN401 - passed on to a typed constructor
    deployment_id = call.ids.deployment_id()
    now = call.clock.now()
    return Deployment(
        deployment_id=deployment_id,
        status="PRIMARY",
        task_definition=definition.name,
        task_definition_arn=definition.arn,
        created_at=now,
        updated_at=now,
        rollout_state_reason=deployments.in_progress(deployment_id),
        **members,
    )


def _as_arn(cluster: Cluster, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return cluster.arn.replace(":cluster/", ":service/") + f"/{reference}"
