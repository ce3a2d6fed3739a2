"""FARGATE and FARGATE_SPOT as providers of clusters, tasks and services; nothing runs here."""

from collections import Counter

import pytest

from ecsd.errors import AwsError

BOTH = ["FARGATE", "FARGATE_SPOT"]
MIXED = [
    {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]


@pytest.fixture
async def prod(ecs, fargate, awsvpc):
    """A cluster with both providers, and what RunTask needs."""
    await ecs("CreateCluster", clusterName="prod", capacityProviders=BOTH)
    await ecs("RegisterTaskDefinition", **fargate)
    return {"cluster": "prod", "taskDefinition": "web", "networkConfiguration": awsvpc}


async def test_both_are_described_and_nothing_else_is_there(ecs, prod):
    answer = await ecs("DescribeCapacityProviders")
    assert [one["name"] for one in answer["capacityProviders"]] == BOTH
    assert {one["status"] for one in answer["capacityProviders"]} == {"ACTIVE"}
    arn = answer["capacityProviders"][1]["capacityProviderArn"]
    found = await ecs("DescribeCapacityProviders", capacityProviders=[arn, "mine"])
    assert [one["name"] for one in found["capacityProviders"]] == ["FARGATE_SPOT"]
    assert [one["reason"] for one in found["failures"]] == ["MISSING"]
    await ecs("CreateCluster", clusterName="bare")
    of_bare = await ecs("DescribeCapacityProviders", cluster="bare")
    assert of_bare["capacityProviders"] == []
    assert prod


async def test_tasks_are_shared_by_base_and_weight(ecs, prod):
    answer = await ecs("RunTask", **prod, count=9, capacityProviderStrategy=MIXED)
    names = Counter(one["capacityProviderName"] for one in answer["tasks"])
    assert names == {"FARGATE": 3, "FARGATE_SPOT": 6}
    assert {one["launchType"] for one in answer["tasks"]} == {"FARGATE"}


async def test_a_clusters_default_strategy_counts_when_nothing_else_is_given(ecs, prod):
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    await ecs(
        "PutClusterCapacityProviders",
        cluster="prod",
        capacityProviders=BOTH,
        defaultCapacityProviderStrategy=spot,
    )
    (task,) = (await ecs("RunTask", **prod))["tasks"]
    assert task["capacityProviderName"] == "FARGATE_SPOT"
    (own,) = (await ecs("RunTask", **prod, launchType="FARGATE"))["tasks"]
    assert "capacityProviderName" not in own
    created = await ecs("CreateService", **prod, serviceName="web", desiredCount=1)
    assert created["service"]["capacityProviderStrategy"] == spot
    assert "launchType" not in created["service"]


async def test_a_services_strategy_changes_without_a_deployment(ecs, prod):
    created = await ecs(
        "CreateService", **prod, serviceName="web", desiredCount=1, launchType="FARGATE"
    )
    first = created["service"]["deployments"][0]["id"]
    changed = await ecs(
        "UpdateService", cluster="prod", service="web", capacityProviderStrategy=MIXED
    )
    service = changed["service"]
    assert service["capacityProviderStrategy"] == MIXED
    assert [one["id"] for one in service["deployments"]] == [first]
    back = await ecs("UpdateService", cluster="prod", service="web", capacityProviderStrategy=[])
    assert back["service"]["launchType"] == "FARGATE"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "words"),
    [
        (
            "CreateCluster",
            {"clusterName": "x", "capacityProviders": ["mine"]},
            "InvalidParameterException",
            "does not exist: mine",
        ),
        (
            "CreateCluster",
            {"clusterName": "x", "defaultCapacityProviderStrategy": MIXED},
            "InvalidParameterException",
            "not associated with the cluster",
        ),
        (
            "PutClusterCapacityProviders",
            {
                "cluster": "nope",
                "capacityProviders": [],
                "defaultCapacityProviderStrategy": [],
            },
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            "PutClusterCapacityProviders",
            {
                "cluster": "prod",
                "capacityProviders": ["FARGATE"],
                "defaultCapacityProviderStrategy": MIXED,
            },
            "InvalidParameterException",
            "not associated with the cluster",
        ),
    ],
)
async def test_what_cannot_be_associated_is_refused(ecs, prod, operation, request_, code, words):
    with pytest.raises(AwsError) as refused:
        await ecs(operation, **request_)
    assert refused.value.code == code
    assert words in refused.value.message
    assert prod


async def test_a_provider_in_use_stays_and_two_ways_at_once_are_refused(ecs, prod):
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    await ecs("RunTask", **prod, capacityProviderStrategy=spot)
    with pytest.raises(AwsError) as refused:
        await ecs(
            "PutClusterCapacityProviders",
            cluster="prod",
            capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy=[],
        )
    assert refused.value.code == "ResourceInUseException"
    with pytest.raises(AwsError, match="but not both"):
        await ecs("RunTask", **prod, launchType="FARGATE", capacityProviderStrategy=spot)
