"""Who may open a session of a role, with what."""

import json

import pytest

from ecsd.errors import AwsError
from ecsd.operations.call import Caller
from ecsd.settings import Settings
from ecsd.store.finders.iam_caller import identify

ACCOUNT, OTHER = "000000000000", "111122223333"
ARN = f"arn:aws:iam::{ACCOUNT}:role/app"


def trust(principal, action="sts:AssumeRole", **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allowing(action, resource="*"):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": action, "Resource": resource},
        }
    )


class World:
    """A role, and callers that want to assume it."""

    def __init__(self, client, store):
        self.client, self.store = client, store
        self.iam = client("iam")

    async def role(self, document, name="app", **more):
        await self.iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=document, **more)

    async def user(self, name, policy=None, account=ACCOUNT):
        iam = self.client("iam", account=account)
        arn = (await iam("CreateUser", UserName=name))["User"]["Arn"]
        if policy:
            await iam("PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=policy)
        return self.client("sts", account=account, caller=Caller(arn, "AIDA", "AKIA"))

    async def session(self, sts, **request):
        answer = await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", **request)
        key = answer["Credentials"]["AccessKeyId"]
        user = answer["AssumedRoleUser"]
        return self.client("sts", caller=Caller(user["Arn"], user["AssumedRoleId"], key))


@pytest.fixture
def world(client, store):
    return World(client, store)


async def outcome(sts, **request):
    asked = {"RoleArn": ARN, "RoleSessionName": "me", **request}
    try:
        await sts("AssumeRole", **asked)
    except AwsError as error:
        return error.code
    return "allowed"


@pytest.mark.parametrize(
    ("principal", "policy", "word"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, None, "allowed"),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/eve"}, allowing("sts:*"), "AccessDenied"),
        ({"AWS": ACCOUNT}, None, "AccessDenied"),
        ({"AWS": ACCOUNT}, allowing("sts:AssumeRole", ARN), "allowed"),
        ({"AWS": ACCOUNT}, allowing("sts:AssumeRole", f"{ARN}x"), "AccessDenied"),
        ({"Service": "ecs-tasks.amazonaws.com"}, allowing("*"), "AccessDenied"),
    ],
)
async def test_the_trust_policy_decides(world, principal, policy, word):
    await world.role(trust(principal))
    assert await outcome(await world.user("bob", policy)) == word


async def test_across_accounts_both_have_to_allow(world):
    await world.role(trust({"AWS": f"arn:aws:iam::{OTHER}:root"}))
    assert await outcome(await world.user("bob", None, OTHER)) == "AccessDenied"
    assert await outcome(await world.user("rob", allowing("sts:AssumeRole"), OTHER)) == "allowed"
    assert await outcome(world.client("sts", account=OTHER)) == "allowed"  # its root
    assert await outcome(world.client("sts", account="2" * 12)) == "AccessDenied"


async def test_an_external_id_has_to_be_the_right_one(world):
    await world.role(trust("*", StringEquals={"sts:ExternalId": "secret-1"}))
    sts = world.client("sts")
    assert await outcome(sts) == "AccessDenied"
    assert await outcome(sts, ExternalId="secret-2") == "AccessDenied"
    assert await outcome(sts, ExternalId="secret-1") == "allowed"


async def test_tags_and_source_identity_need_permissions_of_their_own(world):
    await world.role(trust("*"))
    sts = world.client("sts")
    tags = [{"Key": "team", "Value": "a"}]
    with pytest.raises(AwsError, match="perform: sts:TagSession on"):
        await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", Tags=tags)
    with pytest.raises(AwsError, match="perform: sts:SetSourceIdentity on"):
        await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", SourceIdentity="bob")
    await world.iam(
        "UpdateAssumeRolePolicy",
        RoleName="app",
        PolicyDocument=trust(
            "*",
            ["sts:AssumeRole", "sts:TagSession"],
            StringEquals={"aws:RequestTag/team": "a"},
        ),
    )
    assert await outcome(sts, Tags=tags) == "allowed"
    assert await outcome(sts, Tags=[{"Key": "team", "Value": "b"}]) == "AccessDenied"


