"""What is settled about a caller is what would be decided, whatever a request brings along."""

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.iam.evaluation import Policies, decide
from ecsd.decisions.iam.settled import Settled

sys.path.insert(0, str(Path(__file__).parent))

from iam_worlds import ACCOUNT, OTHER, TASKS, USER, request, requests, source, statement, worlds

owners = st.sampled_from(["", ACCOUNT, OTHER])
EVERYTHING = (source(statement(action="*")),)


@given(requests, worlds, owners)
def test_a_settled_decision_is_the_one_that_would_be_made(asked, policies, owner):
    policies = policies._replace(resource=None, resource_decides=False)
    settled = Settled(asked.principal, policies)
    for _ in range(2):
        found = settled.decision(asked.action, asked.resource, owner)
        assert found in (None, decide(asked._replace(owner=owner), policies))


@given(requests, worlds, st.sampled_from(["", ACCOUNT]))
def test_what_is_allowed_everywhere_is_allowed_there(asked, policies, owner):
    policies = policies._replace(resource=None, resource_decides=False)
    settled = Settled(asked.principal, policies)
    if settled.allows_everywhere(asked.action):
        assert settled.allows_everywhere(asked.action)
        assert decide(asked._replace(owner=owner), policies).allowed


def test_what_nothing_limits_is_settled():
    allowed = Settled(USER, Policies(EVERYTHING))
    assert allowed.allows_everywhere("s3:GetObject")
    assert allowed.decision("s3:GetObject", "arn:aws:s3:::a").allowed
    denied = Settled(USER, Policies(EVERYTHING, boundary=source(statement("Deny"))))
    assert not denied.allows_everywhere("s3:GetObject")
    assert not denied.decision("s3:GetObject", "arn:aws:s3:::a").allowed
    assert Settled(USER, Policies(EVERYTHING, boundary=EVERYTHING[0])).allows_everywhere("s3:Put")


def test_what_a_resource_or_a_condition_limits_is_not():
    named = source(statement(resource="arn:aws:s3:::a"))
    assert not Settled(USER, Policies((named,))).allows_everywhere("s3:GetObject")
    others = source({**statement(), "NotResource": "*"} | {"Resource": "*"})
    assert not Settled(USER, Policies((others,))).allows_everywhere("s3:GetObject")
    asking = source(statement(Condition={"StringEquals": {"aws:username": "a"}}))
    assert not Settled(USER, Policies((asking,))).allows_everywhere("s3:GetObject")
    assert Settled(USER, Policies((asking,))).decision("s3:GetObject", "*") is None
    denying = source(statement("Deny", resource="arn:aws:s3:::a"))
    assert not Settled(USER, Policies((*EVERYTHING, denying))).allows_everywhere("s3:GetObject")
    for limit in ({"boundary": named}, {"session": (named,)}, {"session": ()}):
        assert not Settled(USER, Policies(EVERYTHING, **limit)).allows_everywhere("s3:GetObject")


def test_a_default_does_not_stand_for_what_a_request_brings():
    own = source(statement(resource="arn:aws:s3:::${aws:username, 'b'}/*"))
    assert Settled(USER, Policies((own,))).decision("s3:GetObject", "arn:aws:s3:::a/x") is None
    asked = request(resource="arn:aws:s3:::a/x", aws__username="a")
    assert decide(asked, Policies((own,))).allowed


def test_callers_without_policies_have_nothing_allowed_everywhere():
    assert not Settled(TASKS, Policies(EVERYTHING)).allows_everywhere("s3:GetObject")


def test_what_is_remembered_is_bounded():
    settled = Settled(USER, Policies(EVERYTHING))
    for number in range(3000):
        settled.decision("s3:GetObject", f"arn:aws:s3:::{number}")
        settled.allows_everywhere(f"s3:{number}")
    assert max(len(settled._decisions), len(settled._everywhere)) <= 1024
