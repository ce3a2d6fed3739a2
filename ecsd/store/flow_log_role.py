"""Whether a flow log's role lets its records be written: as roles of tasks, see task_roles."""

from collections.abc import Iterable
from datetime import datetime

from ecsd.decisions.iam.evaluation import Request, decide
from ecsd.decisions.iam.trust import trusts_service
from ecsd.store.finders.iam import find_role_by_arn
from ecsd.store.finders.iam_caller import context_of, identity_of_role
from ecsd.store.store import View
from ecsd.store.task_roles import Rules

SERVICE = "vpc-flow-logs.amazonaws.com"


def may_deliver(
    home: View,
    role_arn: str,
    flow_log_arn: str,
    asked: Iterable[tuple[str, str]],
    judged: tuple[Rules, datetime],
) -> bool:
    """Tell whether a role may be taken for a flow log and may do all that is asked.

    Args:
        home: the account's global view.
        role_arn: the role's.
        flow_log_arn: on whose behalf it is taken, ``aws:SourceArn``.
        asked: actions with the ARNs that they are about.
        judged: how much roles count, and the time.
    """
    rules, now = judged
    account, region = home.scope.account, flow_log_arn.split(":")[3]
    role = find_role_by_arn(home, role_arn)
    if role is None:
        return not rules.strict
    if not rules.judged:
        return True
    if not trusts_service(role, SERVICE, account, flow_log_arn):
        return False
    identity = identity_of_role(home, role, "vpc-flow-logs")
    context = context_of(identity, now, region)
    return all(
        decide(
            Request(identity.principal, action, resource, context, account), identity.policies
        ).allowed
        for action, resource in asked
    )
