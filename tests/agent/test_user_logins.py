"""Users without a valid session: sent to their provider, known when they are back, or refused."""

import asyncio
import json
import logging
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec.structs import replace

from ecsd.agent.traffic.user_logins import UserLogins
from ecsd.certificates.user_sessions import seal, unseal
from ecsd.clock import SystemClock
from ecsd.decisions.balancers.function_event import Asked
from ecsd.decisions.balancers.user_session import read_session, session_text
from ecsd.ids import SeededIds
from tests.agent.identity_provider import SECRET, IdentityProvider
from tests.decisions.listener_plans import ARN
from tests.decisions.user_actions import KEYS, RULE, with_users

LISTENER = "arn:listener"
COOKIE = "AWSELBAuthSessionCookie-0"


class Client:
    """A browser in front of HAProxy; it keeps cookies."""

    def __init__(self, provider, **config):
        self.provider = provider
        self.plan = with_users(secret=SECRET, **provider.config(**config))
        self.key = self.plan.authentications[RULE].session_key
        self.logins = UserLogins(SystemClock(), SeededIds(5))
        self.logins.follow(self.plan)
        self.cookies = {}

    def asked(self, target, host="app.test"):
        cookies = "; ".join(f"{name}={one}" for name, one in self.cookies.items())
        return Asked("GET", target, [("Host", host), ("Cookie", cookies)])

    def keep(self, answered):
        for name, value in answered.headers:
            if name == "Set-Cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self.cookies[key] = content
                if not content:
                    del self.cookies[key]
        place = [value for name, value in answered.headers if name == "Location"]
        return answered.status, place[0] if place else None

    async def admitted(self, target="/x?y=1", **more):
        return self.keep(await self.logins.admit(RULE, self.asked(target, **more)))

    async def received(self, url, host="app.test"):
        target = url.removeprefix("https://app.test")
        return self.keep(await self.logins.receive(LISTENER, self.asked(target, host)))

    async def log_in(self):
        _, location = await self.admitted()
        return await self.received(self.provider.agreed(location))

    def session(self):
        return read_session(unseal(self.cookies[COOKIE], self.key))

    def expire(self):
        """Let the access token be past."""
        session = self.session()._replace(refresh_at=1)
        self.cookies[COOKIE] = seal(session_text(session), self.key, SeededIds(9))


@pytest.fixture
def provider():
    with IdentityProvider().serving() as one:
        yield one


@pytest.fixture
async def client(provider):
    one = Client(provider)
    yield one
    await one.logins.close()


async def test_a_user_logs_in_and_is_where_it_wanted_to_be(client, provider):
    status, location = await client.admitted("/x?y=%20")
    assert status == 302
    assert await client.received(provider.agreed(location)) == (302, "https://app.test/x?y=%20")
    assert list(client.cookies) == ["AWSALBAuthNonce", COOKIE]
    session = client.session()
    assert (session.subject, session.access_token) == ("me", "access-1")
    assert session.ends - session.began == 604800
    assert session.refresh_at == session.ends
    head, body, signature = session.claims.split(".")
    header, claims = (json.loads(urlsafe_b64decode(one)) for one in (head, body))
    assert header == {
        "typ": "JWT",
        "kid": "key-1",
        "alg": "ES256",
        "iss": provider.url,
        "client": "client id",
        "signer": ARN,
        "exp": session.ends + 120,
    }
    assert claims == {
        "sub": "me",
        "email": "me@example.test",
        "exp": session.ends + 120,
        "iss": provider.url,
    }
    raw = urlsafe_b64decode(signature)
    halves = (int.from_bytes(one, "big") for one in (raw[:32], raw[32:]))
    signed = f"{head}.{body}".encode()
    public = load_pem_public_key(KEYS.public_key.encode())
    public.verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))


async def test_two_logins_of_one_browser_do_not_disturb_each_other(client, provider):
    _, first = await client.admitted("/a")
    _, second = await client.admitted("/b")
    assert await client.received(provider.agreed(second)) == (302, "https://app.test/b")
    assert await client.received(provider.agreed(first)) == (302, "https://app.test/a")


async def test_another_browser_or_host_does_not_get_the_session(client, provider):
    _, location = await client.admitted()
    back = provider.agreed(location)
    assert await client.received(back, host="other.test") == (401, None)
    mine, client.cookies = client.cookies, {}
    assert await client.received(back) == (401, None)
    client.cookies = {"AWSALBAuthNonce": "0" * 32}
    assert await client.received(back) == (401, None)
    assert provider.asked == []
    client.cookies = mine
    assert (await client.received(back))[0] == 302


