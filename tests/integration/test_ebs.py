"""Volumes of EBS: a disk of its own for each task, snapshots of it, and what keeps one away."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

HEAD = "ResourceInitializationError: failed to attach the EBS volume: "
STAY = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
MEBIBYTE = 1 << 20
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes"


class Disks:
    """An account whose tasks have a volume at /data; each runs as another user's group."""

    def __init__(self, account, image):
        self.account, self.image = account, image
        account.network()
        account.ecs.create_cluster(clusterName="prod")
        self.role = self.role_for("ecsInfrastructureRole")
        account.iam.attach_role_policy(RoleName="ecsInfrastructureRole", PolicyArn=POLICY)
        account.ecs.register_task_definition(
            family="disks",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": image,
                    "user": "33:44",
                    "command": ["sh", "-c", STAY],
                    "stopTimeout": 2,
                    "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
                }
            ],
            volumes=[{"name": "data", "configuredAtLaunch": True}],
        )

    def role_for(self, name):
        made = self.account.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        return made["Role"]["Arn"]

    def wired(self):
        network = {
            "subnets": self.account.private[:1],
            "securityGroups": [self.account.task_group],
        }
        return {"awsvpcConfiguration": network}

    def configured(self, **managed):
        return [{"name": "data", "managedEBSVolume": {"roleArn": self.role} | managed}]

    def run(self, **managed):
        answer = self.account.ecs.run_task(
            cluster="prod",
            taskDefinition="disks",
            launchType="FARGATE",
            networkConfiguration=self.wired(),
            volumeConfigurations=self.configured(**managed),
        )
        return answer["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]

    def until(self, arn, status):
        def look():
            task = self.task(arn)
            if status == "RUNNING":
                assert task["lastStatus"] != "STOPPED", task["stoppedReason"]
            return task["lastStatus"] == status and task

        return eventually(look, seconds=20)

    def attachment(self, arn):
        found = next(
            one
            for one in self.task(arn)["attachments"]
            if one["type"] == "AmazonElasticBlockStorage"
        )
        return found["status"], {one["name"]: one["value"] for one in found["details"]}

    def stop(self, arn):
        self.account.ecs.stop_task(cluster="prod", task=arn)
        return self.until(arn, "STOPPED")

    def volumes(self):
        return {one["VolumeId"]: one for one in self.account.ec2.describe_volumes()["Volumes"]}

    def snapshot(self, volume):
        made = self.account.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]

        def look():
            shown = self.account.ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]
            assert shown["State"] != "error", shown["StateMessage"]
            return shown["State"] == "completed"

        eventually(look, seconds=10)
        return made


