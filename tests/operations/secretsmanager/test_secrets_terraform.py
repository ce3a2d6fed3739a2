"""The Terraform provider's own sequence of calls for keys, parameters and secrets, and back.

Operations and members as the provider 5.100 sends them; it was run against a whole ecsd as well.
"""

import json

import pytest

TAGS = [{"Key": "Project", "Value": "demo"}]
VERSION = "terraform-20260101000000000000000001"


@pytest.fixture
def kms(client, moment):
    return client("kms", clock=moment)


@pytest.fixture
def ssm(client, moment):
    return client("ssm", clock=moment)


async def test_a_key_with_an_alias(kms):
    made = await kms(
        "CreateKey",
        BypassPolicyLockoutSafetyCheck=False,
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        Description="demo",
        KeyUsage="ENCRYPT_DECRYPT",
        Tags=[{"TagKey": "Project", "TagValue": "demo"}],
    )
    key = made["KeyMetadata"]["KeyId"]
    await kms("EnableKeyRotation", KeyId=key)
    shown = (await kms("DescribeKey", KeyId=key))["KeyMetadata"]
    assert (shown["Enabled"], shown["MultiRegion"], shown["KeyManager"]) == (
        True,
        False,
        "CUSTOMER",
    )
    policy = await kms("GetKeyPolicy", KeyId=key, PolicyName="default")
    assert json.loads(policy["Policy"])["Version"] == "2012-10-17"
    status = await kms("GetKeyRotationStatus", KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    tags = await kms("ListResourceTags", KeyId=key)
    assert tags["Tags"] == [{"TagKey": "Project", "TagValue": "demo"}]
    await kms("CreateAlias", AliasName="alias/app", TargetKeyId=key)
    aliases = (await kms("ListAliases"))["Aliases"]
    assert [one["TargetKeyId"] for one in aliases if one["AliasName"] == "alias/app"] == [key]
    await kms("DeleteAlias", AliasName="alias/app")
    await kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert (await kms("DescribeKey", KeyId=key))["KeyMetadata"]["KeyState"] == "PendingDeletion"


async def test_a_parameter(ssm):
    put = {"Name": "/app/a", "Type": "SecureString", "Value": "one"}
    await ssm("PutParameter", **put, Overwrite=False, Tags=TAGS)
    read = {"Name": "/app/a", "WithDecryption": True}
    assert (await ssm("GetParameter", **read))["Parameter"]["Value"] == "one"
    by_name = [{"Key": "Name", "Option": "Equals", "Values": ["/app/a"]}]
    [described] = (await ssm("DescribeParameters", ParameterFilters=by_name))["Parameters"]
    assert (described["Tier"], described["DataType"]) == ("Standard", "text")
    assert described["KeyId"] == "alias/aws/ssm"
    named = {"ResourceType": "Parameter", "ResourceId": "/app/a"}
    assert (await ssm("ListTagsForResource", **named))["TagList"] == TAGS
    more = {"KeyId": "alias/aws/ssm", "Tier": "Standard"}
    await ssm("PutParameter", **put | {"Value": "two"}, **more, Overwrite=True)
    assert (await ssm("GetParameter", **read))["Parameter"]["Version"] == 2
    await ssm("DeleteParameter", Name="/app/a")
    assert (await ssm("DescribeParameters", ParameterFilters=by_name))["Parameters"] == []


async def test_a_secret_with_a_version(secrets, refused):
    made = await secrets(
        "CreateSecret",
        ClientRequestToken=VERSION,
        Description="demo",
        ForceOverwriteReplicaSecret=False,
        Name="app/x",
        Tags=TAGS,
    )
    arn = made["ARN"]
    shown = await secrets("DescribeSecret", SecretId=arn)
    assert (shown.get("RotationEnabled"), shown["Tags"]) == (None, TAGS)
    assert "ResourcePolicy" not in await secrets("GetResourcePolicy", SecretId=arn)
    await secrets(
        "PutSecretValue", ClientRequestToken=VERSION, SecretId=arn, SecretString='{"token":"t"}'
    )
    read = await secrets("GetSecretValue", SecretId=arn, VersionId=VERSION)
    assert (read["SecretString"], read["VersionStages"]) == ('{"token":"t"}', ["AWSCURRENT"])
    await secrets("UpdateSecret", SecretId=arn, Description="other", ClientRequestToken=VERSION)
    await secrets("DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert (await refused("DescribeSecret", SecretId=arn)).code == "ResourceNotFoundException"
