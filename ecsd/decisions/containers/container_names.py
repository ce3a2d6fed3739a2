"""What the containers, volumes and cgroup of a task are called on its host.

Every name carries the task's id, so nothing of two tasks can collide; every container and volume
carries labels, so that a restarted agent knows its own and touches nothing else.
Source: Amazon ECS Developer Guide, container labels set by the agent.
"""

from typing import Any

from ecsd.records.plan import TaskPlan

OWNER = "dev.ecsd.owner"  # which installation made it: two of them may share an Engine
TASK = "dev.ecsd.task-arn"
ROLE = "dev.ecsd.role"
NAME = "dev.ecsd.container"
PAUSE = "pause"
APP = "app"


def pause_name(plan: TaskPlan) -> str:
    """Return the name of the container that holds the task's namespaces."""
    return f"ecsd-{plan.task_id}-pause"


def container_name(plan: TaskPlan, container: str) -> str:
    """Return a container's name; one called ``pause`` does not meet the task's own pause."""
    return f"ecsd-{plan.task_id}-{container}" + ("-app" if container == PAUSE else "")


def volume_name(plan: TaskPlan, volume: dict[str, Any]) -> str:
    """Return the Engine's name for a volume: a shared one keeps its own, others are the task's."""
    docker = volume.get("dockerVolumeConfiguration") or {}
    if docker.get("scope") == "shared":
        return str(volume["name"])
    return f"ecsd-{plan.task_id}-{volume['name']}"


def cgroup_parent(plan: TaskPlan, driver: str) -> str:
    """Return the task's cgroup in the form that the Engine's cgroup driver wants.

    driver: ``cgroupfs`` (a path) or ``systemd`` (a slice; its dashes are levels).
    """
    if driver == "systemd":
        return f"ecsd-{plan.task_id}.slice"
    return f"/ecsd/{plan.task_id}"


def ownership(plan: TaskPlan, owner: str) -> dict[str, str]:
    """Return the labels by which the agent knows what is its own, and of which task."""
    return {OWNER: owner, TASK: plan.task_arn}


def labels(plan: TaskPlan, container: str, role: str, owner: str) -> dict[str, str]:
    """Return a container's labels: AWS's five and ours."""
    return {
        "com.amazonaws.ecs.cluster": plan.cluster,
        "com.amazonaws.ecs.container-name": container,
        "com.amazonaws.ecs.task-arn": plan.task_arn,
        "com.amazonaws.ecs.task-definition-family": plan.family,
        "com.amazonaws.ecs.task-definition-version": str(plan.revision),
        ROLE: role,
        NAME: container,
        **ownership(plan, owner),
    }


def repository(image: str) -> str:
    """Return an image's repository, with its registry, without tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"
