"""Actions and conditions of listeners and rules, checked against the target groups there are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ecsd.decisions.balancers.authenticate_checks import in_order
from ecsd.decisions.balancers.condition_checks import check_conditions, complete_condition
from ecsd.decisions.balancers.listener_checks import (
    INVALID_ACTIONS,
    check_actions,
    check_flow_actions,
    complete_action,
)
from ecsd.decisions.balancers.network_balancer_attributes import flow_contradiction
from ecsd.decisions.balancers.rule_transforms import check_transforms
from ecsd.errors import AwsError
from ecsd.operations.elbv2.users import check_protocol
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.store.finders.elbv2 import (
    balancers_of_group,
    forwarded_groups,
    groups_of_balancer,
    require_target_group,
)
from ecsd.store.store import View

MOST_GROUPS = 100  # target groups a load balancer
GROUP_PROTOCOLS = {  # by the listener's. Source: Network Load Balancers guide, listeners
    "HTTP": ("HTTP", "HTTPS"),
    "HTTPS": ("HTTP", "HTTPS"),
    "TCP": ("TCP", "TCP_UDP"),
    "TLS": ("TCP", "TLS"),
    "UDP": ("UDP", "TCP_UDP"),
    "TCP_UDP": ("TCP_UDP",),
}
Parts = tuple[dict[str, Any], ...]


def parse_actions(
    view: View, balancer: LoadBalancer, given: list[dict[str, Any]], protocol: str
) -> tuple[Parts, tuple[str, ...]]:
    """Return complete actions and the ARNs of the groups that they forward to; or refuse.

    protocol: the listener's.
    """
    _refuse_first(check_actions(given))
    if balancer.type == "network":
        _refuse_first(check_flow_actions(given))
    check_protocol(protocol, given)
    actions = tuple(complete_action(one) for one in in_order(given))
    groups = forwarded_groups(actions)
    known = {one.target_group_arn for one in groups_of_balancer(view, balancer.load_balancer_arn)}
    if len(known.union(groups)) > MOST_GROUPS:
        raise AwsError(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            f"A load balancer can forward to at most {MOST_GROUPS} target groups",
        )
    for arn in groups:
        group = require_target_group(view, arn)
        is_function = group.target_type == "lambda"
        if is_function and balancer.type == "network":
            raise AwsError(
                "InvalidConfigurationRequest",
                f"The target type 'lambda' of the target group '{arn}' cannot be used with the "
                f"listener protocol '{protocol}'",
            )
        if not is_function and group.vpc_id != balancer.vpc_id:
            raise AwsError(
                "InvalidConfigurationRequest",
                f"The target group '{arn}' and the load balancer are in different VPCs",
            )
        if not is_function and group.protocol not in GROUP_PROTOCOLS[protocol]:
            raise AwsError(
                "InvalidConfigurationRequest",
                f"The protocol '{group.protocol}' of the target group '{arn}' cannot be used with "
                f"the listener protocol '{protocol}'",
            )
        words = (
            flow_contradiction(group.protocol, group.attributes, decrypted=True)
            if protocol == "TLS"
            else None
        )
        if words is not None:
            raise AwsError("InvalidConfigurationRequest", f"Target group '{arn}': {words}")
        users = set(balancers_of_group(view, arn)) - {balancer.load_balancer_arn}
        if users:
            raise AwsError(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load "
                f"balancer: {arn}",
            )
    return actions, groups


def check_versions(view: View, protocol: str, group_arns: Iterable[str]) -> None:
    """Refuse groups whose protocol version needs another listener: HTTP/2 comes with TLS."""
    if protocol == "HTTPS":
        return
    for arn in group_arns:
        version = require_target_group(view, arn).protocol_version
        if version in {"HTTP2", "GRPC"}:
            raise AwsError(
                "ValidationError",
                f"Listener protocol '{protocol}' is not supported with a target group with the "
                f"protocol-version '{version}'",
            )


def parse_conditions(given: list[dict[str, Any]]) -> Parts:
    """Return complete conditions, or refuse."""
    _refuse_first(check_conditions(given))
    return tuple(complete_condition(one) for one in given)


def parse_transforms(given: Sequence[dict[str, Any]], actions: Parts) -> Parts:
    """Return the transforms of a rule with these actions, or refuse."""
    _refuse_first(check_transforms(given, actions))
    return tuple(given)


def _refuse_first(problems: Iterator[str]) -> None:
    words = next(problems, None)
    if words is not None:
        invalid = words in INVALID_ACTIONS
        raise AwsError("InvalidLoadBalancerAction" if invalid else "ValidationError", words)
