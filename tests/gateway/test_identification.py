"""Who calls: root, users, sessions, and whoever local mode is told of."""

import json
from datetime import timedelta

import pytest
from signed_client import ROOT_KEY, SignedClient, credentials

from ecsd.clock import SystemClock
from ecsd.errors import StoreError
from ecsd.records.iam.session import Session
from ecsd.settings import Settings
from ecsd.store.backend import MemoryBackend
from ecsd.store.store import Store

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
    }
)
ROLE = "arn:aws:iam::000000000000:role/app"


class Moved(SystemClock):
    """The machine's time, and more."""

    more = timedelta(0)

    def now(self):
        return super().now() + self.more


@pytest.fixture
def clock():
    return Moved()


@pytest.fixture
def client(store, clock):
    return SignedClient(store, clock=clock)


async def session_of(client, key=ROOT_KEY):
    await client.ask(ROOT_KEY, "iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=TRUST)
    answer = await client.ask(key, "sts", "AssumeRole", RoleArn=ROLE, RoleSessionName="me")
    return credentials(answer.output)


async def identity(client, key):
    return (await client.ask(key, "sts", "GetCallerIdentity")).output


async def test_strict_mode_knows_root_users_and_sessions(client):
    assert (await identity(client, ROOT_KEY))["Arn"] == "arn:aws:iam::000000000000:root"
    user = await client.user("bob")
    told = await identity(client, user)
    assert told["Arn"] == "arn:aws:iam::000000000000:user/bob"
    assert told["UserId"].startswith("AIDA")
    told = await identity(client, await session_of(client))
    assert told["Arn"] == "arn:aws:sts::000000000000:assumed-role/app/me"
    assert told["UserId"].endswith(":me")
    token = await client.ask(user, "sts", "GetSessionToken")
    told = await identity(client, credentials(token.output))
    assert told["Arn"] == "arn:aws:iam::000000000000:user/bob"


QUERY = [("InvalidClientTokenId", 403), ("ExpiredToken", 403), ("SignatureDoesNotMatch", 403)]


@pytest.mark.parametrize(
    ("service", "operation", "codes"),
    [
        ("sts", "GetCallerIdentity", QUERY),
        ("route53", "ListHostedZones", QUERY),
        (
            "ecs",
            "ListClusters",
            [
                ("UnrecognizedClientException", 400),
                ("ExpiredTokenException", 400),
                ("InvalidSignatureException", 400),
            ],
        ),
        (
            "ec2",
            "DescribeVpcs",
            [("AuthFailure", 401), ("RequestExpired", 400), ("AuthFailure", 401)],
        ),
    ],
)
async def test_each_protocol_refuses_in_its_words(client, clock, service, operation, codes):
    unknown, expired, wrong = codes
    key_id, secret, token = await session_of(client)

    async def refused(key):
        answer = await client.ask(key, service, operation)
        return answer.code, answer.status

    assert await refused(("AKIAIOSFODNN7EXAMPLE", "x", None)) == unknown
    assert await refused((key_id, secret, token + "x")) == unknown
    assert await refused((key_id, secret, None)) == unknown
    assert await refused((key_id, secret + "x", token)) == wrong
    clock.more = timedelta(hours=1, seconds=5)
    assert await refused((key_id, secret, token)) == expired


async def test_inactive_and_deleted_keys_are_unknown(client):
    key = await client.user("bob")
    named = {"UserName": "bob", "AccessKeyId": key[0]}
    await client.ask(ROOT_KEY, "iam", "UpdateAccessKey", **named, Status="Inactive")
    assert (await client.ask(key, "sts", "GetCallerIdentity")).code == "InvalidClientTokenId"
    await client.ask(ROOT_KEY, "iam", "UpdateAccessKey", **named, Status="Active")
    assert (await client.ask(key, "sts", "GetCallerIdentity")).status == 200
    used = (await client.ask(ROOT_KEY, "iam", "GetAccessKeyLastUsed", AccessKeyId=key[0])).output
    assert used["AccessKeyLastUsed"]["ServiceName"] == "sts"
    await client.ask(ROOT_KEY, "iam", "DeleteAccessKey", **named)
    assert (await client.ask(key, "sts", "GetCallerIdentity")).code == "InvalidClientTokenId"


async def test_a_use_that_cannot_be_noted_stops_nothing(clock):
    backend = MemoryBackend()
    client = SignedClient(Store(backend), clock=clock)
    key = await client.user("bob")
    backend.fail_with = StoreError("the disk is full")
    assert (await client.ask(key, "sts", "GetCallerIdentity")).status == 200
    backend.fail_with = None
    assert (await client.ask(key, "sts", "GetCallerIdentity")).status == 200
    named = {"AccessKeyId": key[0]}
    used = (await client.ask(ROOT_KEY, "iam", "GetAccessKeyLastUsed", **named)).output
    assert used["AccessKeyLastUsed"]["Region"] == "us-east-1"


async def test_local_mode_believes_all_and_knows_those_it_gave_out(store, clock):
    client = SignedClient(store, Settings(), clock)
    user = await client.user("bob")
    assert (await identity(client, user))["Arn"].endswith(":user/bob")
    guessed = (user[0], "any secret", None)
    assert (await identity(client, guessed))["Arn"].endswith(":user/bob")
    key_id, _, token = await session_of(client)
    assert (await identity(client, (key_id, "x", token)))["Arn"].endswith(":assumed-role/app/me")
    assert (await identity(client, ("1" * 12, "x", None)))["Account"] == "1" * 12
    for unknown in ("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "test"):
        told = await identity(client, (unknown, "x", None))
        assert told["Arn"] == "arn:aws:iam::000000000000:root"
    clock.more = timedelta(hours=2)
    assert (await client.ask((key_id, "x", token), "sts", "GetCallerIdentity")).code == (
        "ExpiredToken"
    )


async def test_neither_secret_nor_token_is_kept_readable(client, store):
    _, secret, token = await session_of(client)
    kept = repr(list(store.everywhere(Session)))
    assert secret not in kept
    assert token not in kept


async def test_a_web_identity_needs_no_signature(client):
    answer = await client.ask(
        None,
        "sts",
        "AssumeRoleWithWebIdentity",
        RoleArn=ROLE,
        RoleSessionName="me",
        WebIdentityToken="not.a.token",
    )
    assert answer.code == "InvalidIdentityToken"
    assert (await client.ask(None, "sts", "GetCallerIdentity")).code == "MissingAuthenticationToken"
