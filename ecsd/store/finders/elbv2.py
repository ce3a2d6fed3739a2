"""Look-ups in Elastic Load Balancing: ``require`` refuses in ELBv2's own words.

Source: ecs_semantics 5.5 (codes); Elastic Load Balancing API Reference.
"""

from collections.abc import Iterable

from ecsd.errors import AwsError
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.store.store import View


def require_load_balancer(view: View, arn: str) -> LoadBalancer:
    """Return the load balancer, or refuse with LoadBalancerNotFound."""
    found = view.get(LoadBalancer, arn)
    if found is None:
        raise AwsError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
    return found


def require_target_group(view: View, arn: str) -> TargetGroup:
    """Return the target group, or refuse with TargetGroupNotFound."""
    found = view.get(TargetGroup, arn)
    if found is None:
        raise AwsError("TargetGroupNotFound", f"Target group '{arn}' not found")
    return found


def require_listener(view: View, arn: str) -> Listener:
    """Return the listener, or refuse with ListenerNotFound."""
    found = view.get(Listener, arn)
    if found is None:
        raise AwsError("ListenerNotFound", f"Listener '{arn}' not found")
    return found


def require_rule(view: View, arn: str) -> Rule:
    """Return the rule, or refuse with RuleNotFound."""
    found = view.get(Rule, arn)
    if found is None:
        raise AwsError("RuleNotFound", f"Rule '{arn}' not found")
    return found


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
