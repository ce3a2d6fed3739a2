"""Task sets of services that somebody else deploys, as AWS answers them; nothing runs here."""

import pytest

from ecsd.errors import AwsError

WHERE = {"cluster": "prod", "service": "web"}


@pytest.fixture
async def web(ecs, fargate, awsvpc):
    """An EXTERNAL service, and what CreateTaskSet needs."""
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    await ecs(
        "CreateService",
        cluster="prod",
        serviceName="web",
        desiredCount=3,
        deploymentController={"type": "EXTERNAL"},
    )
    return WHERE | {
        "taskDefinition": "web",
        "launchType": "FARGATE",
        "networkConfiguration": awsvpc,
    }


async def service(ecs):
    (shown,) = (await ecs("DescribeServices", cluster="prod", services=["web"]))["services"]
    return shown


async def test_a_service_begins_without_any(ecs, web):
    shown = await service(ecs)
    assert (shown["taskSets"], shown["deployments"]) == ([], [])
    assert "taskDefinition" not in shown
    assert web


async def test_a_set_runs_its_share_and_may_become_the_service(ecs, web):
    scale = {"value": 50, "unit": "PERCENT"}
    made = (await ecs("CreateTaskSet", **web, scale=scale, externalId="x"))["taskSet"]
    assert (made["status"], made["stabilityStatus"]) == ("ACTIVE", "STABILIZING")
    assert (made["computedDesiredCount"], made["externalId"]) == (2, "x")
    assert made["taskSetArn"].endswith(f":task-set/prod/web/{made['id']}")
    for name in (made["id"], made["taskSetArn"], made["id"].removeprefix("ecs-svc/")):
        updated = await ecs("UpdateTaskSet", **WHERE, taskSet=name, scale={"value": 100.0})
        assert updated["taskSet"]["computedDesiredCount"] == 3
    primary = await ecs("UpdateServicePrimaryTaskSet", **WHERE, primaryTaskSet=made["id"])
    assert primary["taskSet"]["status"] == "PRIMARY"
    shown = await service(ecs)
    assert shown["taskDefinition"].endswith("web:1")
    assert [one["id"] for one in shown["taskSets"]] == [made["id"]]
    second = (await ecs("CreateTaskSet", **web))["taskSet"]
    await ecs("UpdateServicePrimaryTaskSet", **WHERE, primaryTaskSet=second["id"])
    described = await ecs("DescribeTaskSets", **WHERE)
    assert {one["id"]: one["status"] for one in described["taskSets"]} == {
        second["id"]: "PRIMARY",
        made["id"]: "ACTIVE",
    }


async def test_the_same_token_answers_the_same_set_and_unknown_ones_are_failures(ecs, web):
    first = await ecs("CreateTaskSet", **web, clientToken="t")
    again = await ecs("CreateTaskSet", **web, clientToken="t")
    assert again["taskSet"]["id"] == first["taskSet"]["id"]
    answer = await ecs("DescribeTaskSets", **WHERE, taskSets=[first["taskSet"]["id"], "nope"])
    assert len(answer["taskSets"]) == 1
    assert answer["failures"] == [{"arn": "nope", "reason": "MISSING"}]


async def test_a_scaled_set_is_deleted_only_by_force(ecs, web):
    made = (await ecs("CreateTaskSet", **web))["taskSet"]
    with pytest.raises(AwsError, match="scaled above 0"):
        await ecs("DeleteTaskSet", **WHERE, taskSet=made["id"])
    gone = await ecs("DeleteTaskSet", **WHERE, taskSet=made["id"], force=True)
    assert (gone["taskSet"]["status"], gone["taskSet"]["computedDesiredCount"]) == ("DRAINING", 0)
    for operation, members in (
        ("UpdateTaskSet", {"taskSet": made["id"], "scale": {"value": 1.0}}),
        ("UpdateServicePrimaryTaskSet", {"primaryTaskSet": made["id"]}),
    ):
        with pytest.raises(AwsError, match="DRAINING"):
            await ecs(operation, **WHERE, **members)


async def test_a_service_with_sets_is_deleted_only_by_force(ecs, web):
    await ecs("CreateTaskSet", **web)
    await ecs("UpdateService", **WHERE, desiredCount=0)
    with pytest.raises(AwsError, match="deployments are active"):
        await ecs("DeleteService", **WHERE)
    deleted = await ecs("DeleteService", **WHERE, force=True)
    assert deleted["service"]["status"] == "DRAINING"


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("UpdateTaskSet", {"taskSet": "x", "scale": {"value": 10}}, "TaskSetNotFoundException"),
        ("UpdateTaskSet", {"taskSet": "x", "scale": {"value": 101}}, "InvalidParameterException"),
        ("DeleteTaskSet", {"taskSet": "x"}, "TaskSetNotFoundException"),
        ("UpdateServicePrimaryTaskSet", {"primaryTaskSet": "x"}, "TaskSetNotFoundException"),
        ("CreateTaskSet", {"taskDefinition": "nope"}, "ClientException"),
        ("DescribeTaskSets", {"service": "nope"}, "ServiceNotFoundException"),
        ("UpdateService", {"taskDefinition": "web"}, "InvalidParameterException"),
        ("UpdateService", {"forceNewDeployment": True}, "InvalidParameterException"),
    ],
)
async def test_what_cannot_be_is_refused(ecs, web, operation, members, code):
    with pytest.raises(AwsError) as refused:
        await ecs(operation, **WHERE | members)
    assert refused.value.code == code
    assert web


async def test_only_services_of_others_have_sets(ecs, web, awsvpc):
    await ecs(
        "CreateService",
        cluster="prod",
        serviceName="own",
        taskDefinition="web",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=awsvpc,
    )
    with pytest.raises(AwsError, match="EXTERNAL"):
        await ecs("CreateTaskSet", **web | {"service": "own"})
