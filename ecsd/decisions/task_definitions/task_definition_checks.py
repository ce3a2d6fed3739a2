"""What makes a task definition wrong, in ECS's words where they are known.

Each check yields messages; the first refuses the registration (ClientException). One container is
``container_checks``'s, what containers say of each other ``container_dependency_checks``'s.
Source: ecs_semantics 2.1 and 2.4; API Reference, RegisterTaskDefinition.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.task_definitions.container_checks import NAME, check_container
from ecsd.decisions.task_definitions.container_dependency_checks import check_dependencies
from ecsd.decisions.task_definitions.volume_checks import check_volumes

MOST_CONTAINERS = 10
LEAST_STORAGE, MOST_STORAGE = 21, 200  # GiB
MOST_CONSTRAINTS = 10  # with those of RunTask
LONGEST_EXPRESSION = 2000
LEAST_CPU, MOST_CPU = 128, 196_608  # units of a task outside Fargate
ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+|[\w+=,.@-]{1,64}")


def check_task(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the whole; ``task`` is the request, cpu and memory as numbers."""
    containers: Sequence[Mapping[str, Any]] = task["containerDefinitions"]
    if not NAME.fullmatch(task["family"]):
        yield (
            "Family contains invalid characters: up to 255 letters, numbers, hyphens and "
            "underscores are allowed."
        )
    if not containers:
        yield "Container list cannot be empty."
    if len(containers) > MOST_CONTAINERS:
        yield f"A task definition may hold at most {MOST_CONTAINERS} containers."
    names = [one.get("name") for one in containers]
    if len(set(names)) < len(names):
        yield "Container definitions must have unique names."
    for container in containers:
        yield from check_container(container, task)
    if containers and not any(one.get("essential", True) for one in containers):
        yield "At least one container in a task definition must be essential."
    yield from _size(containers, task)
    yield from check_dependencies(containers)
    yield from check_volumes(task)
    yield from _constraints(task)
    yield from check_roles(task)
    yield from check_storage(task)


def check_roles(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the roles of a definition or of overrides: an ARN or a name."""
    for member in ("taskRoleArn", "executionRoleArn"):
        if members.get(member) and not ROLE.fullmatch(members[member]):
            yield f"{member} must be the ARN or the name of a role, got {members[member]!r}."


def check_storage(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the ephemeralStorage of a definition or of overrides."""
    size = (members.get("ephemeralStorage") or {}).get("sizeInGiB")
    if size is not None and size < LEAST_STORAGE:
        yield f"EphemeralStorage size should be at least {LEAST_STORAGE}"
    if size is not None and size > MOST_STORAGE:
        yield f"EphemeralStorage size should be at most {MOST_STORAGE}"


def check_sums(containers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what containers want, each or together, beyond what the task has (units, MiB)."""
    for container in containers:
        for member in ("memory", "memoryReservation"):
            if task.get("memory") is not None and (container.get(member) or 0) > task["memory"]:
                yield (
                    f"The '{member}' setting for container '{container.get('name')}' is greater "
                    "than for the task."
                )
    for member, limit in (("cpu", task.get("cpu")), ("memory", task.get("memory"))):
        total = sum(one.get(member) or 0 for one in containers)
        if limit is not None and total > limit:
            yield (
                f"The sum of all container '{member}' values cannot be greater than the value of "
                f"the task '{member}'."
            )


def _size(containers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> Iterator[str]:
    if task.get("cpu") is not None and not LEAST_CPU <= task["cpu"] <= MOST_CPU:
        yield "Invalid 'cpu' setting for task."
    yield from check_sums(containers, task)
    limit = task.get("memory")
    total = sum(one.get("memoryReservation") or 0 for one in containers)
    if limit is not None and total > limit:
        yield (
            "The sum of all container 'memoryReservation' values cannot be greater than the value "
            "of the task 'memory'."
        )


def _constraints(task: Mapping[str, Any]) -> Iterator[str]:
    constraints = task.get("placementConstraints") or ()
    if len(constraints) > MOST_CONSTRAINTS:
        yield f"placementConstraints: at most {MOST_CONSTRAINTS} are allowed."
    for one in constraints:
        expression = one.get("expression") or ""
        if one.get("type") != "memberOf" or not expression:
            yield "placementConstraints: a constraint has the type memberOf and an expression."
        elif len(expression) > LONGEST_EXPRESSION:
            yield (
                "placementConstraints: an expression may have at most "
                f"{LONGEST_EXPRESSION} characters."
            )
