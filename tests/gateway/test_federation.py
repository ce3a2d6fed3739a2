"""GetFederationToken: who may open such sessions, and what a federated user may then."""

import json

import pytest
from signed_client import ROOT_KEY, SignedClient, credentials

from ecsd.records.iam.session import Session

ACCOUNT = "000000000000"
SALLY = f"arn:aws:sts::{ACCOUNT}:federated-user/sally"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def allow(*actions, resource="*", **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


EVERYTHING = document(allow("*"))
LISTS_ALONE = document(allow("ecs:List*"))


@pytest.fixture
def client(store):
    return SignedClient(store)


@pytest.fixture
def federate(client):
    async def federate(key, **members):
        made = await client.ask(key, "sts", "GetFederationToken", Name="sally", **members)
        assert made.status == 200, made
        return credentials(made.output)

    return federate


@pytest.fixture
def why_not(client):
    async def why_not(key, service="ecs", operation="ListClusters", **members):
        """Return what keeps somebody from it, empty where nothing does."""
        answer = await client.ask(key, service, operation, **members)
        return answer.message or answer.code

    return why_not


async def test_it_says_who_it_is(client, federate):
    made = await client.ask(ROOT_KEY, "sts", "GetFederationToken", Name="sally")
    who = {"FederatedUserId": f"{ACCOUNT}:sally", "Arn": SALLY}
    assert made.output["FederatedUser"] == who
    told = (await client.ask(credentials(made.output), "sts", "GetCallerIdentity")).output
    assert (told["Arn"], told["UserId"], told["Account"]) == (
        SALLY,
        who["FederatedUserId"],
        ACCOUNT,
    )


async def test_it_may_what_user_and_session_policies_both_allow(client, federate, why_not):
    bob = await client.user("bob", allow("sts:GetFederationToken", "ecs:*"))
    sally = await federate(bob, Policy=LISTS_ALONE)
    assert await why_not(sally) == ""
    assert "no session policy allows the ecs:DescribeClusters" in await why_not(
        sally, operation="DescribeClusters"
    )
    wide = await federate(bob, Policy=EVERYTHING)
    assert await why_not(wide, operation="DescribeClusters") == ""
    assert "no identity-based policy allows" in await why_not(wide, "ec2", "DescribeVpcs")
    await client.policy("bob", allow("s3:*"))
    assert "no identity-based policy allows" in await why_not(sally)


async def test_without_policies_of_its_session_it_may_nothing(client, federate, why_not):
    bob = await client.user("bob", allow("*"))
    assert "no session policy allows" in await why_not(await federate(bob))
    managed = await federate(bob, PolicyArns=[{"arn": ADMINISTRATOR}])
    assert await why_not(managed) == ""


async def test_roots_may_what_their_session_policies_allow(federate, why_not):
    assert "no session policy allows" in await why_not(await federate(ROOT_KEY))
    sally = await federate(ROOT_KEY, Policy=LISTS_ALONE)
    assert await why_not(sally) == ""
    assert "no session policy allows" in await why_not(sally, operation="DescribeClusters")


async def test_whom_a_bucket_lets_in_by_name_needs_no_other_policy(client, federate, why_not):
    await client.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="shared")
    there = {"Bucket": "shared"}
    bob = await client.user("bob", allow("sts:GetFederationToken"))
    sally, wide = await federate(bob), await federate(bob, Policy=EVERYTHING)
    asked = ("s3", "ListObjectsV2")
    assert await why_not(sally, *asked, **there)
    assert await why_not(wide, *asked, **there)
    for named, allowed in [(SALLY, True), (f"arn:aws:iam::{ACCOUNT}:user/bob", False)]:
        own = allow("s3:ListBucket", resource="arn:aws:s3:::shared", Principal={"AWS": named})
        await client.ask(ROOT_KEY, "s3", "PutBucketPolicy", **there, Policy=document(own))
        assert (await why_not(sally, *asked, **there) == "") is allowed
        assert await why_not(wide, *asked, **there) == ""  # bob's share too, as far as its own
        assert await why_not(bob, *asked, **there) == "" or allowed


