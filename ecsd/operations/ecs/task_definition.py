"""Task definitions. Source: Amazon ECS API Reference; ecs_semantics 2."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from ecsd.decisions.task_definitions.fargate_checks import check_fargate
from ecsd.decisions.task_definitions.fargate_size import cpu_units, memory_mib
from ecsd.decisions.task_definitions.launch_type_checks import (
    check_external,
    check_managed_instances,
)
from ecsd.decisions.task_definitions.task_definition import (
    normalise_container,
    normalise_volume,
    required_attributes,
)
from ecsd.decisions.task_definitions.task_definition_checks import check_task
from ecsd.decisions.tasks.task_plan import PLATFORMS
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs import tag_set
from ecsd.operations.ecs.paging import page
from ecsd.operations.ecs.refusal import refuse_members
from ecsd.records.ecs.task_definition import TaskDefinition, TaskDefinitionFamily
from ecsd.store.finders.ecs import arn_prefix, find_task_definition
from ecsd.store.store import Transaction, View

LARGEST = 64 * 1024  # bytes of a definition
MOST_DELETED = 10
TASK_LATER = ("proxyConfiguration", "inferenceAccelerators", "trustedExecutionConfiguration")
CONTAINER_LATER = (
    "resourceRequirements",
    "firelensConfiguration",
    "credentialSpecs",
)
VOLUME_LATER = (
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
)
LAUNCH_TYPES = {
    "EXTERNAL": check_external,
    "FARGATE": check_fargate,
    "MANAGED_INSTANCES": check_managed_instances,
}


@operation("ecs", "RegisterTaskDefinition")
async def register_task_definition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check, normalise and keep the next revision of a family."""
    if "tags" in request and not request["tags"]:
        raise AwsError("ClientException", "Tags can not be empty.")
    tags = tag_set.parse(request.get("tags"))
    _refuse_later(request)
    checked = _sized(request)
    _refuse_first(check_task(checked))
    unfit = {kind: next(check(checked), None) for kind, check in LAUNCH_TYPES.items()}
    for kind in request.get("requiresCompatibilities") or ():
        problem = unfit.get(kind)
        if problem is not None:
            raise AwsError("ClientException", problem)
    if len(msgspec.json.encode(request)) > LARGEST:
        raise AwsError("ClientException", "Task definition size must not exceed 64 KiB.")
    fits = ("EC2", *(kind for kind, problem in unfit.items() if problem is None))
    async with call.transaction() as change:
        definition = _definition(call, change, checked, fits)
        definition = replace(definition, tags=tags)
        change.put(
            definition,
            TaskDefinitionFamily(family=definition.family, last_revision=definition.revision),
        )
    return {"taskDefinition": describe(definition), "tags": tag_set.show(tags)}


@operation("ecs", "DescribeTaskDefinition")
async def describe_task_definition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a revision, or the newest ACTIVE one of a family."""
    definition = find_task_definition(call.view, request["taskDefinition"])
    if definition is None:
        raise AwsError("ClientException", "Unable to describe task definition.")
    answer: dict[str, Any] = {"taskDefinition": describe(definition)}
    if "TAGS" in (request.get("include") or ()):
        answer["tags"] = tag_set.show(definition.tags)
    return answer


@operation("ecs", "DeregisterTaskDefinition")
async def deregister_task_definition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a revision INACTIVE; what runs of it goes on."""
    reference = request["taskDefinition"]
    if ":" not in reference.rpartition("/")[2]:
        raise AwsError("ClientException", "Revision is missing.")
    async with call.transaction() as change:
        definition = find_task_definition(change, reference)
        if definition is None:
            raise AwsError("ClientException", "The specified task definition does not exist.")
        if definition.status == "ACTIVE":
            definition = replace(definition, status="INACTIVE", deregistered_at=call.clock.now())
            change.put(definition)
    return {"taskDefinition": describe(definition)}


@operation("ecs", "DeleteTaskDefinitions")
async def delete_task_definitions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete INACTIVE revisions; one in use stays DELETE_IN_PROGRESS until it is not."""
    references = request["taskDefinitions"]
    if not references:
        raise AwsError(
            "InvalidParameterException",
            "size of TaskDefinition references list must be greater than 0",
        )
    if len(references) > MOST_DELETED:
        raise AwsError(
            "InvalidParameterException",
            f"Size of TaskDefinition references list cannot exceed {MOST_DELETED}",
        )
    deleted, failures = [], []
    async with call.transaction() as change:
        for reference in references:
            found = _deletable(change, reference)
            if isinstance(found, str):
                failures.append({"arn": reference, "reason": found})
                continue
            gone = replace(found, status="DELETE_IN_PROGRESS", delete_requested_at=call.clock.now())
            change.put(gone)
            deleted.append(describe(gone))
    return {"taskDefinitions": deleted, "failures": failures}


@operation("ecs", "ListTaskDefinitions")
async def list_task_definitions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List ARNs by family, then revision."""
    status = request.get("status") or "ACTIVE"
    prefix = request.get("familyPrefix")
    found = [
        one
        for one in call.view.select(TaskDefinition)
        if one.status == status and prefix in {None, one.family}
    ]
    found.sort(key=lambda one: (one.family, one.revision), reverse=request.get("sort") == "DESC")
    chosen, token = page(found, request, key=lambda one: one.arn)
    return {"taskDefinitionArns": [one.arn for one in chosen], "nextToken": token}


