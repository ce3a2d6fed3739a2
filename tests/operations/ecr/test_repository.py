"""Repositories, their policies and tags, and the registry as a whole."""

import base64
import json
from datetime import timedelta

import pytest

from ecsd.operations.call import Caller
from ecsd.records.ecr.image import ManifestToFree
from ecsd.records.ecr.repository import Registry
from ecsd.records.iam.session import Session
from ecsd.store.scope import HOSTS, Scope

HOME = Scope("000000000000", "us-east-1")
ARN = "arn:aws:ecr:us-east-1:000000000000:repository/team/app"


async def test_a_repository_is_made_shown_and_removed(ask, refused, store, images):
    made = (await ask("CreateRepository", repositoryName="team/app"))["repository"]
    assert made["repositoryArn"] == ARN
    assert made["repositoryUri"] == "localhost:4766/000000000000/us-east-1/team/app"
    assert (await ask("DescribeRepositories"))["repositories"] == [made]
    assert (await ask("DescribeRepositories", repositoryNames=["team/app"]))["repositories"]
    again = await refused("CreateRepository", repositoryName="team/app")
    assert again.code == "RepositoryAlreadyExistsException"
    assert store.view(HOSTS).get(Registry, "registry") is not None

    assert (await ask("DeleteRepository", repositoryName="team/app"))["repository"] == made
    gone = await refused("DescribeRepositories", repositoryNames=["team/app"])
    assert (gone.code, gone.message) == (
        "RepositoryNotFoundException",
        "The repository with name 'team/app' does not exist in the registry with id '000000000000'",
    )
    # what is left of it is freed before its name is used again
    assert [one.path for one in store.view(HOME).select(ManifestToFree)]
    await ask("CreateRepository", repositoryName="team/app")
    assert images.freed == [("000000000000/us-east-1/team/app", "")]
    assert store.view(HOME).select(ManifestToFree) == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"encryptionConfiguration": {"encryptionType": "KMS"}}, "encryptionType KMS"),
        (
            {"encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": "k"}},
            "kmsKey",
        ),
        ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, "ExclusionFilters"),
        ({"registryId": "111111111111"}, "registryId"),
        ({"repositoryName": "a" * 240}, "at most 232"),
    ],
)
async def test_what_would_have_no_effect_is_refused_by_name(refused, members, words):
    error = await refused("CreateRepository", **{"repositoryName": "app", **members})
    assert error.code == "InvalidParameterException"
    assert words in error.message


async def test_repositories_come_in_pages(ask, refused):
    for name in ("c", "a", "b"):
        await ask("CreateRepository", repositoryName=f"team/{name}")
    first = await ask("DescribeRepositories", maxResults=2)
    assert [one["repositoryName"] for one in first["repositories"]] == ["team/a", "team/b"]
    rest = await ask("DescribeRepositories", maxResults=2, nextToken=first["nextToken"])
    assert [one["repositoryName"] for one in rest["repositories"]] == ["team/c"]
    assert "nextToken" not in rest
    assert "nextToken" in (await refused("DescribeRepositories", nextToken="?")).message


