"""Which exact images a deployment runs, once its first task has shown them.

A tag may move between two tasks of a deployment; what runs may not. Source: ecs_semantics 2.4
(versionConsistency); Amazon ECS Developer Guide, container image resolution.
"""

from msgspec.structs import replace

from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition


def pinned(revision: ServiceRevision, task: Task, definition: TaskDefinition) -> ServiceRevision:
    """Return the revision with the images of its first task.

    A container whose versionConsistency is ``disabled`` goes on with its tag.
    """
    free = {
        one["name"]
        for one in definition.container_definitions
        if one.get("versionConsistency") == "disabled"
    }
    fixed = [one for one in task.containers if one.name not in free]
    return replace(
        revision,
        image_digests={one.name: one.image_digest for one in fixed if one.image_digest},
        image_references={one.name: one.image_reference for one in fixed if one.image_reference},
    )
