"""Sharing a listener rule's traffic between two target groups, inside a transaction."""

from collections.abc import Iterable

from msgspec.structs import replace

from ecsd.decisions.balancers.balancer_plan import compile_balancer, traffic_digest
from ecsd.decisions.balancers.traffic import forwarded, shared
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.store.finders.data_plane import balancer_parts
from ecsd.store.finders.elbv2 import find_rule
from ecsd.store.store import Transaction, View


def forwards_to_both(view: View, rule_arn: str, blue: str, green: str) -> bool:
    """Tell whether a rule is there and forwards to both groups, whatever their weights."""
    rule = find_rule(view, rule_arn)
    actions = rule.actions if isinstance(rule, Rule) else rule.default_actions if rule else ()
    return {blue, green} <= forwarded(actions)


def in_force(view: View, rule_arns: Iterable[str]) -> bool:
    """Tell whether the balancers of these rules do what is stored, as their hosts saw it."""
    for balancer in _balancers(view, rule_arns):
        parts = balancer_parts(view, balancer.load_balancer_arn)
        if parts and balancer.traffic != traffic_digest(compile_balancer(parts)):
            return False
    return True


def fault(view: View, rule_arns: Iterable[str]) -> str | None:
    """Return what keeps a balancer of these rules from doing what is stored, if anything does."""
    reasons = [one.state_reason for one in _balancers(view, rule_arns)]
    return next((words for words in reasons if words), None)


def _balancers(view: View, rule_arns: Iterable[str]) -> list[LoadBalancer]:
    rules = [find_rule(view, arn) for arn in rule_arns]
    listeners = [view.get(Listener, one.listener_arn) for one in rules if one]
    arns = dict.fromkeys(one.load_balancer_arn for one in listeners if one)
    return [one for arn in arns if (one := view.get(LoadBalancer, arn))]


def share(change: Transaction, rule_arn: str, blue: str, green: str, green_percent: float) -> None:
    """Give green its percent and blue the rest; a rule that is gone shares nothing."""
    match find_rule(change, rule_arn):
        case Rule() as rule:
            actions = shared(rule.actions, blue, green, green_percent)
            change.put(replace(rule, actions=actions))
        case Listener() as listener:
            actions = shared(listener.default_actions, blue, green, green_percent)
            change.put(replace(listener, default_actions=actions))
        case None:
            pass
