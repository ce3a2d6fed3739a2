"""Volumes of EBS that belong to tasks, and the images that hosts are told to make and erase.

Whether a task may have its volume is decided here, where roles are, and not by the agent: a host
gets the outcome with the task's plan.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ebs import failures
from ecsd.decisions.ebs.infrastructure_role import (
    SESSION_NAME,
    Asked,
    lacking,
    own_tags,
    trusts_ecs,
)
from ecsd.decisions.ebs.volume_configuration import (
    DEFINITION_TAGS,
    SERVICE_TAGS,
    filled,
    open_to,
)
from ecsd.ids import IdSource
from ecsd.records.ec2.volume import (
    AVAILABLE,
    COMPLETED,
    CREATING,
    DELETING,
    IN_USE,
    PENDING,
    Snapshot,
    Volume,
)
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task, VolumeAttachment
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.plan_files import DiskImage, EbsMount, ImagePlan
from ecsd.records.tag import Tag
from ecsd.store.efs_mounts import Asking
from ecsd.store.finders.iam import find_role_by_arn
from ecsd.store.finders.iam_caller import context_of, identity_of_role
from ecsd.store.store import Transaction, View

DEVICE = "/dev/xvdba"


def attach_to_new(
    change: Transaction,
    task: Task,
    definition: TaskDefinition,
    ids: IdSource,
    *,
    service_task: bool,
) -> Task:
    """Return a new task with volumes as its launch configures them; they are made at its start.

    service_task: its volumes always go with it.
    """
    found = []
    for given in task.volume_configurations:
        managed = given["managedEBSVolume"]
        snapshot = change.get(Snapshot, managed.get("snapshotId") or "")
        whole = filled(managed, snapshot.volume_size if snapshot else None)
        policy = managed.get("terminationPolicy") or {}
        volume = _new(change, task, definition, whole, ids)
        deleted = service_task or policy.get("deleteOnTermination", True)
        change.put(replace(volume, delete_on_termination=deleted))
        found.append(
            VolumeAttachment(
                attachment_id=ids.uuid(),
                volume_name=given["name"],
                volume_id=volume.volume_id,
                configuration=whole,
                device=DEVICE,
                deleted=deleted,
            )
        )
    return replace(task, volume_attachments=tuple(found))


def ebs_mounts(
    view: View, task: Task, definition: TaskDefinition, asking: Asking
) -> tuple[EbsMount, ...]:
    """Return what a task's host is told of its volumes of EBS."""
    mounts = []
    for one in task.volume_attachments:
        volume = view.get(Volume, one.volume_id)
        if volume is None:
            continue
        mounts.append(
            EbsMount(
                volume=one.volume_name,
                image=_image(volume),
                refusal=_refusal(view, task, volume, one.configuration["roleArn"], asking) or "",
                open_to=open_to(definition.container_definitions, one.volume_name),
                iops=volume.iops,
                throughput=volume.throughput,
            )
        )
    return tuple(mounts)


def attached(change: Transaction, task: Task, now: datetime) -> Task:
    """Enter that a task has its volumes, as its host sees it; twice is as once."""
    if all(one.status != "PRECREATED" for one in task.volume_attachments):
        return task
    for one in task.volume_attachments:
        volume = change.get(Volume, one.volume_id)
        if volume is not None and volume.state == CREATING:
            change.put(replace(volume, state=IN_USE, host=task.host, attached_at=now))
    shown = (replace(one, status="ATTACHED") for one in task.volume_attachments)
    return replace(task, volume_attachments=tuple(shown))


def release_volumes(change: Transaction, task: Task) -> Task:
    """Let the volumes of a task that ends go, or be kept, as its launch said."""
    if not task.volume_attachments:
        return task
    return replace(
        task,
        volume_attachments=tuple(_released(change, task, one) for one in task.volume_attachments),
    )


def image_plan(view: View, image_id: str) -> tuple[ImagePlan | None, str | None]:
    """Return what a host is to do about an image, and which host; None: nothing any more.

    A task's own volume is made with the task's start, not before. A volume stays until snapshots
    of it are made.
    """
    place = f"arn:aws:ec2:{view.scope.region}:{view.scope.account}"
    volume, snapshot = view.get(Volume, image_id), view.get(Snapshot, image_id)
    if volume is not None and not _is_copied(view, volume):
        made = volume.state == CREATING and not volume.managed
        if made or volume.state == DELETING:
            arn, erased = f"{place}:volume/{image_id}", volume.state == DELETING
            return ImagePlan(arn=arn, image=_image(volume), erased=erased), volume.host
    if snapshot is not None and snapshot.state in {PENDING, DELETING}:
        image = DiskImage(image_id=image_id, size=snapshot.volume_size, source=snapshot.volume_id)
        arn, erased = f"{place}:snapshot/{image_id}", snapshot.state == DELETING
        return ImagePlan(arn=arn, image=image, erased=erased), snapshot.host
    return None, None


def unfinished_images(view: View) -> Iterator[str]:
    """Yield the images about which a host has something to do."""
    for one in (*view.select(Volume), *view.select(Snapshot)):
        if image_plan(view, one.key)[0] is not None:
            yield one.key


