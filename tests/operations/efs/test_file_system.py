"""File systems by the API: made once for a token, changed, deleted when nobody needs them."""

import json

import pytest
from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.file_system import FileSystem
from ecsd.settings import Settings
from tests.operations.efs.conftest import HOME

OPEN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "elasticfilesystem:ClientMount",
            "Resource": "*",
        }
    ],
}

STRICT = {"mode": "strict", "access_key_id": "a", "secret_access_key": "b"}


async def test_a_file_system_is_made_once_for_a_token(ask, refused):
    made = await ask(
        "CreateFileSystem",
        CreationToken="t",
        ThroughputMode="provisioned",
        ProvisionedThroughputInMibps=12.0,
        Tags=[{"Key": "Name", "Value": "data"}],
    )
    assert made["LifeCycleState"] == "creating"  # no host has it yet
    assert (made["Name"], made["NumberOfMountTargets"], made["Encrypted"]) == ("data", 0, False)
    assert made["SizeInBytes"]["Value"] == 0
    assert (await ask("DescribeFileSystems", CreationToken="t"))["FileSystems"] == [made]
    assert (await ask("DescribeFileSystems", FileSystemId=made["FileSystemArn"]))[
        "FileSystems"
    ] == [made]
    again = await refused("CreateFileSystem", CreationToken="t")
    assert again.code == "FileSystemAlreadyExists"
    assert again.details["FileSystemId"] == made["FileSystemId"]


