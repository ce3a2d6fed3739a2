"""Users at an HTTPS listener: sent to their identity provider, known when they come back."""

import http.client
import json
import os
import signal
import ssl
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.agent.identity_provider import SECRET, IdentityProvider
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
PORT = 8445
OWN = {
    "Type": "fixed-response",
    "Order": 2,
    "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "own"},
}
COOKIE = "AWSELBAuthSessionCookie"
FORGED = {"X-Amzn-Oidc-Data": "forged", "X_Amzn_Oidc_Identity": "forged"}


class Browser:
    """Asks over TLS, keeps cookies, follows nothing by itself."""

    def __init__(self, account):
        self.address, self.host = account.entrance(), f"{account.dns_name}:{PORT}"
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.cookies = {}

    def ask(self, url, method="GET", body=None, headers=None):
        """Return status, Location or body."""
        parts = urlsplit(url)
        assert parts.netloc in ("", self.host)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": self.host} | (headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={one}" for name, one in self.cookies.items())
        connection = http.client.HTTPSConnection(
            self.address, PORT, timeout=10, context=self.context
        )
        try:
            connection.request(method, target, body=body, headers=sent)
            answer = connection.getresponse()
            said = answer.read().decode()
            for line in answer.headers.get_all("set-cookie") or []:
                pair, *more = line.split("; ")
                assert {"Secure", "HttpOnly", "Path=/"} < set(more)
                name, _, value = pair.partition("=")
                if "Expires=Thu, 01 Jan 1970" in line:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
            return answer.status, answer.headers["location"] or said
        finally:
            connection.close()

    def log_in(self, provider, path):
        """Go the whole way; return where it ends."""
        status, location = self.ask(path)
        assert status == 302, location
        status, back = self.ask(provider.agreed(location))
        assert status == 302, back
        return back


@pytest.fixture
def provider():
    with IdentityProvider().serving() as one:
        yield one


@pytest.fixture
def site(account, functions, provider):
    """An HTTPS listener whose users log in, but at /deny, /allow and /open."""
    functions.reply = {"statusCode": 200, "body": "hello"}
    account.network()
    account.load_balancer()
    account.admit(PORT)
    elbv2 = account.elbv2
    made = elbv2.create_target_group(Name="f", TargetType="lambda")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    function = f"arn:aws:lambda:us-east-1:{account.number}:function:f"
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    requested = account.client("acm").request_certificate(DomainName=account.dns_name)

    def actions(**more):
        config = provider.config(ClientSecret=SECRET, **more)
        return [
            {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config},
            {"Type": "forward", "Order": 2, "TargetGroupArn": group},
        ]

    account.secure = elbv2.create_listener(
        LoadBalancerArn=account.balancer,
        Protocol="HTTPS",
        Port=PORT,
        Certificates=[{"CertificateArn": requested["CertificateArn"]}],
        DefaultActions=actions(Scope="openid email", SessionTimeout=3600),
    )["Listeners"][0]["ListenerArn"]
    wanted = {
        "/deny": actions(OnUnauthenticatedRequest="deny"),
        "/allow": actions(OnUnauthenticatedRequest="allow"),
        "/open": [{"Type": "forward", "TargetGroupArn": group}],
        "/short": actions(SessionCookieName="short", SessionTimeout=1),
        "/own": [*actions(OnUnauthenticatedRequest="deny")[:1], OWN],
    }
    for number, (path, one) in enumerate(wanted.items(), start=1):
        elbv2.create_rule(
            ListenerArn=account.secure,
            Priority=number,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=one,
        )
    browser = Browser(account)

    def answers():
        try:
            return browser.ask("/open")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    eventually(answers)
    return browser


def told(functions):
    """Return what the target has heard of the user in the last request."""
    headers = functions.asked[-1][1]["headers"]
    return {name: one for name, one in headers.items() if "amzn" in name and "oidc" in name}


