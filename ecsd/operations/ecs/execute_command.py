"""ExecuteCommand: an invitation to a session inside a container.

Source: Amazon ECS API Reference, ExecuteCommand; ecs_semantics 11.1, 12 (texts).
"""

import shlex
from datetime import timedelta
from typing import Any

from ecsd.decisions.tasks.task import is_wanted
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.ecs.task import Container, Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.host import Host
from ecsd.settings import Settings
from ecsd.store.finders.ecs import find_task, require_cluster
from ecsd.store.scope import HOSTS
from ecsd.store.store import View

OPEN_WITHIN = timedelta(minutes=5)
MOST_INVITATIONS = 1000  # of a task; AWS's quota of sessions per container
NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or "
    "the execute command agent isn\u2019t running. Wait and try again or run a new task with "
    "execute command enabled and try again."
)
NO_ROLE = (
    "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a "
    "valid task role in your task definition and try again."
)


@operation("ecs", "ExecuteCommand")
async def execute_command(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Invite the caller to a session; the task's host serves it."""
    if not request["interactive"]:
        raise AwsError(
            "InvalidParameterException", "Interactive is the only mode supported currently."
        )
    _check_command(request["command"])
    async with call.transaction() as change:
        cluster = require_cluster(change, request.get("cluster"))
        task = _task(change, cluster, request["task"])
        container = _container(task, request.get("container"))
        if not _is_connected(call, task):
            raise AwsError(
                "TargetNotConnectedException",
                "The execute command failed due to an internal error. Try again later.",
            )
        if change.count(ExecSession, "task_arn", task.task_arn) >= MOST_INVITATIONS:
            raise AwsError(
                "ClientException", f"A task may have at most {MOST_INVITATIONS} sessions waiting."
            )
        now = call.clock.now()
        session = ExecSession(
            session_id=call.ids.exec_session_id(),
            token=call.ids.secret(96),
            task_arn=task.task_arn,
            host=task.host or "",
            container_name=container.name,
            runtime_id=container.runtime_id or "",
            command=request["command"],
            log_group=_log_group(change, cluster, task, container),
            created_at=now,
            expires_at=now + OPEN_WITHIN,
        )
        change.put(session)
    return {
        "clusterArn": cluster.arn,
        "containerArn": container.container_arn,
        "containerName": container.name,
        "interactive": True,
        "session": {
            "sessionId": session.session_id,
            "streamUrl": _url(call.settings, session.session_id),
            "tokenValue": session.token,
        },
        "taskArn": task.task_arn,
    }


def check_role(definition: TaskDefinition, *, enabled: bool) -> None:
    """Refuse ECS Exec for tasks without a task role, as ECS does."""
    if enabled and not definition.task_role_arn:
        raise AwsError("InvalidParameterException", NO_ROLE)


def _check_command(command: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise AwsError("InvalidParameterException", f"command: {error}.") from error
    if not words:
        raise AwsError("InvalidParameterException", "command must not be empty.")


def _task(view: View, cluster: Cluster, reference: str) -> Task:
    task = find_task(view, cluster, reference)
    if task is None:
        raise AwsError("InvalidParameterException", "The referenced task was not found.")
    if not task.enable_execute_command or task.last_status != "RUNNING" or not is_wanted(task):
        raise AwsError("InvalidParameterException", NOT_ENABLED)
    return task


def _container(task: Task, name: str | None) -> Container:
    """Return the container of that name, or the only one."""
    if not name and len(task.containers) > 1:
        raise AwsError(
            "InvalidParameterException",
            "A container name is required: the task has more than one container.",
        )
    found = [one for one in task.containers if not name or one.name == name]
    if not found:
        raise AwsError(
            "InvalidParameterException", f"The container {name} does not exist in the task."
        )
    if found[0].last_status != "RUNNING" or not found[0].runtime_id:
        raise AwsError("InvalidParameterException", NOT_ENABLED)
    return found[0]


def _is_connected(call: Call, task: Task) -> bool:
    host = call.store.view(HOSTS).get(Host, task.host or "")
    return host is not None and host.connected


def _log_group(view: View, cluster: Cluster, task: Task, container: Container) -> str:
    """Return where the transcript goes, by the cluster's configuration; empty: nowhere."""
    given = (cluster.configuration or {}).get("executeCommandConfiguration") or {}
    match given.get("logging") or "DEFAULT":
        case "NONE":
            return ""
        case "OVERRIDE":
            return str((given.get("logConfiguration") or {}).get("cloudWatchLogGroupName") or "")
        case _:
            return _own_group(view, task, container)


def _own_group(view: View, task: Task, container: Container) -> str:
    definition = view.get(TaskDefinition, task.task_definition)
    containers = definition.container_definitions if definition else ()
    own = next((one for one in containers if one["name"] == container.name), {})
    logging = own.get("logConfiguration") or {}
    if logging.get("logDriver") != "awslogs":
        return ""
    return str((logging.get("options") or {}).get("awslogs-group") or "")


def _url(settings: Settings, session_id: str) -> str:
    host, port = settings.exec_place
    base = settings.exec_url.rstrip("/") or f"ws://{host}:{port}"
    return f"{base}/v1/data-channel/{session_id}?role=publish_subscribe"
