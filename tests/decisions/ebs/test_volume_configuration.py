"""``volumeConfigurations``: what is wrong with them, and what they come to."""

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.ebs.volume_configuration import filled, open_to, problem
from ecsd.records.ecs.task_definition import TaskDefinition

ROLE = {"roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}
DEFINITION = TaskDefinition(
    name="db:1",
    arn="arn:db:1",
    family="db",
    revision=1,
    container_definitions=(),
    volumes=({"name": "data", "configuredAtLaunch": True}, {"name": "other", "host": {}}),
    registered_at=VIRTUAL_START,
    registered_by="me",
)
SIZES = {"snap-1": 8}


def configured(name="data", **managed):
    return {"name": name, "managedEBSVolume": ROLE | managed}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([configured(sizeInGiB=10)], None),
        ([configured(snapshotId="snap-1")], None),
        ([configured(snapshotId="snap-of-nobody")], None),  # looked at when the task starts
        ([], "the volume 'data' is configuredAtLaunch"),
        ([configured(sizeInGiB=1)] * 2, "only one volume"),
        ([configured("other", sizeInGiB=1)], "the volume 'other' is not configuredAtLaunch"),
        ([{"name": "data"}], "needs a managedEBSVolume"),
        ([configured()], "either sizeInGiB or snapshotId"),
        ([configured(snapshotId="snap-1", sizeInGiB=7)], "the snapshot snap-1 has 8 GiB, got 7"),
        ([configured(sizeInGiB=10, volumeType="io2")], "needs iops"),
        ([configured(sizeInGiB=0)], "the size of the volume type gp3"),
        ([configured(sizeInGiB=1, filesystemType="ntfs")], "a Linux task has ext3, ext4 or xfs"),
        ([configured(sizeInGiB=1, volumeInitializationRate=100)], "for volumes made of a snapshot"),
        (
            [configured(snapshotId="snap-1", volumeInitializationRate=99)],
            "is 100 to 300 MiB/s, got 99",
        ),
        (
            [configured(sizeInGiB=1, tagSpecifications=[{"resourceType": "volume"}] * 2)],
            "tagSpecifications: one",
        ),
    ],
)
def test_what_is_wrong_with_them(given, words):
    found = problem(given, DEFINITION, SIZES)
    assert found is None if words is None else words in found


def test_what_is_left_open_is_filled_in():
    whole = filled(ROLE | {"snapshotId": "snap-1", "tagSpecifications": []}, 8)
    assert whole == ROLE | {
        "snapshotId": "snap-1",
        "volumeType": "gp3",
        "sizeInGiB": 8,
        "iops": 3000,
        "throughput": 125,
        "encrypted": False,
        "filesystemType": "xfs",
    }


@pytest.mark.parametrize(
    ("users", "group"),
    [
        ([None], None),
        (["0:5"], None),
        (["root"], None),
        (["33:44"], 44),
        (["33:44", None], 44),
        (["33:44", "34:45"], -1),
        (["33"], -1),
        (["www:44"], 44),
        (["www:data"], -1),
    ],
)
def test_whom_a_new_file_system_is_writable_for(users, group):
    mount = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    containers = [mount | ({"user": user} if user else {}) for user in users]
    assert open_to([*containers, {"user": "1:2"}], "data") == group
