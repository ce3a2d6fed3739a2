"""A user's login at an identity provider (IdP), by OpenID Connect's authorization code flow.

Answers of an IdP are judged here. A failure has AWS's reason code, which goes to the log.
Source: OpenID Connect Core 1.0, 3.1 and 5.3; RFC 6749, 4.1 and 6; Application Load Balancers guide,
authentication flow, troubleshooting (HTTP 401, 500, 561), access logs (error reason codes).
"""

import json
import re
from base64 import b64encode, urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlencode

from ecsd.decisions.balancers.user_session import is_printable

LOGIN_SECONDS = 15 * 60  # from the redirect to the IdP until its answer
LARGEST_CLAIMS = 11 * 1024  # bytes, of claims and access token together
LARGEST_REFRESH_TOKEN = 4096
LARGEST_ANSWER = 64 * 1024  # bytes, of any of an IdP's
LONGEST_SUBJECT = 255
LONGEST_TARGET = 4096  # characters of path and query that a user comes back to
SKEW = 60  # seconds by which an IdP's clock may be behind
HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
OK = 200
CALLBACK = "/oauth2/idpresponse"


class Failed(NamedTuple):
    """A login that ends here. status: that the client gets; reason: AWS's code."""

    status: int
    reason: str
    words: str


class Login(NamedTuple):
    """A login under way, as ``state`` carries it. began: seconds since 1970.

    arn: of the rule, or the listener. target: path and query that the user asked for.
    """

    arn: str
    host: str
    target: str
    nonce: str
    began: int


class Tokens(NamedTuple):
    """What a token endpoint gives. expires_in: seconds, of the access token; None: not told."""

    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int | None


def redirect_uri(host: str) -> str:
    """Return where an IdP sends users back to."""
    return f"https://{host}{CALLBACK}"


def authorization_url(config: Mapping[str, Any], host: str, state: str) -> str:
    """Return where a user logs in."""
    own = {
        "client_id": config["ClientId"],
        "redirect_uri": redirect_uri(host),
        "response_type": "code",
        "scope": config["Scope"],
        "state": state,
    }
    asked = urlencode(own | (config.get("AuthenticationRequestExtraParams") or {}))
    endpoint = str(config["AuthorizationEndpoint"])
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}"


def state_of(sealed: str) -> str:
    """Return a sealed text as it goes through URLs unharmed."""
    return sealed.translate(str.maketrans("+/=", "-_~"))


def sealed_of(state: str) -> str:
    """Return a sealed text from a state."""
    return state.translate(str.maketrans("-_~", "+/="))


def login_text(login: Login) -> str:
    """Return a login as it is sealed."""
    return json.dumps(login)


def read_login(text: str) -> Login:
    """Return a login from its text."""
    return Login(*json.loads(text))


def check_host(host: str | None) -> str | Failed:
    """Return the host that a client has asked, in lower case."""
    if host is None or not HOST.fullmatch(host):
        return Failed(401, "AuthMissingHostHeader", "the request names no host")
    return host.lower()


def callback_fields(target: str) -> dict[str, str]:
    """Return what an IdP tells in a user's query."""
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))


def check_login(login: Login | None, host: str, nonce: str | None, now: int) -> Login | Failed:
    """Return a login that a client may go on with. nonce: of its cookie."""
    if login is None or not 0 <= now - login.began <= LOGIN_SECONDS or login.host != host:
        words = "the state is none of this load balancer's, for another host, or too old"
        return Failed(401, "AuthInvalidStateParam", words)
    if nonce is None:
        return Failed(401, "AuthMissingAWSALBAuthNonce", "the client has lost the nonce's cookie")
    if nonce != login.nonce:
        return Failed(401, "AuthInvalidAWSALBAuthNonce", "another client began this login")
    return login


def check_code(fields: Mapping[str, str]) -> str | Failed:
    """Return the code that an IdP sends, or what it says instead."""
    error = fields.get("error")
    if error is not None:
        words = f"the IdP answers {_told(error)}: {_told(fields.get('error_description', ''))}"
        return Failed(401 if error == "access_denied" else 561, "AuthInvalidGrantError", words)
    code = fields.get("code")
    return code or Failed(401, "AuthMissingCodeParam", "the IdP sends no code")


