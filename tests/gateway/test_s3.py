"""S3 through the gateway: addresses, streamed bodies, presigned URLs; strict mode's signatures."""

import asyncio
import hashlib
import hmac
import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from gateway_client import Client, authorization
from msgspec.structs import replace
from signed_client import ROOT_KEY, SignedClient

from ecsd.clock import SystemClock
from ecsd.protocol.checksums import checksum_of
from ecsd.records.iam.user import AccessKey, User
from ecsd.store.scope import Scope

HOST = {"host": "localhost:4566"}
SIGNED = {**HOST, "authorization": authorization("s3")}
CRC = checksum_of("CRC32", b"hello")


class Later(SystemClock):
    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
async def bucket(client):
    assert (await client.raw("PUT", "/bucket", SIGNED, b"")).status == 200
    return client


def chunked(*lines):
    return b"\r\n".join(line.encode() for line in lines) + b"\r\n\r\n"


def streaming(size, **more):
    return {
        **SIGNED,
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(size),
        "content-encoding": "aws-chunked",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        **more,
    }


async def test_a_body_in_chunks_is_taken_out_of_them(bucket):
    body = chunked("5", "hello", "0", f"x-amz-checksum-crc32:{CRC}")
    pieces = [body[at : at + 3] for at in range(0, len(body), 3)]
    put = await bucket.raw("PUT", "/bucket/k", streaming(5), b"", pieces=pieces)
    assert put.status == 200, put
    assert put.headers["x-amz-checksum-crc32"] == CRC
    got = await bucket.raw("GET", "/bucket/k", SIGNED, b"")
    assert (got.body, got.headers["content-length"]) == (b"hello", "5")
    assert "content-encoding" not in got.headers
    some = await bucket.raw("GET", "/bucket/k", {**SIGNED, "range": "bytes=1-2"}, b"")
    assert (some.status, some.body) == (206, b"el")
    assert some.headers["content-range"] == "bytes 1-2/5"
    head = await bucket.raw("HEAD", "/bucket/k", SIGNED, b"")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (streaming(5), chunked("5", "hello", "0", "x-amz-checksum-crc32:AAAAAA=="), "BadDigest"),
        (streaming(6), chunked("5", "hello", "0"), "IncompleteBody"),
        (streaming(5), b"5\r\nhel", "InvalidRequest"),
        ({**SIGNED, "content-length": "9"}, b"hello", "IncompleteBody"),
        ({**SIGNED, "x-amz-content-sha256": "0" * 64}, b"hello", "XAmzContentSHA256Mismatch"),
        ({**SIGNED, "content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, b"hello", "BadDigest"),
        ({**SIGNED, "content-md5": "x"}, b"hello", "InvalidDigest"),
        ({**SIGNED, "x-amz-checksum-md5": "x"}, b"hello", "NotImplemented"),
        ({**SIGNED, "content-length": str(6 << 30)}, b"", "EntityTooLarge"),
    ],
)
async def test_a_body_that_is_not_what_was_said_leaves_nothing(bucket, headers, body, code):
    answer = await bucket.raw("PUT", "/bucket/k", headers, body)
    assert f"<Code>{code}</Code>" in answer.body.decode(), answer
    assert (await bucket.raw("HEAD", "/bucket/k", SIGNED, b"")).status == 404


async def test_a_client_that_goes_leaves_nothing(bucket):
    assert await bucket.raw("PUT", "/bucket/k", SIGNED, b"", pieces=[b"hel", None]) is None
    assert (await bucket.raw("HEAD", "/bucket/k", SIGNED, b"")).status == 404


async def test_a_refused_request_does_not_ask_for_a_body_that_waits(client):
    headers = {**SIGNED, "expect": "100-continue"}
    answer = await client.raw("PUT", "/nobody/k", headers, b"hello")
    assert (answer.status, answer.headers["connection"]) == (404, "close")
    answer = await client.raw("PUT", "/nobody/k", SIGNED, b"hello")
    assert (answer.status, answer.headers.get("connection")) == (404, None)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("localhost:4566", "/bucket/a/b"),
        ("bucket.localhost:4566", "/a/b"),
        ("bucket.s3.localhost:4566", "/a/b"),
        ("bucket.s3.eu-west-1.amazonaws.com", "/a/b"),
        ("s3.localhost", "/bucket/a/b"),
        ("127.0.0.1:4566", "/bucket/a%2Fb"),
    ],
)
async def test_a_bucket_is_named_by_the_path_or_the_host(bucket, host, path):
    put = await bucket.raw("PUT", path, {**SIGNED, "host": host}, b"hello")
    assert put.status == 200, put
    assert (await bucket.raw("GET", "/bucket/a/b", SIGNED, b"")).body == b"hello"
    unsigned = await bucket.raw("GET", "/bucket/a/b", HOST, b"")
    assert unsigned.body == b"hello"


