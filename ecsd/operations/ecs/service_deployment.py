"""Service deployments and revisions: list, describe, stop, continue.

Source: Amazon ECS API Reference; ecs_semantics 4.8, 11.2.
"""

from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from ecsd.decisions.services.lifecycle_hook import PAUSE, decided
from ecsd.decisions.services.service_deployment import STOPPABLE, is_open
from ecsd.decisions.services.service_deployment_view import show_attempt, show_brief, show_revision
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs.paging import page
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.record import Record
from ecsd.store.finders.ecs import find_service, require_cluster
from ecsd.store.store import View

MOST_DESCRIBED = 20
PAGE = 20
K = TypeVar("K", bound=Record)


@operation("ecs", "ListServiceDeployments")
async def list_service_deployments(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a service's deployments, newest first, by status and time of creation."""
    view = call.view
    cluster = require_cluster(view, request.get("cluster"))
    service = find_service(view, cluster, request["service"])
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    found = [
        one
        for one in view.select(ServiceDeployment, service_arn=service.arn)
        if one.status in (request.get("status") or (one.status,))
        and _is_between(one.created_at, request.get("createdAt") or {})
    ]
    found.sort(key=lambda one: (one.created_at, one.arn), reverse=True)
    chosen, token = page(found, request, key=lambda one: one.arn, limit=PAGE)
    return {"serviceDeployments": [show_brief(one) for one in chosen], "nextToken": token}


@operation("ecs", "DescribeServiceDeployments")
async def describe_service_deployments(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe up to twenty by ARN; unknown ones are listed as failures."""
    view = call.view
    found, failures = _found(view, ServiceDeployment, request, "serviceDeploymentArns")
    shown = []
    for one in found:
        service = view.get(Service, one.service_arn)
        if service is not None:
            shown.append(show_attempt(one, service, view.select(Task, service_arn=service.arn)))
    return {"serviceDeployments": shown, "failures": failures}


@operation("ecs", "DescribeServiceRevisions")
async def describe_service_revisions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe up to twenty by ARN; unknown ones are listed as failures."""
    view = call.view
    found, failures = _found(view, ServiceRevision, request, "serviceRevisionArns")
    shown = [show_revision(one, _images(view, one)) for one in found]
    return {"serviceRevisions": shown, "failures": failures}


@operation("ecs", "StopServiceDeployment")
async def stop_service_deployment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask for the way back to the last completed revision; the controller goes it."""
    arn = request["serviceDeploymentArn"]
    if (request.get("stopType") or "ROLLBACK") != "ROLLBACK":
        raise AwsError(
            "InvalidParameterException", "stopType: ROLLBACK is the only supported value."
        )
    async with call.transaction() as change:
        attempt = change.get(ServiceDeployment, arn)
        if attempt is None:
            raise _not_found()
        if not is_open(attempt):
            raise AwsError(
                "ConflictException",
                f"The service deployment cannot be stopped: its status is {attempt.status}.",
                details={"resourceIds": [arn]},
            )
        if attempt.status in STOPPABLE:
            now = call.clock.now()
            change.put(replace(attempt, status="ROLLBACK_REQUESTED", updated_at=now))
    return {"serviceDeploymentArn": arn}


@operation("ecs", "ContinueServiceDeployment")
async def continue_service_deployment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell a deployment that pauses at a hook to go on, or to go back."""
    arn, hook_id = request["serviceDeploymentArn"], request["hookId"]
    async with call.transaction() as change:
        attempt = change.get(ServiceDeployment, arn)
        if attempt is None:
            raise _not_found()
        runs = {one.hook_id: one for one in attempt.hooks}
        run = runs.get(hook_id)
        if run is None or run.target_type != PAUSE:
            raise AwsError(
                "InvalidParameterException",
                f"hookId: the service deployment has no pause hook {hook_id}.",
            )
        if run.status != "AWAITING_ACTION" or not is_open(attempt):
            raise AwsError(
                "InvalidParameterException",
                f"hookId: the hook {hook_id} awaits no action: its status is {run.status}.",
            )
        runs[hook_id] = decided(run, request.get("action") or "CONTINUE")
        hooks = tuple(runs.values())
        change.put(replace(attempt, hooks=hooks, updated_at=call.clock.now()))
    return {"serviceDeploymentArn": arn}


def _not_found() -> AwsError:
    return AwsError(
        "ServiceDeploymentNotFoundException", "The specified service deployment was not found."
    )


def _found(
    view: View, kind: type[K], request: dict[str, Any], member: str
) -> tuple[list[K], list[dict[str, str]]]:
    """Return the records that a member names by ARN, and a failure for each that is missing."""
    arns = request[member]
    if not arns:
        raise AwsError("InvalidParameterException", f"{member} cannot be empty.")
    if len(arns) > MOST_DESCRIBED:
        raise AwsError(
            "InvalidParameterException",
            f"{member}: at most {MOST_DESCRIBED} may be described at once.",
        )
    known = {arn: view.get(kind, arn) for arn in arns}
    found = [one for one in known.values() if one is not None]
    return found, [{"arn": arn, "reason": "MISSING"} for arn, one in known.items() if one is None]


def _is_between(moment: datetime, bounds: dict[str, datetime]) -> bool:
    after, before = bounds.get("after"), bounds.get("before")
    return (after is None or moment >= after) and (before is None or moment <= before)


def _images(view: View, revision: ServiceRevision) -> dict[str, str]:
    definition = view.get(TaskDefinition, revision.task_definition)
    containers = definition.container_definitions if definition else ()
    return {one["name"]: one["image"] for one in containers}