async def test_settings_of_a_repository_change(ask):
    await ask("CreateRepository", repositoryName="app")
    filters = [{"filterType": "WILDCARD", "filter": "latest"}]
    await ask(
        "PutImageTagMutability",
        repositoryName="app",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=filters,
    )
    (shown,) = (await ask("DescribeRepositories"))["repositories"]
    assert shown["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert shown["imageTagMutabilityExclusionFilters"] == filters
    for wanted in (True, False):
        scans = {"scanOnPush": wanted}
        answer = await ask(
            "PutImageScanningConfiguration", repositoryName="app", imageScanningConfiguration=scans
        )
        assert answer["imageScanningConfiguration"] == scans
        (shown,) = (await ask("DescribeRepositories"))["repositories"]
        assert shown["imageScanningConfiguration"] == scans


async def test_tags_of_a_repository(ask, refused):
    tags = [{"Key": "team", "Value": "a"}]
    await ask("CreateRepository", repositoryName="team/app", tags=tags)
    await ask("TagResource", resourceArn=ARN, tags=[{"Key": "stage", "Value": "b"}])
    await ask("UntagResource", resourceArn=ARN, tagKeys=["team"])
    listed = (await ask("ListTagsForResource", resourceArn=ARN))["tags"]
    assert listed == [{"Key": "stage", "Value": "b"}]
    reserved = await refused("TagResource", resourceArn=ARN, tags=[{"Key": "aws:x", "Value": ""}])
    assert reserved.code == "InvalidTagParameterException"
    many = [{"Key": str(number), "Value": ""} for number in range(51)]
    assert (await refused("TagResource", resourceArn=ARN, tags=many)).code == "TooManyTagsException"
    assert (await refused("ListTagsForResource", resourceArn=f"{ARN}x")).code == (
        "RepositoryNotFoundException"
    )


def policy(effect="Allow", action="ecr:BatchGetImage", **more):
    statement = {"Effect": effect, "Principal": "*", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def test_a_repositorys_policy_needs_no_resource(ask, refused):
    await ask("CreateRepository", repositoryName="app")
    none = await refused("GetRepositoryPolicy", repositoryName="app")
    assert none.code == "RepositoryPolicyNotFoundException"
    await ask("SetRepositoryPolicy", repositoryName="app", policyText=policy())
    assert (await ask("GetRepositoryPolicy", repositoryName="app"))["policyText"] == policy()
    await ask("DeleteRepositoryPolicy", repositoryName="app")
    none = await refused("DeleteRepositoryPolicy", repositoryName="app")
    assert none.code == "RepositoryPolicyNotFoundException"


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"Statement": [null]}', policy(action="pull"), policy("Maybe")]
)
async def test_a_policy_that_is_none_is_refused(ask, refused, text):
    await ask("CreateRepository", repositoryName="app")
    error = await refused("SetRepositoryPolicy", repositoryName="app", policyText=text)
    assert error.code == "InvalidParameterException"
    assert "PolicyText" in error.message


async def test_a_policy_that_locks_its_writer_out_needs_force(ask, refused):
    await ask("CreateRepository", repositoryName="app")
    text = policy("Deny", "ecr:*")
    error = await refused("SetRepositoryPolicy", repositoryName="app", policyText=text)
    assert "force" in error.message
    await ask("SetRepositoryPolicy", repositoryName="app", policyText=text, force=True)


async def test_what_the_registry_does_not_do_is_refused_by_name(ask, refused):
    assert (await ask("DescribeRegistry"))["replicationConfiguration"] == {"rules": []}
    there = [{"region": "eu-west-1", "registryId": "000000000000"}]
    rules = {"rules": [{"destinations": there}]}
    error = await refused("PutReplicationConfiguration", replicationConfiguration=rules)
    assert "replicationConfiguration.rules" in error.message
    assert (await refused("PutRegistryPolicy", policyText=policy())).code == (
        "InvalidParameterException"
    )
    assert (await refused("GetRegistryPolicy")).code == "RegistryPolicyNotFoundException"
    assert (await refused("DeleteRegistryPolicy")).code == "RegistryPolicyNotFoundException"
    scanning = (await ask("GetRegistryScanningConfiguration"))["scanningConfiguration"]
    assert scanning == {"scanType": "BASIC", "rules": []}
    error = await refused("PutRegistryScanningConfiguration", scanType="ENHANCED")
    assert "scanType ENHANCED" in error.message


async def test_an_authorization_token_lasts_as_long_as_its_caller(client, images, clock, store):
    ask = client("ecr", images=images, clock=clock)
    (given,) = (await ask("GetAuthorizationToken"))["authorizationData"]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    assert (user, given["proxyEndpoint"]) == ("AWS", "http://localhost:4766")
    assert given["expiresAt"] == clock.now() + timedelta(hours=12)
    assert "000000000000" not in password

    ends = clock.now() + timedelta(hours=1)
    arn = "arn:aws:sts::000000000000:assumed-role/r/s"
    async with store.transaction(HOME.globally()) as change:
        change.put(
            Session(
                access_key_id="ASIA0",
                sealed_secret="",
                token_digest="",
                role_name="r",
                arn=arn,
                user_id="u:s",
                created_at=clock.now(),
                expires_at=ends,
            )
        )
    ask = client("ecr", images=images, clock=clock, caller=Caller(arn, "u:s", "ASIA0"))
    (given,) = (await ask("GetAuthorizationToken"))["authorizationData"]
    assert given["expiresAt"] == ends