async def test_what_is_not_s3s_stays_elsewhere(bucket):
    page = await bucket.raw("GET", "/", HOST, b"")
    assert page.json()["service"] == "ecsd"
    assert b"<Error>" not in (await bucket.raw("GET", "/other/x", HOST, b"")).body
    listed = await bucket.raw("GET", "/", SIGNED, b"")
    assert b"<ListAllMyBucketsResult" in listed.body


async def test_keys_that_end_with_slashes_are_keys(bucket):
    for key in ("dir/", "a//", "/"):
        await bucket.raw("PUT", f"/bucket/{key}", SIGNED, b"")
    listed = await bucket.raw("GET", "/bucket/", SIGNED, b"", query="list-type=2")
    assert re.findall("<Key>(.*?)</Key>", listed.body.decode()) == ["/", "a//", "dir/"]


async def test_what_is_not_there_yet_is_refused_by_name(bucket):
    answer = await bucket.raw("POST", "/bucket/k", SIGNED, b"", query="select&select-type=2")
    assert answer.status == 501
    assert b"<Code>NotImplemented</Code>" in answer.body
    assert b"SelectObjectContent" in answer.body


async def test_the_location_of_a_bucket_is_its_answer(client):
    west = {**HOST, "authorization": authorization("s3", region="eu-west-1")}
    body = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
    body += b"</CreateBucketConfiguration>"
    await client.raw("PUT", "/west", west, body)
    answer = await client.raw("GET", "/west", SIGNED, b"", query="location")
    assert answer.body.decode().endswith(
        '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1'
        "</LocationConstraint>"
    )


# ------------------------------------------------------------- strict mode
@pytest.fixture
def clock():
    return Later()


@pytest.fixture
async def strict(store, clock):
    one = SignedClient(store, clock=clock)
    made = await one.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="bucket")
    assert made.status == 200, made
    put = await one.ask(ROOT_KEY, "s3", "PutObject", Bucket="bucket", Key="k", Body=b"hello")
    assert put.status == 200, put
    return one


def presigned(key, version):
    client = boto3.client(
        "s3",
        endpoint_url="http://localhost:4566",
        region_name="us-east-1",
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        config=Config(signature_version=version),
    )
    where = {"Bucket": "bucket", "Key": "k", "ResponseContentType": "x/y"}
    return urlsplit(client.generate_presigned_url("get_object", Params=where, ExpiresIn=60))


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_a_presigned_url_is_judged(strict, clock, version):
    url = presigned(ROOT_KEY, version)

    async def get(query):
        return await strict.client.raw("GET", url.path, HOST, b"", query=query)

    good = await get(url.query)
    assert (good.status, good.body, good.headers["content-type"]) == (200, b"hello", "x/y")
    changed = await get(url.query.replace("x%2Fy", "x%2Fz"))
    assert (changed.status, b"SignatureDoesNotMatch" in changed.body) == (403, True)
    wrong = presigned(("AKROOT", "guess"), version)
    assert (await get(wrong.query)).status == 403
    clock.ahead = timedelta(seconds=90)
    late = await get(url.query)
    assert (late.status, b"Request has expired" in late.body) == (403, True)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_local_mode_judges_the_time_alone(store, clock, version):
    client = Client(store, clock=clock)
    await client.raw("PUT", "/bucket", SIGNED, b"")
    await client.raw("PUT", "/bucket/k", SIGNED, b"hello")
    url = presigned(("anybody", "guess"), version)
    got = await client.raw("GET", url.path, HOST, b"", query=url.query)
    assert got.body == b"hello"
    clock.ahead = timedelta(seconds=90)
    late = await client.raw("GET", url.path, HOST, b"", query=url.query)
    assert (late.status, b"Request has expired" in late.body) == (403, True)