def observed(
    change: Transaction, image_id: str, outcome: tuple[str, str], host: str, at: datetime
) -> None:
    """Enter how an image's making or erasing ended. outcome: as ImageObserved's, with its words."""
    made, words = outcome[0] == "made", outcome[1]
    volume, snapshot = change.get(Volume, image_id), change.get(Snapshot, image_id)
    if outcome[0] == "erased":
        change.remove(*(one for one in (volume, snapshot) if one and one.state == DELETING))
    elif volume is not None and volume.state == CREATING:
        state = AVAILABLE if made else "error"
        change.put(replace(volume, state=state, state_message=words, host=host))
    elif snapshot is not None and snapshot.state == PENDING:
        state = COMPLETED if made else "error"
        change.put(replace(snapshot, state=state, state_message=words, host=host, completed_at=at))


# ---------------------------------------------------------------------- inside


def _is_copied(view: View, volume: Volume) -> bool:
    snapshots = view.select(Snapshot, volume_id=volume.volume_id)
    return any(one.state == PENDING for one in snapshots)


def _new(
    change: Transaction,
    task: Task,
    definition: TaskDefinition,
    whole: dict[str, Any],
    ids: IdSource,
) -> Volume:
    return Volume(
        volume_id=ids.resource_id("vol"),
        availability_zone=task.availability_zone or f"{change.scope.region}a",
        size=whole["sizeInGiB"],
        volume_type=whole["volumeType"],
        iops=whole.get("iops"),
        throughput=whole.get("throughput"),
        encrypted=whole["encrypted"],
        snapshot_id=whole.get("snapshotId") or "",
        initialization_rate=whole.get("volumeInitializationRate"),
        filesystem=whole["filesystemType"],
        task_arn=task.task_arn,
        device=DEVICE,
        managed=True,
        created_at=task.created_at,
        tags=tuple(_tags(change, task, definition, whole)),
    )


def _tags(view: View, task: Task, definition: TaskDefinition, whole: dict[str, Any]) -> list[Tag]:
    tags = {one.key: one for one in own_tags(task.task_arn)}
    for specification in whole.get("tagSpecifications") or ():
        service = view.get(Service, task.service_arn or "")
        propagated = {
            SERVICE_TAGS: service.tags if service else (),
            DEFINITION_TAGS: definition.tags,
        }
        for one in propagated.get(specification.get("propagateTags") or "", ()):
            tags.setdefault(one.key, one)
        for given in specification.get("tags") or ():
            tags[given["key"]] = Tag(key=given["key"], value=given.get("value") or "")
    managed = [one for one in task.tags if one.key.startswith("aws:ecs:")]
    return [*tags.values(), *managed]


def _image(volume: Volume) -> DiskImage:
    return DiskImage(
        image_id=volume.volume_id,
        size=volume.size,
        filesystem=volume.filesystem,
        source=volume.snapshot_id,
    )


def _refusal(view: View, task: Task, volume: Volume, role_arn: str, asking: Asking) -> str | None:
    """Return why a task cannot have its volume, before a host has tried."""
    refused = _refused_role(view, task, volume, role_arn, asking)
    if refused is not None or not volume.snapshot_id or volume.state == IN_USE:
        return refused
    snapshot = view.get(Snapshot, volume.snapshot_id)
    if snapshot is None:
        return failures.no_snapshot(volume.snapshot_id)
    if snapshot.state != COMPLETED:
        return failures.unready(snapshot.snapshot_id, snapshot.state)
    if snapshot.host not in {None, task.host}:
        return failures.elsewhere(snapshot.snapshot_id, snapshot.host or "")
    if snapshot.filesystem not in {"", volume.filesystem}:
        return failures.other_filesystem(
            snapshot.snapshot_id, snapshot.filesystem, volume.filesystem
        )
    if volume.size < snapshot.volume_size:
        return failures.too_small(volume.size, snapshot.snapshot_id, snapshot.volume_size)
    return None


def _refused_role(
    view: View, task: Task, volume: Volume, role_arn: str, asking: Asking
) -> str | None:
    """Judge the infrastructure role as roles of tasks are: see task_roles."""
    account = view.scope.account
    known = find_role_by_arn(asking.home, role_arn)
    if known is None:
        return failures.cannot_assume(role_arn) if asking.rules.strict else None
    if not asking.rules.judged:
        return None
    if not trusts_ecs(known, account, task.task_arn):
        return failures.cannot_assume(role_arn)
    identity = identity_of_role(asking.home, known, SESSION_NAME)
    context = context_of(identity, asking.now, view.scope.region)
    asked = Asked(account, view.scope.region, volume.volume_id, volume.tags, volume.snapshot_id)
    need = lacking(identity.principal, identity.policies, context, asked)
    if need is None:
        return None
    return failures.not_allowed(identity.principal.arn, need.action, need.resource)


def _released(change: Transaction, task: Task, one: VolumeAttachment) -> VolumeAttachment:
    volume = change.get(Volume, one.volume_id)
    kept = one.status == "ATTACHED" and not one.deleted
    if volume is not None and task.host is None:
        change.remove(volume)  # no host has ever heard of it
    elif volume is not None:
        state = AVAILABLE if kept else DELETING
        change.put(
            replace(volume, state=state, host=task.host, task_arn=None, device="", attached_at=None)
        )
    if kept:
        return replace(one, status="DETACHED")
    head = failures.reason("")
    if one.status == "PRECREATED" and (task.stopped_reason or "").startswith(head):
        words = (task.stopped_reason or "").removeprefix(head)
        return replace(one, status="FAILED", status_reason=words)
    return replace(one, status="DELETED")
