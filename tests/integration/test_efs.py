"""File systems of EFS: tasks share files, as whom they have to; groups and policies decide."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.sample import ASSUME, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

UID = 1234
HEAD = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes"
STAY = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
LOOK = f"while ! cat /data/from-first; do sleep 0.1; done; echo second > /data/answer; {STAY}"


class Files:
    """An account's file system with a mount target, and tasks that have it as a volume."""

    def __init__(self, account, image):
        self.account, self.image = account, image
        self.efs = account.client("efs")
        account.network()
        account.ec2.modify_vpc_attribute(VpcId=account.vpc, EnableDnsHostnames={"Value": True})
        account.ecs.create_cluster(clusterName="prod")
        made = self.efs.create_file_system(CreationToken="files")
        self.own = made["FileSystemId"]
        eventually(lambda: self.state() == "available", seconds=10)
        self.nfs = account.security_group("nfs", groups=[account.task_group], port=2049)
        self.target = self.efs.create_mount_target(
            FileSystemId=self.own, SubnetId=account.private[0], SecurityGroups=[self.nfs]
        )["MountTargetId"]

    def state(self):
        found = self.efs.describe_file_systems(CreationToken="files")["FileSystems"]
        return found[0]["LifeCycleState"] if found else "gone"

    def size(self):
        return self.efs.describe_file_systems()["FileSystems"][0]["SizeInBytes"]["Value"]

    def point(self):
        """An access point at /shared whose clients all act as UID."""
        return self.efs.create_access_point(
            ClientToken="p",
            FileSystemId=self.own,
            PosixUser={"Uid": UID, "Gid": UID},
            RootDirectory={
                "Path": "/shared",
                "CreationInfo": {"OwnerUid": UID, "OwnerGid": UID, "Permissions": "0750"},
            },
        )["AccessPointId"]

    def run(self, command, user=None, role=None, **volume):
        """Start a task with the file system at /data; returns its ARN."""
        container = {
            "name": "app",
            "image": self.image,
            "command": ["sh", "-c", command],
            "stopTimeout": 2,
            "mountPoints": [{"sourceVolume": "files", "containerPath": "/data"}],
        }
        definition = self.account.ecs.register_task_definition(
            family="files",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container | ({"user": user} if user else {})],
            volumes=[
                {"name": "files", "efsVolumeConfiguration": {"fileSystemId": self.own} | volume}
            ],
            **({"taskRoleArn": role} if role else {}),
        )["taskDefinition"]["taskDefinitionArn"]
        network = {
            "subnets": self.account.private[:1],
            "securityGroups": [self.account.task_group],
        }
        answer = self.account.ecs.run_task(
            cluster="prod",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        return answer["tasks"][0]["taskArn"]

    def until(self, arn, status):
        def look():
            task = self.account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]
            if status == "RUNNING":
                assert task["lastStatus"] != "STOPPED", task["stoppedReason"]
            return task["lastStatus"] == status and task

        return eventually(look, seconds=20)

    def reason(self, arn):
        return self.until(arn, "STOPPED")["stoppedReason"]

    def stop(self, *arns):
        for arn in arns:
            self.account.ecs.stop_task(cluster="prod", task=arn)
        for arn in arns:
            self.until(arn, "STOPPED")


def inside(arn, *words):
    """Return what a command says inside a task's container."""
    name = f"ecsd-{arn.rpartition('/')[2]}-app"
    done = subprocess.run(
        ["docker", "exec", name, *words], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).strip()


@pytest.fixture
def files(account, image):
    return Files(account, image)


@pytest.fixture
def open_device():
    """Have /dev/fuse as udev makes it, where there is no udev."""
    device = Path("/dev/fuse")
    mode = device.stat().st_mode
    device.chmod(0o666)
    yield
    device.chmod(mode)


def bindfs_of(point):
    found = subprocess.run(
        ["pgrep", "-f", f"/bindfs -f .*{point}"], capture_output=True, text=True, check=False
    )
    return [int(one) for one in found.stdout.split()]


