"""Account settings and tags."""

import pytest

from ecsd.errors import AwsError


async def test_a_principals_own_value_wins_over_the_accounts(ecs):
    await ecs("PutAccountSettingDefault", name="containerInsights", value="enabled")
    await ecs("PutAccountSetting", name="containerInsights", value="enhanced")
    answer = await ecs("ListAccountSettings", name="containerInsights", effectiveSettings=True)
    assert answer["settings"][0]["value"] == "enhanced"
    await ecs("DeleteAccountSetting", name="containerInsights")
    answer = await ecs("ListAccountSettings", name="containerInsights", effectiveSettings=True)
    assert answer["settings"][0]["value"] == "enabled"
    cluster = await ecs("CreateCluster", clusterName="c")
    assert cluster["cluster"]["settings"] == [{"name": "containerInsights", "value": "enabled"}]


async def test_long_arns_stay(ecs):
    with pytest.raises(AwsError, match="You can no longer disable"):
        await ecs("PutAccountSetting", name="taskLongArnFormat", value="disabled")


async def test_tags_are_added_and_removed(ecs):
    arn = (await ecs("CreateCluster", clusterName="c"))["cluster"]["clusterArn"]
    await ecs("TagResource", resourceArn=arn, tags=[{"key": "a", "value": "1"}])
    await ecs("TagResource", resourceArn=arn, tags=[{"key": "a", "value": "2"}])
    assert (await ecs("ListTagsForResource", resourceArn=arn))["tags"] == [
        {"key": "a", "value": "2"}
    ]
    await ecs("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert (await ecs("ListTagsForResource", resourceArn=arn))["tags"] == []
    with pytest.raises(AwsError, match="The ARN provided is invalid."):
        await ecs("ListTagsForResource", resourceArn="arn:aws:s3:::x")
