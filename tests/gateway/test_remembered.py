"""Strict mode remembers how things are read, never what was decided: changes count at once."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from signed_client import ROOT_KEY, SignedClient, credentials

from ecsd.errors import AwsError
from ecsd.gateway.sigv4 import read_signature
from ecsd.protocol.message import HttpRequest
from ecsd.records.iam.session import Session
from ecsd.store.scope import Scope

ALLOW = {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OF_S3 = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
DENY = {"Effect": "Deny", "Action": "ecs:*", "Resource": "*"}
WHOLE = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),"
    r"\s*Signature=([0-9a-f]{64})\s*"
)
SIGNATURE = "0f" * 32


@pytest.fixture
def client(store):
    return SignedClient(store)


@pytest.fixture
def may(client):
    async def may(key):
        """Tell, twice the same, whether somebody may list clusters; else why not."""
        codes = {(await client.ask(key, "ecs", "ListClusters")).code for _ in range(2)}
        (code,) = codes
        return code or True

    return may


async def test_a_key_that_is_deactivated_signs_nothing_more(client, may):
    key = await client.user("bob", ALLOW)
    for status, answer in [("Active", True), ("Inactive", "UnrecognizedClientException")] * 2:
        named = {"UserName": "bob", "AccessKeyId": key[0], "Status": status}
        await client.ask(ROOT_KEY, "iam", "UpdateAccessKey", **named)
        assert await may(key) == answer
    named = {"UserName": "bob", "AccessKeyId": key[0]}
    await client.ask(ROOT_KEY, "iam", "DeleteAccessKey", **named)
    assert await may(key) == "UnrecognizedClientException"


async def test_a_policy_that_changes_counts_for_the_next_request(client, may):
    key = await client.user("bob", ALLOW)
    for statements, answer in [([ALLOW], True), ([ALLOW, DENY], "AccessDeniedException")] * 2:
        await client.policy("bob", *statements)
        assert await may(key) == answer


async def test_a_condition_that_is_added_counts_for_the_next_request(client, may):
    key = await client.user("bob", ALLOW)
    assert await may(key) is True
    elsewhere = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    await client.policy("bob", {**ALLOW, "Condition": elsewhere})
    assert await may(key) == "AccessDeniedException"
    here = {"StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:username": "bob"}}
    await client.policy("bob", {**ALLOW, "Condition": here})
    assert await may(key) is True


async def test_whatever_is_taken_away_counts_for_the_next_request(client, may):
    key = await client.user("bob")
    document = {"Version": "2012-10-17", "Statement": [ALLOW]}
    named = {"PolicyName": "m", "PolicyDocument": json.dumps(document)}
    arn = (await client.ask(ROOT_KEY, "iam", "CreatePolicy", **named)).output["Policy"]["Arn"]
    await client.ask(ROOT_KEY, "iam", "CreateGroup", GroupName="g")
    nothing = json.dumps({**document, "Statement": [{**ALLOW, "Action": "s3:*"}]})
    bob, managed = {"UserName": "bob"}, {"PolicyArn": arn}
    steps = [
        ("AttachUserPolicy", {**bob, **managed}, True),
        ("DetachUserPolicy", {**bob, **managed}, False),
        ("AttachGroupPolicy", {"GroupName": "g", **managed}, False),
        ("AddUserToGroup", {"GroupName": "g", **bob}, True),
        (
            "CreatePolicyVersion",
            {**managed, "PolicyDocument": nothing, "SetAsDefault": True},
            False,
        ),
        ("SetDefaultPolicyVersion", {**managed, "VersionId": "v1"}, True),
        ("PutUserPermissionsBoundary", {**bob, "PermissionsBoundary": ADMINISTRATOR}, True),
        ("PutUserPermissionsBoundary", {**bob, "PermissionsBoundary": OF_S3}, False),
        ("DeleteUserPermissionsBoundary", bob, True),
        ("RemoveUserFromGroup", {"GroupName": "g", **bob}, False),
    ]
    for operation, members, allowed in steps:
        done = await client.ask(ROOT_KEY, "iam", operation, **members)
        assert done.status == 200, done
        assert await may(key) == (allowed or "AccessDeniedException"), operation


async def test_a_roles_policies_count_for_its_sessions_at_once(client, may):
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    words = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    app = {"RoleName": "app"}
    await client.ask(ROOT_KEY, "iam", "CreateRole", **app, AssumeRolePolicyDocument=words)
    named = {"RoleArn": "arn:aws:iam::000000000000:role/app", "RoleSessionName": "me"}
    session = credentials((await client.ask(ROOT_KEY, "sts", "AssumeRole", **named)).output)
    assert await may(session) == "AccessDeniedException"
    for operation, allowed in [("AttachRolePolicy", True), ("DetachRolePolicy", False)] * 2:
        await client.ask(ROOT_KEY, "iam", operation, **app, PolicyArn=ADMINISTRATOR)
        assert await may(session) == (allowed or "AccessDeniedException")
    await client.ask(ROOT_KEY, "iam", "AttachRolePolicy", **app, PolicyArn=ADMINISTRATOR)
    assert await may(session) is True
    await client.ask(ROOT_KEY, "iam", "DetachRolePolicy", **app, PolicyArn=ADMINISTRATOR)
    await client.ask(ROOT_KEY, "iam", "DeleteRole", **app)
    assert await may(session) == "AccessDeniedException"


async def test_a_session_that_ends_signs_nothing_more(client, may, store):
    key = await client.user("bob", ALLOW)
    made = await client.ask(key, "sts", "GetSessionToken")
    session = credentials(made.output)
    assert await may(session) is True
    async with store.transaction(Scope("000000000000", "").globally()) as change:
        change.remove(change.get(Session, session[0]))
    assert await may(session) == "UnrecognizedClientException"


async def test_a_signature_is_verified_each_time(client, may):
    key = await client.user("bob", ALLOW)
    assert await may(key) is True
    assert await may((key[0], "guess", None)) == "InvalidSignatureException"
    assert await may(key) is True


pieces = st.sampled_from(
    [
        *("AWS4-HMAC-SHA256", " ", "Credential=", "A/1/r/s/aws4_request", ",", "SignedHeaders="),
        *("host;x-amz-date", "Signature=", SIGNATURE, "0", "\t", "é", "\n"),
    ]
)
FINE = (
    f"AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_request, SignedHeaders=host, Signature={SIGNATURE}"
)


@given(st.lists(pieces, max_size=12).map("".join))
@example(FINE)
@example(FINE + " ")
@example(FINE + FINE)
@example(FINE.replace("host", "h" * 600))
@example(FINE.replace("A/1", "Signature=/1"))
def test_a_claim_is_read_as_by_one_expression(authorization):
    found = WHOLE.fullmatch(authorization)
    fits = found is not None and re.fullmatch(r"[^/]*(/[^/]*){3}/aws4_request", found[1])
    request = HttpRequest("POST", "/", "", {"authorization": authorization}, b"")
    for _ in range(2):
        if not fits:
            with pytest.raises(AwsError, match="SigV4|aws4_request") as refused:
                read_signature(request)
            assert refused.value.code == "IncompleteSignature"
            continue
        read = read_signature(request)
        assert "/".join((*read.claim.credential, "aws4_request")) == found[1]
        assert ";".join(read.claim.signed_headers) == found[2]
        assert read.signature == found[3]
