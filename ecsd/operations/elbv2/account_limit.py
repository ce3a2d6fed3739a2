"""An account's quotas. Source: Elastic Load Balancing API Reference, DescribeAccountLimits."""

from typing import Any

from ecsd.decisions.balancers import condition_checks, listener_checks
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import (
    actions,
    listener,
    listener_certificate,
    load_balancer,
    rule,
    target,
    target_group,
)
from ecsd.operations.elbv2.paging import page

LIMITS = {
    "application-load-balancers": load_balancer.MOST_BALANCERS,
    "certificates-per-application-load-balancer": listener_certificate.MOST,
    "condition-values-per-alb-rule": condition_checks.MOST_VALUES,
    "condition-wildcards-per-alb-rule": condition_checks.MOST_WILDCARDS,
    "listeners-per-application-load-balancer": listener.MOST_LISTENERS,
    "rules-per-application-load-balancer": rule.MOST_RULES,
    "target-groups": target_group.MOST_GROUPS,
    "target-groups-per-action-on-application-load-balancer": listener_checks.MOST_GROUPS,
    "target-groups-per-application-load-balancer": actions.MOST_GROUPS,
    "targets-per-target-group": target.MOST_TARGETS,
}


@operation("elbv2", "DescribeAccountLimits")
async def describe_account_limits(_: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the quotas that are enforced."""
    limits = [{"Name": name, "Max": str(most)} for name, most in LIMITS.items()]
    chosen, marker = page(limits, request, key=lambda one: one["Name"])
    return {"Limits": chosen, "NextMarker": marker}
