"""Our verification against botocore's signers."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from gateway_client import Client
from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.gateway.identification import root_caller
from ecsd.gateway.sigv4 import KnownKey, Verifier
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.signing import Signer
from ecsd.records.elbv2.load_balancer import UserKeys
from ecsd.settings import Settings
from ecsd.store.sessions import token_digest
from tests.conftest import SCOPE
from tests.controllers.balancing import load_balancer

KEYS = {
    "AKID": KnownKey("secret", "000000000000", root_caller("000000000000", "AKID")),
    "ASIA": KnownKey(
        "other", "111122223333", root_caller("111122223333", "ASIA"), token_digest("token")
    ),
}
BODY = b'{"clusterName": "a"}'
URL = "http://localhost:4566/a%20b//c/?x=1&a=%2F%20~&empty="


def now():
    return datetime.now(UTC)


def signed(signer, *, url=URL, body=BODY, method="POST", headers=None):
    request = AWSRequest(method, url, data=body, headers=headers or {"X-Amz-Target": "A.B"})
    signer.add_auth(request)
    prepared = request.prepare()
    head, _, query = prepared.url.removeprefix("http://localhost:4566").partition("?")
    made = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    made.setdefault("host", "localhost:4566")
    return HttpRequest(method, head, query, made, body)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def header_signer(key="AKID", secret="secret", token=None, service="ecs"):
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    return kind(Credentials(key, secret, token), service, "us-east-1")


def query_signer(key="AKID", secret="secret", service="sts"):
    kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    return kind(Credentials(key, secret), service, "us-east-1", expires=600)


def verify(request, moment=None, body=None):
    verifier = Verifier(KEYS.get)
    return verifier.verify(request, request.body if body is None else body, moment or now())


def refusal(request, moment=None, body=None):
    with pytest.raises(AwsError) as refused:
        verify(request, moment, body)
    assert refused.value.status == 403
    return refused.value.code


@pytest.mark.parametrize("service", ["ecs", "s3"])
@pytest.mark.parametrize("url", [URL, "http://localhost:4566/", "http://localhost:4566/a/../b"])
def test_what_botocore_signs_is_accepted(service, url):
    request = signed(header_signer(service=service), url=url)
    assert verify(request).caller.access_key_id == "AKID"


@pytest.mark.parametrize("service", ["sts", "s3"])
def test_what_botocore_presigns_is_accepted(service):
    request = signed(query_signer(service=service), method="GET", body=b"", headers={"a": "b"})
    assert verify(request).account == "000000000000"


def test_a_temporary_key_needs_its_token():
    request = signed(header_signer("ASIA", "other", "token"))
    assert verify(request).account == "111122223333"
    assert refusal(signed(header_signer("ASIA", "other", "wrong"))) == "InvalidClientTokenId"
    assert refusal(signed(header_signer("ASIA", "other"))) == "InvalidClientTokenId"


def test_unknown_keys_and_wrong_secrets_are_refused():
    assert refusal(signed(header_signer("NOBODY"))) == "InvalidClientTokenId"
    assert refusal(signed(header_signer(secret="guess"))) == "SignatureDoesNotMatch"


def test_unsigned_and_malformed_ones_are_refused():
    bare = HttpRequest("POST", "/", "", {"host": "a"}, b"")
    assert refusal(bare) == "MissingAuthenticationToken"
    basic = HttpRequest("POST", "/", "", {"authorization": "Basic x"}, b"")
    assert refusal(basic) == "IncompleteSignature"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_request_is_good_for_five_minutes(seconds):
    request = signed(header_signer())
    assert refusal(request, now() + timedelta(seconds=seconds)) == "RequestExpired"
    assert verify(request, now() + timedelta(seconds=290))


def test_a_presigned_url_is_good_as_long_as_it_says():
    request = signed(query_signer(), method="GET", body=b"", headers={"a": "b"})
    assert verify(request, now() + timedelta(seconds=590))
    assert refusal(request, now() + timedelta(seconds=602)) == "RequestExpired"


def changed(request, **parts):
    fields = {name: getattr(request, name) for name in HttpRequest.__struct_fields__}
    return HttpRequest(**{**fields, **parts})


def test_every_change_after_signing_is_seen():
    request = signed(header_signer())
    target = {**request.headers, "x-amz-target": "A.C"}
    smuggled = {**request.headers, "x-amz-more": "1"}
    assert refusal(changed(request, body=b"{}")) == "SignatureDoesNotMatch"
    assert refusal(changed(request, path="/b")) == "SignatureDoesNotMatch"
    assert refusal(changed(request, query="x=2")) == "SignatureDoesNotMatch"
    assert refusal(changed(request, method="PUT")) == "SignatureDoesNotMatch"
    assert refusal(changed(request, headers=target)) == "SignatureDoesNotMatch"
    assert refusal(changed(request, headers=smuggled)) == "IncompleteSignature"


def test_a_cached_signing_key_does_not_outlive_its_secret():
    keys = dict(KEYS)
    verifier = Verifier(keys.get)
    request = signed(header_signer())
    verifier.verify(request, BODY, now())
    keys["AKID"] = KnownKey("changed", "000000000000", KEYS["AKID"].caller)
    with pytest.raises(AwsError):
        verifier.verify(request, BODY, now())
    renewed = signed(header_signer(secret="changed"))
    assert verifier.verify(renewed, BODY, now())


async def test_strict_mode_refuses_in_the_services_protocol_and_admits_the_root_key(store):
    settings = Settings(mode="strict", access_key_id="AKID", secret_access_key="secret")
    client = Client(store, settings=settings)
    answer = await client.aws("ecs", "ListClusters")
    assert (answer.status, answer.json()["__type"]) == (400, "IncompleteSignatureException")
    answer = await client.raw("POST", "/", {"x-amz-target": "A.B"}, b"{}")
    assert answer.status == 400
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"
    answer = await client.aws("ec2", "DescribeVpcs", b"")
    assert (answer.status, b"<Code>AuthFailure</Code>" in answer.body) == (401, True)

    target = "AmazonEC2ContainerServiceV20141113.ListClusters"
    request = signed(
        header_signer(), url="http://localhost:4566/", body=b"{}", headers={"X-Amz-Target": target}
    )
    answer = await client.raw("POST", "/", request.headers, request.body)
    assert (answer.status, answer.json()) == (200, {"clusterArns": []})


@pytest.mark.parametrize(
    ("signer", "status"),
    [(Signer("AKID", "secret", "r", "ecsd"), 200), (Signer("AKID", "wrong", "r", "ecsd"), 403)],
)
async def test_strict_mode_shows_its_own_pages_to_the_root_key_alone(store, signer, status):
    settings = Settings(mode="strict", access_key_id="AKID", secret_access_key="secret")
    client = Client(store, settings=settings, pages={"hosts": lambda: ["h"]})
    assert (await client.raw("GET", "/_ecsd/hosts", {}, b"")).status == 403
    headers = {"host": "localhost:4566", "x-amz-date": f"{now():%Y%m%dT%H%M%SZ}"}
    headers["authorization"] = signer.authorization("GET", "/_ecsd/hosts", headers, b"")
    answer = await client.raw("GET", "/_ecsd/hosts", headers, b"")
    assert answer.status == status
    assert (await client.raw("GET", "/_ecsd/health", headers, b"")).status == 200


async def test_strict_mode_shows_public_keys_to_everybody(store):
    """Targets check with them what a load balancer tells of its users."""
    keys = UserKeys(
        key_id="key-1", public_key="PEM", sealed_private_key="x", sealed_session_key="y"
    )
    async with store.transaction(SCOPE) as change:
        balancer = load_balancer(now())
        change.put(replace(balancer, user_keys=keys))
        change.put(replace(balancer, load_balancer_arn="arn:other"))
    settings = Settings(mode="strict", access_key_id="AKID", secret_access_key="secret")
    client = Client(store, settings=settings)
    answer = await client.raw("GET", "/_ecsd/public-keys/key-1", {}, b"")
    assert (answer.status, answer.body) == (200, b"PEM")
    for name in ("", "key-2", "key-1/"):
        assert (await client.raw("GET", f"/_ecsd/public-keys/{name}", {}, b"")).status == 404
