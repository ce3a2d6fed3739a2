"""The infrastructure role: whom it trusts, and what it needs of its policies."""

import json

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.ebs.infrastructure_role import Asked, lacking, own_tags, trusts_ecs
from ecsd.decisions.iam.evaluation import Policies, Source
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Role
from ecsd.store.finders.aws_managed_policies import ARN_PREFIX, aws_managed_policies

ACCOUNT, TASK = "0" * 12, "arn:aws:ecs:us-east-1:000000000000:task/prod/1"
PRINCIPAL = Principal(PrincipalKind.SESSION, "arn:who", ACCOUNT, "AROA", "arn:role")
ASKED = Asked(ACCOUNT, "us-east-1", "vol-1", own_tags(TASK), "snap-1")
EVERYTHING = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def missing(policy):
    policies = Policies((Source(compile_policy(policy), "p"),))
    need = lacking(PRINCIPAL, policies, {}, ASKED)
    return need and (need.action, need.resource)


def test_awss_own_policy_is_enough():
    name = "service-role/AmazonECSInfrastructureRolePolicyForVolumes"
    (version,) = aws_managed_policies()[f"{ARN_PREFIX}/{name}"].versions
    assert missing(version.document) is None


@pytest.mark.parametrize(
    ("denied", "lacks"),
    [
        ({"Action": "ec2:CreateTags", "Resource": "*"}, "ec2:CreateTags"),
        ({"Action": "ec2:AttachVolume", "Resource": "*"}, "ec2:AttachVolume"),
        ({"Action": "ec2:DescribeVolumes", "Resource": "*"}, "ec2:DescribeVolumes"),
        ({"Action": "*", "Resource": "arn:aws:ec2:us-east-1::snapshot/*"}, "ec2:CreateVolume"),
        ({"Action": "ec2:DeleteSnapshot", "Resource": "*"}, None),
    ],
)
def test_what_a_policy_takes_away_is_named(denied, lacks):
    found = missing(document(EVERYTHING, {"Effect": "Deny"} | denied))
    assert (found and found[0]) == lacks


@pytest.mark.parametrize(
    ("service", "trusts"), [("ecs.amazonaws.com", True), ("ecs-tasks.amazonaws.com", False)]
)
def test_it_is_ecs_that_has_to_be_trusted(service, trusts):
    principal = {"Service": service}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    role = Role(
        role_name="r",
        role_id="AROA",
        arn="arn:role",
        path="/",
        assume_role_policy_document=document(statement),
        created_at=VIRTUAL_START,
    )
    assert trusts_ecs(role, ACCOUNT, TASK) is trusts
