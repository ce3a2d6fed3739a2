"""File systems from record to plan and back, and what tasks are told of their volumes."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.clock import VirtualClock
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.observations import Observations
from ecsd.ids import SeededIds
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.iam.role import Role
from ecsd.records.observed import FileSystemObserved
from ecsd.records.plan_files import FileSystemPlan
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from tests.controllers.conftest import no_flow_logs
from tests.controllers.hub import Published
from tests.operations.conftest import AUTHORITY

HOME = Scope("000000000000", "us-east-1")
OWN = "fs-0123456789abcdef0"
ARN = f"arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/{OWN}"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/c/1"
ROLE = "arn:aws:iam::000000000000:role/app"
CLOCK = VirtualClock()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES = FileSystem(file_system_id=OWN, arn=ARN, creation_token="t", created_at=NOW)
EFS = {"fileSystemId": OWN, "transitEncryption": "ENABLED"}


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def controller(store, published):
    return DataPlaneController(store, published, Settings(), AUTHORITY, CLOCK)


@pytest.fixture
def put(store):
    async def enter(*records, scope=HOME):
        async with store.transaction(scope) as change:
            change.put(*records)

    return enter


def interface(number, owner, group):
    return NetworkInterface(
        network_interface_id=f"eni-{number}",
        vpc_id="vpc-1",
        subnet_id="subnet-1",
        availability_zone="us-east-1a",
        private_ip_address=f"10.0.0.{number}",
        mac_address="0a:00:00:00:00:01",
        group_ids=(group,),
        owner=owner,
    )


def rule(group, *, egress, port):
    return SecurityGroupRule(
        security_group_rule_id=f"sgr-{group}",
        group_id=group,
        is_egress=egress,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        cidr_ipv4="0.0.0.0/0",
    )


def world(**efs):
    """A task on a host and the mount target of its zone, whose groups admit it."""
    definition = TaskDefinition(
        name="web:1",
        arn="arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
        family="web",
        revision=1,
        container_definitions=({"name": "app", "image": "i"},),
        volumes=({"name": "v", "efsVolumeConfiguration": EFS | efs},),
        network_mode="awsvpc",
        task_role_arn=ROLE,
        registered_at=NOW,
        registered_by="me",
    )
    task = Task(
        task_arn=TASK,
        task_id="1",
        cluster="c",
        cluster_arn="arn:aws:ecs:us-east-1:000000000000:cluster/c",
        task_definition="web:1",
        task_definition_arn=definition.arn,
        group="family:web",
        containers=(),
        created_at=NOW,
        host="here",
        vpc_id="vpc-1",
        network_interface_id="eni-5",
    )
    return (
        replace(FILES, state="available"),
        definition,
        task,
        Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1, enable_dns_hostnames=True),
        Subnet(
            subnet_id="subnet-1",
            vpc_id="vpc-1",
            cidr_block="10.0.0.0/24",
            availability_zone="us-east-1a",
            availability_zone_id="use1-az1",
        ),
        SecurityGroup(group_id="sg-1", group_name="t", description="t", vpc_id="vpc-1"),
        SecurityGroup(group_id="sg-2", group_name="n", description="n", vpc_id="vpc-1"),
        rule("sg-1", egress=True, port=2049),
        rule("sg-2", egress=False, port=2049),
        interface(5, TASK, "sg-1"),
        interface(9, "fsmt-1", "sg-2"),
        MountTarget(
            mount_target_id="fsmt-1",
            file_system_id=OWN,
            vpc_id="vpc-1",
            subnet_id="subnet-1",
            availability_zone="us-east-1a",
            network_interface_id="eni-9",
            ip_address="10.0.0.9",
        ),
    )


@pytest.fixture
def told(controller, published):
    """Return the one volume of the task, as its host is told of it."""

    async def look():
        await controller.reconcile(HOME, f"task/{TASK}")
        (mount,) = published[f"task/{TASK}"].efs_mounts
        return mount

    return look


async def test_a_file_system_is_available_once_a_host_has_it(controller, published, store, put):
    observations = Observations(store, CLOCK, SeededIds(1), no_flow_logs)
    await put(FILES)
    await controller.reconcile(HOME, f"efs/{OWN}")
    assert published == {f"efs/{OWN}": FileSystemPlan(file_system_arn=ARN, file_system_id=OWN)}
    seen = FileSystemObserved(file_system_arn=ARN, size=4096, at=NOW)
    await observations._noted("host-a", seen)
    known = store.view(HOME).get(FileSystem, OWN)
    assert (known.state, known.size, known.measured_at) == ("available", 4096, NOW)

    gone = replace(seen, size=None)
    await observations._noted("host-a", gone)  # nobody has asked for that
    assert store.view(HOME).get(FileSystem, OWN) == known
    await put(replace(known, state="deleting"))
    await controller.reconcile(HOME, f"efs/{OWN}")
    assert published[f"efs/{OWN}"].erased
    await observations._noted("host-a", seen)  # measured before it was told
    assert store.view(HOME).get(FileSystem, OWN).state == "deleting"
    await observations._noted("host-a", gone)
    assert store.view(HOME).get(FileSystem, OWN) is None
    await controller.reconcile(HOME, f"efs/{OWN}")
    assert published == {}
    await observations._noted("host-a", seen)  # of one that is gone


async def test_a_task_is_told_of_its_volume_while_it_starts(put, told, published, controller):
    await put(*world())
    mount = await told()
    assert (mount.refusal, mount.volume, mount.file_system_id) == ("", "v", OWN)
    task = next(one for one in world() if isinstance(one, Task))
    await put(replace(task, last_status="RUNNING"))
    await controller.reconcile(HOME, f"task/{TASK}")
    assert published[f"task/{TASK}"].efs_mounts == ()  # what is mounted stays


async def test_the_groups_of_both_ends_have_to_let_packets_pass(put, told, store):
    await put(*world())
    for group in ("sg-1", "sg-2"):
        known = store.view(HOME).get(SecurityGroupRule, f"sgr-{group}")
        await put(replace(known, from_port=80, to_port=80))
        assert "mount.nfs4: Connection timed out" in (await told()).refusal
        await put(known)
        assert (await told()).refusal == ""


async def test_a_role_is_asked_only_where_the_volume_says_so(put, told):
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = Role(
        role_name="app",
        role_id="AROA1",
        arn=ROLE,
        path="/",
        assume_role_policy_document=trust,
        created_at=NOW,
    )
    await put(role, scope=HOME.globally())
    await put(*world())
    assert (await told()).refusal == ""
    await put(*world(authorizationConfig={"iam": "ENABLED"}))
    assert "access denied by server" in (await told()).refusal
    reads = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess"]
    document = {"Effect": "Allow", "Action": reads, "Resource": ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    await put(replace(role, inline_policies={"p": policy}), scope=HOME.globally())
    mount = await told()
    assert (mount.refusal, mount.read_only) == ("", True)


async def test_a_role_that_is_not_known_here_may_do_what_its_sessions_may(put, told):
    await put(*world(authorizationConfig={"iam": "ENABLED"}))
    mount = await told()
    assert (mount.refusal, mount.read_only) == ("", False)