def code_form(code: str, host: str) -> dict[str, str]:
    """Return what is asked of a token endpoint for a code."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri(host),
    }


def refresh_form(refresh_token: str) -> dict[str, str]:
    """Return what is asked of a token endpoint for another access token."""
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}


def client_credentials(client_id: str, client_secret: str) -> str:
    """Return the Authorization header of HTTP's Basic scheme. Source: RFC 6749, 2.3.1."""
    both = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {b64encode(both.encode()).decode()}"


def read_tokens(status: int, body: bytes, *, refreshed: bool = False) -> Tokens | Failed:
    """Return what a token endpoint has answered. refreshed: no ID token is needed then."""
    found = _object(body)
    if status != OK:
        error = _told(str((found or {}).get("error", "")))
        reason = "AuthInvalidGrantError" if error == "invalid_grant" else "AuthTokenEpRequestFailed"
        return Failed(561, reason, f"the token endpoint answers HTTP {status} {error}".strip())
    if found is None:
        return _bad_tokens("the token endpoint's answer is no JSON object")
    access, identity = found.get("access_token"), found.get("id_token")
    again, seconds = found.get("refresh_token") or "", found.get("expires_in")
    if not isinstance(access, str) or not is_printable(access):
        return _bad_tokens("access_token is missing or not printable")
    if str(found.get("token_type", "")).lower() != "bearer":
        return _bad_tokens("token_type is not Bearer")
    if not isinstance(identity, str) and not refreshed:
        return _bad_tokens("id_token is missing: does Scope include openid?")
    if again and (not is_printable(again) or len(again) > LARGEST_REFRESH_TOKEN):
        return _bad_tokens(f"refresh_token is not printable or over {LARGEST_REFRESH_TOKEN} bytes")
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds)  # some IdPs
    if seconds is not None and (not isinstance(seconds, int) or isinstance(seconds, bool)):
        return _bad_tokens("expires_in is no number")
    return Tokens(access, identity or "", again, seconds)


def check_id_token(id_token: str, issuer: str, client_id: str, now: int) -> str | Failed:
    """Return whom an ID token is about.

    It comes from the token endpoint itself, so that TLS vouches for it instead of its signature
    (OpenID Connect Core, 3.1.3.7, 6).
    """
    claims = _payload(id_token)
    if claims is None:
        return _bad_id_token("it is no JWT")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, subject = claims.get("exp"), claims.get("sub")
    if claims.get("iss") != issuer:
        return _bad_id_token(f"iss is {_told(str(claims.get('iss')))}, not the Issuer")
    if client_id not in audiences:
        return _bad_id_token("aud does not name the ClientId")
    if claims.get("azp", client_id) != client_id:
        return _bad_id_token("azp is another client")
    if isinstance(expires, bool) or not isinstance(expires, int | float) or expires + SKEW <= now:
        return _bad_id_token("exp is past or missing")
    if not _is_subject(subject):
        return _bad_id_token("sub is missing or no name")
    return str(subject)


def read_claims(
    status: int, body: bytes, subject: str, access_token: str
) -> dict[str, Any] | Failed:
    """Return what a user info endpoint says of a user. subject: of the ID token."""
    if status != OK:
        words = f"the user info endpoint answers HTTP {status}"
        return Failed(561, "AuthUserinfoEpRequestFailed", words)
    if len(body) + len(access_token) > LARGEST_CLAIMS:
        words = f"claims and access token have more than {LARGEST_CLAIMS} bytes"
        return Failed(401, "AuthUserinfoResponseSizeExceeded", words)
    claims = _object(body)
    if claims is None:
        return _bad_claims("its answer is no JSON object")
    if not _is_subject(claims.get("sub")):
        return _bad_claims("sub is missing or no name")
    if claims["sub"] != subject:
        return _bad_claims("sub is another user than the ID token's")
    return claims


def _payload(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        octets = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (Base64Error, ValueError):
        return None
    return _object(octets)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _is_subject(value: object) -> bool:
    return is_printable(value) and isinstance(value, str) and len(value) <= LONGEST_SUBJECT


def _told(text: str) -> str:
    """Return a stranger's words for the log: few, and on one line."""
    return "".join(one if one.isprintable() else "?" for one in text[:200])


def _bad_tokens(words: str) -> Failed:
    return Failed(401, "AuthInvalidTokenResponse", words)


def _bad_id_token(words: str) -> Failed:
    return Failed(401, "AuthInvalidIdToken", f"the ID token: {words}")


def _bad_claims(words: str) -> Failed:
    return Failed(401, "AuthInvalidUserinfoResponse", f"the user info endpoint: {words}")