def test_two_tasks_share_files_through_an_access_point(ecsd, files, open_device):
    point = files.point()
    through = {"transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": point}}
    first = files.run(f"echo first > /data/from-first; {STAY}", **through)
    second = files.run(LOOK, user="33", **through)
    files.until(first, "RUNNING"), files.until(second, "RUNNING")
    folder = ecsd.folder / "data" / "efs" / files.own / "shared"
    eventually((folder / "answer").exists, seconds=5)
    assert folder.stat().st_mode & 0o777 == 0o750
    owners = {(one.stat().st_uid, one.stat().st_gid) for one in (folder, *folder.iterdir())}
    assert owners == {(UID, UID)}
    assert inside(first, "cat", "/data/answer") == "second"
    (folder / "others").write_text("root's own\n")
    (folder / "others").chmod(0o600)
    assert "Permission denied" in inside(first, "cat", "/data/others")  # though it is root inside

    for _ in range(2):
        (before,) = bindfs_of(point)
        os.kill(before, signal.SIGKILL)  # whoever runs goes on with the next one
        eventually(lambda: inside(second, "cat", "/data/from-first") == "first", seconds=5)

    os.kill(ecsd.pids()["agent"], signal.SIGKILL)
    assert inside(first, "cat", "/data/answer") == "second"
    third = files.run(f"cat /data/answer && {STAY}", **through)
    files.until(third, "RUNNING")
    assert len(bindfs_of(point)) == 1
    assert inside(third, "cat", "/data/from-first") == "first"
    with pytest.raises(files.efs.exceptions.FileSystemInUse):
        files.efs.delete_file_system(FileSystemId=files.own)

    files.stop(first, second, third)
    assert bindfs_of(point) == []
    assert files.own not in Path("/proc/self/mountinfo").read_text()
    assert (folder / "answer").read_text() == "second\n"
    files.efs.delete_mount_target(MountTargetId=files.target)
    files.efs.delete_file_system(FileSystemId=files.own)
    eventually(lambda: files.state() == "gone", seconds=5)
    assert not folder.parent.exists()


def test_groups_policies_and_directories_decide_who_mounts(files, account):
    kept = files.run(f"echo kept > /data/kept; {STAY}")
    files.until(kept, "RUNNING")
    account.ec2.revoke_security_group_ingress(
        GroupId=files.nfs,
        IpPermissions=account.ec2.describe_security_groups(GroupIds=[files.nfs])["SecurityGroups"][
            0
        ]["IpPermissions"],
    )
    timed_out = files.run(STAY)
    assert files.reason(timed_out) == (
        f"{HEAD}: stderr: mount.nfs4: Connection timed out : "
        "unsuccessful EFS utils command execution; code: 32"
    )
    assert inside(kept, "cat", "/data/kept") == "kept"  # what is mounted stays
    files.stop(kept)
    files.efs.modify_mount_target_security_groups(
        MountTargetId=files.target, SecurityGroups=[account.alb_group]
    )
    account.admit(2049)

    assert "/nowhere failed, reason given by server: No such file or directory" in files.reason(
        files.run(STAY, rootDirectory="/nowhere")
    )
    role = account.iam.create_role(RoleName="reads", AssumeRolePolicyDocument=ASSUME)["Role"]["Arn"]
    asking = {"transitEncryption": "ENABLED", "authorizationConfig": {"iam": "ENABLED"}}
    assert files.reason(files.run(STAY, role=role, **asking)) == (
        f"{HEAD}: stderr: b'mount.nfs4: access denied by server while mounting 127.0.0.1:/' : "
        "unsuccessful EFS utils command execution; code: 32"
    )
    allowed = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    account.iam.put_role_policy(
        RoleName="reads",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    reads = files.run(STAY, role=role, **asking)
    files.until(reads, "RUNNING")
    assert inside(reads, "cat", "/data/kept") == "kept"
    assert "Read-only file system" in inside(reads, "touch", "/data/new")
    files.stop(reads)
    files.efs.delete_mount_target(MountTargetId=files.target)
    files.efs.delete_file_system(FileSystemId=files.own)
