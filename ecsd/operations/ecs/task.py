"""Tasks: run, stop, describe, list.

Source: Amazon ECS API Reference; ecs_semantics 1, 3.1, 11.2.
"""

import re
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ecsd.decisions.services.capacity_shares import provider_of_next
from ecsd.decisions.services.service_tags import managed_tags
from ecsd.decisions.tasks.new_task import Origin
from ecsd.decisions.tasks.task import stop
from ecsd.decisions.tasks.task_overrides import check_overrides, normalise_overrides
from ecsd.decisions.tasks.task_roles import roles_of
from ecsd.decisions.tasks.task_view import show_task
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import capacity, network, tag_set, volume_configurations
from ecsd.operations.ecs.execute_command import check_role
from ecsd.operations.ecs.paging import page
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.cluster import ClientToken, Cluster
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.tag import Tag
from ecsd.store.finders.ecs import (
    LOG_DRIVER_MODE,
    account_setting,
    find_service,
    find_task,
    require_cluster,
    require_runnable,
)
from ecsd.store.launch import Refusal, launch
from ecsd.store.store import Transaction, View
from ecsd.store.task_roles import Rules, fault_of

MOST_COUNT = 10
MOST_DESCRIBED = 100
LONGEST_OVERRIDES = 8192
LONGEST_REASON = 1024
STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{1,128}")
LATER = ("placementConstraints", "placementStrategy")
OVERRIDES_LATER = ("inferenceAcceleratorOverrides",)
CONTAINER_OVERRIDES_LATER = ("resourceRequirements",)


class _Wanted(NamedTuple):
    cluster: Cluster
    definition: TaskDefinition
    origin: Origin
    strategy: tuple[dict[str, Any], ...]
    copies: int