async def test_transitive_tags_go_along_a_chain_and_cannot_be_replaced(world, store):
    await world.role(trust("*", ["sts:AssumeRole", "sts:TagSession"]))
    tags = [{"Key": "team", "Value": "a"}, {"Key": "own", "Value": "b"}]
    first = await world.session(world.client("sts"), Tags=tags, TransitiveTagKeys=["team"])
    second = await first("AssumeRole", RoleArn=ARN, RoleSessionName="next")
    key = second["Credentials"]["AccessKeyId"]
    identity = identify(store, ACCOUNT, second["AssumedRoleUser"]["Arn"], key)
    assert identity.context["aws:principaltag/team"] == ("a",)
    assert "aws:principaltag/own" not in identity.context
    assert identity.session.transitive_tag_keys == ("team",)
    changed = [{"Key": "TEAM", "Value": "x"}]
    assert await outcome(first, Tags=changed) == "InvalidParameterValue"
    assert await outcome(first, TransitiveTagKeys=["x"]) == "InvalidParameterValue"
    doubled = [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]
    assert await outcome(first, Tags=doubled) == "InvalidParameterValue"
    assert await outcome(first, Tags=[{"Key": "aws:x", "Value": ""}]) == "InvalidParameterValue"


async def test_a_chain_lasts_an_hour_at_most(world):
    await world.role(trust("*"), MaxSessionDuration=43_200)
    sts = world.client("sts")
    assert await outcome(sts, DurationSeconds=43_200) == "allowed"
    chained = await world.session(sts)
    assert await outcome(chained, DurationSeconds=3600) == "allowed"
    with pytest.raises(AwsError, match="1 hour session limit"):
        await chained("AssumeRole", RoleArn=ARN, RoleSessionName="next", DurationSeconds=3601)
    with pytest.raises(AwsError, match="with session credentials"):
        await chained("GetSessionToken")


async def test_a_source_identity_stays(world):
    await world.role(trust("*", ["sts:AssumeRole", "sts:SetSourceIdentity"]))
    chained = await world.session(world.client("sts"), SourceIdentity="bob")
    answer = await chained("AssumeRole", RoleArn=ARN, RoleSessionName="next")
    assert answer["SourceIdentity"] == "bob"
    assert await outcome(chained, SourceIdentity="eve") == "AccessDenied"


async def test_a_session_has_the_roles_policies_and_its_own_limits(world, store, execution_arn):
    await world.role(trust("*"))
    await world.iam(
        "PutRolePolicy", RoleName="app", PolicyName="p", PolicyDocument=allowing("s3:*")
    )
    sts = world.client("sts")
    answer = await sts(
        "AssumeRole",
        RoleArn=ARN,
        RoleSessionName="me",
        Policy=allowing("s3:Get*"),
        PolicyArns=[{"arn": execution_arn}],
    )
    key, arn = answer["Credentials"]["AccessKeyId"], answer["AssumedRoleUser"]["Arn"]
    identity = identify(store, ACCOUNT, arn, key)
    assert [one.name for one in identity.policies.identity] == ["role_app_p"]
    assert len(identity.policies.session) == 2
    assert identity.principal.role_arn == ARN
    long = [{"arn": execution_arn}] * 11
    assert await outcome(sts, PolicyArns=long) == "ValidationError"
    nowhere = [{"arn": f"{execution_arn}X"}]
    assert await outcome(sts, PolicyArns=nowhere) == "ValidationError"
    big = allowing("s3:" + "G" * 2100)
    with pytest.raises(AwsError, match="PackedPolicyTooLarge"):
        await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", Policy=big)
    await world.iam("DeleteRolePolicy", RoleName="app", PolicyName="p")
    await world.iam("DeleteRole", RoleName="app")
    await world.role(trust("*"))  # another one of the same name
    await world.iam(
        "PutRolePolicy", RoleName="app", PolicyName="q", PolicyDocument=allowing("s3:*")
    )
    assert identify(store, ACCOUNT, arn, key).policies.identity == ()


async def test_local_mode_can_leave_trust_aside(world):
    await world.role(trust({"Service": "ecs-tasks.amazonaws.com"}))
    assert await outcome(world.client("sts")) == "AccessDenied"
    assert await outcome(world.client("sts", settings=Settings(iam="off"))) == "allowed"
    strict = Settings(mode="strict", iam="off")
    assert await outcome(world.client("sts", settings=strict)) == "AccessDenied"


@pytest.fixture
def execution_arn():
    return "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
