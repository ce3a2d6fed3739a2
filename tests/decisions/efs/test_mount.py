"""Who can mount what, out of groups, zones, policies and access points."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.efs.access import (
    ANONYMOUS,
    EVERYTHING,
    Access,
    Client,
    access_of,
    client_keys,
)
from ecsd.decisions.efs.mount import Around, Volume, compile_mount, volume_of
from ecsd.decisions.iam.evaluation import Policies, Source
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.efs.access_point import AccessPoint, DirectoryCreation, PosixUser
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.plan_network import InterfacePlan, PacketRule, SecurityGroupPlan, VpcPlan

ACCOUNT = "000000000000"
ARN = f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/fs-1"
POINT_ARN = ARN.replace("file-system/fs-1", "access-point/fsap-1")
TASK, TARGET = "10.0.0.5", "10.0.0.9"
HEAD = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes"
FILES = FileSystem(
    file_system_id="fs-1",
    arn=ARN,
    creation_token="t",
    state="available",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
POINT = AccessPoint(
    access_point_id="fsap-1",
    arn=POINT_ARN,
    file_system_id="fs-1",
    client_token="p",
    user=PosixUser(uid=1000, gid=1000),
    path="/app",
    creation=DirectoryCreation(owner_uid=1000, owner_gid=1000, permissions="0755"),
)
WAY = MountTarget(
    mount_target_id="fsmt-1",
    file_system_id="fs-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    availability_zone="us-east-1a",
    network_interface_id="eni-2",
    ip_address=TARGET,
)
INTERFACE = NetworkInterface(
    network_interface_id="eni-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    availability_zone="us-east-1a",
    private_ip_address=TASK,
    mac_address="0a:00:00:00:00:01",
)
NET = Vpc(
    vpc_id="vpc-1",
    cidr_block="10.0.0.0/16",
    number=1,
    enable_dns_support=True,
    enable_dns_hostnames=True,
)
NFS = PacketRule(protocol="tcp", from_port=2049, to_port=2049, group_id="sg-task")
OUT = PacketRule(protocol="-1", cidr="0.0.0.0/0")


def network(ingress=(NFS,), egress=(OUT,)):
    def interface(number, address, kind, group):
        return InterfacePlan(
            network_interface_id=f"eni-{number}",
            address=address,
            subnet_id="subnet-1",
            mac_address="0a:00:00:00:00:01",
            kind=kind,
            group_ids=(group,),
        )

    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        security_groups=(
            SecurityGroupPlan(group_id="sg-task", egress=egress),
            SecurityGroupPlan(group_id="sg-nfs", ingress=ingress),
        ),
        interfaces=(
            interface(1, TASK, "task", "sg-task"),
            interface(2, TARGET, "mount_target", "sg-nfs"),
        ),
    )


def around(**changes):
    known = {
        "region": "us-east-1",
        "file_system": FILES,
        "access_point": None,
        "targets": [WAY],
        "access": EVERYTHING,
        "interface": INTERFACE,
        "vpc": NET,
        "plan": network(),
    }
    return Around(**(known | changes))


def volume(**changes):
    known = Volume("data", "fs-1", "/", "", encrypted=False, iam=False)
    return known._replace(**changes)


def test_a_volume_lies_where_the_definition_says():
    given = {"name": "data", "efsVolumeConfiguration": {"fileSystemId": ARN}}
    assert volume_of(given) == volume()
    efs = {
        "fileSystemId": "fs-1",
        "rootDirectory": "/x",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
    }
    assert volume_of({"name": "data", "efsVolumeConfiguration": efs}) == volume(
        path="/x", access_point_id="fsap-1", encrypted=True, iam=True
    )
    assert volume_of({"name": "data", "host": {}}) is None

    mount = compile_mount(volume(path="/x"), around())
    assert (mount.refusal, mount.path, mount.user, mount.read_only) == ("", "/x", None, False)
    assert mount.server == "fs-1.efs.us-east-1.amazonaws.com"


def test_an_access_point_says_directory_and_user():
    wanted = volume(access_point_id="fsap-1", encrypted=True)
    mount = compile_mount(wanted, around(access_point=POINT))
    assert (mount.refusal, mount.server, mount.path) == ("", "127.0.0.1", "/app")
    assert (mount.user, mount.creation) == (POINT.user, POINT.creation)
    rootless = Access(mount=True, write=True, root=False)
    root = replace(POINT, user=PosixUser(uid=0, gid=0, secondary_gids=(4,)))
    squashed = compile_mount(wanted, around(access_point=root, access=rootless))
    assert (squashed.refusal, squashed.user) == ("", PosixUser(uid=65534, gid=65534))
    kept = compile_mount(wanted, around(access_point=root))
    assert kept.user == root.user


UNRESOLVED = 'Failed to resolve "fs-1.efs.us-east-1.amazonaws.com" - check'
DENIED = "b'mount.nfs4: access denied by server while mounting fs-1.efs.us-east-1.amazonaws.com:/'"
NOT_ROOT = Access(mount=True, write=True, root=False)


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [
        ({"file_system": None}, UNRESOLVED, 1),
        ({"file_system": replace(FILES, state="deleting")}, UNRESOLVED, 1),
        ({"targets": []}, UNRESOLVED, 1),
        ({"targets": [replace(WAY, availability_zone="us-east-1b")]}, UNRESOLVED, 1),
        ({"targets": [replace(WAY, vpc_id="vpc-2")]}, UNRESOLVED, 1),
        ({"vpc": replace(NET, enable_dns_hostnames=False)}, UNRESOLVED, 1),
        ({"vpc": replace(NET, enable_dns_support=False)}, UNRESOLVED, 1),
        ({"plan": network(ingress=())}, "mount.nfs4: Connection timed out", 32),
        ({"plan": network(egress=())}, "mount.nfs4: Connection timed out", 32),
        (
            {"plan": network(ingress=(replace(NFS, from_port=111, to_port=111),))},
            "mount.nfs4: Connection timed out",
            32,
        ),
        ({"access": None}, "AWS Access Key ID and Secret Access Key are not found", 1),
        ({"access": Access(mount=False, write=True, root=True)}, DENIED, 32),
    ],
)
def test_what_keeps_a_task_from_mounting(changes, words, code):
    refusal = compile_mount(volume(), around(**changes)).refusal
    assert refusal.startswith(f"{HEAD}: stderr: {words}")
    assert refusal.endswith(f" : unsuccessful EFS utils command execution; code: {code}")


def test_what_ecsd_cannot_do_it_says():
    refusal = compile_mount(volume(), around(access=NOT_ROOT)).refusal
    assert refusal.startswith(f"{HEAD}: ")
    assert "ClientRootAccess" in refusal


@pytest.mark.parametrize("point", [None, replace(POINT, file_system_id="fs-2")])
def test_an_access_point_that_is_not_the_file_systems_lets_nobody_in(point):
    wanted = volume(access_point_id="fsap-1", encrypted=True)
    refusal = compile_mount(wanted, around(access_point=point)).refusal
    assert "access denied by server while mounting 127.0.0.1:/" in refusal


def test_a_host_reaches_every_mount_target():
    own = {"interface": None, "vpc": None, "plan": None}
    assert compile_mount(volume(), around(**own)).refusal == ""
    assert UNRESOLVED in compile_mount(volume(), around(**own, targets=[])).refusal


def test_without_write_access_a_mount_is_read_only():
    access = Access(mount=True, write=False, root=True)
    assert compile_mount(volume(), around(access=access)).read_only


# ------------------------------------------------------------- policies
ROLE = "arn:aws:iam::000000000000:role/app"
SESSION = Principal(
    PrincipalKind.SESSION, "arn:aws:sts::000000000000:assumed-role/app/1", ACCOUNT, "AROA1", ROLE
)
MOUNT, WRITE, ROOT = (f"elasticfilesystem:Client{one}" for one in ("Mount", "Write", "RootAccess"))


def source(*statements):
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return Source(compile_policy(json.dumps(document)), "p")


def says(effect, *actions, principal=None, **more):
    who = {} if principal is None else {"Principal": principal}
    return {"Effect": effect, "Action": list(actions), "Resource": "*", **who, **more}


def access(principal, *, identity=(), policy=None, encrypted=True, point=""):
    policies = Policies(identity=tuple(identity), resource=policy)
    keys = client_keys(encrypted=encrypted, access_point_arn=point)
    return access_of(Client(principal, policies, keys), ARN, ACCOUNT)


NOTHING = Access(mount=False, write=False, root=False)
ENCRYPTED = {"Bool": {"aws:SecureTransport": "false"}}
BY_POINT = {"StringEquals": {"elasticfilesystem:AccessPointArn": POINT_ARN}}


def test_the_default_policy_lets_anonymous_clients_do_everything():
    assert access(ANONYMOUS) == EVERYTHING
    own = source(says("Allow", MOUNT, principal={"AWS": ROLE}))
    assert access(ANONYMOUS, policy=own) == NOTHING
    world = source(says("Allow", MOUNT, WRITE, principal={"AWS": "*"}))
    assert access(ANONYMOUS, policy=world) == Access(mount=True, write=True, root=False)


def test_a_client_that_shows_its_role_needs_leave_from_either_policy():
    assert access(SESSION) == NOTHING
    allowed = [source(says("Allow", MOUNT))]
    assert access(SESSION, identity=allowed) == Access(mount=True, write=False, root=False)
    policy = source(says("Allow", WRITE, principal={"AWS": ROLE}))
    both = access(SESSION, identity=allowed, policy=policy)
    assert both == Access(mount=True, write=True, root=False)
    closed = source(says("Deny", MOUNT, principal="*"))
    assert access(SESSION, identity=[source(says("Allow", "*"))], policy=closed) == Access(
        mount=False, write=True, root=True
    )


def test_conditions_on_encryption_and_access_point():
    policy = source(
        says("Allow", MOUNT, WRITE, ROOT, principal={"AWS": "*"}, Condition=BY_POINT),
        says("Deny", "*", principal={"AWS": "*"}, Condition=ENCRYPTED),
    )
    assert access(ANONYMOUS, policy=policy, point=POINT_ARN) == EVERYTHING
    assert access(ANONYMOUS, policy=policy) == NOTHING
    assert access(ANONYMOUS, policy=policy, point=POINT_ARN, encrypted=False) == NOTHING