def signed(claimed, **more):
    """The headers of a PUT of ``/bucket/s`` whose body is said to be ``claimed``, and the key."""
    moment = SystemClock().now().strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
    headers = {**HOST, "x-amz-content-sha256": claimed, "x-amz-date": moment, **more}
    names = ";".join(sorted(headers))
    told = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"PUT\n/bucket/s\n\n{told}\n{names}\n{claimed}"
    key = b"AWS4root-secret"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    own = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential=AKROOT/{scope}, SignedHeaders={names}, Signature={own}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}"
    return headers, key, own


async def test_the_body_has_to_be_what_was_signed(strict):
    headers, _, _ = signed(hashlib.sha256(b"hello").hexdigest())
    other = await strict.client.raw("PUT", "/bucket/s", headers, b"other")
    assert b"XAmzContentSHA256Mismatch" in other.body
    right = await strict.client.raw("PUT", "/bucket/s", headers, b"hello")
    assert right.status == 200, right


@pytest.mark.parametrize(("content", "status"), [(b"hello", 200), (b"jello", 403)])
async def test_chunks_have_to_be_what_was_signed(strict, content, status):
    more = {"x-amz-decoded-content-length": "5"}
    headers, key, seed = signed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **more)
    moment, empty = headers["x-amz-date"], hashlib.sha256(b"").hexdigest()
    scope, body = f"{moment[:8]}/us-east-1/s3/aws4_request", b""
    for chunk, sent in ((b"hello", content), (b"", b"")):
        digest = hashlib.sha256(chunk).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{moment}\n{scope}\n{seed}\n{empty}\n{digest}"
        seed = hmac.digest(key, text.encode(), "sha256").hex()
        body += f"{len(chunk):x};chunk-signature={seed}\r\n".encode() + sent + b"\r\n"
    answer = await strict.client.raw("PUT", "/bucket/s", headers, body)
    assert answer.status == status, answer


# ------------------------------------------------------------- policies of buckets
def statement(principal, action="s3:GetObject", resource="arn:aws:s3:::bucket/*", **more):
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": resource,
        **more,
    }


async def attach(strict, *statements, block=False):
    if not block:
        await strict.ask(ROOT_KEY, "s3", "DeletePublicAccessBlock", Bucket="bucket")
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    done = await strict.ask(ROOT_KEY, "s3", "PutBucketPolicy", Bucket="bucket", Policy=text)
    assert done.status == 200, done


async def unsigned(strict, path="/bucket/k", query=""):
    return (await strict.client.raw("GET", path, HOST, b"", query=query)).status


