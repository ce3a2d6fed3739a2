"""Where no instance can join, none is listed and each that is named is missing."""

import pytest

from ecsd.errors import AwsError


async def test_there_are_none(ecs):
    await ecs("CreateCluster", clusterName="prod")
    assert await ecs("ListContainerInstances", cluster="prod") == {"containerInstanceArns": []}
    answer = await ecs(
        "DescribeContainerInstances", cluster="prod", containerInstances=["a", "a", "b"]
    )
    assert answer["containerInstances"] == []
    assert [one["arn"].rpartition("/")[2] for one in answer["failures"]] == ["a", "b"]
    assert {one["reason"] for one in answer["failures"]} == {"MISSING"}


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("ListContainerInstances", {"cluster": "nope"}, "ClusterNotFoundException"),
        (
            "DescribeContainerInstances",
            {"cluster": "prod", "containerInstances": []},
            "InvalidParameterException",
        ),
        (
            "DescribeContainerInstances",
            {"cluster": "prod", "containerInstances": [str(n) for n in range(101)]},
            "InvalidParameterException",
        ),
    ],
)
async def test_what_names_nothing_is_refused(ecs, operation, request_, code):
    await ecs("CreateCluster", clusterName="prod")
    with pytest.raises(AwsError) as refused:
        await ecs(operation, **request_)
    assert refused.value.code == code
