"""Look-ups in Elastic Load Balancing: ``require`` refuses in ELBv2's own words.

Source: ecs_semantics 5.5 (codes); Elastic Load Balancing API Reference.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from ecsd.errors import AwsError
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.record import Record
from ecsd.store.store import Store, View

R = TypeVar("R", bound=Record)
DEFAULT_RULE = "0" * 16  # the id of a listener's default rule


class Identity(NamedTuple):
    """How ELBv2 names a kind of resource, and what it answers to an ARN that it doesn't know."""

    form: str  # of the ARN's last part
    name: str
    plural: str
    not_found: str


IDENTITIES: dict[type[Record], Identity] = {
    LoadBalancer: Identity(
        "loadbalancer/(app|net|gwy)/[^/]+/[0-9a-f]+",
        "load balancer",
        "load balancers",
        "LoadBalancerNotFound",
    ),
    TargetGroup: Identity(
        "targetgroup/[^/]+/[0-9a-f]+", "target group", "target groups", "TargetGroupNotFound"
    ),
    Listener: Identity(
        "listener/(app|net|gwy)/[^/]+/[0-9a-f]+/[0-9a-f]+",
        "listener",
        "listeners",
        "ListenerNotFound",
    ),
    Rule: Identity(
        "listener-rule/(app|net|gwy)/[^/]+/[0-9a-f]+/[0-9a-f]+/[0-9a-f]+",
        "listener rule",
        "rules",
        "RuleNotFound",
    ),
    TrustStore: Identity(
        "truststore/[^/]+/[0-9a-f]+", "trust store", "trust stores", "TrustStoreNotFound"
    ),
}


def require(view: View, kind: type[R], arn: str) -> R:
    """Return the resource, or refuse in ELBv2's words: no ARN of that kind, or not found."""
    found = view.get(kind, arn)
    if found is not None:
        return found
    identity = IDENTITIES[kind]
    form = rf"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{{12}}:{identity.form}"
    if not re.fullmatch(form, arn):
        raise AwsError("ValidationError", f"'{arn}' is not a valid {identity.name} ARN")
    raise AwsError(identity.not_found, f"{identity.name.capitalize()} '{arn}' not found")


def require_all(view: View, kind: type[R], arns: Iterable[str]) -> list[R]:
    """Return the resources that a Describe names, each once, or refuse if one is unknown."""
    wanted = dict.fromkeys(arns)
    try:
        return [require(view, kind, arn) for arn in wanted]
    except AwsError as error:
        if error.code == "ValidationError":
            raise
        words = f"One or more {IDENTITIES[kind].plural} not found"
        raise AwsError(error.code, words) from error


def require_load_balancer(view: View, arn: str) -> LoadBalancer:
    """Return the load balancer, or refuse with LoadBalancerNotFound."""
    return require(view, LoadBalancer, arn)


def require_target_group(view: View, arn: str) -> TargetGroup:
    """Return the target group, or refuse with TargetGroupNotFound."""
    return require(view, TargetGroup, arn)


def require_listener(view: View, arn: str) -> Listener:
    """Return the listener, or refuse with ListenerNotFound."""
    return require(view, Listener, arn)


def require_rule(view: View, arn: str) -> Rule:
    """Return the rule, or refuse with RuleNotFound."""
    return require(view, Rule, arn)


def require_trust_store(view: View, arn: str) -> TrustStore:
    """Return the trust store, or refuse with TrustStoreNotFound."""
    return require(view, TrustStore, arn)


def revocations_of(view: View, trust_store_arn: str) -> list[TrustStoreRevocation]:
    """Return a trust store's revocation lists."""
    return view.select(TrustStoreRevocation, trust_store_arn=trust_store_arn)


def listeners_of_trust_store(view: View, trust_store_arn: str) -> list[Listener]:
    """Return the listeners that check clients' certificates by a trust store."""
    return view.select(Listener, trust_store_arn=trust_store_arn)


def is_default_rule(arn: str) -> bool:
    """Tell whether an ARN is a default rule's; there is no record of it beside its listener."""
    return arn.endswith(f"/{DEFAULT_RULE}")


def listener_of_default(view: View, arn: str) -> Listener | None:
    """Return the listener whose default rule an ARN names; None if it names another rule."""
    if not is_default_rule(arn):
        return None
    listener = find_rule(view, arn)
    if not isinstance(listener, Listener):
        raise AwsError("RuleNotFound", "One or more rules not found")
    return listener


def find_rule(view: View, arn: str) -> Rule | Listener | None:
    """Return a rule by ARN; for a default rule's, the listener that holds its actions.

    A listener of a network load balancer has no rules: ECS is told its own ARN.
    """
    if ":listener/net/" in arn:
        return view.get(Listener, arn)
    if is_default_rule(arn):
        place = arn.rpartition("/")[0].replace(":listener-rule/", ":listener/")
        return view.get(Listener, place)
    return view.get(Rule, arn)


def balancers_of_group(view: View, target_group_arn: str) -> list[str]:
    """Return the ARNs of the load balancers that forward to a group."""
    arns = [
        one.load_balancer_arn for one in view.select(Listener, target_group_arns=target_group_arn)
    ]
    for rule in view.select(Rule, target_group_arns=target_group_arn):
        listener = view.get(Listener, rule.listener_arn)
        if listener is not None:
            arns.append(listener.load_balancer_arn)
    return list(dict.fromkeys(arns))


def is_decrypted(view: View, target_group_arn: str) -> bool:
    """Tell whether a TLS listener forwards to a group."""
    users = view.select(Listener, target_group_arns=target_group_arn)
    return any(one.protocol == "TLS" for one in users)


def groups_of_balancer(view: View, load_balancer_arn: str) -> list[TargetGroup]:
    """Return the target groups that a load balancer forwards to."""
    arns: list[str] = []
    for listener in view.select(Listener, load_balancer_arn=load_balancer_arn):
        arns += listener.target_group_arns
        for rule in view.select(Rule, listener_arn=listener.listener_arn):
            arns += rule.target_group_arns
    found = (view.get(TargetGroup, arn) for arn in dict.fromkeys(arns))
    return [one for one in found if one is not None]


def targets_of(view: View, target_group_arn: str) -> list[Target]:
    """Return a group's targets, draining ones too."""
    return view.select(Target, target_group_arn=target_group_arn)


def forwarded_groups(actions: Iterable[dict[str, object]]) -> tuple[str, ...]:
    """Return the ARNs of the groups that actions (in AWS's shape) forward to, once each."""
    arns: dict[str, None] = {}
    for action in actions:
        config = action.get("ForwardConfig")
        if isinstance(config, dict):
            arns |= {one["TargetGroupArn"]: None for one in config.get("TargetGroups", ())}
        elif action.get("TargetGroupArn"):
            arns[str(action["TargetGroupArn"])] = None
    return tuple(arns)


def find_public_key(store: Store, key_id: str) -> str | None:
    """Return the public key (PEM) of a signature on users' claims, of any account and region."""
    found = (one.user_keys for _, one in store.everywhere(LoadBalancer))
    return next((one.public_key for one in found if one and one.key_id == key_id), None)
