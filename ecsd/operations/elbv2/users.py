"""What authenticating users asks of a listener: HTTPS, a client secret, the load balancer's keys.

Source: Elastic Load Balancing API Reference, AuthenticateOidcActionConfig.
"""

import logging
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers.authenticate_checks import (
    ONLY_HTTPS,
    authentication_of,
    plain_endpoints,
)
from ecsd.decisions.balancers.user_session import SESSIONS, SIGNATURE, sealed_for
from ecsd.errors import AwsError, CertificateError
from ecsd.operations.call import Call
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule, UserKeys
from ecsd.store.store import Transaction

log = logging.getLogger(__name__)

Actions = Sequence[dict[str, Any]]


def check_protocol(protocol: str, actions: Actions) -> None:
    """Refuse to authenticate users of a listener that speaks no TLS."""
    if protocol != "HTTPS" and authentication_of(actions) is not None:
        raise AwsError("InvalidLoadBalancerAction", ONLY_HTTPS)


def sealed_secret(call: Call, given: Actions, arn: str, known: str | None = None) -> str | None:
    """Return the sealed client secret of actions as given, None where nobody is authenticated.

    Args:
        call: whose.
        given: actions, complete or not.
        arn: of the rule, or of the listener whose default actions they are.
        known: what is stored for it; UseExistingClientSecret keeps it.

    Raises:
        AwsError: there is none, or an endpoint is not HTTPS where it has to be.
    """
    config = authentication_of(given)
    if config is None:
        return None
    plain = plain_endpoints(given) if call.settings.mode == "strict" else []
    if plain:
        raise AwsError("ValidationError", f"{plain[0]} must be a full URL with the HTTPS protocol")
    if config.get("ClientSecret"):
        return call.authority.seal.seal(config["ClientSecret"], arn)
    if config.get("UseExistingClientSecret") and known is not None:
        return known
    raise AwsError("ValidationError", "A ClientSecret must be specified")


def is_same_secret(call: Call, known: Listener, wanted: Listener) -> bool:
    """Tell whether two listeners have the same client secret, or both none."""
    seal, opened = call.authority.seal, []
    for one in (known, wanted):
        secret = one.client_secret
        opened.append(secret if secret is None else seal.unseal(secret, one.listener_arn))
    return opened[0] == opened[1]


def provide_keys(call: Call, change: Transaction, balancer: LoadBalancer) -> None:
    """Give a load balancer the keys that authenticating users takes, once.

    Keys that do not open any more, since the seal's file was lost, are replaced: sessions end.
    """
    if balancer.user_keys is not None and _opens(call, balancer, balancer.user_keys):
        return
    from ecsd.certificates.user_sessions import new_keys

    made, seal, arn = new_keys(), call.authority.seal.seal, balancer.load_balancer_arn
    keys = UserKeys(
        key_id=call.ids.uuid(),
        public_key=made.public_key,
        sealed_private_key=seal(made.private_key, sealed_for(arn, SIGNATURE)),
        sealed_session_key=seal(made.session_key, sealed_for(arn, SESSIONS)),
    )
    change.put(replace(balancer, user_keys=keys))


def check_rules(change: Transaction, listener: Listener) -> None:
    """Refuse a protocol while a rule of the listener authenticates users."""
    for rule in change.select(Rule, listener_arn=listener.listener_arn):
        check_protocol(listener.protocol, rule.actions)


def _opens(call: Call, balancer: LoadBalancer, keys: UserKeys) -> bool:
    arn, unseal = balancer.load_balancer_arn, call.authority.seal.unseal
    try:
        unseal(keys.sealed_private_key, sealed_for(arn, SIGNATURE))
        unseal(keys.sealed_session_key, sealed_for(arn, SESSIONS))
    except CertificateError as error:
        log.warning("a load balancer gets new keys for its users", extra={"cause": str(error)})
        return False
    return True