async def test_conditions_see_a_federated_user(client, federate, why_not):
    told = {
        "aws:PrincipalArn": SALLY,
        "aws:PrincipalType": "FederatedUser",
        "aws:userid": f"{ACCOUNT}:sally",
        "aws:PrincipalTag/team": "blue",
        "aws:PrincipalTag/site": "north",
    }
    bob = await client.user("bob", allow("sts:*"), allow("ecs:*", Condition={"StringEquals": told}))
    given = [{"Key": "team", "Value": "red"}, {"Key": "site", "Value": "north"}]
    await client.ask(ROOT_KEY, "iam", "TagUser", UserName="bob", Tags=given)
    blue = await federate(bob, Policy=EVERYTHING, Tags=[{"Key": "Team", "Value": "blue"}])
    assert await why_not(blue) == ""
    assert "no identity-based policy" in await why_not(await federate(bob, Policy=EVERYTHING))


async def test_tags_need_a_permission_of_their_own_and_names_are_resources(client, why_not):
    own = allow("sts:GetFederationToken", resource=SALLY)
    bob = await client.user("bob", own)
    asked = (bob, "sts", "GetFederationToken")
    assert await why_not(*asked, Name="sally") == ""
    assert "federated-user/eve" in await why_not(*asked, Name="eve")
    tags = [{"Key": "team", "Value": "blue"}]
    assert "sts:TagSession" in await why_not(*asked, Name="sally", Tags=tags)
    await client.policy("bob", own, allow("sts:TagSession", resource=SALLY))
    assert await why_not(*asked, Name="sally", Tags=tags) == ""


async def test_neither_iam_nor_other_sessions_are_within_its_reach(client, federate, why_not):
    bob = await client.user("bob", allow("*"))
    trust = document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})
    await client.ask(ROOT_KEY, "iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=trust)
    role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/app", "RoleSessionName": "me"}
    assert await why_not(bob, "sts", "AssumeRole", **role) == ""
    sally = await federate(bob, Policy=EVERYTHING)
    assert "not authorized to perform: sts:AssumeRole" in await why_not(
        sally, "sts", "AssumeRole", **role
    )
    assert "token" in await why_not(sally, "iam", "ListUsers")
    assert "token" in await why_not(sally, "sts", "GetFederationToken", Name="eve")
    assert "session credentials" in await why_not(sally, "sts", "GetSessionToken")
    chained = credentials((await client.ask(bob, "sts", "AssumeRole", **role)).output)
    await client.ask(ROOT_KEY, "iam", "AttachRolePolicy", RoleName="app", PolicyArn=ADMINISTRATOR)
    assert "session credentials" in await why_not(chained, "sts", "GetFederationToken", Name="eve")


async def test_another_user_of_the_same_name_lends_it_nothing(client, federate, why_not):
    bob = await client.user("bob", allow("*"))
    sally = await federate(bob, Policy=EVERYTHING)
    assert await why_not(sally) == ""
    named = {"UserName": "bob"}
    await client.ask(ROOT_KEY, "iam", "DeleteAccessKey", **named, AccessKeyId=bob[0])
    await client.ask(ROOT_KEY, "iam", "DeleteUserPolicy", **named, PolicyName="p")
    assert (await client.ask(ROOT_KEY, "iam", "DeleteUser", **named)).status == 200
    assert "no identity-based policy" in await why_not(sally)
    await client.user("bob", allow("*"))
    assert "no identity-based policy" in await why_not(sally)
    await client.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="shared")
    whose = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}
    own = allow("s3:ListBucket", resource="arn:aws:s3:::shared", Principal=whose)
    await client.ask(ROOT_KEY, "s3", "PutBucketPolicy", Bucket="shared", Policy=document(own))
    assert await why_not(sally, "s3", "ListObjectsV2", Bucket="shared")


async def test_what_is_refused(client, store):
    asked = (ROOT_KEY, "sts", "GetFederationToken")
    for members, code in [
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None"}]}, "ValidationError"),
        ({"MinimumSessionTokenSize": 1}, "ValidationError"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidParameterValue"),
    ]:
        assert (await client.ask(*asked, Name="sally", **members)).code == code
    assert not list(store.everywhere(Session))


@pytest.mark.parametrize(("by_root", "seconds"), [(True, 3600), (False, 43_200)])
async def test_it_lasts_twelve_hours_and_roots_one(client, store, by_root, seconds):
    key = ROOT_KEY if by_root else await client.user("bob", allow("*"))
    await client.ask(key, "sts", "GetFederationToken", Name="sally")
    ((_, session),) = store.everywhere(Session)
    assert (session.expires_at - session.created_at).total_seconds() == seconds
