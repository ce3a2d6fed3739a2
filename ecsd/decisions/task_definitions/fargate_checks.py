"""What keeps a task definition off Fargate, in ECS's words where they are known.

Source: ecs_semantics 2.1.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.ecr.names import is_private_image
from ecsd.decisions.task_definitions.fargate_size import is_fargate_size

FARGATE_DRIVERS = ("awslogs", "splunk", "awsfirelens")
FARGATE_REFUSES = (
    "links",
    "privileged",
    "dockerSecurityOptions",
    "extraHosts",
    "hostname",
    "disableNetworking",
)
FARGATE_LINUX_REFUSES = ("devices", "sharedMemorySize", "maxSwap", "swappiness")
SHORTEST, LONGEST = 2, 120  # seconds that startTimeout and stopTimeout may be


def check_fargate(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the definition off Fargate."""
    for member in ("cpu", "memory"):
        if task.get(member) is None:
            yield f"Fargate requires that '{member}' be defined at the task level."
            return
    if not is_fargate_size(task["cpu"], task["memory"]):
        yield "No Fargate configuration exists for given values."
    if task.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    if task.get("pidMode") not in (None, "task"):
        yield (
            f"Tasks using the Fargate launch type do not support pidMode '{task['pidMode']}'. "
            "The supported value for pidMode is 'task'."
        )
    for member in ("ipcMode", "placementConstraints"):
        if task.get(member):
            yield f"Tasks using the Fargate launch type do not support {member}."
    images = [str(one.get("image", "")) for one in task["containerDefinitions"]]
    if not task.get("executionRoleArn") and any(map(is_private_image, images)):
        yield "Fargate requires task definition to have execution role ARN to support ECR images."
    yield from _volumes(task)
    for container in task["containerDefinitions"]:
        yield from _fargate_container(container, task)


def _volumes(task: Mapping[str, Any]) -> Iterator[str]:
    for volume in task.get("volumes") or ():
        if volume.get("dockerVolumeConfiguration") or (volume.get("host") or {}).get("sourcePath"):
            yield f"Fargate does not support the configuration of volume '{volume.get('name')}'."


def _fargate_container(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    for member in FARGATE_REFUSES:
        if container.get(member):
            yield f"Fargate does not support '{member}' in container '{container.get('name')}'."
    for member in FARGATE_LINUX_REFUSES:
        if (container.get("linuxParameters") or {}).get(member) not in (None, []):
            yield f"Fargate does not support linuxParameters.{member}."
    added = ((container.get("linuxParameters") or {}).get("capabilities") or {}).get("add") or ()
    if set(added) - {"SYS_PTRACE"}:
        yield "Fargate only supports adding the SYS_PTRACE kernel capability."
    yield from _logging(container, task)
    for member in ("startTimeout", "stopTimeout"):
        seconds = container.get(member)
        if seconds is not None and not SHORTEST <= seconds <= LONGEST:
            yield f"Container '{container.get('name')}': {member} must be between 2 and 120."


def _logging(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    logging = container.get("logConfiguration") or {}
    driver = logging.get("logDriver")
    if driver and driver not in FARGATE_DRIVERS:
        yield f"Fargate does not support log driver '{driver}'."
    if driver == "awslogs":
        if not task.get("executionRoleArn"):
            yield (
                "Fargate requires task definition to have execution role ARN to support log "
                "driver awslogs."
            )
        if not (logging.get("options") or {}).get("awslogs-stream-prefix"):
            yield "Log driver awslogs requires option: awslogs-stream-prefix"
