"""Each contradiction of file systems is found, and nothing else is."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.invariants.files import Files, check_disks, check_files
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.volume import Volume
from ecsd.records.ecs.task import Task, VolumeAttachment
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget

FILES = FileSystem(
    file_system_id="fs-1", arn="a", creation_token="t", created_at=datetime(2026, 1, 1, tzinfo=UTC)
)
TARGET = MountTarget(
    mount_target_id="fsmt-1",
    file_system_id="fs-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    availability_zone="us-east-1a",
    network_interface_id="eni-1",
    ip_address="10.0.0.9",
)
POINT = AccessPoint(access_point_id="fsap-1", arn="a", file_system_id="fs-1", client_token="p")
ENI = NetworkInterface(
    network_interface_id="eni-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    availability_zone="us-east-1a",
    private_ip_address="10.0.0.9",
    mac_address="0a:00:00:00:00:01",
    owner="fsmt-1",
)
SOUND = Files([FILES], [TARGET], [POINT], [ENI])
SECOND = replace(TARGET, mount_target_id="fsmt-2", network_interface_id="eni-2")
OTHER = replace(ENI, network_interface_id="eni-2", owner="fsmt-2")


def test_what_is_sound_has_no_findings():
    assert list(check_files(SOUND)) == []


@pytest.mark.parametrize(
    ("changes", "subject", "words"),
    [
        ({"file_systems": [replace(FILES, state="deleting")]}, "fsmt-1", "is not there"),
        ({"file_systems": []}, "fsap-1", "is gone"),
        ({"interfaces": []}, "fsmt-1", "does not have eni-1"),
        (
            {"interfaces": [replace(ENI, private_ip_address="10.0.0.8")]},
            "fsmt-1",
            "another address",
        ),
        ({"mount_targets": []}, "eni-1", "outlived fsmt-1"),
        (
            {"mount_targets": [TARGET, SECOND], "interfaces": [ENI, OTHER]},
            "fsmt-2",
            "in one zone with fsmt-1",
        ),
    ],
)
def test_each_contradiction_is_found(changes, subject, words):
    found = list(check_files(SOUND._replace(**changes)))
    assert any(one.subject == subject and words in one.words for one in found), found


ATTACHED = VolumeAttachment(
    attachment_id="a",
    volume_name="data",
    volume_id="vol-1",
    configuration={},
    device="/dev/xvdba",
    deleted=True,
)
TASK = Task(
    task_arn="arn:t",
    task_id="t",
    cluster="c",
    cluster_arn="arn:c",
    task_definition="f:1",
    task_definition_arn="arn:f",
    group="family:f",
    containers=(),
    created_at=FILES.created_at,
    volume_attachments=(ATTACHED,),
)
DISK = Volume(
    volume_id="vol-1",
    availability_zone="us-east-1a",
    size=1,
    task_arn="arn:t",
    created_at=FILES.created_at,
)


@pytest.mark.parametrize(
    ("disk", "task", "found"),
    [
        (DISK, TASK, []),
        (replace(DISK, task_arn=None), replace(TASK, last_status="STOPPED"), []),
        (replace(DISK, state="deleting"), replace(TASK, last_status="STOPPED"), []),
        (DISK, replace(TASK, last_status="STOPPED"), [("vol-1", "outlived arn:t")]),
        (replace(DISK, task_arn=None), TASK, [("arn:t", "does not have vol-1")]),
        (replace(DISK, state="deleting"), TASK, [("arn:t", "does not have vol-1")]),
    ],
)
def test_a_disk_is_its_tasks_as_long_as_that_lives(disk, task, found):
    assert [(one.subject, one.words) for one in check_disks([disk], [task])] == found
