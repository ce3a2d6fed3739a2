"""Sessions for tokens of an OpenID Connect provider: GitHub's shape, a real issuer on loopback."""

import json
from datetime import timedelta

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from ecsd.clock import SystemClock
from ecsd.errors import AwsError

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ARN = "arn:aws:iam::000000000000:role/deploy"
SUBJECT = "repo:me/app:ref:refs/heads/main"


class Moved(SystemClock):
    """The machine's time, and more."""

    more = timedelta(0)

    def now(self):
        return super().now() + self.more


class Issuer:
    """Serves its discovery document and its keys."""

    def __init__(self):
        self.url = ""
        self.asked = 0
        self.status = 200
        self.keys = [jwk(KEY, "one")]
        self.jwks_uri = ""

    async def discovery(self, request):
        return web.json_response({"jwks_uri": self.jwks_uri or f"{self.url}/keys"})

    async def jwks(self, request):
        self.asked += 1
        return web.json_response({"keys": self.keys}, status=self.status)

    def token(self, clock, key=KEY, kid="one", algorithm="RS256", **changes):
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.url,
            "sub": SUBJECT,
            "aud": "sts.amazonaws.com",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "repository": "me/app",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def jwk(key, kid):
    made = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**made, "kid": kid, "use": "sig"}


@pytest.fixture
async def issuer():
    served = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", served.discovery)
    app.router.add_get("/keys", served.jwks)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    served.url = f"http://127.0.0.1:{port}"
    yield served
    await runner.cleanup()


@pytest.fixture
def clock():
    return Moved()


@pytest.fixture
async def sts(client, issuer, clock):
    iam = client("iam")
    made = await iam(
        "CreateOpenIDConnectProvider", Url=issuer.url, ClientIDList=["sts.amazonaws.com"]
    )
    name = issuer.url.removeprefix("http://")
    await iam(
        "CreateRole",
        RoleName="deploy",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Federated": made["OpenIDConnectProviderArn"]},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {
                        "StringEquals": {f"{name}:aud": "sts.amazonaws.com"},
                        "StringLike": {f"{name}:sub": "repo:me/app:*"},
                    },
                },
            }
        ),
    )
    return client("sts", clock=clock)


async def assume(sts, token, **more):
    return await sts(
        "AssumeRoleWithWebIdentity",
        RoleArn=ARN,
        RoleSessionName="run-7",
        WebIdentityToken=token,
        **more,
    )


async def refused(sts, token, **more):
    with pytest.raises(AwsError) as caught:
        await assume(sts, token, **more)
    return caught.value.code


async def test_a_token_opens_a_session(sts, issuer, clock):
    answer = await assume(sts, issuer.token(clock))
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/deploy/run-7")
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["Provider"].endswith(issuer.url.removeprefix("http://"))
    await assume(sts, issuer.token(clock))
    assert issuer.asked == 1  # keys are remembered


async def test_who_the_role_does_not_trust_is_refused(sts, issuer, clock):
    assert await refused(sts, issuer.token(clock, sub="repo:eve/app:ref:x")) == "AccessDenied"
    other = issuer.token(clock)
    with pytest.raises(AwsError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        await sts(
            "AssumeRoleWithWebIdentity",
            RoleArn=f"{ARN}x",
            RoleSessionName="me",
            WebIdentityToken=other,
        )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "else"}, "InvalidIdentityToken"),
        ({"aud": ["else", "more"]}, "InvalidIdentityToken"),
        ({"azp": "else"}, "InvalidIdentityToken"),
        ({"iss": "http://127.0.0.1:1"}, "InvalidIdentityToken"),
        ({"sub": None}, "InvalidIdentityToken"),
        ({"exp": 1}, "ExpiredTokenException"),
        ({"exp": "soon"}, "InvalidIdentityToken"),
        ({"nbf": 9_999_999_999}, "InvalidIdentityToken"),
        ({"key": OTHER_KEY}, "InvalidIdentityToken"),
        ({"kid": "unknown"}, "InvalidIdentityToken"),
        ({"key": "hidden-" * 8, "algorithm": "HS256"}, "InvalidIdentityToken"),
    ],
)
async def test_a_token_that_is_not_right_is_refused(sts, issuer, clock, changes, code):
    assert await refused(sts, issuer.token(clock, **changes)) == code


async def test_an_unsigned_or_garbled_token_is_refused(sts, issuer, clock):
    unsigned = issuer.token(clock, key=None, algorithm="none")
    assert await refused(sts, unsigned) == "InvalidIdentityToken"
    assert await refused(sts, "no.token.here") == "InvalidIdentityToken"
    assert await refused(sts, issuer.token(clock), ProviderId="www.amazon.com") == (
        "ValidationError"
    )


async def test_a_new_key_is_asked_for_once_a_minute(sts, issuer, clock):
    await assume(sts, issuer.token(clock))
    issuer.keys = [jwk(OTHER_KEY, "two")]
    token = issuer.token(clock, key=OTHER_KEY, kid="two")
    assert await refused(sts, token) == "InvalidIdentityToken"
    assert issuer.asked == 1
    clock.more = timedelta(seconds=61)
    await assume(sts, issuer.token(clock, key=OTHER_KEY, kid="two"))
    assert issuer.asked == 2


async def test_an_issuer_that_does_not_answer_is_told(sts, issuer, clock):
    issuer.status = 500
    assert await refused(sts, issuer.token(clock)) == "IDPCommunicationError"
    issuer.status, issuer.jwks_uri = 200, "https://elsewhere.invalid/keys"
    assert await refused(sts, issuer.token(clock)) == "IDPCommunicationError"


async def test_many_keys_are_read_to_their_end(sts, issuer, clock):
    issuer.keys = [jwk(OTHER_KEY, f"old-{number}") for number in range(500)] + issuer.keys
    await assume(sts, issuer.token(clock))


@pytest.mark.parametrize("place", [7, ["http://127.0.0.1"], "http://["])
async def test_an_issuer_that_names_no_place_of_keys_is_told(sts, issuer, clock, place):
    issuer.jwks_uri = place
    assert await refused(sts, issuer.token(clock)) == "IDPCommunicationError"


async def test_an_issuer_that_never_ends_is_told(sts, issuer, clock):
    issuer.keys = [{"kid": "x", "n": "n" * (1 << 20)}, *issuer.keys]
    assert await refused(sts, issuer.token(clock)) == "IDPCommunicationError"
