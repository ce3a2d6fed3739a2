"""Tags on clusters, services, tasks and task definitions.

Source: Amazon ECS API Reference, TagResource, UntagResource, ListTagsForResource.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import tag_set
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.store.finders.ecs import arn_prefix, find_cluster, find_task_definition
from ecsd.store.store import View

Tagged = Cluster | Service | Task | TaskDefinition


@operation("ecs", "TagResource")
async def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags."""
    added = tag_set.parse(request["tags"])
    async with call.transaction() as change:
        resource = _require(change, request["resourceArn"])
        change.put(replace(resource, tags=tag_set.merge(resource.tags, added)))
    return {}


@operation("ecs", "UntagResource")
async def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    gone = set(request["tagKeys"])
    async with call.transaction() as change:
        resource = _require(change, request["resourceArn"])
        kept = tuple(one for one in resource.tags if one.key not in gone)
        change.put(replace(resource, tags=kept))
    return {}


@operation("ecs", "ListTagsForResource")
async def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a resource's tags."""
    return {"tags": tag_set.show(_require(call.view, request["resourceArn"]).tags)}


def _require(view: View, arn: str) -> Tagged:
    """Return the resource that an ARN names, or refuse in ECS's words."""
    prefix = f"{arn_prefix(view)}:"
    if not arn.startswith(prefix):
        raise AwsError("InvalidParameterException", "The ARN provided is invalid.")
    kind = arn.removeprefix(prefix).partition("/")[0]
    match kind:
        case "cluster":
            cluster = find_cluster(view, arn)
            if cluster is None or cluster.status != "ACTIVE":
                raise AwsError("ClusterNotFoundException", "Cluster not found.")
            return cluster
        case "service":
            return _found(view.get(Service, arn), "ServiceNotFoundException", "Service not found.")
        case "task":
            words = "The specified task was not found."
            return _found(view.get(Task, arn), "InvalidParameterException", words)
        case "task-definition":
            words = "The specified task definition does not exist."
            return _found(find_task_definition(view, arn), "ClientException", words)
        case _:
            words = f"resourceArn: ecsd has no taggable resource of kind {kind}."
            return _found(None, "InvalidParameterException", words)


def _found(resource: Tagged | None, code: str, words: str) -> Tagged:
    if resource is None:
        raise AwsError(code, words)
    return resource
