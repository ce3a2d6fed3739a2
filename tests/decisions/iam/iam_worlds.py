"""Policies and requests, shortly."""

import json

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy

ACCOUNT, OTHER = "111122223333", "444455556666"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/carlos"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/app"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/me"
USER = Principal(PrincipalKind.USER, USER_ARN, ACCOUNT, "AIDACARLOS")
SESSION = Principal(PrincipalKind.SESSION, SESSION_ARN, ACCOUNT, "AROAAPP", ROLE_ARN)
ROOT = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, ACCOUNT)
TASKS = Principal(PrincipalKind.SERVICE, "ecs-tasks.amazonaws.com")


def statement(effect="Allow", action="s3:GetObject", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements, version="2012-10-17"):
    return json.dumps({"Version": version, "Statement": list(statements)})


def source(*statements, name="p", version="2012-10-17"):
    return Source(compile_policy(document(*statements, version=version)), name)


def request(action="s3:GetObject", resource="*", principal=USER, owner="", **context):
    values = {
        key.replace("__", ":").lower(): (value,) if isinstance(value, str) else tuple(value)
        for key, value in context.items()
    }
    return Request(principal, action, resource, values, owner)


def outcome(asked, *identity, **more):
    """Return the simulator's word for the decision over one identity policy and others."""
    policies = Policies(identity=(source(*identity),) if identity else (), **more)
    return decide(asked, policies).outcome.value


def condition(operator, key, value, given=None, **context):
    """Return whether one condition holds: an allow that depends on it."""
    asked = request(**context)
    if given is not None:
        values = (given,) if isinstance(given, str) else tuple(given)
        asked = asked._replace(context={**asked.context, key.lower(): values})
    return outcome(asked, statement(Condition={operator: {key: value}})) == "allowed"
