"""STS as clients see it."""

import json
from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.controllers.expiry import ExpiryController
from ecsd.errors import AwsError
from ecsd.records.iam.session import Session
from ecsd.store.finders.iam import find_key_of

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            }
        ],
    }
)
ARN = "arn:aws:iam::000000000000:role/team/app"


class FixedClock(SystemClock):
    """A moment that tests move."""

    def __init__(self):
        self.moment = VIRTUAL_START

    def now(self):
        return self.moment


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
async def sts(client, clock):
    iam = client("iam", clock=clock)
    await iam("CreateRole", RoleName="app", Path="/team/", AssumeRolePolicyDocument=TRUST)
    return client("sts", clock=clock)


async def refused(awaitable):
    with pytest.raises(AwsError) as caught:
        await awaitable
    return caught.value.code, caught.value.status, caught.value.message


async def test_the_caller_is_told(sts):
    assert await sts("GetCallerIdentity") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }


async def test_an_assumed_role_gets_credentials_that_are_found_again(sts, store, client):
    answer = await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", SourceIdentity="bob")
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert len(credentials["AccessKeyId"]) == 20
    assert len(credentials["SecretAccessKey"]) == 40
    assert credentials["Expiration"] == VIRTUAL_START + timedelta(hours=1)
    user = answer["AssumedRoleUser"]
    assert user["Arn"] == "arn:aws:sts::000000000000:assumed-role/app/me"
    assert user["AssumedRoleId"].endswith(":me")
    assert answer["SourceIdentity"] == "bob"
    scope, session = find_key_of(store, Session, credentials["AccessKeyId"])
    assert (scope.account, session.arn) == ("000000000000", user["Arn"])
    info = await sts("GetAccessKeyInfo", AccessKeyId=credentials["AccessKeyId"])
    assert info == {"Account": "000000000000"}
    role = (await client("iam")("GetRole", RoleName="app"))["Role"]
    assert role["RoleLastUsed"] == {"LastUsedDate": VIRTUAL_START, "Region": "us-east-1"}


async def test_a_role_that_is_not_there_is_denied(sts):
    for arn in (ARN.replace("app", "x"), "arn:aws:iam::000000000000:role/app", "a" * 20):
        assert await refused(sts("AssumeRole", RoleArn=arn, RoleSessionName="me")) == (
            "AccessDenied",
            403,
            "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole "
            f"on resource: {arn}",
        )


async def test_a_session_is_not_longer_than_its_role_allows(sts):
    code, _, message = await refused(
        sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", DurationSeconds=3601)
    )
    assert (code, "MaxSessionDuration" in message) == ("ValidationError", True)
    code, _, _ = await refused(sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", Policy="{"))
    assert code == "MalformedPolicyDocument"
    code, _, message = await refused(
        sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", SerialNumber="a" * 9)
    )
    assert (code, "SerialNumber" in message) == ("ValidationError", True)


async def test_expired_sessions_go(sts, store, clock):
    await sts("AssumeRole", RoleArn=ARN, RoleSessionName="me", DurationSeconds=900)
    ((scope, session),) = store.everywhere(Session)
    controller = ExpiryController(store, clock)
    end = VIRTUAL_START + timedelta(seconds=900)
    assert await controller.reconcile(scope, f"session/{session.access_key_id}") == end
    clock.moment = end
    assert await controller.reconcile(scope, f"session/{session.access_key_id}") is None
    assert find_key_of(store, Session, session.access_key_id) is None


async def test_a_session_token_is_the_caller_for_a_while(sts, store):
    answer = await sts("GetSessionToken", DurationSeconds=43_200)
    _, session = find_key_of(store, Session, answer["Credentials"]["AccessKeyId"])
    assert session.arn == "arn:aws:iam::000000000000:root"
    assert session.expires_at == VIRTUAL_START + timedelta(hours=1)


async def test_an_unknown_key_has_no_account(sts):
    assert (await refused(sts("GetAccessKeyInfo", AccessKeyId="AKIAIOSFODNN7EXAMPLE")))[0] == (
        "ValidationError"
    )
