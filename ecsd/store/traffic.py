"""Sharing a listener rule's traffic between two target groups, inside a transaction."""

from msgspec.structs import replace

from ecsd.decisions.traffic import forwarded, shared
from ecsd.records.elbv2.load_balancer import Listener, Rule
from ecsd.store.finders.elbv2 import find_rule
from ecsd.store.store import Transaction, View


def forwards_to_both(view: View, rule_arn: str, blue: str, green: str) -> bool:
    """Tell whether a rule is there and forwards to both groups, whatever their weights."""
    rule = find_rule(view, rule_arn)
    actions = rule.actions if isinstance(rule, Rule) else rule.default_actions if rule else ()
    return {blue, green} <= forwarded(actions)


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
