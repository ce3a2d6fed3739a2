"""Volumes: a folder of the host, one of the task, a shared one, one of EFS, a disk of EBS."""

from msgspec.structs import replace

from ecsd.decisions.containers.container_volumes import (
    Roots,
    binds,
    block_io,
    volumes,
    volumes_from,
)
from ecsd.records.plan import TaskPlan
from ecsd.records.plan_files import DiskImage, EbsMount

ALL = (
    {"name": "folder", "host": {"sourcePath": "/srv"}},
    {"name": "empty", "host": {}},
    {"name": "bare"},
    {
        "name": "tasks",
        "dockerVolumeConfiguration": {
            "scope": "task",
            "driver": "local",
            "driverOpts": {"type": "tmpfs"},
            "labels": {"a": "b"},
        },
    },
    {"name": "made", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}},
    {"name": "there", "dockerVolumeConfiguration": {"scope": "shared"}},
    {"name": "files", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
    {"name": "disk", "configuredAtLaunch": True},
)
PLAN = TaskPlan(
    task_arn="arn:aws:ecs:us-east-1:000000000000:task/c/ab",
    task_id="ab",
    cluster="c",
    account="000000000000",
    region="us-east-1",
    family="f",
    revision=1,
    desired_status="RUNNING",
    launch_type="EC2",
    containers=(),
    volumes=ALL,
)


def test_what_the_engine_has_to_hold():
    found = {one.name: one for one in volumes(PLAN, "/data")}
    assert set(found) == {"ecsd-ab-empty", "ecsd-ab-bare", "ecsd-ab-tasks", "made", "there"}
    assert [name for name, one in found.items() if one.must_exist] == ["there"]
    assert {name for name, one in found.items() if not one.of_task} == {"made", "there"}
    tasks = found["ecsd-ab-tasks"].body
    assert (tasks["Driver"], tasks["DriverOpts"]) == ("local", {"type": "tmpfs"})
    assert tasks["Labels"]["a"] == "b"
    assert tasks["Labels"]["dev.ecsd.task-arn"] == PLAN.task_arn
    assert found["made"].body["Labels"] == {}  # it outlives the task: not ours to remove


def test_mounts():
    container = {
        "name": "app",
        "mountPoints": [
            {"sourceVolume": "folder", "containerPath": "/a", "readOnly": True},
            {"sourceVolume": "empty", "containerPath": "/b"},
            {"sourceVolume": "made", "containerPath": "/c", "readOnly": False},
            {"sourceVolume": "files", "containerPath": "/d"},
            {"sourceVolume": "files", "containerPath": "/e", "readOnly": True},
            {"sourceVolume": "disk", "containerPath": "/f"},
        ],
        "volumesFrom": [{"sourceContainer": "b", "readOnly": True}, {"sourceContainer": "c"}],
    }
    assert binds(PLAN, container, Roots("/run/efs", "/run/ebs")) == [
        "/srv:/a:ro",
        "ecsd-ab-empty:/b:rw",
        "made:/c:rw",
        "/run/efs/ab/files:/d:rw,rslave",
        "/run/efs/ab/files:/e:ro,rslave",
        "/run/ebs/ab/disk:/f:rw",
    ]
    names = {"b": "ecsd-ab-b", "c": "ecsd-ab-c"}
    assert volumes_from(PLAN, container, names) == ["ecsd-ab-b:ro", "ecsd-ab-c:rw"]


def test_how_fast_a_disk_may_be_used():
    image = DiskImage(image_id="vol-1", size=1)
    disk = EbsMount(volume="disk", image=image, iops=3000, throughput=125)
    told = replace(PLAN, ebs_mounts=(disk,))
    assert block_io(told, {"disk": "/dev/loop7"}) == {
        "BlkioDeviceReadIOps": [{"Path": "/dev/loop7", "Rate": 3000}],
        "BlkioDeviceWriteIOps": [{"Path": "/dev/loop7", "Rate": 3000}],
        "BlkioDeviceReadBps": [{"Path": "/dev/loop7", "Rate": 125 << 20}],
        "BlkioDeviceWriteBps": [{"Path": "/dev/loop7", "Rate": 125 << 20}],
    }
    assert block_io(told, {}) == {}
    unbound = replace(PLAN, ebs_mounts=(EbsMount(volume="disk", image=image),))
    assert block_io(unbound, {"disk": "/dev/loop7"}) == {}  # such as st1
