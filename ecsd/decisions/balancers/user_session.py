"""A user's session as a load balancer keeps it: sealed in cookies, so that no one else has it.

HAProxy opens it too: fields are separated by a character that none of them may hold.
Source: Application Load Balancers guide, authentication flow, logout and session timeout; RFC 6265,
4.1.1, 6.1; RFC 6749, A.12, A.17 (tokens are printable).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

SEPARATOR = "\x1f"
SHARD = 3800  # characters of a cookie's value: browsers keep 4096 with its name and attributes
MOST_SHARDS = 8
NONCE, TAG = r"[A-Za-z0-9+/]{16}", r"[A-Za-z0-9+/]{22}=="
SEALED = re.compile(rf"({NONCE})\.({TAG})\.([A-Za-z0-9+/]+={{0,2}})")
PRINTABLE = re.compile(r"[\x20-\x7e]+")
GONE = "Thu, 01 Jan 1970 00:00:00 GMT"


SIGNATURE, SESSIONS, LOGINS = "signature", "sessions", "logins"  # what a balancer's keys are for


class Sealed(NamedTuple):
    """What AES-GCM gives, each in Base64."""

    nonce: str
    tag: str
    content: str


class Session(NamedTuple):
    """Who a user is, and until when. Times in seconds since 1970.

    began: when the user logged in. ends: when the session does at the latest. refresh_at: when the
    access token expires; with ``ends`` where it cannot be had anew. claims: a signed JWT.
    """

    began: int
    ends: int
    refresh_at: int
    subject: str
    access_token: str
    claims: str
    refresh_token: str = ""


def sealed_text(sealed: Sealed) -> str:
    """Return what cookies hold."""
    return ".".join(sealed)


def read_sealed(text: str) -> Sealed | None:
    """Return its parts, None where it is none. A tag that is shorter would protect nothing."""
    found = SEALED.fullmatch(text)
    return Sealed(*found.groups()) if found else None


def session_text(session: Session) -> str:
    """Return a session as it is sealed."""
    return SEPARATOR.join(map(str, session))


def read_session(text: str) -> Session | None:
    """Return a session from its text."""
    began, *rest = text.split(SEPARATOR)
    if len(rest) != len(Session._fields) - 1:
        return None
    ends, refresh_at, *words = rest
    return Session(int(began), int(ends), int(refresh_at), *words)


def is_open(session: Session, now: int, timeout: int) -> bool:
    """Tell whether a session goes on. timeout: seconds, as the rule has it now."""
    return now - session.began < timeout and now < session.ends


def is_printable(text: object) -> bool:
    """Tell whether a header may have this as its value."""
    return isinstance(text, str) and bool(PRINTABLE.fullmatch(text)) and text.strip() == text


def read_cookies(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a request's cookies; of several with a name the first."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "cookie":
            for pair in value.split(";"):
                key, _, content = pair.strip().partition("=")
                found.setdefault(key, content)
    return found


def joined(cookies: Mapping[str, str], name: str) -> str:
    """Return what the shards of a session's cookie hold together."""
    shards = (cookies.get(f"{name}-{number}") for number in range(MOST_SHARDS))
    return "".join(one for one in shards if one)


def session_cookies(
    name: str, value: str, ends: int, cookies: Mapping[str, str]
) -> list[tuple[str, str]] | None:
    """Return the headers that give a client its session; None: it is too large.

    cookies: those that the client has; shards that are not needed any more go.
    """
    shards = [value[at : at + SHARD] for at in range(0, len(value), SHARD)]
    if len(shards) > MOST_SHARDS:
        return None
    given = [set_cookie(f"{name}-{number}", one, ends) for number, one in enumerate(shards)]
    return given + expired_cookies(name, cookies, len(shards))


def expired_cookies(name: str, cookies: Mapping[str, str], first: int = 0) -> list[tuple[str, str]]:
    """Return the headers that take a session's shards from a client, from the nth on."""
    names = [f"{name}-{number}" for number in range(first, MOST_SHARDS)]
    gone = f"Expires={GONE}; Path=/; Secure; HttpOnly"
    return [("Set-Cookie", f"{one}=; {gone}") for one in names if one in cookies]


def set_cookie(name: str, value: str, ends: int) -> tuple[str, str]:
    """Return the header that gives a client a cookie until a time."""
    expires = format_datetime(datetime.fromtimestamp(ends, UTC), usegmt=True)
    return "Set-Cookie", f"{name}={value}; Expires={expires}; Path=/; Secure; HttpOnly"


def claims_header(
    signer: str, key_id: str, config: Mapping[str, Any], expires: int
) -> dict[str, Any]:
    """Return the header of the JWT that tells targets a user's claims. signer: balancer's ARN."""
    return {
        "typ": "JWT",
        "kid": key_id,
        "alg": "ES256",
        "iss": config["Issuer"],
        "client": config["ClientId"],
        "signer": signer,
        "exp": expires,
    }


def key_purpose(config: Mapping[str, Any]) -> Sequence[str]:
    """Return what a session is good for: rules with the same share it."""
    return (SESSIONS, config["Issuer"], config["ClientId"], config["SessionCookieName"])


def sealed_for(load_balancer_arn: str, purpose: str) -> str:
    """Return what a load balancer's own key is sealed for. purpose: SIGNATURE or SESSIONS."""
    return f"{load_balancer_arn}/{purpose}"
