"""Volumes and snapshots as EC2 answers about them; whether hosts make them is the controllers'."""

import pytest
from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.records.ec2.volume import Snapshot, Volume
from ecsd.settings import Settings
from ecsd.store.scope import Scope

SCOPE = Scope("000000000000", "us-east-1")
ZONE = "us-east-1a"


@pytest.fixture
def observed(store):
    """Let a volume or a snapshot be as a host has told, or a task has made it."""

    async def become(kind, own, **members):
        async with store.transaction(SCOPE) as change:
            change.put(replace(change.get(kind, own), **members))

    return become


@pytest.fixture
def volume(ec2, observed):
    async def make(**members):
        made = await ec2("CreateVolume", AvailabilityZone=ZONE, **{"Size": 8} | members)
        await observed(Volume, made["VolumeId"], state="available", host="here")
        return made["VolumeId"]

    return make


@pytest.fixture
def snapshot(ec2, observed, volume):
    async def make():
        made = await ec2("CreateSnapshot", VolumeId=await volume())
        await observed(Snapshot, made["SnapshotId"], state="completed")
        return made["SnapshotId"]

    return make


async def test_a_volume_is_creating_with_what_its_type_gives_it(ec2):
    tags = [{"Key": "team", "Value": "blue"}]
    made = await ec2(
        "CreateVolume",
        AvailabilityZone=ZONE,
        Size=8,
        VolumeType="gp3",
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
    )
    assert (made["State"], made["Iops"], made["Throughput"]) == ("creating", 3000, 125)
    assert (made["Tags"], made["Attachments"], made["SnapshotId"]) == (tags, [], "")
    named = [{"Name": "tag:team", "Values": ["blue"]}, {"Name": "size", "Values": ["8"]}]
    assert (await ec2("DescribeVolumes", Filters=named))["Volumes"] == [made]
    other = [{"Name": "status", "Values": ["available"]}]
    assert (await ec2("DescribeVolumes", Filters=other))["Volumes"] == []


async def test_the_same_token_makes_one_volume(ec2):
    first, second = [
        await ec2("CreateVolume", AvailabilityZone=ZONE, Size=1, ClientToken="t") for _ in range(2)
    ]
    assert first == second


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Size": 1, "AvailabilityZone": "us-east-1z"}, "InvalidZone.NotFound"),
        ({"Size": 0}, "InvalidParameterValue"),
        ({"Size": 1, "VolumeType": "gp2", "Iops": 100}, "InvalidParameterCombination"),
        ({"Size": 100, "VolumeType": "io1"}, "InvalidParameterCombination"),
        ({"Size": 1, "SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({}, "MissingParameter"),
    ],
)
async def test_what_is_refused(refused, members, code):
    assert (await refused("CreateVolume", **{"AvailabilityZone": ZONE} | members))[0] == code


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        (Settings(mode="local"), True),
        (Settings(mode="strict"), False),
        (Settings(mode="strict", ebs_encrypted="on"), True),
    ],
)
async def test_encryption_is_somebodys_word(client, settings, taken):
    ask = client("ec2", settings=settings)
    wanted = ask("CreateVolume", AvailabilityZone=ZONE, Size=1, Encrypted=True)
    if taken:
        assert (await wanted)["Encrypted"] is True
        return
    with pytest.raises(AwsError, match="ECSD_EBS_ENCRYPTED=on"):
        await wanted


async def test_a_snapshot_needs_data_and_gives_its_size(ec2, refused, snapshot):
    empty = (await ec2("CreateVolume", AvailabilityZone=ZONE, Size=1))["VolumeId"]
    assert (await refused("CreateSnapshot", VolumeId=empty))[0] == "IncorrectState"
    made = await snapshot()
    copy = await ec2("CreateVolume", AvailabilityZone=ZONE, SnapshotId=made)
    assert (copy["Size"], copy["SnapshotId"]) == (8, made)
    smaller = {"AvailabilityZone": ZONE, "SnapshotId": made, "Size": 7}
    assert (await refused("CreateVolume", **smaller))[0] == "InvalidParameterValue"
    assert (await refused("DeleteSnapshot", SnapshotId=made))[0] == "InvalidSnapshot.InUse"


async def test_a_snapshot_that_is_being_erased_is_not_there(ec2, refused, snapshot):
    made = await snapshot()
    assert len((await ec2("DescribeSnapshots", OwnerIds=["self"]))["Snapshots"]) == 1
    assert (await ec2("DescribeSnapshots", OwnerIds=["amazon"]))["Snapshots"] == []
    await ec2("DeleteSnapshot", SnapshotId=made)
    assert (await ec2("DescribeSnapshots"))["Snapshots"] == []
    for name in ("DescribeSnapshots", "DeleteSnapshot"):
        asked = {"SnapshotIds": [made]} if name == "DescribeSnapshots" else {"SnapshotId": made}
        assert (await refused(name, **asked))[0] == "InvalidSnapshot.NotFound"


async def test_a_tasks_volume_is_shown_with_its_task_and_not_deleted(
    ec2, refused, volume, observed
):
    own = await volume()
    task = "arn:aws:ecs:us-east-1:000000000000:task/c/1"
    await observed(Volume, own, state="in-use", task_arn=task, device="/dev/xvdba", managed=True)
    (shown,) = (await ec2("DescribeVolumes", VolumeIds=[own]))["Volumes"]
    (attachment,) = shown["Attachments"]
    assert (attachment["AssociatedResource"], attachment["State"]) == (task, "attached")
    assert shown["Operator"] == {"Managed": True, "Principal": "ecs.amazonaws.com"}
    assert (await refused("DeleteVolume", VolumeId=own))[0] == "VolumeInUse"
    await observed(Volume, own, state="available", task_arn=None)
    await ec2("DeleteVolume", VolumeId=own)
    (shown,) = (await ec2("DescribeVolumes"))["Volumes"]
    assert shown["State"] == "deleting"  # until its host has erased it
