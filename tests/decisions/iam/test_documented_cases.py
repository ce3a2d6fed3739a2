"""Examples of the IAM User Guide, decided as the guide says."""

import sys
from pathlib import Path

import pytest

from ecsd.decisions.iam.evaluation import Policies, decide

sys.path.insert(0, str(Path(__file__).parent))

from iam_worlds import (
    ACCOUNT,
    OTHER,
    ROLE_ARN,
    SESSION,
    TASKS,
    USER,
    outcome,
    request,
    source,
    statement,
)

LOGS = "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs"
USERS = f"arn:aws:iam::{ACCOUNT}:user"


def attached(principal, action, resource="*", effect="Allow", **more):
    """Return a resource's policy of one statement."""
    return source(
        {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}
    )


# Policy evaluation for requests within a single account: Carlos and his bucket.
CARLOS = (
    statement(action=["s3:GetBucketLocation", "s3:ListAllMyBuckets"]),
    statement(action=["s3:*"], resource=[LOGS.replace("-logs", ""), f"{LOGS[:-5]}/*"]),
    statement("Deny", "s3:*", [f"{LOGS[:-5]}-deny", f"{LOGS[:-5]}-deny/*"]),
)


@pytest.mark.parametrize(
    ("action", "resource", "word"),
    [
        ("s3:ListAllMyBuckets", "*", "allowed"),
        ("s3:PutObject", f"{LOGS}/today", "allowed"),  # the bucket's policy lets him
        ("s3:DeleteObject", f"{LOGS}/today", "implicitDeny"),
        ("s3:PutObject", f"{LOGS[:-5]}/photo", "allowed"),
        ("s3:PutObject", f"{LOGS[:-5]}-deny/x", "explicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::somebody-else/x", "implicitDeny"),
    ],
)
def test_carlos_and_his_buckets(action, resource, word):
    policy = attached({"AWS": USER.arn}, "s3:PutObject", f"{LOGS}/*")
    asked = request(action, resource)
    assert outcome(asked, *CARLOS, resource=policy) == word


# Permissions boundaries for IAM entities: Shirley may manage three services, and no users.
@pytest.mark.parametrize(
    ("action", "word"),
    [("s3:GetObject", "allowed"), ("iam:CreateUser", "implicitDeny")],
)
def test_a_boundary_does_not_grant_and_keeps_back(action, word):
    bound = source(statement(action=["s3:*", "cloudwatch:*", "ec2:*"]))
    everything = statement(action=["iam:CreateUser", "s3:*"])
    assert outcome(request(action), everything, boundary=bound) == word
    assert outcome(request(action), boundary=bound) == "implicitDeny"


# IAM JSON policy elements: NotAction; AWS: denies access based on the requested Region.
REGIONS = (
    statement(action="*"),
    {
        "Effect": "Deny",
        "NotAction": ["cloudfront:*", "iam:*", "route53:*", "support:*"],
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}},
    },
)


@pytest.mark.parametrize(
    ("action", "region", "word"),
    [
        ("ec2:RunInstances", "eu-west-1", "allowed"),
        ("ec2:RunInstances", "us-east-1", "explicitDeny"),
        ("iam:CreateUser", "us-east-1", "allowed"),
        ("IAM:createuser", "us-east-1", "allowed"),
    ],
)
def test_only_some_regions(action, region, word):
    assert outcome(request(action, aws__RequestedRegion=region), *REGIONS) == word


# IAM: allows users to manage their own access keys (policy variables).
@pytest.mark.parametrize(
    ("user", "word"), [("carlos", "allowed"), ("eve", "implicitDeny"), ("car", "implicitDeny")]
)
def test_own_access_keys(user, word):
    own = statement(action="iam:*AccessKey*", resource=f"{USERS}/${{aws:username}}")
    asked = request("iam:CreateAccessKey", f"{USERS}/{user}", aws__username="carlos")
    assert outcome(asked, own) == word


# AWS: denies access without MFA (BoolIfExists also denies long-term keys).
@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"aws__MultiFactorAuthPresent": "true"}, "allowed"),
        ({"aws__MultiFactorAuthPresent": "false"}, "explicitDeny"),
        ({}, "explicitDeny"),
    ],
)
def test_not_without_mfa(keys, word):
    block = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    policies = (statement(action="*"), statement("Deny", "ec2:*", Condition=block))
    assert outcome(request("ec2:RunInstances", **keys), *policies) == word
    plain = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    weak = (statement(action="*"), statement("Deny", "ec2:*", Condition=plain))
    if not keys:
        assert outcome(request("ec2:RunInstances"), *weak) == "allowed"


