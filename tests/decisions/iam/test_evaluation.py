"""What policies decide: worked cases of AWS's documentation, and laws."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.iam.evaluation import (
    Outcome,
    Policies,
    Side,
    decide,
    keys_asked,
    matches,
    missing_keys,
)
from ecsd.decisions.iam.positions import statement_spans

sys.path.insert(0, str(Path(__file__).parent))

from iam_worlds import (
    ACCOUNT,
    OTHER,
    ROLE_ARN,
    ROOT,
    SESSION,
    SESSION_ARN,
    TASKS,
    USER,
    USER_ARN,
    document,
    one_statement,
    outcome,
    request,
    requests,
    source,
    sources,
    statement,
    worlds,
)

ALLOW = statement()
DENY = statement("Deny")
OTHERS = statement(action="ec2:*")  # allows, but not what is asked


def resource_policy(principal, effect="Allow", member="Principal"):
    return source({"Effect": effect, member: principal, "Action": "s3:*", "Resource": "*"})


# -------------------------------------------------------------- one statement
@pytest.mark.parametrize(
    ("action", "asked", "meant"),
    [
        ("*", "s3:GetObject", True),
        ("s3:*", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:*Object", "s3:GetObjectAcl", False),
        ("s3:Get", "s3:GetObject", False),
        (["ec2:*", "s3:GetObject"], "s3:GetObject", True),
        ("iam:*AccessKey*", "iam:ListAccessKeys", True),
    ],
)
def test_actions_match_whatever_their_case(action, asked, meant):
    assert (outcome(request(asked), statement(action=action)) == "allowed") is meant
    inverse = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
    assert (outcome(request(asked), inverse) == "allowed") is not meant


@pytest.mark.parametrize(
    ("resource", "asked", "meant"),
    [
        ("*", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::B/*", "arn:aws:s3:::b/k", False),  # case counts
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/kk", False),
        ("arn:aws:ecs:us-*-1:1:cluster/c", "arn:aws:ecs:us-east-1:1:cluster/c", True),
        ("arn:aws:ecs:*:1:cluster/c", "arn:aws:ecs:us-east-1:1:cluster/c", True),
        ("arn:aws:ecs:us*1:cluster/c", "arn:aws:ecs:us-east-1:1:cluster/c", False),  # stays inside
        ("arn:aws:ecs:*", "arn:aws:ecs:us-east-1:1:cluster/c", True),  # ends a part: goes on
        ("arn:aws:*:*:*:*", "arn:aws:ecs:us-east-1:1:cluster/c", True),
        ("arn:aws:ecs:?:1:cluster/c", "arn:aws:ecs:::1:cluster/c", False),
        ("arn:aws:logs:*:*:log-group:/a:*", "arn:aws:logs:r:1:log-group:/a:log-stream:x", True),
        (["arn:aws:s3:::a", "arn:aws:s3:::b"], "arn:aws:s3:::b", True),
        ("arn:aws:s3:::a.b", "arn:aws:s3:::axb", False),  # no regular expression gets in
    ],
)
def test_resources_match_part_by_part(resource, asked, meant):
    question = request(resource=asked)
    assert (outcome(question, statement(resource=resource)) == "allowed") is meant
    inverse = {"Effect": "Allow", "Action": "s3:*", "NotResource": resource}
    assert (outcome(question, inverse) == "allowed") is not meant


def test_variables_in_resources_count_since_2012():
    own = statement(resource="arn:aws:s3:::b/${aws:username}/*")
    mine = "arn:aws:s3:::b/bob/x"
    assert outcome(request(resource=mine, aws__username="bob"), own) == "allowed"
    assert outcome(request(resource=mine, aws__username="eve"), own) == "implicitDeny"
    assert outcome(request(resource=mine), own) == "implicitDeny"
    literal = "arn:aws:s3:::b/${aws:username}/x"
    for version, word in (("2008-10-17", "allowed"), ("2012-10-17", "implicitDeny")):
        policies = Policies(identity=(source(own, version=version),))
        asked = request(resource=literal, aws__username="bob")
        assert decide(asked, policies).outcome.value == word


# ---------------------------------------------- one account (evaluation logic)
@pytest.mark.parametrize(
    ("identity", "boundary", "session", "word", "side"),
    [
        ((), None, None, "implicitDeny", Side.IDENTITY),
        ((ALLOW,), None, None, "allowed", Side.IDENTITY),
        ((ALLOW, DENY), None, None, "explicitDeny", Side.IDENTITY),
        ((ALLOW,), ALLOW, None, "allowed", Side.IDENTITY),
        ((ALLOW,), OTHERS, None, "implicitDeny", Side.BOUNDARY),
        ((ALLOW,), DENY, None, "explicitDeny", Side.BOUNDARY),
        ((OTHERS,), ALLOW, None, "implicitDeny", Side.IDENTITY),  # a boundary grants nothing
        ((ALLOW,), None, ALLOW, "allowed", Side.IDENTITY),
        ((ALLOW,), None, OTHERS, "implicitDeny", Side.SESSION),
        ((ALLOW,), None, DENY, "explicitDeny", Side.SESSION),
        ((OTHERS,), None, ALLOW, "implicitDeny", Side.IDENTITY),
        ((ALLOW,), ALLOW, ALLOW, "allowed", Side.IDENTITY),
        ((ALLOW,), ALLOW, OTHERS, "implicitDeny", Side.SESSION),
    ],
)
def test_identity_boundary_and_session_all_have_to_allow(identity, boundary, session, word, side):
    policies = Policies(
        identity=(source(*identity),) if identity else (),
        boundary=source(boundary) if boundary else None,
        session=(source(session),) if session else None,
    )
    decision = decide(request(principal=SESSION), policies)
    assert (decision.outcome.value, decision.side) == (word, side)
    assert (decision.match is None) is (word == "implicitDeny")


@pytest.mark.parametrize(
    ("who", "principal", "limited", "word"),
    [
        (USER, {"AWS": USER_ARN}, False, "allowed"),
        (USER, {"AWS": USER_ARN}, True, "allowed"),  # a boundary does not limit it
        (USER, "*", True, "allowed"),
        (USER, {"AWS": "*"}, False, "allowed"),
        (USER, {"AWS": "AIDACARLOS"}, False, "allowed"),
        (USER, {"AWS": ACCOUNT}, False, "implicitDeny"),  # hands it to the account's own policies
        (USER, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, False, "implicitDeny"),
        (USER, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/eve"}, False, "implicitDeny"),
        (USER, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/CARLOS"}, False, "implicitDeny"),
        (SESSION, {"AWS": ROLE_ARN}, False, "allowed"),
        (SESSION, {"AWS": ROLE_ARN}, True, "implicitDeny"),  # limits of the role count
        (SESSION, {"AWS": SESSION_ARN}, True, "allowed"),  # the session's own: they do not
        (SESSION, {"AWS": SESSION_ARN.replace("/me", "/you")}, False, "implicitDeny"),
        (TASKS, {"Service": "ecs-tasks.amazonaws.com"}, False, "allowed"),
        (TASKS, {"Service": ["ec2.amazonaws.com"]}, False, "implicitDeny"),
        (TASKS, {"AWS": ACCOUNT}, False, "implicitDeny"),
    ],
)
def test_a_resource_policy_grants_by_whom_it_names(who, principal, limited, word):
    boundary = source(OTHERS) if limited else None
    policies = Policies(resource=resource_policy(principal), boundary=boundary)
    assert decide(request(principal=who), policies).outcome.value == word


def test_the_account_and_an_identity_policy_grant_together():
    policies = Policies(identity=(source(ALLOW),), resource=resource_policy({"AWS": ACCOUNT}))
    assert decide(request(), policies).allowed


def test_a_resource_policy_denies_whom_it_does_not_except():
    allow = (source(ALLOW),)
    for principal, word in (
        ({"AWS": [USER_ARN]}, "allowed"),
        ({"AWS": [f"arn:aws:iam::{ACCOUNT}:user/eve"]}, "explicitDeny"),
        ({"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}, "explicitDeny"),
    ):
        policy = resource_policy(principal, "Deny", "NotPrincipal")
        decision = decide(request(), Policies(identity=allow, resource=policy))
        assert decision.outcome.value == word


# ------------------------------------------------------------- across accounts
@pytest.mark.parametrize(
    ("identity", "resource", "word"),
    [
        (ALLOW, {"AWS": ACCOUNT}, "allowed"),
        (ALLOW, {"AWS": USER_ARN}, "allowed"),
        (ALLOW, "*", "allowed"),
        (OTHERS, {"AWS": USER_ARN}, "implicitDeny"),
        (ALLOW, {"AWS": OTHER}, "implicitDeny"),
        (ALLOW, None, "implicitDeny"),
        (DENY, "*", "explicitDeny"),
    ],
)
def test_across_accounts_both_sides_have_to_allow(identity, resource, word):
    policies = Policies(
        identity=(source(identity),),
        resource=resource_policy(resource) if resource else None,
    )
    assert decide(request(owner=OTHER), policies).outcome.value == word


def test_root_needs_no_policy_but_cannot_pass_a_deny_or_another_accounts_door():
    assert decide(request(principal=ROOT), Policies()).allowed
    denied = Policies(resource=resource_policy("*", "Deny"))
    assert decide(request(principal=ROOT), denied).outcome is Outcome.EXPLICIT_DENY
    assert not decide(request(principal=ROOT, owner=OTHER), Policies()).allowed
    trusted = Policies(resource=resource_policy({"AWS": ACCOUNT}), resource_decides=True)
    assert decide(request(principal=ROOT), trusted).allowed


@pytest.mark.parametrize(
    ("identity", "principal", "word"),
    [
        ((ALLOW,), {"Service": "ecs-tasks.amazonaws.com"}, "implicitDeny"),
        ((ALLOW,), {"AWS": ACCOUNT}, "allowed"),
        ((), {"AWS": ACCOUNT}, "implicitDeny"),
        ((), {"AWS": USER_ARN}, "allowed"),
    ],
)
def test_a_trust_policy_decides_inside_its_account_too(identity, principal, word):
    policies = Policies(
        identity=(source(*identity),) if identity else (),
        resource=resource_policy(principal),
        resource_decides=True,
    )
    assert decide(request(), policies).outcome.value == word


# ------------------------------------------------------------ reasons and places
def test_the_decision_names_statement_policy_and_what_is_missing():
    first = source(OTHERS, name="first")
    second = source(ALLOW, statement("Deny", Sid="no"), name="second")
    decision = decide(request(), Policies(identity=(first, second)))
    assert decision.match.source.name == "second"
    assert decision.match.statement.sid == "no"
    needy = statement(
        resource="arn:aws:s3:::${aws:username}/*",
        Condition={
            "StringEquals": {"ecs:cluster": "${aws:PrincipalTag/team}"},
            "Null": {"aws:TokenIssueTime": "true"},
        },
    )
    asked = request(ecs__cluster="c")
    policies = Policies(identity=(source(needy), source(OTHERS)))
    assert missing_keys(asked, policies) == ("aws:PrincipalTag/team", "aws:username")
    assert decide(asked, policies).outcome is Outcome.IMPLICIT_DENY
    assert missing_keys(request("ec2:X"), policies) == ()


def test_spans_are_those_of_the_simulator():
    single = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*",'
        '"Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":'
        '"2018-08-16T12:00:00Z"}}}}'
    )
    assert statement_spans(single) == (((1, 38), (1, 167)),)
    text = json.dumps({"Id": "Statement", "Version": "2012-10-17", "Statement": [ALLOW, DENY]})
    assert len(statement_spans(text)) == 2
    pretty = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW, DENY]}, indent=4)
    first, second = statement_spans(pretty)
    assert first == ((3, 19), (8, 10))
    assert second == ((8, 10), (13, 10))
    tricky = json.dumps({"Statement": [{**ALLOW, "Sid": '}]"{'}], "Version": "2012-10-17"})
    assert len(statement_spans(tricky)) == 1


# ------------------------------------------------------------------------- laws
@given(requests, worlds)
def test_a_deny_wins_wherever_it_stands(asked, policies):
    all_denied = source({**statement("Deny", "*"), "Principal": "*"})
    for changed in (
        policies._replace(identity=(*policies.identity, all_denied)),
        policies._replace(boundary=all_denied),
        policies._replace(session=(all_denied,)),
        policies._replace(resource=all_denied),
    ):
        assert decide(asked, changed).outcome is Outcome.EXPLICIT_DENY


@given(requests, worlds, one_statement)
def test_one_more_allow_never_takes_away(asked, policies, more):
    more = source({**more, "Effect": "Allow"})
    if decide(asked, policies).allowed:
        assert decide(asked, policies._replace(identity=(*policies.identity, more))).allowed


@given(requests, worlds, sources)
def test_boundaries_and_session_policies_only_shrink(asked, policies, limit):
    free = policies._replace(boundary=None, session=None)
    for limited in (free._replace(boundary=limit), free._replace(session=(limit,))):
        assert decide(asked, free).allowed or not decide(asked, limited).allowed


@given(requests, worlds)
def test_condition_keys_that_nobody_asks_for_decide_nothing(asked, policies):
    keys = keys_asked(asked.action, asked.resource, policies)
    less = {key: values for key, values in asked.context.items() if key in keys}
    assert decide(asked._replace(context=less), policies) == decide(asked, policies)


@given(requests, worlds)
def test_a_decisions_reason_is_the_first_of_all_that_apply(asked, policies):
    decision = decide(asked, policies)
    denying = list(matches(asked, policies, allows=False))
    if denying:
        assert decision == (Outcome.EXPLICIT_DENY, denying[0].side, denying[0])
    elif decision.match is not None:
        allowing = list(matches(asked, policies, allows=True))
        assert decision.match == next(one for one in allowing if one.side is decision.side)


@given(requests, worlds)
def test_nothing_is_allowed_that_nobody_allows(asked, policies):
    decision = decide(asked, policies)
    if decision.allowed:
        assert decision.match.statement.allows
    sides = (*policies.identity, *((policies.resource,) if policies.resource else ()))
    if not any(one.allows for side in sides for one in side.policy.statements):
        assert not decision.allowed


@given(requests, worlds)
def test_case_of_actions_never_counts(asked, policies):
    shouted = asked._replace(action=asked.action.upper())
    assert decide(asked, policies).outcome is decide(shouted, policies).outcome


@given(requests, worlds)
def test_across_accounts_is_never_wider(asked, policies):
    across = asked._replace(owner=OTHER)
    assert decide(asked, policies).allowed or not decide(across, policies).allowed


@given(st.text(alphabet="ab:/*?.${}", max_size=20))
def test_any_pattern_matches_itself_escaped(text):
    escaped = text.replace("$", "${$}").replace("*", "${*}").replace("?", "${?}")
    asked = request(aws__k=text)
    allow = statement(Condition={"StringLike": {"aws:k": escaped}})
    if text:
        assert outcome(asked, allow) == "allowed"


def test_a_document_is_compiled_once():
    assert source(ALLOW).policy is source(ALLOW).policy
    assert document(ALLOW) != document(DENY)