@pytest.mark.parametrize(
    ("members", "code", "names"),
    [
        ({"KmsKeyId": "alias/aws/elasticfilesystem"}, "BadRequest", "KmsKeyId"),
        ({"ThroughputMode": "provisioned"}, "BadRequest", "ProvisionedThroughputInMibps"),
        ({"ProvisionedThroughputInMibps": 1.0}, "BadRequest", "ProvisionedThroughputInMibps"),
        ({"PerformanceMode": "maxIO", "ThroughputMode": "elastic"}, "BadRequest", "maxIO"),
        ({"AvailabilityZoneName": "us-east-1z"}, "UnsupportedAvailabilityZone", "us-east-1z"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "BadRequest", "aws:x"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(refused, ask, members, code, names):
    error = await refused("CreateFileSystem", CreationToken="t", **members)
    assert error.code == code
    assert names in error.message
    assert (await ask("DescribeFileSystems"))["FileSystems"] == []


@pytest.mark.parametrize("settings", [Settings(), Settings(**STRICT, efs_encrypted="on")])
async def test_encryption_is_shown_where_somebody_vouches_for_the_disk(client, settings):
    ask = client("efs", settings=settings)
    assert (await ask("CreateFileSystem", CreationToken="t", Encrypted=True))["Encrypted"] is True


async def test_strict_mode_promises_no_encryption_of_itself(client):
    ask = client("efs", settings=Settings(**STRICT))
    with pytest.raises(AwsError) as caught:
        await ask("CreateFileSystem", CreationToken="t", Encrypted=True)
    assert caught.value.code == "BadRequest"
    assert "ECSD_EFS_ENCRYPTED" in caught.value.message


async def test_throughput_changes(ask, refused, file_system):
    own = await file_system()
    changed = await ask("UpdateFileSystem", FileSystemId=own, ThroughputMode="elastic")
    assert changed["ThroughputMode"] == "elastic"
    error = await refused("UpdateFileSystem", FileSystemId=own, ThroughputMode="provisioned")
    assert error.code == "BadRequest"
    wanted = {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 5.0}
    await ask("UpdateFileSystem", FileSystemId=own, **wanted)
    again = await ask("UpdateFileSystem", FileSystemId=own, ThroughputMode="provisioned")
    assert again["ProvisionedThroughputInMibps"] == 5.0


async def test_one_that_is_not_whole_can_be_given_nothing(ask, refused):
    own = (await ask("CreateFileSystem", CreationToken="t"))["FileSystemId"]
    error = await refused("CreateAccessPoint", ClientToken="p", FileSystemId=own)
    assert error.code == "IncorrectFileSystemLifeCycleState"
    assert "creating" in error.message


async def test_policy_lifecycle_and_backup(ask, refused, file_system):
    own = await file_system(Backup=True)
    assert (await refused("DescribeFileSystemPolicy", FileSystemId=own)).code == "PolicyNotFound"
    text = json.dumps(OPEN)
    await ask("PutFileSystemPolicy", FileSystemId=own, Policy=text)
    assert (await ask("DescribeFileSystemPolicy", FileSystemId=own))["Policy"] == text
    bad = await refused("PutFileSystemPolicy", FileSystemId=own, Policy='{"Statement": []}')
    assert bad.code == "InvalidPolicyException"
    denial = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    closed = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    locked = await refused("PutFileSystemPolicy", FileSystemId=own, Policy=closed)
    assert "BypassPolicyLockoutSafetyCheck" in locked.message
    await ask(
        "PutFileSystemPolicy", FileSystemId=own, Policy=closed, BypassPolicyLockoutSafetyCheck=True
    )
    await ask("DeleteFileSystemPolicy", FileSystemId=own)
    assert (await refused("DescribeFileSystemPolicy", FileSystemId=own)).code == "PolicyNotFound"

    status = {"BackupPolicy": {"Status": "ENABLED"}}
    assert await ask("DescribeBackupPolicy", FileSystemId=own) == status
    off = {"Status": "DISABLED"}
    await ask("PutBackupPolicy", FileSystemId=own, BackupPolicy=off)
    assert (await ask("DescribeBackupPolicy", FileSystemId=own))["BackupPolicy"] == off
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToArchive": "AFTER_90_DAYS"}]
    await ask("PutLifecycleConfiguration", FileSystemId=own, LifecyclePolicies=policies)
    shown = await ask("DescribeLifecycleConfiguration", FileSystemId=own)
    assert shown["LifecyclePolicies"] == policies
    twice = await refused(
        "PutLifecycleConfiguration", FileSystemId=own, LifecyclePolicies=[policies[0]] * 2
    )
    assert twice.code == "BadRequest"


async def test_tags(ask, file_system):
    own = await file_system(Tags=[{"Key": "a", "Value": "1"}])
    await ask("TagResource", ResourceId=own, Tags=[{"Key": "b", "Value": "2"}])
    await ask("CreateTags", FileSystemId=own, Tags=[{"Key": "c", "Value": "3"}])
    await ask("UntagResource", ResourceId=own, TagKeys=["a"])
    await ask("DeleteTags", FileSystemId=own, TagKeys=["c"])
    left = [{"Key": "b", "Value": "2"}]
    assert (await ask("ListTagsForResource", ResourceId=own))["Tags"] == left
    assert (await ask("DescribeTags", FileSystemId=own))["Tags"] == left


async def test_replication_is_refused_by_name(refused, ask, file_system):
    own = await file_system()
    error = await refused(
        "CreateReplicationConfiguration",
        SourceFileSystemId=own,
        Destinations=[{"Region": "eu-west-1"}],
    )
    assert (error.code, "replication" in error.message) == ("BadRequest", True)
    assert (await ask("DescribeReplicationConfigurations"))["Replications"] == []


def task_of(own: str) -> tuple[TaskDefinition, Task]:
    """A task on a host with a volume in a file system."""
    now = "2026-01-01T00:00:00Z"
    definition = TaskDefinition(
        name="web:1",
        arn="arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
        family="web",
        revision=1,
        container_definitions=(),
        volumes=({"name": "v", "efsVolumeConfiguration": {"fileSystemId": own}},),
        registered_at=now,
        registered_by="me",
    )
    task = Task(
        task_arn="arn:aws:ecs:us-east-1:000000000000:task/c/1",
        task_id="1",
        cluster="c",
        cluster_arn="arn:aws:ecs:us-east-1:000000000000:cluster/c",
        task_definition="web:1",
        task_definition_arn=definition.arn,
        group="family:web",
        containers=(),
        created_at=now,
        host="here",
        last_status="RUNNING",
    )
    return definition, task


async def test_one_that_somebody_uses_is_not_deleted(ask, refused, file_system, store, subnets):
    own = await file_system()
    await ask("CreateAccessPoint", ClientToken="p", FileSystemId=own)
    target = await ask("CreateMountTarget", FileSystemId=own, SubnetId=subnets[0])
    error = await refused("DeleteFileSystem", FileSystemId=own)
    assert (error.code, target["MountTargetId"] in error.message) == ("FileSystemInUse", True)
    await ask("DeleteMountTarget", MountTargetId=target["MountTargetId"])
    definition, task = task_of(own)
    async with store.transaction(HOME) as change:
        change.put(definition, task)
    error = await refused("DeleteFileSystem", FileSystemId=own)
    assert (error.code, task.task_arn in error.message) == ("FileSystemInUse", True)
    async with store.transaction(HOME) as change:
        change.remove(definition, task)
    await ask("DeleteFileSystem", FileSystemId=own)
    assert store.view(HOME).get(FileSystem, own).state == "deleting"  # its files are there still
    assert (await ask("DescribeAccessPoints"))["AccessPoints"] == []
    async with store.transaction(HOME) as change:
        change.remove(change.get(FileSystem, own))
    assert (await refused("DescribeFileSystems", FileSystemId=own)).code == "FileSystemNotFound"


async def test_a_mount_target_is_kept_for_a_running_task(ask, refused, file_system, store, subnets):
    own = await file_system()
    target = await ask("CreateMountTarget", FileSystemId=own, SubnetId=subnets[0])
    definition, task = task_of(own)
    task = replace(task, vpc_id=target["VpcId"], availability_zone="us-east-1a")
    async with store.transaction(HOME) as change:
        change.put(definition, task)
    error = await refused("DeleteMountTarget", MountTargetId=target["MountTargetId"])
    assert (error.code, task.task_arn in error.message) == ("DependencyTimeout", True)
    async with store.transaction(HOME) as change:  # through another zone's target
        change.put(replace(task, availability_zone="us-east-1b"))
    await ask("DeleteMountTarget", MountTargetId=target["MountTargetId"])
    async with store.transaction(HOME) as change:
        change.remove(definition, change.get(Task, task.task_arn))


async def test_pages(ask):
    for number in range(3):
        await ask("CreateFileSystem", CreationToken=str(number))
    first = await ask("DescribeFileSystems", MaxItems=2)
    rest = await ask("DescribeFileSystems", MaxItems=2, Marker=first["NextMarker"])
    both = [one["FileSystemId"] for one in first["FileSystems"] + rest["FileSystems"]]
    assert (len(set(both)), "NextMarker" in rest) == (3, False)
    with pytest.raises(AwsError, match="Marker"):
        await ask("DescribeFileSystems", Marker="?")
