"""Actions and conditions of listeners and rules, checked against the target groups there are."""

from collections.abc import Iterator
from typing import Any

from ecsd.decisions.listener_checks import (
    check_actions,
    check_conditions,
    complete_action,
    complete_condition,
)
from ecsd.errors import AwsError
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.store.finders.elbv2 import balancers_of_group, forwarded_groups, require_target_group
from ecsd.store.store import View

Parts = tuple[dict[str, Any], ...]


def parse_actions(
    view: View, balancer: LoadBalancer, given: list[dict[str, Any]]
) -> tuple[Parts, tuple[str, ...]]:
    """Return complete actions and the ARNs of the groups that they forward to; or refuse."""
    _refuse_first(check_actions(given))
    actions = tuple(complete_action(one) for one in given)
    groups = forwarded_groups(actions)
    for arn in groups:
        group = require_target_group(view, arn)
        if group.vpc_id != balancer.vpc_id:
            raise AwsError(
                "InvalidConfigurationRequest",
                f"The target group '{arn}' and the load balancer are in different VPCs",
            )
        users = set(balancers_of_group(view, arn)) - {balancer.load_balancer_arn}
        if users:
            raise AwsError(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load "
                f"balancer: {arn}",
            )
    return actions, groups


def parse_conditions(given: list[dict[str, Any]]) -> Parts:
    """Return complete conditions, or refuse."""
    _refuse_first(check_conditions(given))
    return tuple(complete_condition(one) for one in given)


def _refuse_first(problems: Iterator[str]) -> None:
    words = next(problems, None)
    if words is not None:
        raise AwsError("ValidationError", words)
