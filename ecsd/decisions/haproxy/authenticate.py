r"""Users of HTTPS listeners, known by HAProxy from their sessions; all else is the agent's.

HAProxy opens the session that a user's cookies hold by ``aes_gcm_dec``. A request whose rule
authenticates users is *valid* (it goes on, its user told to the target), *stale* (the access token
has expired and can be had anew) or neither. Source: HAProxy 2.6 Configuration Manual, 7.3.1;
Application Load Balancers guide, authenticate users.
"""

from collections.abc import Mapping
from typing import Any

from ecsd.decisions.balancers.authenticate_checks import authentication_of
from ecsd.decisions.balancers.user_session import MOST_SHARDS, NONCE, SEPARATOR, TAG, Session
from ecsd.decisions.haproxy.action import UNAUTHORIZED, answer, page
from ecsd.decisions.haproxy.condition import argument
from ecsd.decisions.haproxy.text import word
from ecsd.decisions.haproxy.transform import RULE
from ecsd.records.plan import BalancerPlan, ListenerPlan

USER, SESSION = "txn.user", "txn.session"
VALID = f"{{ var({USER}) -m str valid }}"
STALE = f"{{ var({USER}) -m str stale }}"
# As targets may read names: WSGI and CGI take an underscore for a hyphen.
FORGED = "^x[-_]amzn[-_]oidc[-_]"
DENIED = answer(401, "text/html", page(UNAUTHORIZED))
# Sessions of the largest size, together with what targets are told of them, fit in. Source:
# user_session.MOST_SHARDS, oidc.LARGEST_CLAIMS.
BUFFER, RESERVE = 65536, 24576  # bytes; of the reserve is what a request's head grows by
TOLD = {
    "X-Amzn-Oidc-Identity": "subject",
    "X-Amzn-Oidc-Accesstoken": "access_token",
    "X-Amzn-Oidc-Data": "claims",
}


def authenticates(plan: BalancerPlan) -> bool:
    """Tell whether a listener of a balancer authenticates users."""
    return any(listener_authenticates(one) for one in plan.listeners)


def listener_authenticates(listener: ListenerPlan) -> bool:
    """Tell whether a rule of a listener authenticates users."""
    all_actions = [listener.default_actions, *(one.actions for one in listener.rules)]
    return any(authentication_of(one) is not None for one in all_actions)


def buffer_lines() -> list[str]:
    """Return the global lines that large cookies, and certificates of clients, need."""
    return [f"tune.bufsize {BUFFER}", f"tune.maxrewrite {RESERVE}"]


def unforged_lines() -> list[str]:
    """Return the rule that takes away what only a load balancer may say."""
    return [f"http-request del-header {word(FORGED)} -m reg"]


def session_lines(mark: str, config: Mapping[str, Any], key: str) -> list[str]:
    """Return the rules that find out about the user of a request that bears a rule's mark.

    config: AuthenticateOidcConfig. key: of its sessions, Base64.
    """
    marked = f"{{ var({RULE}) -m str -- {word(mark)} }}"
    whole = f"{{ var(txn.nonce) -m reg {word(f'^{NONCE}$')} }}"
    # HAProxy takes a shorter tag too, of which a byte would be guessed in 256 attempts.
    whole += f" {{ var(txn.tag) -m reg {word(f'^{TAG}$')} }}"
    opened = f"b64dec,aes_gcm_dec(256,txn.nonce,{word(key)},txn.tag)"
    name = config["SessionCookieName"]
    shards = [argument(f"{name}-{number}") for number in range(MOST_SHARDS)]
    joined = "".join(f",concat(,txn.shard{number})" for number in range(1, MOST_SHARDS))
    young = f"{{ date,sub(txn.began) lt {config['SessionTimeout']} }} {{ date,sub(txn.ends) lt 0 }}"
    rules = [
        *(f"set-var(txn.shard{number}) req.cook({one})" for number, one in enumerate(shards)),
        f"set-var(txn.sealed) var(txn.shard0){joined}",
        "set-var(txn.nonce) var(txn.sealed),field(1,.)",
        "set-var(txn.tag) var(txn.sealed),field(2,.)",
    ]
    return [
        *(f"http-request {one} if {marked}" for one in rules),
        f"http-request set-var({SESSION}) var(txn.sealed),field(3,.),{opened} if {marked} {whole}",
        *(
            f"http-request set-var(txn.{one}) {_field(one)},add(0) if {marked}"
            for one in ("began", "ends", "refresh_at")
        ),
        f"http-request set-var({USER}) str(stale) if {marked} {young}",
        f"http-request set-var({USER}) str(valid) if {STALE} {{ date,sub(txn.refresh_at) lt 0 }}",
        *(
            f"http-request set-header {header} %[{_field(field)}] if {marked} {VALID}"
            for header, field in TOLD.items()
        ),
    ]


def _field(name: str) -> str:
    """Return the fetch of a field of the session."""
    return f"var({SESSION}),field({Session._fields.index(name) + 1},{word(SEPARATOR)})"