def test_a_user_logs_in_and_the_target_knows_who_it_is(account, ecsd, functions, provider, site):
    status, location = site.ask("/page?a=b%20c", "POST", body=b"x" * 3_000_000)
    assert status == 302
    asked = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{provider.url}/authorize?")
    assert asked["redirect_uri"] == [f"https://{site.host}/oauth2/idpresponse"]
    assert asked["scope"] == ["openid email"]
    back = provider.agreed(location)
    stranger = Browser(account)
    assert stranger.ask(back)[0] == 401  # another browser's login
    assert site.ask(back) == (302, f"https://{site.host}/page?a=b%20c")
    assert list(site.cookies) == ["AWSALBAuthNonce", f"{COOKIE}-0"]
    assert site.ask(back)[0] == 561  # a code is good once
    functions.asked.clear()

    assert site.ask("/page", headers=FORGED) == (200, "hello")
    heard = told(functions)
    assert heard.keys() == {f"x-amzn-oidc-{one}" for one in ("identity", "accesstoken", "data")}
    assert (heard["x-amzn-oidc-identity"], heard["x-amzn-oidc-accesstoken"]) == ("me", "access-1")
    header, claims = verified(heard["x-amzn-oidc-data"], ecsd)
    assert (header["alg"], header["signer"]) == ("ES256", account.balancer)
    assert (header["client"], header["iss"]) == ("client id", provider.url)
    assert (claims["sub"], claims["email"]) == ("me", "me@example.test")

    # Rules with the same client share the session; a rule without users hears of none.
    for path in ("/deny", "/allow"):
        assert site.ask(path)[0] == 200
        assert told(functions) == heard
    assert site.ask("/open", headers=FORGED)[0] == 200
    assert told(functions) == {}
    for path, status in (("/deny", 401), ("/allow", 200)):
        assert stranger.ask(path, headers=FORGED)[0] == status
    assert told(functions) == {}

    # What is not the load balancer's own opens nothing.
    whole = site.cookies[f"{COOKIE}-0"]
    nonce, tag, content = whole.split(".")
    other = "A" if content[9] != "A" else "B"
    for bad in (
        f"{nonce}.{tag}.{content[:9]}{other}{content[10:]}",
        f"{nonce}.{tag[:1]}===.{content}",
        f"{nonce}.{tag[:8]}.{content}",
        f"{nonce}..{content}",
        "",
    ):
        site.cookies[f"{COOKIE}-0"] = bad
        assert site.ask("/deny")[0] == 401
    site.cookies = {f"{COOKIE}-0": whole}
    assert site.ask("/deny")[0] == 200
    # Nobody but HAProxy is needed for a session.
    os.kill(ecsd.pids()["agent"], signal.SIGKILL)
    assert [site.ask("/own") for _ in range(3)] == [(200, "own")] * 3
    assert stranger.ask("/own")[0] == 401
    assert eventually(lambda: site.ask("/deny")[0] == 200)
    site.cookies = {"short-0": whole}
    assert site.ask("/short")[0] == 302  # a session is good for its own cookie alone


def test_a_large_session_expires_and_a_token_is_refreshed(functions, provider, site):
    provider.claims["groups"] = ["g" * 50] * 180
    provider.tokens = {"refresh_token": "refresh-1", "expires_in": 1}
    site.log_in(provider, "/page")
    assert len([one for one in site.cookies if one.startswith(COOKIE)]) > 3
    provider.claims["groups"] = []

    def refreshed():
        status, location = site.ask("/page", "POST", body=b"x" * 20000)
        assert status in (200, 307)
        return location if status == 307 else None

    # Before the answer below, the large session has reached the target too, with a body.
    location = eventually(refreshed)
    assert location == f"https://{site.host}/page"
    assert [one for one in site.cookies if one.startswith(COOKIE)] == [f"{COOKIE}-0"]
    provider.tokens["refresh_token"] = "refresh-2"
    assert site.ask(location)[0] in (200, 307)
    assert eventually(lambda: told(functions))["x-amzn-oidc-accesstoken"] in (
        "access-1",
        "access-2",
    )

    # Who has logged out at the IdP has to log in again.
    provider.issued = 99
    assert eventually(lambda: site.ask("/page")[0] == 302)
    provider.tokens, provider.issued = {}, 200
    site.log_in(provider, "/short")
    assert "short-0" in site.cookies
    assert eventually(lambda: site.ask("/short")[0] == 302)
    assert "short-0" not in site.cookies


def test_logins_that_fail_say_why(account, ecsd, provider, site):
    for trouble, status, reason in (
        ({"id_token": {"iss": "https://other.test"}}, 401, "AuthInvalidIdToken"),
        ({"status": {"/token": 500}}, 561, "AuthTokenEpRequestFailed"),
        ({"status": {"/userinfo": 403}}, 561, "AuthUserinfoEpRequestFailed"),
    ):
        for name, value in trouble.items():
            setattr(provider, name, value)
        _, location = site.ask("/page")
        assert site.ask(provider.agreed(location))[0] == status
        assert reason in ecsd.log()
        provider.id_token, provider.status = {}, {}
    callback = "/oauth2/idpresponse"
    assert site.ask(callback)[0] == 401
    _, location = site.ask("/page")
    state = urlsplit(provider.agreed(location)).query.partition("state=")[2]
    assert site.ask(f"{callback}?error=access_denied&state={state}")[0] == 401
    assert site.ask(f"{callback}?error=server_error&state={state}")[0] == 561
    assert account.get(callback)[0] == 503  # the other listener has no users, and no targets


def verified(token, ecsd):
    """Return header and claims of a JWT after a look at its signature."""
    head, body, signature = token.split(".")
    header, claims = (json.loads(urlsafe_b64decode(one)) for one in (head, body))
    with urlopen(f"{ecsd.endpoint}/_ecsd/public-keys/{header['kid']}") as answer:
        key = load_pem_public_key(answer.read())
    raw = urlsafe_b64decode(signature)
    halves = (int.from_bytes(one, "big") for one in (raw[:32], raw[32:]))
    signed = f"{head}.{body}".encode()
    key.verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))
    return header, claims
