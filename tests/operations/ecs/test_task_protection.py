"""Protection as AWS answers it: who may have it, for how long, and what is refused."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from ecsd.decisions.services.deployment import new_deployment
from ecsd.errors import AwsError
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.store.scope import Scope

SCOPE = Scope("000000000000", "us-east-1")
UNKNOWN = "arn:aws:ecs:us-east-1:000000000000:task/prod/" + "0" * 32


@pytest.fixture
async def tasks(ecs, fargate, awsvpc, store):
    """A task of a service, and one of nobody's; returns their ARNs."""
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    run = {"cluster": "prod", "taskDefinition": "web", "launchType": "FARGATE"}
    started = await ecs("RunTask", **run, networkConfiguration=awsvpc, count=2)
    own, alone = (one["taskArn"] for one in started["tasks"])
    service = await ecs(
        "CreateService",
        **run,
        serviceName="web",
        desiredCount=1,
        networkConfiguration=awsvpc,
    )
    arn = service["service"]["serviceArn"]
    async with store.transaction(SCOPE) as change:
        known = change.get(Service, arn)
        deployment_id = known.deployments[0].deployment_id
        task = change.get(Task, own)
        change.put(replace(task, service_arn=arn, deployment_id=deployment_id))
    return own, alone


async def test_a_services_task_is_protected_for_a_while_and_may_be_released(ecs, tasks):
    own, _ = tasks
    answer = await ecs("UpdateTaskProtection", cluster="prod", tasks=[own], protectionEnabled=True)
    (shown,) = answer["protectedTasks"]
    assert shown["protectionEnabled"]
    longer = await ecs(
        "UpdateTaskProtection",
        cluster="prod",
        tasks=[own],
        protectionEnabled=True,
        expiresInMinutes=180,
    )
    later = longer["protectedTasks"][0]["expirationDate"] - shown["expirationDate"]
    assert timedelta(minutes=59) < later < timedelta(minutes=61)
    asked = await ecs("GetTaskProtection", cluster="prod", tasks=[own])
    assert asked["protectedTasks"] == longer["protectedTasks"]
    assert (await ecs("GetTaskProtection", cluster="prod"))["protectedTasks"] == [
        longer["protectedTasks"][0]
    ]
    released = await ecs(
        "UpdateTaskProtection", cluster="prod", tasks=[own], protectionEnabled=False
    )
    assert released["protectedTasks"] == [{"taskArn": own, "protectionEnabled": False}]


async def test_what_is_no_services_task_is_a_failure(ecs, tasks):
    _, alone = tasks
    for operation, more in (
        ("UpdateTaskProtection", {"protectionEnabled": True}),
        ("GetTaskProtection", {}),
    ):
        answer = await ecs(operation, cluster="prod", tasks=[alone, UNKNOWN], **more)
        assert answer["protectedTasks"] == []
        assert [one["reason"] for one in answer["failures"]] == ["TASK_NOT_VALID", "MISSING"]


async def test_a_task_that_a_blocked_deployment_wants_to_replace_gets_no_protection(
    ecs, tasks, store
):
    own, _ = tasks
    async with store.transaction(SCOPE) as change:
        (service,) = change.select(Service)
        revision = change.get(ServiceRevision, service.revision_arn)
        newer = replace(revision, arn=f"{revision.arn[:-1]}x")
        first = new_deployment(newer, revision.created_at)
        blocked = replace(
            service, deployments=(first, *service.deployments), reported=("protected",)
        )
        change.put(newer, blocked)
    answer = await ecs("UpdateTaskProtection", cluster="prod", tasks=[own], protectionEnabled=True)
    assert [one["reason"] for one in answer["failures"]] == ["DEPLOYMENT_BLOCKED"]


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"expiresInMinutes": 0}, "expiresInMinutes"),
        ({"expiresInMinutes": 2881}, "expiresInMinutes"),
        ({"tasks": []}, "Tasks"),
        ({"tasks": [f"{number:032}" for number in range(11)]}, "tasks"),
    ],
)
async def test_what_is_out_of_range_is_refused(ecs, tasks, change, member):
    request = {"cluster": "prod", "tasks": [tasks[0]], "protectionEnabled": True}
    with pytest.raises(AwsError, match=member):
        await ecs("UpdateTaskProtection", **request | change)
