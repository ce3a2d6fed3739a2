"""What an identity provider says, judged; and what is asked of it."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers import oidc
from ecsd.decisions.balancers.oidc import Failed, Login, Tokens
from tests.agent.identity_provider import encoded
from tests.decisions.user_actions import completed

NOW = 1_800_000_000
ABOUT = {"iss": "https://idp.test", "aud": "client", "sub": "me", "exp": NOW + 60}
GIVEN = {"access_token": "a", "id_token": "x.y.z", "token_type": "bearer"}
LOGIN = Login("arn:rule", "app.test", "/x?y", "n", NOW)


@given(st.text(), st.text(st.characters(blacklist_categories=["Cs"])), st.integers(0, 2**40))
def test_a_login_is_read_as_it_was_written(target, sealed, began):
    login = LOGIN._replace(target=target, began=began)
    assert oidc.read_login(oidc.login_text(login)) == login
    base64 = sealed.translate({ord(one): None for one in "-_~"})
    assert oidc.sealed_of(oidc.state_of(base64)) == base64


def test_a_user_is_sent_where_the_provider_wants_it():
    more = {"AuthenticationRequestExtraParams": {"prompt": "log in", "display": "page"}}
    endpoint = "https://idp.test/authorize?tenant=1"
    url = oidc.authorization_url(
        completed(**more, AuthorizationEndpoint=endpoint, Scope="openid a&b"), "app.test:8443", "s+"
    )
    assert url.startswith(f"{endpoint}&")
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["1"],
        "client_id": ["client"],
        "redirect_uri": ["https://app.test:8443/oauth2/idpresponse"],
        "response_type": ["code"],
        "scope": ["openid a&b"],
        "state": ["s+"],
        "prompt": ["log in"],
        "display": ["page"],
    }


@pytest.mark.parametrize("host", ["A.test", "a.test:443", "10.0.0.1", "[::1]:8443"])
def test_a_host_is_one(host):
    assert oidc.check_host(host) == host.lower()


@pytest.mark.parametrize(
    "host", [None, "", "a/b", "a b", "a@b", "a:b", "a.test\r\nX: y", "a" * 300]
)
def test_anything_else_is_none(host):
    assert oidc.check_host(host).reason == "AuthMissingHostHeader"


@pytest.mark.parametrize(
    ("login", "host", "nonce", "now", "reason"),
    [
        (None, "app.test", "n", NOW, "AuthInvalidStateParam"),
        (LOGIN, "other.test", "n", NOW, "AuthInvalidStateParam"),
        (LOGIN, "app.test", "n", NOW + 901, "AuthInvalidStateParam"),
        (LOGIN, "app.test", "n", NOW - 1, "AuthInvalidStateParam"),
        (LOGIN, "app.test", None, NOW, "AuthMissingAWSALBAuthNonce"),
        (LOGIN, "app.test", "m", NOW, "AuthInvalidAWSALBAuthNonce"),
    ],
)
def test_a_login_goes_on_in_its_browser_at_its_host_in_time(login, host, nonce, now, reason):
    failed = oidc.check_login(login, host, nonce, now)
    assert (failed.status, failed.reason) == (401, reason)
    assert oidc.check_login(LOGIN, "app.test", "n", NOW + 900) is LOGIN


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"code": "x", "error": "access_denied"}, 401),
        ({"error": "server_error", "error_description": "a\nb"}, 561),
        ({}, 401),
        ({"code": ""}, 401),
    ],
)
def test_a_provider_may_send_no_code(fields, status):
    failed = oidc.check_code(fields)
    assert failed.status == status
    assert failed.words.isprintable()


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        ({}, Tokens("a", "x.y.z", "", None)),
        ({"expires_in": 5, "refresh_token": "r"}, Tokens("a", "x.y.z", "r", 5)),
        ({"expires_in": "5", "token_type": "Bearer"}, Tokens("a", "x.y.z", "", 5)),
        ({"refresh_token": None}, Tokens("a", "x.y.z", "", None)),
    ],
)
def test_tokens_are_read(answer, tokens):
    assert oidc.read_tokens(200, json.dumps(GIVEN | answer).encode()) == tokens


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (400, {"error": "invalid_grant"}, (561, "AuthInvalidGrantError")),
        (401, {"error": "invalid_client"}, (561, "AuthTokenEpRequestFailed")),
        (302, GIVEN, (561, "AuthTokenEpRequestFailed")),
        (200, [], (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"access_token": None}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"access_token": "a\r\nX: y"}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"token_type": "mac"}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"id_token": None}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"refresh_token": "a\nb"}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"refresh_token": "a" * 4097}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"expires_in": True}, (401, "AuthInvalidTokenResponse")),
        (200, GIVEN | {"expires_in": float("nan")}, (401, "AuthInvalidTokenResponse")),
    ],
)
def test_tokens_that_are_none(status, answer, outcome):
    failed = oidc.read_tokens(status, json.dumps(answer).encode())
    assert (failed.status, failed.reason) == outcome


def test_a_refresh_needs_no_id_token():
    body = json.dumps({"access_token": "a", "token_type": "bearer"}).encode()
    assert oidc.read_tokens(200, body, refreshed=True) == Tokens("a", "", "", None)


def judged(**claims):
    about = {name: one for name, one in (ABOUT | claims).items() if one is not None}
    token = f"{encoded({'alg': 'RS256'})}.{encoded(about)}.c2ln"
    return oidc.check_id_token(token, "https://idp.test", "client", NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["other", "client"], "azp": "client"},
        {"exp": NOW - 59},
        {"exp": NOW + 0.5},
    ],
)
def test_an_id_token_says_who_it_is(claims):
    assert judged(**claims) == "me"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://idp.test/"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": None},
        {"azp": "other"},
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "a\r\nX-Amzn-Oidc-Identity: b"},
        {"sub": "a" * 256},
    ],
)
def test_an_id_token_that_is_no_proof(claims):
    failed = judged(**claims)
    assert (failed.status, failed.reason) == (401, "AuthInvalidIdToken")


@given(st.text() | st.text("eyJ.=_-", max_size=20))
def test_nothing_is_too_strange_for_an_id_token(token):
    assert isinstance(oidc.check_id_token(token, "https://idp.test", "client", NOW), Failed)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, b"{}", (561, "AuthUserinfoEpRequestFailed")),
        (200, b"eyJ.eyJ.", (401, "AuthInvalidUserinfoResponse")),
        (200, b"{}", (401, "AuthInvalidUserinfoResponse")),
        (200, b'{"sub":"you"}', (401, "AuthInvalidUserinfoResponse")),
        (200, b'{"sub":"me","a":NaN}', (401, "AuthInvalidUserinfoResponse")),
        (
            200,
            json.dumps({"sub": "me", "x": "y" * 11 * 1024}).encode(),
            (401, "AuthUserinfoResponseSizeExceeded"),
        ),
    ],
)
def test_claims_that_are_none(status, body, outcome):
    failed = oidc.read_claims(status, body, "me", "a")
    assert (failed.status, failed.reason) == outcome


def test_claims_and_access_token_have_room_together():
    body = json.dumps({"sub": "me"}).encode()
    room = oidc.LARGEST_CLAIMS - len(body)
    assert oidc.read_claims(200, body, "me", "a" * room) == {"sub": "me"}
    assert isinstance(oidc.read_claims(200, body, "me", "a" * (room + 1)), Failed)
