"""Task scale-in protection. Source: Amazon ECS API Reference; ecs_semantics 1.5."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.services import deployment
from ecsd.decisions.tasks.task import is_live, is_protected
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs.task import as_arn
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.store.finders.ecs import find_task, require_cluster
from ecsd.store.store import View

MOST_UPDATED, MOST_ASKED = 10, 100
SHORTEST, LONGEST, DEFAULT = 1, 2880, 120  # minutes


@operation("ecs", "UpdateTaskProtection")
async def update_task_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Protect tasks of services from scale-in and deployments, or no longer."""
    tasks = _named(request, MOST_UPDATED)
    minutes = request.get("expiresInMinutes")
    if minutes is not None and not SHORTEST <= minutes <= LONGEST:
        raise AwsError(
            "InvalidParameterException",
            f"expiresInMinutes must be between {SHORTEST} and {LONGEST}, got {minutes}.",
        )
    enabled = bool(request["protectionEnabled"])
    until = call.clock.now() + timedelta(minutes=minutes or DEFAULT) if enabled else None
    protected, failures = [], []
    async with call.transaction() as change:
        cluster = require_cluster(change, request["cluster"])
        for reference in tasks:
            task = find_task(change, cluster, reference)
            reason = _refusal(change, task, enabled=enabled)
            if task is None or reason is not None:
                failures.append({"arn": as_arn(cluster, reference), "reason": reason})
                continue
            task = replace(task, protected_until=until)
            change.put(task)
            protected.append(_show(task, call))
    return {"protectedTasks": protected, "failures": failures}


@operation("ecs", "GetTaskProtection")
async def get_task_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Show the protection of tasks; of all tasks of services when none is named."""
    view = call.view
    cluster = require_cluster(view, request["cluster"])
    if not request.get("tasks"):
        own = [one for one in view.select(Task, cluster=cluster.name) if one.service_arn]
        return {"protectedTasks": [_show(one, call) for one in own if is_live(one)], "failures": []}
    shown, failures = [], []
    for reference in _named(request, MOST_ASKED):
        task = find_task(view, cluster, reference)
        reason = _refusal(view, task, enabled=False)
        if task is None or reason is not None:
            failures.append({"arn": as_arn(cluster, reference), "reason": reason})
        else:
            shown.append(_show(task, call))
    return {"protectedTasks": shown, "failures": failures}


def _named(request: dict[str, Any], most: int) -> list[str]:
    tasks = list(dict.fromkeys(request.get("tasks") or ()))
    if not tasks:
        raise AwsError("InvalidParameterException", "Tasks cannot be empty.")
    if len(tasks) > most:
        raise AwsError("InvalidParameterException", f"tasks: at most {most} may be named at once.")
    return tasks


def _refusal(view: View, task: Task | None, *, enabled: bool) -> str | None:
    """Return a failure's reason, or None."""
    if task is None:
        return "MISSING"
    if task.service_arn is None or not is_live(task):
        return "TASK_NOT_VALID"
    service = view.get(Service, task.service_arn)
    if enabled and service is not None and _blocks(service, task):
        return "DEPLOYMENT_BLOCKED"
    return None


def _blocks(service: Service, task: Task) -> bool:
    """Tell whether protected tasks already keep a deployment from replacing this one."""
    if not service.deployments or "protected" not in service.reported:
        return False
    return task.deployment_id != deployment.primary(service).deployment_id


def _show(task: Task, call: Call) -> dict[str, Any]:
    if not is_protected(task, call.clock.now()):
        return {"taskArn": task.task_arn, "protectionEnabled": False}
    return {
        "taskArn": task.task_arn,
        "protectionEnabled": True,
        "expirationDate": task.protected_until,
    }
