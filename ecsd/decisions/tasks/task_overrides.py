"""What RunTask changes of a definition for one run: checked, normalised, applied.

Source: Amazon ECS API Reference, TaskOverride and ContainerOverride; ecs_semantics 2.4.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.task_definitions.container_checks import check_environment, check_memory
from ecsd.decisions.task_definitions.fargate_size import cpu_units, is_fargate_size, memory_mib
from ecsd.decisions.task_definitions.startup_value_checks import check_files, check_secret_names
from ecsd.decisions.task_definitions.task_definition_checks import (
    check_roles,
    check_storage,
    check_sums,
)
from ecsd.records.ecs.task_definition import TaskDefinition

EMPTY: tuple[Any, ...] = ("", [], {}, None)
REPLACED = (
    "command",
    "cpu",
    "environmentFiles",
    "memory",
    "memoryReservation",
    "resourceRequirements",
)


def normalise_overrides(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the overrides that say something; cpu and memory as numbers in text, if they are."""
    overrides = {member: value for member, value in (given or {}).items() if value not in EMPTY}
    for member, parse in (("cpu", cpu_units), ("memory", memory_mib)):
        if member in overrides and (number := parse(overrides[member])) is not None:
            overrides[member] = str(number)
    return overrides


def check_overrides(overrides: Mapping[str, Any], definition: TaskDefinition) -> Iterator[str]:
    """Yield what is wrong with normalised overrides of a task on Fargate."""
    if not overrides:
        return  # the definition itself was checked when it was registered
    for member in ("cpu", "memory"):
        if not str(overrides.get(member, "0")).isdecimal():
            yield f"Invalid '{member}' setting for task."
            return
    cpu, memory = task_size(definition, overrides)
    sized = {"cpu": cpu, "memory": memory}
    if not is_fargate_size(cpu or 0, memory or 0):
        yield "No Fargate configuration exists for given values."
    yield from check_roles(overrides)
    yield from check_storage(overrides)
    names = {one["name"] for one in definition.container_definitions}
    given = overrides.get("containerOverrides", ())
    for override in given:
        if override.get("name") not in names:
            yield (
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition."
            )
        for problem in (*check_environment(override), *check_files(override)):
            yield f"Container '{override.get('name')}': {problem}"
    if len({one.get("name") for one in given}) < len(given):
        yield "overrides.containerOverrides: a container may be named once."
    containers = with_overrides(definition, overrides)
    for container in containers:
        yield from check_memory(container, sized)
        yield from check_secret_names(container)
    yield from check_sums(containers, sized)


def task_size(
    definition: TaskDefinition, overrides: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """Return a task's cpu (units) and memory (MiB); None where it has no limit of its own."""
    cpu = overrides.get("cpu") or definition.cpu
    memory = overrides.get("memory") or definition.memory
    return (int(cpu) if cpu else None, int(memory) if memory else None)


def storage_size(definition: TaskDefinition, overrides: Mapping[str, Any]) -> int | None:
    """Return the ephemeral storage that a task asks for, in GiB; None: Fargate's default."""
    given = overrides.get("ephemeralStorage") or definition.ephemeral_storage or {}
    size = given.get("sizeInGiB")
    return None if size is None else int(size)


def with_overrides(
    definition: TaskDefinition, overrides: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the container definitions with a task's containerOverrides applied.

    environment is merged by name, the rest replaced; empty members count as not given.
    Source: Amazon ECS API Reference, ContainerOverride; terraform.md 2.3 (zero values).
    """
    by_name = {one["name"]: one for one in overrides.get("containerOverrides", ())}
    return [
        _overridden(one, by_name.get(one["name"], {})) for one in definition.container_definitions
    ]


def _overridden(container: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = dict(container)
    for member in REPLACED:
        if override.get(member):
            merged[member] = override[member]
    if override.get("environment"):
        environment = {one["name"]: one["value"] for one in container.get("environment", ())}
        environment |= {one["name"]: one.get("value", "") for one in override["environment"]}
        merged["environment"] = [
            {"name": name, "value": value} for name, value in environment.items()
        ]
    return merged
