"""Trust stores in strict mode: their files are read in the caller's name, and handed out again."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from signed_client import ROOT_KEY, SignedClient

from ecsd.clock import SystemClock
from tests.certificates.pems import DAY, pair, revocations

CREATE, ADD = "elasticloadbalancing:CreateTrustStore", "elasticloadbalancing:AddTrustStoreRev*"
BOB = "arn:aws:iam::000000000000:user/bob"
OBJECTS = "arn:aws:s3:::trust/*"


class Later(SystemClock):
    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture
def clock():
    return Later()


@pytest.fixture
async def client(store, clock):
    """A client; the bucket ``trust`` has a bundle and a list."""
    made = SignedClient(store, clock=clock)
    now = clock.now()
    mine = pair("root.test", since=now - DAY, until=now + DAY, authority=True)
    await made.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="trust")
    for key, text in (("ca", mine.body), ("crl", revocations(mine))):
        put = await made.ask(ROOT_KEY, "s3", "PutObject", Bucket="trust", Key=key, Body=text)
        assert put.status == 200, put
    made.body = mine.body
    return made


async def create(client, key, name="t"):
    where = {"CaCertificatesBundleS3Bucket": "trust", "CaCertificatesBundleS3Key": "ca"}
    return await client.ask(key, "elbv2", "CreateTrustStore", Name=name, **where)


async def test_who_may_not_read_the_bundle_makes_no_trust_store(client):
    key = await client.user("bob", allow(CREATE))
    refused = await create(client, key)
    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert f"User: {BOB} is not authorized to perform: s3:GetObject" in refused.message
    await client.policy("bob", allow("s3:GetObject", OBJECTS))
    assert "CreateTrustStore" in (await create(client, key)).message
    named = "arn:aws:elasticloadbalancing:us-east-1:000000000000:truststore/t/*"
    await client.policy("bob", allow(CREATE, named), allow("s3:GetObject", OBJECTS))
    assert (await create(client, key)).status == 200
    assert (await create(client, key, "other")).status == 403


async def test_a_bucket_s_policy_has_its_say(client):
    key = await client.user("bob", allow(CREATE), allow("s3:*"))
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}

    async def say(*statements):
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        put = await client.ask(ROOT_KEY, "s3", "PutBucketPolicy", Bucket="trust", Policy=text)
        assert put.status in (200, 204), put

    await say(denied)
    assert (await create(client, key)).code == "AccessDenied"
    assert (await create(client, ROOT_KEY)).code == "AccessDenied"
    not_by_hand = {"BoolIfExists": {"aws:ViaAWSService": "false"}}
    await say({**denied, "Condition": not_by_hand})
    assert (await create(client, key)).status == 200
    await client.policy("bob", allow(CREATE))
    await say({**denied, "Effect": "Allow", "Principal": {"AWS": BOB}})
    assert (await create(client, key, "second")).status == 200


async def test_each_list_is_read_in_the_caller_s_name_its_version_too(client):
    arn = (await create(client, ROOT_KEY)).output["TrustStores"][0]["TrustStoreArn"]
    key = await client.user("bob", allow(ADD), allow("s3:GetObject", "arn:aws:s3:::trust/crl"))

    async def add(*contents):
        request = {"TrustStoreArn": arn, "RevocationContents": list(contents)}
        return await client.ask(key, "elbv2", "AddTrustStoreRevocations", **request)

    allowed, other = ({"S3Bucket": "trust", "S3Key": one} for one in ("crl", "ca"))
    assert (await add(allowed)).status == 200
    assert "s3:GetObject on" in (await add(allowed, other)).message
    assert "s3:GetObjectVersion on" in (await add({**allowed, "S3ObjectVersion": "null"})).message


async def test_a_location_is_open_to_whoever_has_it_and_not_for_long(client, clock):
    arn = (await create(client, ROOT_KEY)).output["TrustStores"][0]["TrustStoreArn"]
    name = "GetTrustStoreCaCertificatesBundle"
    told = await client.ask(ROOT_KEY, "elbv2", name, TrustStoreArn=arn)
    path = urlsplit(told.output["Location"]).path

    async def get(path):
        return await client.client.raw("GET", path, {}, b"")

    answer = await get(path)
    assert (answer.status, answer.body) == (200, client.body)
    head, _, sealed = path.rpartition("/")
    assert (await get(f"{head}/{sealed[:-9]}AAAAAAAA=")).status == 403
    assert (await get(f"{head}/")).status == 403
    clock.ahead = timedelta(minutes=11)
    assert (await get(path)).status == 403
