"""Task sets: create, describe, scale, make primary, delete. The controller acts.

Source: Amazon ECS API Reference; ecs_semantics 4.10.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.services.deployment import new_deployment
from ecsd.decisions.services.task_set import show_task_set
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import service_revision, tag_set
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet
from ecsd.store.finders.ecs import require_active_service, require_cluster, revision_by_arn
from ecsd.store.store import Transaction, View

WHOLE = 100.0


@operation("ecs", "CreateTaskSet")
async def create_task_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add a set; the same clientToken answers the same one."""
    percent = _percent(request.get("scale"))
    async with call.transaction() as change:
        service = _service(change, request)
        known = change.select(TaskSet, service_arn=service.arn)
        token = request.get("clientToken") or None
        same = next((one for one in known if token and one.client_token == token), None)
        if same is not None:
            return {"taskSet": _show(change, service, same)}
        if len(request.get("loadBalancers") or ()) > 1:
            raise AwsError(
                "InvalidParameterException", "loadBalancers can have at most 1 item in a task set."
            )
        now = call.clock.now()
        revision = service_revision.first_revision(call, change, service, request)
        first = new_deployment(revision, now)
        place = service.arn.replace(":service/", ":task-set/")
        task_set = TaskSet(
            arn=f"{place}/{first.deployment_id}",
            task_set_id=first.deployment_id,
            service_arn=service.arn,
            cluster_arn=service.cluster_arn,
            revision_arn=revision.arn,
            percent=percent,
            external_id=request.get("externalId"),
            client_token=token,
            stable_at=now,
            created_at=now,
            updated_at=now,
            tags=tag_set.parse(request.get("tags")),
        )
        service = replace(
            service, deployments=(*service.deployments, replace(first, status="ACTIVE"))
        )
        change.put(revision, task_set, service)
        shown = _show(change, service, task_set)
    return {"taskSet": shown}


@operation("ecs", "DescribeTaskSets")
async def describe_task_sets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a service's sets, or those that are named; unknown ones are failures."""
    view = call.view
    service = _service(view, request)
    tags = "TAGS" in (request.get("include") or ())
    sets = sorted(
        view.select(TaskSet, service_arn=service.arn), key=lambda one: one.created_at, reverse=True
    )
    named = request.get("taskSets")
    if named:
        found = {name: _find(view, service, name) for name in named}
        failures = [{"arn": name, "reason": "MISSING"} for name, one in found.items() if not one]
        sets = [one for one in found.values() if one is not None]
    else:
        failures = []
    shown = [_show(view, service, one, tags=tags) for one in sets]
    return {"taskSets": shown, "failures": failures}


@operation("ecs", "UpdateTaskSet")
async def update_task_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a set's scale."""
    percent = _percent(request["scale"])
    async with call.transaction() as change:
        service = _service(change, request)
        task_set = _require(change, service, request["taskSet"])
        if task_set.status == "DRAINING":
            raise AwsError("InvalidParameterException", "The task set is DRAINING.")
        task_set = replace(task_set, percent=percent, updated_at=call.clock.now())
        change.put(task_set)
        shown = _show(change, service, task_set)
    return {"taskSet": shown}


@operation("ecs", "UpdateServicePrimaryTaskSet")
async def update_service_primary_task_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say which set the service is; what it is made of becomes the service's own."""
    async with call.transaction() as change:
        service = _service(change, request)
        chosen = _require(change, service, request["primaryTaskSet"])
        if chosen.status == "DRAINING":
            raise AwsError("InvalidParameterException", "The task set is DRAINING.")
        now = call.clock.now()
        for one in change.select(TaskSet, service_arn=service.arn):
            if one.status == "PRIMARY" and one.arn != chosen.arn:
                change.put(replace(one, status="ACTIVE", updated_at=now))
        chosen = replace(chosen, status="PRIMARY", updated_at=now)
        revision = revision_by_arn(change, chosen.revision_arn)
        service = replace(
            service,
            revision_arn=revision.arn,
            launch_type=revision.launch_type,
            capacity_provider_strategy=revision.capacity_provider_strategy,
        )
        change.put(chosen, service)
        shown = _show(change, service, chosen)
    return {"taskSet": shown}


@operation("ecs", "DeleteTaskSet")
async def delete_task_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Drain a set; one that is scaled above 0 only by force."""
    async with call.transaction() as change:
        service = _service(change, request)
        task_set = _require(change, service, request["taskSet"])
        if task_set.percent > 0 and not request.get("force"):
            raise AwsError(
                "InvalidParameterException",
                "The task set cannot be deleted while it is scaled above 0. Use force.",
            )
        task_set = replace(task_set, status="DRAINING", stable=False, updated_at=call.clock.now())
        change.put(task_set)
        shown = _show(change, service, task_set)
    return {"taskSet": shown}


def show_all(view: View, service: Service) -> list[dict[str, Any]]:
    """Return a service's sets in the API's shape, newest first."""
    sets = view.select(TaskSet, service_arn=service.arn)
    newest_first = sorted(sets, key=lambda one: one.created_at, reverse=True)
    return [_show(view, service, one, tags=True) for one in newest_first]


def _service(view: View | Transaction, request: dict[str, Any]) -> Service:
    cluster = require_cluster(view, request["cluster"])
    service = require_active_service(view, cluster, request["service"])
    if service.deployment_controller != "EXTERNAL":
        raise AwsError(
            "InvalidParameterException",
            "Task sets are only supported by services with the EXTERNAL deployment controller.",
        )
    return service


def _find(view: View, service: Service, reference: str) -> TaskSet | None:
    """Return a set by ARN or id, with or without ``ecs-svc/``."""
    if reference.startswith("arn:"):
        return view.get(TaskSet, reference)
    number = reference.removeprefix("ecs-svc/")
    place = service.arn.replace(":service/", ":task-set/")
    return view.get(TaskSet, f"{place}/ecs-svc/{number}")


def _require(view: View, service: Service, reference: str) -> TaskSet:
    found = _find(view, service, reference)
    if found is None or found.service_arn != service.arn:
        raise AwsError("TaskSetNotFoundException", "The specified task set does not exist.")
    return found


def _percent(scale: dict[str, Any] | None) -> float:
    value = (scale or {}).get("value")
    percent = WHOLE if value is None else float(value)
    if not 0 <= percent <= WHOLE:
        raise AwsError(
            "InvalidParameterException", f"scale.value must be between 0.0 and 100.0, got {value}."
        )
    return percent


def _show(view: View, service: Service, task_set: TaskSet, *, tags: bool = True) -> dict[str, Any]:
    revision = revision_by_arn(view, task_set.revision_arn)
    tasks = view.select(Task, service_arn=service.arn)
    shown = show_task_set(task_set, revision, service.desired_count, tasks)
    return shown if tags else {**shown, "tags": []}