def inside(arn, command):
    """Return what a shell says inside a task's container."""
    name = f"ecsd-{arn.rpartition('/')[2]}-app"
    argv = ["docker", "exec", name, "sh", "-c", command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def attached_images(ecsd):
    """Return the images of this ecsd that a loop device has."""
    listed = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    return listed.count(str(ecsd.folder))


def test_a_task_has_a_disk_of_its_own_and_a_snapshot_has_its_data(ecsd, account, image):
    disks = Disks(account, image)
    wanted = {
        "sizeInGiB": 2,
        "filesystemType": "ext4",
        "throughput": 130,
        "terminationPolicy": {"deleteOnTermination": False},
        "tagSpecifications": [
            {"resourceType": "volume", "tags": [{"key": "team", "value": "blue"}]}
        ],
    }
    arn = disks.run(**wanted)
    disks.until(arn, "RUNNING")
    status, details = disks.attachment(arn)
    volume = details["volumeId"]
    assert status == "ATTACHED"
    assert (details["sizeInGiB"], details["volumeType"], details["iops"]) == ("2", "gp3", "3000")
    blocks = int(inside(arn, "df -P -k /data | tail -1 | awk '{print $2}'"))
    assert 1.8 * MEBIBYTE < blocks < 2 * MEBIBYTE  # KiB: of this disk, not of the host's
    assert inside(arn, "echo kept > /data/file; cat /data/file") == "kept"  # as its user's group
    told = json.loads(
        subprocess.run(
            ["docker", "inspect", f"ecsd-{arn.rpartition('/')[2]}-app"],
            capture_output=True,
            check=True,
        ).stdout
    )[0]["HostConfig"]
    assert [one["Rate"] for one in told["BlkioDeviceWriteBps"]] == [130 * MEBIBYTE]
    shown = disks.volumes()[volume]
    assert shown["State"] == "in-use"
    assert shown["Attachments"][0]["AssociatedResource"] == arn
    assert {"Key": "team", "Value": "blue"} in shown["Tags"]
    with pytest.raises(account.ec2.exceptions.ClientError, match="VolumeInUse"):
        account.ec2.delete_volume(VolumeId=volume)

    os.kill(ecsd.pids()["agent"], signal.SIGKILL)
    assert inside(arn, "cat /data/file") == "kept"
    made = disks.snapshot(volume)
    inside(arn, "echo later > /data/file")
    grown = disks.run(snapshotId=made, sizeInGiB=3, filesystemType="ext4")
    disks.until(grown, "RUNNING")
    assert inside(grown, "cat /data/file") == "kept"
    assert int(inside(grown, "df -P -k /data | tail -1 | awk '{print $2}'")) > 2.7 * MEBIBYTE
    assert attached_images(ecsd) == 2

    disks.stop(grown), disks.stop(arn)
    assert disks.attachment(grown)[0] == "DELETED"
    assert disks.attachment(arn)[0] == "DETACHED"
    eventually(lambda: set(disks.volumes()) == {volume}, seconds=10)
    assert attached_images(ecsd) == 0
    assert str(ecsd.folder) not in Path("/proc/self/mountinfo").read_text()
    assert disks.volumes()[volume]["State"] == "available"
    account.ec2.delete_volume(VolumeId=volume)
    account.ec2.delete_snapshot(SnapshotId=made)
    eventually(lambda: not list((ecsd.folder / "data" / "ebs").iterdir()), seconds=10)


def test_services_volumes_go_with_tasks_and_refusals_are_told(ecsd, account, image):
    disks = Disks(account, image)
    with pytest.raises(account.ecs.exceptions.InvalidParameterException, match="sizeInGiB"):
        disks.run(volumeType="gp3")
    disks.role, usual = disks.role_for("lacksEverything"), disks.role
    reason = disks.until(disks.run(sizeInGiB=1), "STOPPED")
    assert reason["stopCode"] == "TaskFailedToStart"
    assert reason["stoppedReason"].startswith(f"{HEAD}User: arn:aws:sts::")
    assert "not authorized to perform: ec2:CreateVolume" in reason["stoppedReason"]
    assert disks.attachment(reason["taskArn"])[0] == "FAILED"
    disks.role = usual
    reason = disks.until(disks.run(sizeInGiB=16_000), "STOPPED")["stoppedReason"]
    assert reason.startswith(f"{HEAD}16000 GiB are wanted, ")
    eventually(lambda: disks.volumes() == {}, seconds=10)

    made = account.ecs.create_service(
        cluster="prod",
        serviceName="db",
        taskDefinition="disks",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=disks.wired(),
        volumeConfigurations=disks.configured(sizeInGiB=1),
    )["service"]
    assert made["deployments"][0]["volumeConfigurations"][0]["name"] == "data"
    listed = account.ecs.list_tasks
    (arn,) = eventually(lambda: listed(cluster="prod")["taskArns"], seconds=10)
    disks.until(arn, "RUNNING")
    assert inside(arn, "mount | grep ' /data ' | awk '{print $5}'") == "xfs"
    account.ecs.delete_service(cluster="prod", service="db", force=True)
    disks.until(arn, "STOPPED")
    eventually(lambda: disks.volumes() == {}, seconds=10)
    assert attached_images(ecsd) == 0
