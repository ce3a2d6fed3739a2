"""Local mode: the roles of tasks are judged, and credentials that have ended are nobody's."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from signed_client import ROOT_KEY, SignedClient

from ecsd.decisions.tasks.task_roles import RoleOfTask
from ecsd.records.iam.session import Session
from ecsd.settings import Settings
from ecsd.store.task_roles import Rules, open_task_session
from tests.conftest import SCOPE

TASK = "arn:aws:ecs:us-east-1:000000000000:task/prod/1"
ROLE = RoleOfTask("task", "arn:aws:iam::000000000000:role/app")
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
LISTS = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"},
}
LOCAL = Settings()
HOME = SCOPE.globally()


@pytest.fixture
def client(store):
    return SignedClient(store, Settings())


@pytest.fixture
def opened(store, ids, client):
    """Opens a session of the task's role; returns what signs for it."""

    async def opened(settings=LOCAL):
        seal = client.client.parts.authority.seal
        async with store.transaction(HOME) as change:
            session = open_task_session(
                change, ROLE, TASK, Rules.of(settings), (ids, seal, datetime.now(UTC))
            )
            change.put(session)
        key = session.access_key_id
        return key, "local mode asks for none", seal.unseal(session.sealed_token, key)

    return opened


async def make_role(client):
    trust, lists = json.dumps(TRUST), json.dumps(LISTS)
    await client.ask(ROOT_KEY, "iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=trust)
    await client.ask(
        ROOT_KEY, "iam", "PutRolePolicy", RoleName="app", PolicyName="p", PolicyDocument=lists
    )


async def test_a_tasks_role_may_what_its_policies_allow(client, opened):
    await make_role(client)
    key = await opened()
    assert (await client.ask(key, "sts", "GetCallerIdentity")).output["Arn"] == (
        "arn:aws:sts::000000000000:assumed-role/app/1"
    )
    assert (await client.ask(key, "ecs", "ListClusters")).status == 200
    refused = await client.ask(key, "ecs", "DescribeClusters", clusters=["prod"])
    assert refused.code == "AccessDeniedException"
    assert refused.message.startswith("User: arn:aws:sts::000000000000:assumed-role/app/1 is not ")
    assert (await client.ask(ROOT_KEY, "ecs", "DescribeClusters")).status == 200


async def test_a_role_that_is_deleted_may_nothing_any_more(client, opened):
    await make_role(client)
    key = await opened()
    await client.ask(ROOT_KEY, "iam", "DeleteRolePolicy", RoleName="app", PolicyName="p")
    await client.ask(ROOT_KEY, "iam", "DeleteRole", RoleName="app")
    assert (await client.ask(key, "ecs", "ListClusters")).code == "AccessDeniedException"


async def test_roles_that_are_not_known_or_not_to_be_judged_may_what_local_mode_lets(
    client, opened
):
    key = await opened()
    assert (await client.ask(key, "ecs", "DescribeClusters")).status == 200
    await make_role(client)
    key = await opened(Settings(iam="off"))
    assert (await client.ask(key, "ecs", "DescribeClusters")).status == 200


async def test_a_session_that_has_ended_is_not_taken_for_the_root(store, client, opened):
    key = await opened()
    async with store.transaction(HOME) as change:
        change.remove(*change.select(Session, task_arn=TASK))
    assert (await client.ask(key, "ecs", "ListClusters")).code == "ExpiredTokenException"
    strange = (key[0], key[1], "a token of another's")  # such as AWS's own
    assert (await client.ask(strange, "ecs", "ListClusters")).status == 200


async def test_strict_mode_believes_a_tasks_signature_alone(store, ids):
    client = SignedClient(store)
    await make_role(client)
    seal = client.client.parts.authority.seal
    async with store.transaction(HOME) as change:
        made_by = (ids, seal, datetime.now(UTC))
        session = open_task_session(change, ROLE, TASK, Rules(strict=True, judged=True), made_by)
        change.put(session)
    key = session.access_key_id
    secret, token = seal.unseal(session.sealed_secret, key), seal.unseal(session.sealed_token, key)
    assert (await client.ask((key, secret, token), "ecs", "ListClusters")).status == 200
    wrong = await client.ask((key, "guessed", token), "ecs", "ListClusters")
    assert wrong.code == "InvalidSignatureException"
    async with store.transaction(HOME) as change:
        change.put(replace(session, expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    ended = await client.ask((key, secret, token), "ecs", "ListClusters")
    assert ended.code == "ExpiredTokenException"