async def test_unsigned_requests_need_a_policy_for_everybody(strict):
    assert await unsigned(strict) == 403
    await attach(strict, statement("*"))
    assert await unsigned(strict) == 200
    assert await unsigned(strict, "/bucket", "list-type=2") == 403
    denied = statement("*", Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
    await attach(strict, statement("*"), denied)
    assert await unsigned(strict) == 403
    root = await strict.ask(ROOT_KEY, "s3", "GetObjectTagging", Bucket="bucket", Key="k")
    assert root.status == 200


async def test_a_public_access_block_keeps_others_out(strict):
    await attach(strict, statement("*"))
    restrict = {"RestrictPublicBuckets": True}
    await strict.ask(
        ROOT_KEY,
        "s3",
        "PutPublicAccessBlock",
        Bucket="bucket",
        PublicAccessBlockConfiguration=restrict,
    )
    assert await unsigned(strict) == 403
    bob = await strict.user("bob")
    where = {"Bucket": "bucket", "Key": "k"}
    assert (await strict.ask(bob, "s3", "GetObject", **where)).status == 200


async def test_users_need_their_own_policy_or_the_buckets(strict):
    bob = await strict.user("bob")
    where = {"Bucket": "bucket", "Key": "k"}
    refused = await strict.ask(bob, "s3", "GetObject", **where)
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert "s3:GetObject on resource: arn:aws:s3:::bucket/k" in refused.message
    await attach(strict, statement({"AWS": "arn:aws:iam::000000000000:user/bob"}), block=True)
    assert (await strict.ask(bob, "s3", "GetObject", **where)).status == 200
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket"}
    listing["Condition"] = {"StringLike": {"s3:prefix": "home/*"}}
    await strict.policy("bob", listing)
    listed = await strict.ask(bob, "s3", "ListObjectsV2", Bucket="bucket", Prefix="home/b")
    assert listed.status == 200
    assert (await strict.ask(bob, "s3", "ListObjectsV2", Bucket="bucket")).status == 403


async def test_who_may_not_list_does_not_hear_what_is_missing(strict):
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    bob = await strict.user("bob", reads)
    where = {"Bucket": "bucket", "Key": "missing"}
    assert (await strict.ask(bob, "s3", "GetObject", **where)).code == "AccessDenied"
    await strict.policy("bob", {**reads, "Action": ["s3:GetObject", "s3:ListBucket"]})
    assert (await strict.ask(bob, "s3", "GetObject", **where)).code == "NoSuchKey"


async def test_another_account_needs_both_sides(store, strict):
    other = Scope("222222222222", "us-east-1").globally()
    user = User(
        user_name="ann",
        user_id="AIDAANNANNANNANNANNAN",
        path="/",
        arn="arn:aws:iam::222222222222:user/ann",
        created_at=SystemClock().now(),
    )
    seal = strict.client.parts.authority.seal
    key = AccessKey(
        access_key_id="AKIAANNANNANNANNANNA",
        user_name="ann",
        sealed_secret=seal.seal("ann-secret", "AKIAANNANNANNANNANNA"),
        created_at=SystemClock().now(),
    )
    async with store.transaction(other) as change:
        change.put(user, key)
    ann, where = ("AKIAANNANNANNANNANNA", "ann-secret", None), {"Bucket": "bucket", "Key": "k"}
    await attach(strict, statement({"AWS": "222222222222"}), block=True)
    assert (await strict.ask(ann, "s3", "GetObject", **where)).status == 403
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    async with store.transaction(other) as change:
        change.put(replace(user, inline_policies={"p": text}))
    assert (await strict.ask(ann, "s3", "GetObject", **where)).status == 200
    await strict.ask(ROOT_KEY, "s3", "DeleteBucketPolicy", Bucket="bucket")
    assert (await strict.ask(ann, "s3", "GetObject", **where)).status == 403


async def test_the_root_can_mend_a_policy_that_shuts_it_out(strict):
    await attach(strict, statement("*", "s3:*", "*", Effect="Deny"), block=True)
    tagging = await strict.ask(ROOT_KEY, "s3", "GetObjectTagging", Bucket="bucket", Key="k")
    assert tagging.status == 403
    assert (await strict.ask(ROOT_KEY, "s3", "DeleteBucketPolicy", Bucket="bucket")).status == 204
    assert (await strict.ask(ROOT_KEY, "s3", "GetObject", Bucket="bucket", Key="k")).status == 200


async def test_a_client_that_leaves_gets_no_more(bucket):
    await bucket.raw("PUT", "/bucket/k", SIGNED, bytes(3 << 20))
    bucket.leaves = asyncio.Event()
    bucket.leaves.set()
    got = await bucket.raw("GET", "/bucket/k", SIGNED, b"")
    assert len(got.body) < 3 << 20
    assert bucket.parts.blobs._held == {}


async def test_an_object_that_is_damaged_half_way_is_cut_off(bucket, caplog):
    content = bytes(3 << 20)
    await bucket.raw("PUT", "/bucket/k", SIGNED, content)
    (path,) = bucket.parts.blobs._folder.glob("*/*")
    stored = bytearray(path.read_bytes())
    stored[-20] ^= 1
    path.write_bytes(stored)
    got = await bucket.raw("GET", "/bucket/k", SIGNED, b"")
    assert got.headers["content-length"] == str(len(content))
    assert got.body == content[: 2 << 20]  # what was not damaged; then nothing, no end either
    assert "an answer was cut off" in caplog.text
    part = await bucket.raw("GET", "/bucket/k", {**SIGNED, "range": "bytes=2097152-"}, b"")
    assert (part.status, b"<Code>InternalError</Code>" in part.body) == (500, True)
