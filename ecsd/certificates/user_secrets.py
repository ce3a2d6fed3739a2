"""Secrets of rules that authenticate users, opened for the hosts that carry them."""

from collections.abc import Iterator
from typing import Any

from ecsd.certificates.sealing import KeySeal
from ecsd.decisions.balancers.authenticate_checks import authentication_of
from ecsd.decisions.balancers.balancer_plan import BalancerParts, UserSecrets
from ecsd.decisions.balancers.user_session import (
    LOGINS,
    SESSIONS,
    SIGNATURE,
    key_purpose,
    sealed_for,
)
from ecsd.records.plan import AuthenticationPlan, UserKeysPlan


def user_secrets(parts: BalancerParts, seal: KeySeal) -> UserSecrets | None:
    """Return what a load balancer's users are authenticated with; None: nobody is.

    Raises:
        CertificateError: a secret does not open.
    """
    keys, arn = parts.balancer.user_keys, parts.balancer.load_balancer_arn
    found = [*_authenticating(parts)]
    if keys is None or not found:
        return None
    from ecsd.certificates.user_sessions import derived_key

    session_key = seal.unseal(keys.sealed_session_key, sealed_for(arn, SESSIONS))
    return UserSecrets(
        {
            name: AuthenticationPlan(
                client_secret=seal.unseal(secret, name),
                session_key=derived_key(session_key, *key_purpose(config)),
            )
            for name, config, secret in found
        },
        UserKeysPlan(
            key_id=keys.key_id,
            private_key=seal.unseal(keys.sealed_private_key, sealed_for(arn, SIGNATURE)),
            login_key=derived_key(session_key, LOGINS),
        ),
    )


def _authenticating(parts: BalancerParts) -> Iterator[tuple[str, Any, str]]:
    """Yield ARN, configuration and sealed secret of what authenticates users."""
    for listener in parts.listeners:
        config = authentication_of(listener.default_actions)
        if config is not None and listener.client_secret:
            yield listener.listener_arn, config, listener.client_secret
    for rule in parts.rules:
        config = authentication_of(rule.actions)
        if config is not None and rule.client_secret:
            yield rule.rule_arn, config, rule.client_secret
