"""How another registry wants to be asked: its challenge, and the answer to it.

Source: Distribution, token authentication specification; RFC 9110, 11 (challenges);
RFC 7617 (basic).
"""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

PARAMETER = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Challenge(NamedTuple):
    """What a registry asks for. scheme: lower case."""

    scheme: str
    parameters: Mapping[str, str]


def read_challenge(header: str) -> Challenge:
    """Return what a WWW-Authenticate header says."""
    scheme, _, rest = header.strip().partition(" ")
    found = {key.lower(): quoted or plain for key, quoted, plain in PARAMETER.findall(rest)}
    return Challenge(scheme.lower(), found)


def basic(user: str, password: str) -> str:
    """Return the header that a user is known by."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def token_url(challenge: Challenge, base: str, repository: str) -> str | None:
    """Return where a token to pull is got; None: nowhere that is safe to be asked.

    base: the registry's URL; one that speaks TLS does not send anybody to a place without.
    """
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
    except ValueError:
        return None  # https://[
    allowed = ("https",) if base.startswith("https:") else ("http", "https")
    if parts.scheme not in allowed or not parts.hostname:
        return None
    asked = {"scope": f"repository:{repository}:pull"} if repository else {}
    if "service" in challenge.parameters:
        asked["service"] = challenge.parameters["service"]
    return f"{realm}{'&' if parts.query else '?'}{urlencode(asked)}" if asked else realm
