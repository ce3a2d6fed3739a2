"""ExecuteCommand's invitations and refusals; nothing runs here."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from ecsd.controllers.expiry import ExpiryController
from ecsd.errors import AwsError
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.ecs.task import Task
from ecsd.records.host import Host
from ecsd.store.scope import HOSTS, Scope

SCOPE = Scope("000000000000", "us-east-1")
ROLE = "arn:aws:iam::000000000000:role/task"


@pytest.fixture
async def task(ecs, fargate, awsvpc, store):
    """A task of two containers that runs on a connected host; returns its ARN."""
    await ecs("CreateCluster", clusterName="prod")
    app = fargate["containerDefinitions"][0]
    side = {"name": "side", "image": "side:1"}
    logs = {"logDriver": "awslogs", "options": LOGS}
    definition = fargate | {
        "taskRoleArn": ROLE,
        "executionRoleArn": ROLE,
        "containerDefinitions": [app | {"logConfiguration": logs}, side],
    }
    await ecs("RegisterTaskDefinition", **definition)
    started = await ecs(
        "RunTask",
        cluster="prod",
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=awsvpc,
        enableExecuteCommand=True,
    )
    arn = started["tasks"][0]["taskArn"]
    async with store.transaction(HOSTS) as change:
        change.put(Host(name="host-1", boot_id="b", connected=True))
    await set_task(store, arn, last_status="RUNNING", host="host-1")
    return arn


LOGS = {"awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}


async def set_task(store, arn, **members):
    async with store.transaction(SCOPE) as change:
        known = change.get(Task, arn)
        containers = tuple(
            replace(one, last_status="RUNNING", runtime_id=f"id-{one.name}")
            for one in known.containers
        )
        change.put(replace(known, containers=containers, **members))


def invitations(store):
    return store.view(SCOPE).select(ExecSession)


async def execute(ecs, arn, **more):
    request = {"command": "/bin/sh", "interactive": True, "container": "app"}
    return await ecs("ExecuteCommand", **({"cluster": "prod", "task": arn} | request | more))


async def test_an_invitation_names_where_to_go_and_how(ecs, task, store):
    answer = await execute(ecs, task)
    (kept,) = invitations(store)
    session = answer["session"]
    assert session["tokenValue"] == kept.token
    assert session["streamUrl"].startswith("ws://127.0.0.1:4666/v1/data-channel/ecs-execute-comm")
    assert (kept.runtime_id, kept.host, kept.log_group) == ("id-app", "host-1", "/app")
    assert answer["containerArn"].rpartition("/")[0].endswith(task.rpartition("/")[2])
    again = await execute(ecs, task, container="side")
    assert again["session"]["tokenValue"] != session["tokenValue"]


class At:
    """A clock that stands still."""

    def __init__(self, moment):
        self.now = lambda: moment


async def test_an_invitation_that_nobody_takes_goes(ecs, task, store):
    await execute(ecs, task)
    (kept,) = invitations(store)
    key = f"exec_session/{kept.session_id}"
    early = ExpiryController(store, At(kept.created_at))
    assert await early.reconcile(SCOPE, key) == kept.expires_at
    assert await ExpiryController(store, At(kept.expires_at)).reconcile(SCOPE, key) is None
    assert invitations(store) == []
    assert kept.expires_at - kept.created_at == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"interactive": False}, "InvalidParameterException", "Interactive is the only mode"),
        ({"command": "sh -c 'x"}, "InvalidParameterException", "command: No closing quotation"),
        ({"command": " "}, "InvalidParameterException", "must not be empty"),
        ({"container": "nope"}, "InvalidParameterException", "container nope does not exist"),
        ({"container": ""}, "InvalidParameterException", "container name is required"),
        ({"task": "0" * 32}, "InvalidParameterException", "task was not found"),
        ({"cluster": "nope"}, "ClusterNotFoundException", "Cluster not found."),
    ],
)
async def test_what_cannot_be_opened_is_refused(ecs, task, store, change, code, words):
    with pytest.raises(AwsError) as refused:
        await execute(ecs, task, **change)
    assert (refused.value.code, words in refused.value.message) == (code, True)
    assert invitations(store) == []


@pytest.mark.parametrize(
    "members",
    [
        {"enable_execute_command": False},
        {"last_status": "PENDING"},
        {"desired_status": "STOPPED"},
    ],
)
async def test_a_task_that_is_not_open_says_so(ecs, task, store, members):
    await set_task(store, task, **members)
    with pytest.raises(AwsError, match="execute command was not enabled") as refused:
        await execute(ecs, task)
    assert refused.value.code == "InvalidParameterException"


async def test_while_the_host_is_away_nobody_is_invited(ecs, task, store):
    async with store.transaction(HOSTS) as change:
        change.put(Host(name="host-1", boot_id="b", connected=False))
    with pytest.raises(AwsError) as refused:
        await execute(ecs, task)
    assert refused.value.code == "TargetNotConnectedException"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (None, "/app"),
        ({"logging": "DEFAULT"}, "/app"),
        ({"logging": "NONE"}, ""),
        (
            {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/exec"}},
            "/exec",
        ),
    ],
)
async def test_the_transcript_goes_where_the_cluster_says(ecs, task, store, commands, expected):
    if commands is not None:
        configuration = {"executeCommandConfiguration": commands}
        await ecs("UpdateCluster", cluster="prod", configuration=configuration)
    await execute(ecs, task)
    assert [one.log_group for one in invitations(store)] == [expected]


@pytest.mark.parametrize(
    ("commands", "member"),
    [
        ({"kmsKeyId": "key"}, "kmsKeyId"),
        ({"logging": "OVERRIDE"}, "logConfiguration"),
        ({"logConfiguration": {"s3BucketName": "b"}}, "s3BucketName"),
        ({"logConfiguration": {"cloudWatchEncryptionEnabled": True}}, "cloudWatchEncryption"),
    ],
)
async def test_a_configuration_without_effect_is_refused(ecs, commands, member):
    with pytest.raises(AwsError, match=member):
        await ecs(
            "CreateCluster",
            clusterName="x",
            configuration={"executeCommandConfiguration": commands},
        )


async def test_services_need_a_task_role_for_it(ecs, fargate, awsvpc):
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    wanted = {
        "cluster": "prod",
        "serviceName": "web",
        "taskDefinition": "web",
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": awsvpc,
    }
    with pytest.raises(AwsError, match="valid taskRoleArn"):
        await ecs("CreateService", **wanted, enableExecuteCommand=True)
    created = (await ecs("CreateService", **wanted))["service"]
    with pytest.raises(AwsError, match="valid taskRoleArn"):
        await ecs("UpdateService", cluster="prod", service="web", enableExecuteCommand=True)
    await ecs("RegisterTaskDefinition", **fargate | {"taskRoleArn": ROLE})
    updated = await ecs(
        "UpdateService",
        cluster="prod",
        service="web",
        taskDefinition="web:2",
        enableExecuteCommand=True,
    )
    assert updated["service"]["enableExecuteCommand"]
    assert not created["enableExecuteCommand"]
