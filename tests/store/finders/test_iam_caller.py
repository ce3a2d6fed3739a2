"""Callers as policies see them: what is remembered is what would be found now."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.iam.evaluation import Request, decide
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.iam.role import Policy, PolicyVersion, Role
from ecsd.records.iam.session import Session
from ecsd.records.iam.user import Group, User
from ecsd.store.finders import iam_caller
from ecsd.store.finders.iam_caller import identify, recall
from ecsd.store.scope import Scope
from ecsd.store.store import Store

ACCOUNT = "000000000000"
SCOPE = Scope(ACCOUNT, "").globally()
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/bob"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s"
POLICY_ARN = f"arn:aws:iam::{ACCOUNT}:policy/p"
CALLERS = [(USER_ARN, "AKIABOB"), (USER_ARN, "ASIABOB"), (SESSION_ARN, "ASIAAPP")]
DOCUMENTS = [
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
        }
    )
    for action in ("ecs:*", "ecs:List*")
]
ASKED = [("ecs:ListTasks", "*"), ("ecs:RunTask", "arn:aws:ecs:us-east-1:0:task-definition/a:1")]
dated = {"path": "/", "created_at": VIRTUAL_START}
inline = st.dictionaries(st.just("p"), st.sampled_from(DOCUMENTS))
attached = st.sampled_from([(), (POLICY_ARN,)])
boundary = st.sampled_from([None, POLICY_ARN])
users = st.builds(
    lambda one, more, limit, groups: User(
        user_name="bob",
        user_id="AIDABOB",
        arn=USER_ARN,
        inline_policies=one,
        attached_policy_arns=more,
        permissions_boundary=limit,
        groups=groups,
        **dated,
    ),
    inline,
    attached,
    boundary,
    st.sampled_from([(), ("g",)]),
)
groups = st.builds(
    lambda one, more: Group(
        group_name="g",
        group_id="AGPA",
        arn="arn:g",
        inline_policies=one,
        attached_policy_arns=more,
        **dated,
    ),
    inline,
    attached,
)
roles = st.builds(
    lambda one, more, limit, number: Role(
        role_name="app",
        role_id=number,
        arn=f"arn:aws:iam::{ACCOUNT}:role/app",
        assume_role_policy_document="{}",
        inline_policies=one,
        attached_policy_arns=more,
        permissions_boundary=limit,
        **dated,
    ),
    inline,
    attached,
    boundary,
    st.sampled_from(["AROA", "AROB"]),
)
policies = st.builds(
    lambda document: Policy(
        arn=POLICY_ARN,
        policy_name="p",
        policy_id="ANPA",
        updated_at=VIRTUAL_START,
        versions=(
            PolicyVersion(
                version_id="v1", document=document, is_default=True, created_at=VIRTUAL_START
            ),
        ),
        **dated,
    ),
    st.sampled_from(DOCUMENTS),
)
sessions = st.builds(
    lambda caller, role, policy, arns: Session(
        access_key_id=caller[1],
        sealed_secret="",
        token_digest="",
        arn=caller[0],
        user_id="AROA:s",
        role_name=role,
        created_at=VIRTUAL_START,
        expires_at=VIRTUAL_START,
        policy=policy,
        policy_arns=arns,
    ),
    st.sampled_from(CALLERS[1:]),
    st.sampled_from([None, "app"]),
    st.sampled_from([None, *DOCUMENTS]),
    attached,
)
changes = st.lists(
    st.tuples(st.one_of(users, groups, roles, policies, sessions), st.booleans()), max_size=12
)


async def changed(store, record, *, put=True):
    async with store.transaction(SCOPE) as change:
        if put:
            change.put(record)
        elif change.get(type(record), record.key) is not None:
            change.remove(record)


@given(changes)
def test_what_is_remembered_is_what_would_be_found_now(changes):
    async def play():
        store = Store.in_memory()
        for record, put in changes:
            await changed(store, record, put=put)
            for arn, key in CALLERS:
                remembered = identify(store, ACCOUNT, arn, key)
                assert identify(store, ACCOUNT, arn, key) is remembered
                fresh = iam_caller._identify(store.view(SCOPE), ACCOUNT, arn, key)
                assert remembered == fresh
                settled = recall(store, ACCOUNT, arn, key).settled
                for asked in ASKED:
                    decision = decide(Request(fresh.principal, *asked, {}), fresh.policies)
                    assert settled.decision(*asked) == decision
                    assert settled.allows_everywhere(asked[0]) is decision.allowed

    asyncio.run(play())


async def test_a_change_that_is_taken_back_is_not_remembered(store):
    user = User(
        user_name="bob", user_id="AIDABOB", arn=USER_ARN, inline_policies={}, groups=(), **dated
    )
    await changed(store, user)
    before = identify(store, ACCOUNT, USER_ARN, "AKIABOB")
    allowed = replace(user, inline_policies={"p": DOCUMENTS[0]})

    async def fails():
        async with store.transaction(SCOPE) as change:
            change.put(allowed)
            assert identify(store, ACCOUNT, USER_ARN, "AKIABOB") is not None
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fails()
    assert identify(store, ACCOUNT, USER_ARN, "AKIABOB") == before
    assert not before.policies.identity


def test_only_what_is_noted_can_be_asked(store):
    view = store.view(SCOPE).noting()
    assert view.globally() is view
    asked = [
        lambda: view.get(Cluster, "web"),
        lambda: view.select(User),
        lambda: view.count(User, "groups", "g"),
        lambda: view.newest(User, "groups", "g"),
        lambda: view.in_region("us-east-1"),
        lambda: view.in_every_region(User),
        lambda: store.view(Scope(ACCOUNT, "us-east-1")).noting().globally(),
    ]
    for one in asked:
        with pytest.raises(LookupError):
            one()
