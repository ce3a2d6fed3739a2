"""Which tags a service's tasks carry. Source: ecs_semantics 12, Tags."""

from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.tag import Tag


def managed_tags(cluster: Cluster, service: Service | None) -> tuple[Tag, ...]:
    """Return the tags that enableECSManagedTags adds."""
    tags = (Tag(key="aws:ecs:clusterName", value=cluster.name),)
    if service is None:
        return tags
    return (*tags, Tag(key="aws:ecs:serviceName", value=service.name))


def task_tags(service: Service, cluster: Cluster, definition: TaskDefinition) -> tuple[Tag, ...]:
    """Return the tags of a task of the service, by propagateTags and enableECSManagedTags."""
    propagated = {"SERVICE": service.tags, "TASK_DEFINITION": definition.tags}
    tags = propagated.get(service.propagate_tags, ())
    managed = managed_tags(cluster, service) if service.enable_ecs_managed_tags else ()
    return (*tags, *managed)
