"""Policies and requests, shortly."""

import json

from hypothesis import strategies as st

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


# ------------------------------------------------------------------------- for laws
ACTIONS = ["s3:GetObject", "s3:Put", "ec2:Run"]
ARNS = ["arn:aws:s3:::a/x", "arn:aws:s3:::b", "*"]
one_statement = st.builds(
    statement,
    effect=st.sampled_from(["Allow", "Deny"]),
    action=st.sampled_from([*ACTIONS, "s3:*", "*", "?3:get*"]),
    resource=st.sampled_from(
        [
            *ARNS,
            "arn:aws:s3:::*",
            "arn:aws:s3:::${aws:username}/*",
            "arn:aws:s3:::${aws:username, 'b'}/*",
        ]
    ),
    Condition=st.sampled_from(
        [
            {},
            {"StringEquals": {"aws:username": "a"}},
            {"StringNotEquals": {"aws:username": "a"}},
            {"ForAllValues:StringLike": {"aws:TagKeys": ["t*"]}},
            {"Null": {"aws:username": "true"}},
        ]
    ),
)
requests = st.builds(
    lambda action, arn, principal, context: request(action, arn, principal, **context),
    st.sampled_from(ACTIONS),
    st.sampled_from(ARNS),
    st.sampled_from([USER, SESSION]),
    st.sampled_from(
        [{}, {"aws__username": "a"}, {"aws__username": "b", "aws__tagkeys": ["t", "u"]}]
    ),
)
sources = st.lists(one_statement, min_size=1, max_size=4).map(lambda some: source(*some))
resources = st.lists(
    st.builds(
        lambda one, whom: {**one, "Principal": whom},
        one_statement,
        st.sampled_from(["*", {"AWS": ACCOUNT}, {"AWS": USER_ARN}, {"AWS": ROLE_ARN}]),
    ),
    min_size=1,
    max_size=3,
).map(lambda some: source(*some))
worlds = st.builds(
    Policies,
    identity=st.lists(sources, max_size=3).map(tuple),
    boundary=st.none() | sources,
    session=st.none() | st.lists(sources, max_size=2).map(tuple),
    resource=st.none() | resources,
    resource_decides=st.booleans(),
)
