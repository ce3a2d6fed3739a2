"""Which roles a task has, and whether their trust lets ECS take them."""

import json

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.tasks.task_roles import cannot_assume, roles_of, trusts_tasks
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.iam.role import Role

ACCOUNT = "000000000000"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/prod/1"
ECS = {"Service": "ecs-tasks.amazonaws.com"}


def definition(**roles):
    return TaskDefinition(
        name="web:1",
        arn="arn:d",
        family="web",
        revision=1,
        container_definitions=({"name": "app"},),
        registered_at=VIRTUAL_START,
        registered_by="me",
        **roles,
    )


def role(**statement):
    statement = {"Effect": "Allow", "Principal": ECS, "Action": "sts:AssumeRole", **statement}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Role(
        role_name="app",
        role_id="AROA",
        path="/",
        arn=f"arn:aws:iam::{ACCOUNT}:role/app",
        assume_role_policy_document=document,
        created_at=VIRTUAL_START,
    )


def test_roles_are_the_definitions_unless_a_run_says_others():
    assert roles_of(definition(), {}, ACCOUNT) == ()
    named = definition(task_role_arn="app", execution_role_arn="arn:aws:iam::1:role/x/exec")
    assert [(one.purpose, one.arn, one.name) for one in roles_of(named, {}, ACCOUNT)] == [
        ("task", f"arn:aws:iam::{ACCOUNT}:role/app", "app"),
        ("execution", "arn:aws:iam::1:role/x/exec", "exec"),
    ]
    other = {"taskRoleArn": "arn:aws:iam::1:role/other"}
    assert [one.arn for one in roles_of(named, other, ACCOUNT)] == [
        "arn:aws:iam::1:role/other",
        "arn:aws:iam::1:role/x/exec",
    ]


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        ({}, True),
        ({"Principal": {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "ecs.amazonaws.com"}}, False),
        ({"Principal": {"AWS": ACCOUNT}}, False),
        ({"Effect": "Deny"}, False),
        ({"Action": "sts:AssumeRoleWithWebIdentity"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}, False),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:*:*"}}}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:*:*"}}}, False),
    ],
)
def test_a_trust_policy_names_ecs_for_tasks_of_its_own(statement, trusted):
    assert trusts_tasks(role(**statement), ACCOUNT, TASK) is trusted


def test_what_cannot_be_assumed_is_told_in_awss_words():
    assert cannot_assume("arn:aws:iam::1:role/r").startswith(
        "ECS was unable to assume the role 'arn:aws:iam::1:role/r' that was provided"
    )