@operation("ecs", "ListTaskDefinitionFamilies")
async def list_task_definition_families(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List families by prefix: with an ACTIVE revision, with none, or all."""
    status = request.get("status") or "ALL"
    prefix = request.get("familyPrefix") or ""
    families: dict[str, bool] = {}
    for one in call.view.select(TaskDefinition):
        if one.status != "DELETE_IN_PROGRESS" and one.family.startswith(prefix):
            families[one.family] = families.get(one.family, False) or one.status == "ACTIVE"
    wanted = {"ACTIVE": {True}, "INACTIVE": {False}, "ALL": {True, False}}[status]
    names = sorted(name for name, active in families.items() if active in wanted)
    chosen, token = page(names, request, key=str)
    return {"families": chosen, "nextToken": token}


def describe(definition: TaskDefinition) -> dict[str, Any]:
    """Return a definition in the API's shape; what was not given is left out."""
    shown = {
        "taskDefinitionArn": definition.arn,
        "containerDefinitions": list(definition.container_definitions),
        "family": definition.family,
        "taskRoleArn": definition.task_role_arn,
        "executionRoleArn": definition.execution_role_arn,
        "networkMode": definition.network_mode,
        "revision": definition.revision,
        "volumes": list(definition.volumes),
        "status": definition.status,
        "requiresAttributes": list(definition.requires_attributes),
        "placementConstraints": list(definition.placement_constraints),
        "compatibilities": list(definition.compatibilities),
        "runtimePlatform": definition.runtime_platform,
        "cpu": definition.cpu,
        "memory": definition.memory,
        "registeredAt": definition.registered_at,
        "deregisteredAt": definition.deregistered_at,
        "deleteRequestedAt": definition.delete_requested_at,
        "registeredBy": definition.registered_by,
        "pidMode": definition.pid_mode,
        "ipcMode": definition.ipc_mode,
        "ephemeralStorage": definition.ephemeral_storage,
        "enableFaultInjection": definition.enable_fault_injection,
    }
    if definition.requires_compatibilities is not None:
        shown["requiresCompatibilities"] = list(definition.requires_compatibilities)
    return {member: value for member, value in shown.items() if value is not None}


def _refuse_later(request: dict[str, Any]) -> None:
    refuse_members(request, TASK_LATER, "ClientException")
    for container in request["containerDefinitions"]:
        where = f"Container '{container.get('name')}': "
        refuse_members(container, CONTAINER_LATER, "ClientException", where)
        logging = container.get("logConfiguration") or {}
        if logging.get("logDriver") == "awsfirelens":
            refuse_members({"awsfirelens": True}, ("awsfirelens",), "ClientException", where)
    for volume in request.get("volumes") or ():
        where = f"Volume '{volume.get('name')}': "
        refuse_members(volume, VOLUME_LATER, "ClientException", where)
    platform = request.get("runtimePlatform") or {}
    if platform.get("cpuArchitecture", "X86_64") not in PLATFORMS:
        raise AwsError(
            "ClientException", "runtimePlatform.cpuArchitecture must be X86_64 or ARM64."
        )
    if platform.get("operatingSystemFamily", "LINUX") != "LINUX":
        raise AwsError(
            "ClientException", "runtimePlatform.operatingSystemFamily: ecsd runs LINUX tasks only."
        )


def _refuse_first(problems: Iterator[str]) -> None:
    problem = next(problems, None)
    if problem is not None:
        raise AwsError("ClientException", problem)


def _sized(request: dict[str, Any]) -> dict[str, Any]:
    """Return the request with task cpu and memory as numbers, or refuse."""
    sized = dict(request)
    for member, parse in (("cpu", cpu_units), ("memory", memory_mib)):
        if request.get(member) in {None, ""}:
            sized.pop(member, None)
            continue
        sized[member] = parse(request[member])
        if sized[member] is None or sized[member] <= 0:
            raise AwsError("ClientException", f"Invalid '{member}' setting for task.")
    return sized


def _definition(
    call: Call, change: Transaction, request: dict[str, Any], fits: tuple[str, ...]
) -> TaskDefinition:
    family = request["family"]
    known = change.get(TaskDefinitionFamily, family)
    revision = (known.last_revision if known else 0) + 1
    mode = request.get("networkMode")
    containers = tuple(normalise_container(one, mode) for one in request["containerDefinitions"])
    return TaskDefinition(
        name=f"{family}:{revision}",
        arn=f"{arn_prefix(change)}:task-definition/{family}:{revision}",
        family=family,
        revision=revision,
        container_definitions=containers,
        volumes=tuple(normalise_volume(one) for one in request.get("volumes") or ()),
        network_mode=mode,
        cpu=_text(request.get("cpu")),
        memory=_text(request.get("memory")),
        task_role_arn=request.get("taskRoleArn") or None,
        execution_role_arn=request.get("executionRoleArn") or None,
        requires_compatibilities=_tuple(request.get("requiresCompatibilities")),
        compatibilities=fits,
        requires_attributes=required_attributes(containers, request),
        placement_constraints=tuple(request.get("placementConstraints") or ()),
        pid_mode=request.get("pidMode"),
        ipc_mode=request.get("ipcMode"),
        ephemeral_storage=request.get("ephemeralStorage"),
        runtime_platform=request.get("runtimePlatform") or None,
        enable_fault_injection=request.get("enableFaultInjection"),
        registered_at=call.clock.now(),
        registered_by=call.caller.arn,
    )


def _deletable(view: View, reference: str) -> TaskDefinition | str:
    """Return the INACTIVE definition, or the reason why it cannot be deleted."""
    if ":" not in reference.rpartition("/")[2]:
        return "The specified task definition identifier is invalid: Revision is missing."
    definition = find_task_definition(view, reference)
    if definition is None:
        return (
            "The specified task definition does not exist. Specify a valid account, family, "
            "revision and try again."
        )
    if definition.status == "ACTIVE":
        return (
            "The specified task definition is still in ACTIVE status. Please deregister the "
            "target and try again."
        )
    return definition


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None