@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        ({"status": {"/token": 500}}, 561, "AuthTokenEpRequestFailed"),
        ({"status": {"/userinfo": 500}}, 561, "AuthUserinfoEpRequestFailed"),
        ({"id_token": {"aud": "other"}}, 401, "AuthInvalidIdToken"),
        ({"id_token": {"sub": "you"}}, 401, "AuthInvalidUserinfoResponse"),
        ({"tokens": {"id_token": None}}, 401, "AuthInvalidTokenResponse"),
        (
            {"claims": {"sub": "me", "x": "y" * 100000}},
            401,
            "AuthUserinfoResponseSizeExceeded",
        ),
        (  # claims within the limit, but half as large again in cookies
            {"claims": {"sub": "me", "x": "y" * 11000}, "tokens": {"refresh_token": "r" * 4000}},
            302,
            None,
        ),
    ],
)
async def test_a_login_that_fails_says_why(client, provider, caplog, trouble, status, reason):
    for name, value in trouble.items():
        setattr(provider, name, value)
    with caplog.at_level(logging.WARNING):
        assert (await client.log_in())[0] == status
    assert [one.reason for one in caplog.records] == ([reason] if reason else [])
    assert (COOKIE in client.cookies) == (reason is None)
    assert SECRET not in caplog.text


async def test_a_code_is_good_once(client, provider):
    _, location = await client.admitted()
    back = provider.agreed(location)
    assert (await client.received(back))[0] == 302
    assert (await client.received(back))[0] == 561


async def test_nobody_at_the_token_endpoint_is_an_error_of_the_balancers(provider, caplog):
    client = Client(provider, TokenEndpoint="http://127.0.0.1:9/token")
    assert (await client.log_in())[0] == 500
    assert caplog.records[-1].reason == "AuthTokenEpRequestTimeout"
    await client.logins.close()


async def test_a_callback_without_a_known_state_is_refused(client):
    for query in ("", "?code=x", "?code=x&state=", "?code=x&state=a.b.c", "?state=%00&code=x"):
        assert await client.received(f"/oauth2/idpresponse{query}") == (401, None)


async def test_what_cannot_become_a_url_is_refused(client):
    assert (await client.admitted(host="a b"))[0] == 401
    assert (await client.received("/oauth2/idpresponse", host=""))[0] == 401
    assert (await client.admitted("/" + "x" * 5000))[0] == 414
    assert (await client.admitted("*"))[0] == 302


async def test_a_balancer_that_is_gone_has_no_users(client):
    client.logins.forget(ARN)
    assert (await client.admitted())[0] == 503
    assert (await client.received("/oauth2/idpresponse?state=x"))[0] == 401


async def test_a_rule_that_is_gone_lets_nobody_in(client, provider):
    _, location = await client.admitted()
    back = provider.agreed(location)
    [listener] = client.plan.listeners
    other = (replace(listener.rules[0], rule_arn="arn:other"),)
    secrets = {"arn:other": client.plan.authentications[RULE]}
    plan = replace(
        client.plan, listeners=(replace(listener, rules=other),), authentications=secrets
    )
    client.logins.follow(plan)
    assert await client.received(back) == (401, None)


async def test_an_expired_token_is_had_anew_and_the_session_does_not_last_longer(client, provider):
    provider.tokens = {"refresh_token": "refresh-1", "expires_in": 60}
    await client.log_in()
    before = client.session()
    assert before.refresh_at < before.ends
    client.expire()
    provider.claims["email"] = "new@example.test"
    provider.tokens = {"expires_in": 10**9, "id_token": None}
    assert await client.admitted("/x") == (307, "https://app.test/x")
    after = client.session()
    assert (after.began, after.ends) == (before.began, before.ends)
    assert (after.access_token, after.refresh_token) == ("access-2", "refresh-1")
    assert after.refresh_at == after.ends
    assert "new@example.test" in str(urlsafe_b64decode(after.claims.split(".")[1]))


async def test_requests_at_the_same_time_share_a_refresh(client, provider):
    provider.tokens = {"refresh_token": "refresh-1", "expires_in": 60}
    await client.log_in()
    client.expire()
    provider.asked.clear()
    asked = client.asked("/x")
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(client.logins.admit(RULE, asked)) for _ in range(5)]
    assert {one.result().status for one in works} == {307}
    assert [path for path, _ in provider.asked] == ["/token", "/userinfo"]


async def test_a_refresh_that_is_cut_off_is_begun_by_the_next(client, provider):
    provider.tokens = {"refresh_token": "refresh-1", "expires_in": 60}
    await client.log_in()
    client.expire()
    asked = client.asked("/x")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(client.logins.admit(RULE, asked))
        await asyncio.sleep(0)
        second = group.create_task(client.logins.admit(RULE, asked))
        await asyncio.sleep(0)
        first.cancel()
    assert first.cancelled()
    assert second.result().status == 307


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [("authenticate", 302), ("deny", 401), ("allow", 307)],
)
async def test_who_has_logged_out_at_the_provider_has_no_session(provider, behaviour, outcome):
    client = Client(provider)
    provider.tokens = {"refresh_token": "refresh-1", "expires_in": 60}
    await client.log_in()
    client.expire()
    config = provider.config(OnUnauthenticatedRequest=behaviour)
    client.logins.follow(with_users(secret=SECRET, **config))
    provider.issued = 99
    assert (await client.admitted())[0] == outcome
    assert COOKIE not in client.cookies
    await client.logins.close()
