"""Clusters as AWS answers them."""

import pytest

from ecsd.errors import AwsError


async def test_create_is_idempotent_by_name(ecs):
    first = await ecs("CreateCluster", clusterName="prod")
    again = await ecs("CreateCluster", clusterName="prod")
    assert first == again
    assert first["cluster"]["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/prod"
    assert first["cluster"]["status"] == "ACTIVE"


async def test_without_a_name_the_cluster_is_called_default(ecs):
    await ecs("CreateCluster")
    described = await ecs("DescribeClusters")
    assert described["clusters"][0]["clusterName"] == "default"


async def test_settings_and_tags_are_shown_only_when_included(ecs):
    await ecs(
        "CreateCluster",
        clusterName="prod",
        settings=[{"name": "containerInsights", "value": "enabled"}],
        tags=[{"key": "env", "value": "dev"}],
    )
    plain = (await ecs("DescribeClusters", clusters=["prod"]))["clusters"][0]
    assert (plain["settings"], plain["tags"], plain["statistics"]) == ([], [], [])
    full = (
        await ecs("DescribeClusters", clusters=["prod"], include=["SETTINGS", "TAGS", "STATISTICS"])
    )["clusters"][0]
    assert full["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert full["tags"] == [{"key": "env", "value": "dev"}]
    assert {"name": "runningFargateTasksCount", "value": "0"} in full["statistics"]


async def test_unknown_clusters_are_failures_not_errors(ecs):
    answer = await ecs("DescribeClusters", clusters=["nope"])
    assert answer["clusters"] == []
    assert answer["failures"] == [
        {"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/nope", "reason": "MISSING"}
    ]


async def test_a_deleted_cluster_is_inactive_and_its_name_can_be_used_again(ecs):
    await ecs("CreateCluster", clusterName="prod")
    deleted = await ecs("DeleteCluster", cluster="prod")
    assert deleted["cluster"]["status"] == "INACTIVE"
    described = await ecs("DescribeClusters", clusters=["prod"])
    assert described["clusters"][0]["status"] == "INACTIVE"
    assert (await ecs("ListClusters"))["clusterArns"] == []
    with pytest.raises(AwsError, match="The referenced cluster was inactive"):
        await ecs("DeleteCluster", cluster="prod")
    again = await ecs("CreateCluster", clusterName="prod")
    assert again["cluster"]["status"] == "ACTIVE"


async def test_a_cluster_with_a_service_or_a_task_cannot_be_deleted(ecs, fargate, awsvpc):
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    await ecs(
        "RunTask",
        cluster="prod",
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=awsvpc,
    )
    with pytest.raises(AwsError) as refused:
        await ecs("DeleteCluster", cluster="prod")
    assert refused.value.code == "ClusterContainsTasksException"
    await ecs(
        "CreateService",
        cluster="prod",
        serviceName="web",
        taskDefinition="web",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=awsvpc,
    )
    with pytest.raises(AwsError) as refused:
        await ecs("DeleteCluster", cluster="prod")
    assert refused.value.code == "ClusterContainsServicesException"


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        ({"clusterName": "a b"}, "clusterName"),
        ({"settings": [{"name": "containerInsights", "value": "maybe"}]}, "containerInsights"),
        ({"capacityProviders": ["mine"]}, "capacity provider"),
        ({"tags": [{"key": "aws:x", "value": "y"}]}, "tags"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(ecs, request_, word):
    with pytest.raises(AwsError, match=word):
        await ecs("CreateCluster", **request_)
    assert (await ecs("ListClusters"))["clusterArns"] == []


async def test_lists_come_in_pages(ecs):
    for number in range(7):
        await ecs("CreateCluster", clusterName=f"c{number}")
    arns, token = [], {}
    while True:
        answer = await ecs("ListClusters", maxResults=3, **token)
        arns += answer["clusterArns"]
        if not answer.get("nextToken"):
            break
        token = {"nextToken": answer["nextToken"]}
    assert [arn.rpartition("/")[2] for arn in arns] == [f"c{number}" for number in range(7)]
    with pytest.raises(AwsError, match="nextToken"):
        await ecs("ListClusters", nextToken="nonsense")


async def test_settings_change_alone_and_stay_otherwise(ecs):
    await ecs("CreateCluster", clusterName="prod", tags=[{"key": "a", "value": "b"}])
    insights = {"name": "containerInsights", "value": "enhanced"}
    changed = await ecs("UpdateClusterSettings", cluster="prod", settings=[insights])
    assert changed["cluster"]["settings"] == [insights]
    described = await ecs("DescribeClusters", clusters=["prod"], include=["SETTINGS", "TAGS"])
    (cluster,) = described["clusters"]
    assert (cluster["settings"], cluster["tags"]) == ([insights], [{"key": "a", "value": "b"}])
