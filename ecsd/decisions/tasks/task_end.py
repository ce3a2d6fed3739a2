"""How a task ended, in a service event's words."""

from ecsd.records.ecs.task import Task


def how_it_ended(task: Task) -> str | None:
    """Return the event's text, without the service's name; None when somebody asked for the end.

    A task that never started is told as AWS does (ecs_semantics 4.6, ``unable to place``); one
    whose container ended by itself names the container and its exit code, which AWS leaves to
    DescribeTasks.
    """
    reason = task.stopped_reason or ""
    if task.stop_code == "TaskFailedToStart":
        return f"was unable to place a task. Reason: {_cause(task) or reason}"
    if task.stop_code == "EssentialContainerExited":
        detail = _exits(task)
        return f"(task {task.task_id}) has stopped due to (reason {reason}{detail})."
    return None


def _cause(task: Task) -> str | None:
    """Return a container's own reason where the task's says no more than that it failed."""
    if task.stopped_reason != "Task failed to start":
        return None
    return next((one.reason for one in task.containers if one.reason), None)


def _exits(task: Task) -> str:
    exits = [
        f"container {one.name} exited with code {one.exit_code}"
        + (f", {one.reason}" if one.reason else "")
        for one in task.containers
        if one.essential and one.exit_code is not None
    ]
    return ": " + "; ".join(exits) if exits else ""
