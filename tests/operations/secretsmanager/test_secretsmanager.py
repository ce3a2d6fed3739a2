"""Secrets as clients of Secrets Manager see them."""

import json
import re
import string
from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers.planned_end import PlannedEndController
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from tests.conftest import SCOPE

TOKENS = [f"{number:032}" for number in range(10)]
PUBLIC = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        },
    }
)


async def value(secrets, name="app/db", **more):
    return (await secrets("GetSecretValue", SecretId=name, **more))["SecretString"]


async def test_a_secret_comes_back_under_each_of_its_names(secrets, secret):
    assert re.fullmatch(
        r"arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-[a-zA-Z0-9]{6}", secret
    )
    for name in ("app/db", secret, secret[:-7]):
        found = await secrets("GetSecretValue", SecretId=name)
        assert (found["SecretString"], found["ARN"], found["Name"]) == ("one", secret, "app/db")
        assert found["VersionStages"] == ["AWSCURRENT"]


async def test_bytes_come_back_as_bytes(secrets):
    await secrets("CreateSecret", Name="b", SecretBinary=b"\x00\xff")
    found = await secrets("GetSecretValue", SecretId="b")
    assert found["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in found


async def test_no_value_lies_in_the_store_in_plain_text(secrets, store):
    await secrets("CreateSecret", Name="a", SecretString="hunter2")
    held = str([*store.view(SCOPE).select(Secret), *store.view(SCOPE).select(SecretVersion)])
    assert "hunter2" not in held


async def test_versions_take_their_labels_along(secrets, secret, refused):
    first = (await secrets("GetSecretValue", SecretId=secret))["VersionId"]
    put = await secrets("PutSecretValue", SecretId=secret, SecretString="two")
    assert put["VersionStages"] == ["AWSCURRENT"]
    assert await value(secrets) == "two"
    assert await value(secrets, VersionStage="AWSPREVIOUS") == "one"
    assert await value(secrets, VersionId=first) == "one"
    wrong = await refused(
        "GetSecretValue", SecretId=secret, VersionId=first, VersionStage="AWSCURRENT"
    )
    assert wrong.code == "InvalidRequestException"
    await secrets("UpdateSecret", SecretId=secret, SecretString="three")
    shown = (await secrets("DescribeSecret", SecretId=secret))["VersionIdsToStages"]
    assert shown[put["VersionId"]] == ["AWSPREVIOUS"]
    assert first not in shown
    listed = await secrets("ListSecretVersionIds", SecretId=secret)
    assert first not in [one["VersionId"] for one in listed["Versions"]]
    everything = await secrets("ListSecretVersionIds", SecretId=secret, IncludeDeprecated=True)
    assert len(everything["Versions"]) == 3


async def test_a_pending_version_waits_for_its_label_to_move(secrets, secret, refused):
    first = (await secrets("GetSecretValue", SecretId=secret))["VersionId"]
    pending = await secrets(
        "PutSecretValue", SecretId=secret, SecretString="new", VersionStages=["AWSPENDING"]
    )
    assert await value(secrets) == "one"
    move = {"SecretId": secret, "VersionStage": "AWSCURRENT"}
    there = {"MoveToVersionId": pending["VersionId"]}
    error = await refused("UpdateSecretVersionStage", **move, **there)
    assert "RemoveFromVersionId can't be empty" in error.message
    error = await refused("UpdateSecretVersionStage", **move, RemoveFromVersionId=first)
    assert "completely removed" in error.message
    await secrets("UpdateSecretVersionStage", **move, **there, RemoveFromVersionId=first)
    assert await value(secrets) == "new"
    assert await value(secrets, VersionStage="AWSPREVIOUS") == "one"
    unknown = there | {"MoveToVersionId": TOKENS[0]}
    error = await refused("UpdateSecretVersionStage", **move, **unknown)
    assert error.code == "ResourceNotFoundException"


async def test_the_same_token_makes_one_version(secrets, refused):
    made = {"Name": "a", "SecretString": "one", "ClientRequestToken": TOKENS[0]}
    first = await secrets("CreateSecret", **made)
    assert await secrets("CreateSecret", **made) == first
    error = await refused("CreateSecret", **made | {"SecretString": "two"})
    assert error.code == "ResourceExistsException"
    error = await refused("CreateSecret", **made | {"ClientRequestToken": TOKENS[1]})
    assert error.message == "The operation failed because the secret a already exists."
    put = {"SecretId": "a", "SecretString": "two", "ClientRequestToken": TOKENS[1]}
    assert (await secrets("PutSecretValue", **put)) == (await secrets("PutSecretValue", **put))
    error = await refused("PutSecretValue", **put | {"SecretString": "three"})
    assert error.code == "ResourceExistsException"
    listed = await secrets("ListSecretVersionIds", SecretId="a", IncludeDeprecated=True)
    assert len(listed["Versions"]) == 2


async def test_a_secret_without_value_has_none_to_read(secrets, refused):
    made = await secrets("CreateSecret", Name="a")
    assert "VersionId" not in made
    error = await refused("GetSecretValue", SecretId="a")
    assert error.code == "ResourceNotFoundException"
    assert error.message.endswith("for staging label: AWSCURRENT")
    put = {"SecretId": "a", "SecretString": "x", "VersionStages": ["mine"]}
    first = await secrets("PutSecretValue", **put)
    assert first["VersionStages"] == ["AWSCURRENT", "mine"]
    error = await refused("PutSecretValue", SecretId="a")
    assert error.code == "InvalidRequestException"
    error = await refused("CreateSecret", Name="b", SecretString="x", SecretBinary=b"x")
    assert error.code == "InvalidParameterException"


async def test_a_deleted_secret_can_be_restored_until_its_window_is_over(
    secrets, secret, refused, moment, store
):
    gone = await secrets("DeleteSecret", SecretId=secret, RecoveryWindowInDays=7)
    assert gone["DeletionDate"] == VIRTUAL_START + timedelta(days=7)
    for name, more in (
        ("GetSecretValue", {}),
        ("PutSecretValue", {"SecretString": "x"}),
        ("UpdateSecret", {"Description": "x"}),
        ("DeleteSecret", {}),
        ("TagResource", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        error = await refused(name, SecretId=secret, **more)
        assert error.code == "InvalidRequestException", name
    error = await refused("CreateSecret", Name="app/db")
    assert "already scheduled for deletion" in error.message
    assert (await secrets("ListSecrets"))["SecretList"] == []
    [listed] = (await secrets("ListSecrets", IncludePlannedDeletion=True))["SecretList"]
    assert listed["DeletedDate"] == gone["DeletionDate"]
    await secrets("RestoreSecret", SecretId=secret)
    assert await value(secrets) == "one"
    await secrets("DeleteSecret", SecretId=secret)
    controller, key = PlannedEndController(store, moment), f"secret|{secret}"
    moment.pass_by(days=29)
    assert await controller.reconcile(SCOPE, key) == VIRTUAL_START + timedelta(days=30)
    moment.pass_by(days=1)
    assert await controller.reconcile(SCOPE, key) is None
    assert (await refused("DescribeSecret", SecretId=secret)).code == "ResourceNotFoundException"
    assert store.view(SCOPE).select(SecretVersion) == []


async def test_a_secret_goes_at_once_where_that_is_asked_for(secrets, secret, refused, store):
    for more in (
        {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True},
        {"RecoveryWindowInDays": 6},
        {"RecoveryWindowInDays": 31},
    ):
        error = await refused("DeleteSecret", SecretId=secret, **more)
        assert error.code == "InvalidParameterException"
    await secrets("DeleteSecret", SecretId=secret, ForceDeleteWithoutRecovery=True)
    await secrets("DeleteSecret", SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert store.view(SCOPE).select(SecretVersion) == []
    assert (await refused("DeleteSecret", SecretId=secret)).code == "ResourceNotFoundException"
    again = (await secrets("CreateSecret", Name="app/db"))["ARN"]
    assert again != secret


async def test_another_key_has_the_labelled_versions_encrypted_anew(
    secrets, secret, client, moment, refused
):
    kms = client("kms", clock=moment)
    key = (await kms("CreateKey"))["KeyMetadata"]["Arn"]
    await secrets("UpdateSecret", SecretId=secret, KmsKeyId=key)
    assert (await secrets("DescribeSecret", SecretId=secret))["KmsKeyId"] == key
    assert await value(secrets) == "one"
    await kms("DisableKey", KeyId=key)
    assert (await refused("GetSecretValue", SecretId=secret)).code == "DecryptionFailure"
    error = await refused("PutSecretValue", SecretId=secret, SecretString="two")
    assert error.code == "EncryptionFailure"
    assert f"{key} is disabled." in error.message
    error = await refused("CreateSecret", Name="c", SecretString="x", KmsKeyId="alias/none")
    assert error.code == "EncryptionFailure"


async def test_several_values_come_at_once(secrets, secret, refused):
    await secrets("CreateSecret", Name="app/cache", SecretString="two")
    await secrets("CreateSecret", Name="app/empty")
    answer = await secrets("BatchGetSecretValue", SecretIdList=["app/db", "none"])
    assert [one["SecretString"] for one in answer["SecretValues"]] == ["one"]
    [error] = answer["Errors"]
    assert (error["SecretId"], error["ErrorCode"]) == ("none", "ResourceNotFoundException")
    by_name = {"Filters": [{"Key": "name", "Values": ["app/"]}]}
    page = await secrets("BatchGetSecretValue", MaxResults=2, **by_name)
    rest = await secrets("BatchGetSecretValue", NextToken=page["NextToken"], **by_name)
    found = [one["Name"] for part in (page, rest) for one in part["SecretValues"]]
    assert found == ["app/cache", "app/db"]
    assert (await refused("BatchGetSecretValue")).code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([{"Key": "name", "Values": ["app"]}], ["app/a", "app/b"]),
        ([{"Key": "name", "Values": ["!app"]}], ["other"]),
        ([{"Key": "name", "Values": ["app/a", "oth"]}], ["app/a", "other"]),
        ([{"Key": "description", "Values": ["the d"]}], ["app/a"]),
        ([{"Key": "tag-key", "Values": ["team"]}], ["app/b"]),
        ([{"Key": "tag-value", "Values": ["red"]}, {"Key": "name", "Values": ["o"]}], []),
        ([{"Key": "all", "Values": ["Database"]}], ["app/a"]),
        ([{"Key": "all", "Values": ["red"]}], ["app/b"]),
        ([{"Key": "primary-region", "Values": ["us-"]}], ["app/a", "app/b", "other"]),
        ([{"Key": "owning-service", "Values": ["rds"]}], []),
    ],
)
async def test_filters_choose(secrets, filters, names):
    await secrets("CreateSecret", Name="app/a", Description="The database")
    await secrets("CreateSecret", Name="app/b", Tags=[{"Key": "team", "Value": "red"}])
    await secrets("CreateSecret", Name="other")
    found = await secrets("ListSecrets", Filters=filters, SortBy="name")
    assert [one["Name"] for one in found["SecretList"]] == names


async def test_lists_are_sorted_and_come_in_pages(secrets, moment, refused):
    for name in ("b", "a", "c"):
        await secrets("CreateSecret", Name=name)
        moment.pass_by(seconds=1)
    page = await secrets("ListSecrets", MaxResults=2)
    assert [one["Name"] for one in page["SecretList"]] == ["c", "a"]
    rest = await secrets("ListSecrets", MaxResults=2, NextToken=page["NextToken"])
    assert [one["Name"] for one in rest["SecretList"]] == ["b"]
    assert (await refused("ListSecrets", NextToken="x")).code == "InvalidNextTokenException"


async def test_the_day_of_the_last_reading_is_kept(secrets, secret, moment, store):
    await value(secrets)
    today = VIRTUAL_START.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (await secrets("DescribeSecret", SecretId=secret))["LastAccessedDate"] == today
    revision = store.revision
    await value(secrets)
    assert store.revision == revision  # one write a day
    moment.pass_by(days=1)
    await value(secrets)
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["LastAccessedDate"] == today + timedelta(days=1)


async def test_passwords_hold_what_is_asked_for(secrets, refused):
    async def made(**more):
        return (await secrets("GetRandomPassword", **more))["RandomPassword"]

    sorts = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
    plain = await made()
    assert len(plain) == 32
    assert all(set(plain) & set(sort) for sort in sorts)
    digits = await made(
        PasswordLength=100,
        ExcludeLowercase=True,
        ExcludeUppercase=True,
        ExcludePunctuation=True,
        ExcludeCharacters="0123",
        IncludeSpace=True,
    )
    assert set(digits) == set("456789 ")
    assert len(await made(PasswordLength=1, RequireEachIncludedType=False)) == 1
    for more in ({"PasswordLength": 3}, {"ExcludeCharacters": string.printable}):
        error = await refused("GetRandomPassword", **more)
        assert error.code == "InvalidParameterException"


async def test_a_policy_is_kept_checked_and_removed(secrets, secret, refused):
    assert "ResourcePolicy" not in await secrets("GetResourcePolicy", SecretId=secret)
    await secrets("PutResourcePolicy", SecretId=secret, ResourcePolicy=PUBLIC)
    shown = await secrets("GetResourcePolicy", SecretId=secret)
    assert shown["ResourcePolicy"] == PUBLIC
    policy = {"SecretId": secret, "ResourcePolicy": PUBLIC, "BlockPublicPolicy": True}
    assert (await refused("PutResourcePolicy", **policy)).code == "PublicPolicyException"
    error = await refused("PutResourcePolicy", SecretId=secret, ResourcePolicy="{}")
    assert error.code == "MalformedPolicyDocumentException"
    judged = await secrets("ValidateResourcePolicy", ResourcePolicy=PUBLIC)
    assert not judged["PolicyValidationPassed"]
    await secrets("DeleteResourcePolicy", SecretId=secret)
    assert "ResourcePolicy" not in await secrets("GetResourcePolicy", SecretId=secret)


async def test_what_would_have_no_effect_is_refused_by_name(refused, secret):
    error = await refused("CreateSecret", Name="a", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert error.message == "AddReplicaRegions is not supported by ecsd yet"
    error = await refused("CreateSecret", Name="a b")
    assert error.message.startswith("Invalid name.")


async def test_versions_without_a_label_make_room(secrets, secret, moment):
    for number in range(105):
        moment.pass_by(seconds=1)
        await secrets("PutSecretValue", SecretId=secret, SecretString=str(number))
    everything = await secrets("ListSecretVersionIds", SecretId=secret, IncludeDeprecated=True)
    assert len(everything["Versions"]) == 100
    assert (await value(secrets), await value(secrets, VersionStage="AWSPREVIOUS")) == (
        "104",
        "103",
    )


async def test_tags_are_set_and_removed(secrets, secret, refused):
    await secrets("TagResource", SecretId=secret, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    await secrets("UntagResource", SecretId=secret, TagKeys=["a"])
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["Tags"] == [{"Key": "b", "Value": ""}]
    error = await refused("TagResource", SecretId=secret, Tags=[{"Key": "aws:x", "Value": ""}])
    assert error.code == "InvalidParameterException"