# AWS: allows access based on date and time.
@pytest.mark.parametrize(
    ("now", "word"),
    [
        ("2020-03-31T23:59:59Z", "implicitDeny"),
        ("2020-04-01T00:00:01Z", "allowed"),
        ("2020-06-30T23:59:58Z", "allowed"),
        ("2020-07-01T00:00:00Z", "implicitDeny"),
    ],
)
def test_between_two_dates(now, word):
    block = {
        "DateGreaterThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"},
        "DateLessThan": {"aws:CurrentTime": "2020-06-30T23:59:59Z"},
    }
    allow = statement(action="service-prefix:action-name", Condition=block)
    assert outcome(request("service-prefix:action-name", aws__CurrentTime=now), allow) == word


# Multivalued context keys: ForAllValues and ForAnyValue on tag keys, with Null against none.
@pytest.mark.parametrize(
    ("keys", "word"),
    [
        (("environment",), "allowed"),
        (("environment", "cost-center"), "allowed"),
        (("environment", "owner"), "implicitDeny"),
        ((), "implicitDeny"),
    ],
)
def test_only_some_tag_keys_and_at_least_one(keys, word):
    block = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "cost-center"]},
        "Null": {"aws:TagKeys": "false"},
    }
    allow = statement(action="ec2:CreateTags", Condition=block)
    asked = request("ec2:CreateTags", aws__TagKeys=keys)
    assert outcome(asked, allow) == word


# Attribute-based access: the principal's tag equals the resource's.
@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"aws__ResourceTag/team": "a", "aws__PrincipalTag/team": "a"}, "allowed"),
        ({"aws__ResourceTag/team": "a", "aws__PrincipalTag/team": "b"}, "implicitDeny"),
        ({"aws__PrincipalTag/team": "a"}, "implicitDeny"),
        ({"aws__ResourceTag/team": "a"}, "implicitDeny"),
    ],
)
def test_the_same_team(tags, word):
    block = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    assert outcome(request("ecs:StopTask", **tags), statement(action="*", Condition=block)) == word


# The confused deputy problem: a service may act for one source alone.
@pytest.mark.parametrize(
    ("cause", "word"),
    [
        (f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/c/1", "allowed"),
        (f"arn:aws:ecs:us-east-1:{OTHER}:task/c/1", "implicitDeny"),
    ],
)
def test_a_service_acts_for_one_account(cause, word):
    block = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:*"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    trust = attached({"Service": TASKS.arn}, "sts:AssumeRole", Condition=block)
    asked = request(
        "sts:AssumeRole",
        ROLE_ARN,
        TASKS,
        aws__SourceArn=cause,
        aws__SourceAccount=cause.split(":")[4],
    )
    policies = Policies(resource=trust, resource_decides=True)
    assert decide(asked, policies).outcome.value == word


# Cross-account policy evaluation: a bucket of another account, and who may let whom in.
@pytest.mark.parametrize(
    ("own", "bucket", "word"),
    [
        (True, {"AWS": ACCOUNT}, "allowed"),
        (True, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "allowed"),
        (False, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "implicitDeny"),
        (True, {"AWS": f"arn:aws:iam::{OTHER}:root"}, "implicitDeny"),
        (True, {"AWS": ROLE_ARN}, "allowed"),
    ],
)
def test_a_bucket_of_another_account(own, bucket, word):
    identity = [statement(action="s3:*")] if own else []
    asked = request("s3:GetObject", "arn:aws:s3:::theirs/x", SESSION, OTHER)
    policy = attached(bucket, "s3:GetObject", "arn:aws:s3:::theirs/*")
    assert outcome(asked, *identity, resource=policy) == word


# GitHub's documentation: a role for the deployments of one repository's branch.
@pytest.mark.parametrize(
    ("subject", "word"),
    [
        ("repo:octo-org/octo-repo:ref:refs/heads/octo-branch", "allowed"),
        ("repo:octo-org/octo-repo:ref:refs/heads/other", "implicitDeny"),
        ("repo:octo-org/octo-repo-evil:ref:refs/heads/octo-branch", "implicitDeny"),
        ("REPO:octo-org/octo-repo:ref:refs/heads/octo-branch", "implicitDeny"),
    ],
)
def test_one_branch_of_one_repository(subject, word):
    issuer = "token.actions.githubusercontent.com"
    block = {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:octo-org/octo-repo:ref:refs/heads/octo-branch",
        }
    }
    allow = statement(action="sts:AssumeRoleWithWebIdentity", Condition=block)
    asked = request("sts:AssumeRoleWithWebIdentity", ROLE_ARN)
    keys = {f"{issuer}:aud": ("sts.amazonaws.com",), f"{issuer}:sub": (subject,)}
    assert outcome(asked._replace(context=keys), allow) == word
