"""The action ``authenticate-oidc``: what it may say, its complete form, where it may stand.

Source: Elastic Load Balancing API Reference, AuthenticateOidcActionConfig; Application Load
Balancers guide, authenticate users; RFC 6265, 4.1.1 (cookies' names); RFC 6749, A.4 (scopes).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

AUTHENTICATE = "authenticate-oidc"
CONFIG = "AuthenticateOidcConfig"
ENDPOINTS = ("AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint")
URLS = ("Issuer", *ENDPOINTS)
DEFAULTS = {
    "SessionCookieName": "AWSELBAuthSessionCookie",
    "Scope": "openid",
    "SessionTimeout": 604800,
    "OnUnauthenticatedRequest": "authenticate",
}
HIDDEN = ("ClientSecret", "UseExistingClientSecret")  # never shown
BEHAVIOURS = ("deny", "allow", "authenticate")
LONGEST_SESSION = 604800  # seconds
MOST_PARAMETERS = 10
LONGEST_URL, LONGEST_TEXT, LONGEST_NAME = 2048, 2048, 128
RESERVED = frozenset({"client_id", "redirect_uri", "response_type", "scope", "state"})
NONCE_COOKIE = "AWSALBAuthNonce"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PRINTABLE = re.compile(r"[\x20-\x7e]+")
URL = re.compile(r"https?://[\x21-\x7e]+")
ONLY_HTTPS = f"Actions of type '{AUTHENTICATE}' are supported only on HTTPS listeners"
ONE_EACH = f"At most one action of type '{AUTHENTICATE}' may be specified"
ORDERED = "Each of several actions needs an Order of its own"
FINAL_LAST = "The action to be performed last must be of type forward, redirect or fixed-response"


def authentication_of(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return how a rule's users are authenticated (AuthenticateOidcConfig), None: they are not."""
    for action in actions:
        if action.get("Type") == AUTHENTICATE:
            config: Mapping[str, Any] = action.get(CONFIG) or {}
            return config
    return None


def in_order(actions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return actions as they are performed."""
    return sorted(actions, key=lambda one: one.get("Order") or 1)


def complete_authentication(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration as answers show it: with its defaults, without the secret."""
    given = {name: value for name, value in config.items() if value not in (None, "", {})}
    return {name: value for name, value in (DEFAULTS | given).items() if name not in HIDDEN}


def check_authentication(action: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an ``authenticate-oidc`` action."""
    config = action.get(CONFIG) or {}
    for member in URLS:
        yield from _url(member, config.get(member) or "")
    if not _text(config.get("ClientId") or ""):
        yield _unfit("ClientId")
    if config.get("ClientSecret") and not _text(config["ClientSecret"]):
        yield _unfit("ClientSecret")
    if config.get("ClientSecret") and config.get("UseExistingClientSecret"):
        yield "ClientSecret and UseExistingClientSecret cannot both be specified"
    whole = complete_authentication(config)
    if not _text(whole["Scope"]):
        yield _unfit("Scope")
    name = whole["SessionCookieName"]
    if not TOKEN.fullmatch(name) or len(name) > LONGEST_NAME or name == NONCE_COOKIE:
        yield f"SessionCookieName must be a cookie's name of at most {LONGEST_NAME} characters"
    if not 1 <= whole["SessionTimeout"] <= LONGEST_SESSION:
        yield f"SessionTimeout must be between 1 and {LONGEST_SESSION} seconds"
    if whole["OnUnauthenticatedRequest"] not in BEHAVIOURS:
        yield f"OnUnauthenticatedRequest must be one of {', '.join(BEHAVIOURS)}"
    yield from _parameters(config.get("AuthenticationRequestExtraParams") or {})


def check_order(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the order of actions of which one authenticates."""
    orders = [one.get("Order") for one in actions]
    if len(actions) > 1 and (None in orders or len(set(orders)) < len(orders)):
        yield ORDERED
    if sum(one.get("Type") == AUTHENTICATE for one in actions) > 1:
        yield ONE_EACH
    if in_order(actions)[-1].get("Type") == AUTHENTICATE:
        yield FINAL_LAST


def plain_endpoints(actions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the members whose URLs are not HTTPS."""
    config = authentication_of(actions) or {}
    return [one for one in URLS if not str(config.get(one, "https://")).startswith("https://")]


def _url(member: str, value: str) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and parts.port != 0 and not parts.fragment and "@" not in value
    except ValueError:  # a port or an IPv6 address that is none
        good = False
    if not good or not URL.fullmatch(value) or len(value) > LONGEST_URL:
        yield f"{member} must be a full URL, including the protocol and the domain"


def _parameters(given: Mapping[str, str]) -> Iterator[str]:
    if len(given) > MOST_PARAMETERS:
        yield f"AuthenticationRequestExtraParams may have at most {MOST_PARAMETERS} entries"
    for name, value in given.items():
        if not _text(name) or (value and not _text(value)):
            yield _unfit("AuthenticationRequestExtraParams")
        if name in RESERVED:
            yield f"AuthenticationRequestExtraParams: '{name}' is set by the load balancer"


def _text(value: str) -> bool:
    return bool(PRINTABLE.fullmatch(value)) and len(value) <= LONGEST_TEXT


def _unfit(member: str) -> str:
    return f"{member} must have 1 to {LONGEST_TEXT} printable characters"
