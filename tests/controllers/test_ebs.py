"""Volumes of EBS from launch to host and back, and what becomes of them when their task ends."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.clock import VirtualClock
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.observations import Observations
from ecsd.decisions.ebs.failures import HEAD
from ecsd.decisions.invariants.files import check_disks
from ecsd.ids import SeededIds
from ecsd.records.ec2.volume import Snapshot, Volume
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.host import Host
from ecsd.records.iam.role import Role
from ecsd.records.observed import ImageObserved, TaskObserved
from ecsd.records.plan_files import DiskImage
from ecsd.settings import Settings
from ecsd.store.ebs_volumes import attach_to_new
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change
from tests.controllers.conftest import no_flow_logs
from tests.controllers.hub import Published
from tests.operations.conftest import AUTHORITY

HOME = Scope("000000000000", "us-east-1")
TASK = "arn:aws:ecs:us-east-1:000000000000:task/c/1"
ROLE = "arn:aws:iam::000000000000:role/infrastructure"
CLOCK = VirtualClock()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFINITION = TaskDefinition(
    name="db:1",
    arn="arn:aws:ecs:us-east-1:000000000000:task-definition/db:1",
    family="db",
    revision=1,
    container_definitions=({"name": "app", "image": "i", "mountPoints": []},),
    volumes=({"name": "data", "configuredAtLaunch": True},),
    registered_at=NOW,
    registered_by="me",
)
SNAPSHOT = Snapshot(
    snapshot_id="snap-1",
    volume_id="vol-9",
    volume_size=2,
    filesystem="xfs",
    state="completed",
    host="here",
    started_at=NOW,
)


class World:
    """A task with a volume on a host, in a store; and what its host is told."""

    def __init__(self, store, settings):
        self.store, self.published = store, Published()
        self.observations = Observations(store, CLOCK, SeededIds(1), no_flow_logs)
        self.controller = DataPlaneController(store, self.published, settings, AUTHORITY, CLOCK)

    async def put(self, *records, scope=HOME):
        async with self.store.transaction(scope) as change:
            change.put(*records)

    async def launch(self, *, host="here", of_service=False, **managed):
        """Enter a task with a volume; its definition and host are there."""
        configuration = {
            "name": "data",
            "managedEBSVolume": {"roleArn": ROLE, "sizeInGiB": 1} | managed,
        }
        task = Task(
            task_arn=TASK,
            task_id="1",
            cluster="c",
            cluster_arn="arn:aws:ecs:us-east-1:000000000000:cluster/c",
            task_definition="db:1",
            task_definition_arn=DEFINITION.arn,
            group="family:db",
            containers=(),
            created_at=NOW,
            host=host,
            volume_configurations=(configuration,),
        )
        await self.put(Host(name="here", boot_id="b", connected=True), scope=HOSTS)
        async with self.store.transaction(HOME) as change:
            ids = SeededIds(2)
            task = attach_to_new(change, task, DEFINITION, ids, service_task=of_service)
            change.put(DEFINITION, task)
        return self.volume

    @property
    def view(self):
        return self.store.view(HOME)

    @property
    def task(self):
        return self.view.get(Task, TASK)

    @property
    def attachment(self):
        (one,) = self.task.volume_attachments
        return one

    @property
    def volume(self):
        return self.view.get(Volume, self.attachment.volume_id)

    async def plan(self, key):
        await self.controller.reconcile(HOME, key)
        return self.published.get(key)

    async def mount(self):
        (mount,) = (await self.plan(f"task/{TASK}")).ebs_mounts
        return mount

    async def seen(self, phase, **members):
        seen = TaskObserved(task_arn=TASK, phase=phase, **members)
        await self.observations._task(seen)
        assert list(check_disks(self.view.select(Volume), self.view.select(Task))) == []

    async def image(self, own, outcome, words=""):
        kind = "volume" if own.startswith("vol") else "snapshot"
        arn = f"arn:aws:ec2:us-east-1:000000000000:{kind}/{own}"
        seen = ImageObserved(arn=arn, outcome=outcome, words=words, at=NOW)
        await self.observations._image("here", seen)


@pytest.fixture
def world(store):
    return World(store, Settings())


@pytest.fixture
def strict(store):
    return World(store, Settings(mode="strict"))


def role(*statements, service="ecs.amazonaws.com"):
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}

    def document(*said):
        return json.dumps({"Version": "2012-10-17", "Statement": said})

    return Role(
        role_name="infrastructure",
        role_id="AROA1",
        arn=ROLE,
        path="/",
        assume_role_policy_document=document(trust),
        inline_policies={"p": document(*statements)} if statements else {},
        created_at=NOW,
    )


# ------------------------------------------------------------------ a task's life
async def test_a_volume_is_its_tasks_until_it_ends_and_then_gone(world):
    volume = await world.launch(of_service=True, terminationPolicy={"deleteOnTermination": False})
    mount = await world.mount()
    assert (mount.volume, mount.refusal, mount.throughput) == ("data", "", 125)
    assert mount.image == DiskImage(image_id=volume.volume_id, size=1, filesystem="xfs")
    assert await world.plan(f"ebs/{volume.volume_id}") is None  # made when the task starts
    await world.seen("PENDING", volumes_attached=True)
    assert (world.volume.state, world.attachment.status) == ("in-use", "ATTACHED")
    attached = world.volume
    await world.seen("PENDING", volumes_attached=True)
    assert world.volume == attached

    await world.seen("STOPPED")
    assert (world.volume.state, world.attachment.status) == ("deleting", "DELETED")
    own = volume.volume_id
    assert (await world.plan(f"ebs/{own}")).erased
    await world.image(own, "erased")
    assert world.volume is None
    assert await world.plan(f"ebs/{own}") is None


async def test_a_volume_that_is_to_be_kept_is_nobodys_then(world):
    await world.launch(terminationPolicy={"deleteOnTermination": False})
    await world.seen("STOPPED", volumes_attached=True)  # both at once, after a silence
    kept = world.volume
    assert (kept.state, kept.task_arn, kept.host) == ("available", None, "here")
    assert world.attachment.status == "DETACHED"


async def test_a_volume_that_no_task_ever_had_is_not_kept(world):
    await world.launch(terminationPolicy={"deleteOnTermination": False})
    words = f"{HEAD}: no space"
    await world.seen("STOPPED", stop_code="TaskFailedToStart", stopped_reason=words)
    assert (world.volume.state, world.attachment.status) == ("deleting", "FAILED")
    assert world.attachment.status_reason == "no space"


# ------------------------------------------------------------------ snapshots
@pytest.mark.parametrize(
    ("known", "managed", "words"),
    [
        (SNAPSHOT, {"sizeInGiB": 2}, ""),
        (None, {}, "does not exist"),
        (replace(SNAPSHOT, state="pending"), {"sizeInGiB": 2}, "invalid state - pending"),
        (replace(SNAPSHOT, host="there"), {"sizeInGiB": 2}, "lies on the host there"),
        (SNAPSHOT, {"sizeInGiB": 2, "filesystemType": "ext4"}, "holds xfs"),
        (SNAPSHOT, {"sizeInGiB": 1}, "2 GiB"),
    ],
)
async def test_what_a_snapshot_is_looked_at_for_when_its_task_starts(world, known, managed, words):
    if known:
        await world.put(known)
    await world.launch(snapshotId="snap-1", **managed)
    refusal = (await world.mount()).refusal
    assert words in refusal if words else refusal == ""


async def test_a_volumes_data_stays_until_snapshots_of_it_are_made(world):
    volume = await world.launch()
    own = volume.volume_id
    await world.seen("PENDING", volumes_attached=True)
    await world.put(replace(SNAPSHOT, volume_id=own, state="pending"))
    await world.seen("STOPPED")
    assert await world.plan(f"ebs/{own}") is None
    copied = await world.plan("ebs/snap-1")
    assert (copied.image.source, copied.erased) == (own, False)
    before = world.view.get(Snapshot, "snap-1")
    await world.image("snap-1", "made")
    made = world.view.get(Snapshot, "snap-1")
    assert made.state == "completed"
    noticed = Change(0, HOME, Snapshot, "snap-1", before, made)
    assert (HOME, f"ebs/{own}") in set(world.controller.keys(noticed))
    assert (await world.plan(f"ebs/{own}")).erased


async def test_a_snapshot_that_cannot_be_made_says_why(world):
    await world.put(replace(SNAPSHOT, state="pending"))
    await world.image("snap-1", "failed", "no space")
    known = world.view.get(Snapshot, "snap-1")
    assert (known.state, known.state_message) == ("error", "no space")
    await world.image("snap-1", "made")  # said before; too late
    assert world.view.get(Snapshot, "snap-1") == known


# ------------------------------------------------------------------ the infrastructure role
async def test_local_mode_takes_an_unknown_role(world):
    await world.launch()
    assert (await world.mount()).refusal == ""


async def test_a_role_has_to_be_there_trust_ecs_and_be_allowed(strict):
    await strict.launch()
    home = HOME.globally()
    cases = (
        (None, "unable to assume"),
        (role(service="ec2.amazonaws.com"), "unable to assume"),
        (role(), "not authorized to perform: ec2:CreateVolume"),
        (role({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}), ""),
    )
    for known, words in cases:
        if known:
            await strict.put(known, scope=home)
        refusal = (await strict.mount()).refusal
        assert words in refusal if words else refusal == ""