@operation("ecs", "RunTask")
async def run_task(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Start one to ten tasks; what could not be placed is listed as failures."""
    async with call.transaction() as change:
        wanted = _check(call, change, request)
        _check_assumable(call, wanted)
        token = _known_token(call, change, request)
        if token is not None:
            known = [change.get(Task, arn) for arn in token.resource_arns]
            return {"tasks": [show(change, one) for one in known if one], "failures": []}
        tasks: list[Task] = []
        failures = []
        for _ in range(wanted.copies):
            provider = provider_of_next(wanted.strategy, tasks)
            origin = replace(wanted.origin, capacity_provider_name=provider)
            task = launch(
                change, wanted.cluster, wanted.definition, origin, call.ids, call.clock.now()
            )
            if isinstance(task, Refusal):
                failures.append(
                    {"arn": wanted.definition.arn, "reason": "RESOURCE:ENI", "detail": task.reason}
                )
            else:
                tasks.append(task)
        if request.get("clientToken"):
            change.put(_token(call, request, tuple(one.task_arn for one in tasks)))
        shown = [show(change, one, tags=True) for one in tasks]
    return {"tasks": shown, "failures": failures}


def _check_assumable(call: Call, wanted: _Wanted) -> None:
    """Refuse roles that ECS cannot assume for the tasks."""
    home, account = call.store.view(call.scope.globally()), call.scope.account
    region_tasks = f"arn:aws:ecs:{call.scope.region}:{account}:task/{wanted.cluster.name}/*"
    for role in roles_of(wanted.definition, wanted.origin.overrides, account):
        fault = fault_of(home, role, region_tasks, Rules.of(call.settings))
        if fault is not None:
            raise AwsError("ClientException", fault)


@operation("ecs", "StopTask")
async def stop_task(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask for a task's end: out of its load balancers first, then the stop signal."""
    reason = request.get("reason") or "Task stopped by user"
    if len(reason) > LONGEST_REASON:
        raise AwsError(
            "InvalidParameterException", f"reason may have at most {LONGEST_REASON} characters."
        )
    async with call.transaction() as change:
        cluster = require_cluster(change, request.get("cluster"))
        task = find_task(change, cluster, request["task"])
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        task = stop(task, "UserInitiated", reason, call.clock.now())
        change.put(task)
        shown = show(change, task)
    return {"task": shown}


@operation("ecs", "DescribeTasks")
async def describe_tasks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe up to a hundred tasks; unknown ones are listed as failures."""
    references = request["tasks"]
    if not references:
        raise AwsError("InvalidParameterException", "Tasks cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise AwsError(
            "InvalidParameterException",
            f"tasks: at most {MOST_DESCRIBED} may be described at once.",
        )
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    tags = "TAGS" in (request.get("include") or ())
    found, failures = [], []
    for reference in dict.fromkeys(references):
        task = find_task(view, cluster, reference)
        if task is None:
            failures.append({"arn": as_arn(cluster, reference), "reason": "MISSING"})
        else:
            found.append(show(view, task, tags=tags))
    return {"tasks": found, "failures": failures}


@operation("ecs", "ListTasks")
async def list_tasks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the ARNs of a cluster's tasks; every given filter has to match."""
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    refuse_members(request, ("containerInstance", "daemonName"), "InvalidParameterException")
    filters = ("family", "serviceName", "launchType", "desiredStatus")
    if request.get("startedBy") and any(request.get(one) for one in filters[:3]):
        raise AwsError(
            "InvalidParameterException", "startedBy: must be the only filter when it is given."
        )
    service = request.get("serviceName")
    service_arn = None
    if service:
        found = find_service(view, cluster, service)
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        service_arn = found.arn
    desired = request.get("desiredStatus") or "RUNNING"
    arns = sorted(
        one.task_arn
        for one in view.select(Task, cluster=cluster.name)
        if one.desired_status == desired
        and service_arn in {None, one.service_arn}
        and request.get("family") in {None, "", one.task_definition.rpartition(":")[0]}
        and request.get("launchType") in {None, "", one.launch_type}
        and request.get("startedBy") in {None, "", one.started_by}
    )
    chosen, token = page(arns, request, key=str)
    return {"taskArns": chosen, "nextToken": token}


def show(view: View, task: Task, *, tags: bool = False) -> dict[str, Any]:
    """Return a task with its interface as the API shows it."""
    interface = view.get(NetworkInterface, task.network_interface_id or "")
    dns_name = None
    if interface is not None:
        region = view.scope.region
        domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
        dns_name = f"ip-{interface.private_ip_address.replace('.', '-')}.{domain}"
    return show_task(task, interface, dns_name, tags=tags)


def _check(call: Call, view: View, request: dict[str, Any]) -> _Wanted:
    cluster = require_cluster(view, request.get("cluster"))
    refuse_members(request, LATER, "InvalidParameterException")
    count = request.get("count", 1)
    if not 1 <= count <= MOST_COUNT:
        raise AwsError(
            "InvalidParameterException", f"count must be between 1 and {MOST_COUNT}, got {count}."
        )
    started_by = request.get("startedBy") or None
    if started_by is not None and not STARTED_BY.fullmatch(started_by):
        raise AwsError(
            "InvalidParameterException",
            "startedBy may have up to 128 letters, numbers, hyphens, slashes and underscores.",
        )
    definition = require_runnable(view, request["taskDefinition"])
    chosen = capacity.choose(request, cluster, definition)
    overrides = _overrides(request.get("overrides"), definition)
    enabled = bool(request.get("enableExecuteCommand"))
    role = overrides.get("taskRoleArn") or definition.task_role_arn
    check_role(replace(definition, task_role_arn=role), enabled=enabled)
    origin = Origin(
        group=request.get("group") or f"family:{definition.family}",
        started_by=started_by,
        launch_type=chosen.launch_type,
        platform_version=capacity.platform_version(request),
        network_configuration=network.parse(view, definition, request.get("networkConfiguration")),
        overrides=overrides,
        log_driver_mode=account_setting(view, LOG_DRIVER_MODE, call.caller.arn),
        enable_execute_command=enabled,
        tags=_tags(request, cluster, definition),
        volume_configurations=volume_configurations.parse(
            view, definition, request.get("volumeConfigurations"), call.settings
        ),
    )
    return _Wanted(cluster, definition, origin, chosen.strategy, count)


def _tags(request: dict[str, Any], cluster: Cluster, definition: TaskDefinition) -> tuple[Tag, ...]:
    propagate = request.get("propagateTags") or "NONE"
    if propagate == "SERVICE":
        raise AwsError(
            "InvalidParameterException",
            "propagateTags: SERVICE is not valid for a task that no service runs.",
        )
    tags = tag_set.parse(request.get("tags"))
    if propagate == "TASK_DEFINITION":
        tags = tag_set.merge(definition.tags, tags)
    return (*tags, *(managed_tags(cluster, None) if request.get("enableECSManagedTags") else ()))


def _overrides(given: dict[str, Any] | None, definition: TaskDefinition) -> dict[str, Any]:
    """Return the overrides that say something, checked against the definition."""
    overrides = normalise_overrides(given)
    code = "InvalidParameterException"
    refuse_members(overrides, OVERRIDES_LATER, code, "overrides.")
    for container in overrides.get("containerOverrides", ()):
        refuse_members(container, CONTAINER_OVERRIDES_LATER, code, "overrides.containerOverrides.")
    if len(msgspec.json.encode(overrides)) > LONGEST_OVERRIDES:
        raise AwsError(code, f"overrides: may have at most {LONGEST_OVERRIDES} characters.")
    problem = next(check_overrides(overrides, definition), None)
    if problem is not None:
        raise AwsError(code, problem)
    return overrides


def _known_token(call: Call, change: Transaction, request: dict[str, Any]) -> ClientToken | None:
    """Return what an earlier call with this clientToken made; refuse if it asked for else."""
    if not request.get("clientToken"):
        return None
    known = change.get(ClientToken, f"RunTask|{request['clientToken']}")
    if known is None or known.expires_at <= call.clock.now():
        return None
    if known.request_hash != _fingerprint(request):
        raise AwsError(
            "ConflictException",
            "The RunTask request could not be processed due to conflicts. The clientToken was "
            "used with other parameters.",
            details={"resourceIds": list(known.resource_arns)},
        )
    return known


def _token(call: Call, request: dict[str, Any], arns: tuple[str, ...]) -> ClientToken:
    return ClientToken(
        place=f"RunTask|{request['clientToken']}",
        request_hash=_fingerprint(request),
        resource_arns=arns,
        created_at=call.clock.now(),
    )


def _fingerprint(request: dict[str, Any]) -> str:
    rest = {member: value for member, value in request.items() if member != "clientToken"}
    return msgspec.json.encode(rest, order="deterministic").decode()


def as_arn(cluster: Cluster, reference: str) -> str:
    """Return the ARN that a task of this id or ARN would have."""
    if reference.startswith("arn:"):
        return reference
    return cluster.arn.replace(":cluster/", ":task/") + f"/{reference}"
