"""The policy simulator, as the CLI's users see it."""

import json

import pytest

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
ROLE = "arn:aws:iam::000000000000:role/ecsTaskExecutionRole"
AFTER = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*",'
    '"Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action="s3:*", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="s3:*", resource="*"):
    return {"Effect": "Deny", "Action": action, "Resource": resource}


@pytest.fixture
async def iam(ask):
    await ask("CreateRole", RoleName="ecsTaskExecutionRole", AssumeRolePolicyDocument=TRUST)
    return ask


def moment(value):
    return [
        {
            "ContextKeyName": "aws:CurrentTime",
            "ContextKeyValues": [value],
            "ContextKeyType": "date",
        }
    ]


async def test_the_examples_of_the_cli_come_out_as_documented(ask):
    request = {"PolicyInputList": [AFTER], "ActionNames": ["dynamodb:CreateBackup"]}
    answer = await ask(
        "SimulateCustomPolicy", **request, ContextEntries=moment("2019-04-25T11:00:00Z")
    )
    assert answer["IsTruncated"] is False
    (result,) = answer["EvaluationResults"]
    assert (result["EvalActionName"], result["EvalResourceName"]) == ("dynamodb:CreateBackup", "*")
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
    assert result["MatchedStatements"] == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 1, "Column": 38},
            "EndPosition": {"Line": 1, "Column": 167},
        }
    ]
    answer = await ask(
        "SimulateCustomPolicy", **request, ContextEntries=moment("2014-04-25T11:00:00Z")
    )
    (result,) = answer["EvaluationResults"]
    assert (result["EvalDecision"], result["MatchedStatements"]) == ("implicitDeny", [])
    (result,) = (await ask("SimulateCustomPolicy", **request))["EvaluationResults"]
    assert result["MissingContextValues"] == ["aws:CurrentTime"]


async def test_a_task_that_cannot_pull_its_image_is_explained(iam, execution_policy):
    names = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"]
    asked = {"PolicySourceArn": ROLE, "ActionNames": names}
    results = (await iam("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    assert [one["EvalActionName"] for one in results] == names
    assert {one["EvalDecision"] for one in results} == {"implicitDeny"}
    await iam("AttachRolePolicy", RoleName="ecsTaskExecutionRole", PolicyArn=execution_policy)
    results = (await iam("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    assert {one["EvalDecision"] for one in results} == {"allowed"}
    (match,) = results[0]["MatchedStatements"]
    assert match["SourcePolicyId"] == "AmazonECSTaskExecutionRolePolicy"
    document = policy(deny("ecr:BatchGetImage"))
    await iam(
        "PutRolePolicy",
        RoleName="ecsTaskExecutionRole",
        PolicyName="no",
        PolicyDocument=document,
    )
    first, second = (await iam("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    assert (first["EvalDecision"], second["EvalDecision"]) == ("allowed", "explicitDeny")
    (match,) = second["MatchedStatements"]  # a deny is the only entry
    assert match["SourcePolicyId"] == "role_ecsTaskExecutionRole_no"


async def test_a_user_has_what_its_groups_have(iam):
    await iam("CreateUser", UserName="bob")
    await iam("CreateGroup", GroupName="devs")
    await iam(
        "PutGroupPolicy", GroupName="devs", PolicyName="p", PolicyDocument=policy(allow("ecs:*"))
    )
    asked = {
        "PolicySourceArn": "arn:aws:iam::000000000000:user/bob",
        "ActionNames": ["ecs:RunTask"],
    }
    (result,) = (await iam("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    await iam("AddUserToGroup", UserName="bob", GroupName="devs")
    (result,) = (await iam("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    assert result["MatchedStatements"][0]["SourcePolicyId"] == "group_devs_p"
    group = {**asked, "PolicySourceArn": "arn:aws:iam::000000000000:group/devs"}
    (result,) = (await iam("SimulatePrincipalPolicy", **group))["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"


async def test_each_resource_is_judged(ask):
    document = policy(
        allow("s3:GetObject", "arn:aws:s3:::a/*"),
        allow("s3:GetObject", "arn:aws:s3:::${aws:username}/*"),
    )
    answer = await ask(
        "SimulateCustomPolicy",
        PolicyInputList=[document],
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::a/x", "arn:aws:s3:::b/x"],
    )
    first, second = answer["EvaluationResults"]
    assert (first["EvalResourceName"], first["EvalDecision"]) == ("arn:aws:s3:::a/x", "allowed")
    assert (second["EvalDecision"], second["MissingContextValues"]) == ("implicitDeny", [])
    (specific,) = second["ResourceSpecificResults"]
    assert specific["EvalResourceDecision"] == "implicitDeny"
    assert specific["MissingContextValues"] == ["aws:username"]


async def test_a_boundary_tells_whether_it_allows(iam):
    asked = {"PolicyInputList": [policy(allow())], "ActionNames": ["s3:GetObject"]}
    for statement, allowed, word in (
        (allow(), True, "allowed"),
        (allow("ec2:*"), False, "implicitDeny"),
        (deny(), False, "explicitDeny"),
    ):
        answer = await iam(
            "SimulateCustomPolicy", **asked, PermissionsBoundaryPolicyInputList=[policy(statement)]
        )
        (result,) = answer["EvaluationResults"]
        detail = result["PermissionsBoundaryDecisionDetail"]
        assert (detail["AllowedByPermissionsBoundary"], result["EvalDecision"]) == (allowed, word)
        matched = [one["SourcePolicyId"] for one in result["MatchedStatements"]]
        assert "PermissionsBoundaryPolicyInputList.1" not in matched or word == "explicitDeny"
    (result,) = (await iam("SimulateCustomPolicy", **asked))["EvaluationResults"]
    assert "PermissionsBoundaryDecisionDetail" not in result
    bound = await iam("CreatePolicy", PolicyName="b", PolicyDocument=policy(allow("ec2:*")))
    await iam(
        "PutRolePermissionsBoundary",
        RoleName="ecsTaskExecutionRole",
        PermissionsBoundary=bound["Policy"]["Arn"],
    )
    (result,) = (await iam("SimulatePrincipalPolicy", PolicySourceArn=ROLE, **asked))[
        "EvaluationResults"
    ]
    assert result["EvalDecision"] == "implicitDeny"


async def test_a_resource_policy_counts_for_its_caller(ask, refused):
    user = "arn:aws:iam::111111111111:user/eve"
    resource = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": user},
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::b/*",
                }
            ],
        }
    )
    asked = {
        "PolicyInputList": [policy(allow("ec2:*"))],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::b/x"],
        "ResourcePolicy": resource,
    }
    assert (await refused("SimulateCustomPolicy", **asked)).code == "InvalidInput"
    (result,) = (await ask("SimulateCustomPolicy", **asked, CallerArn=user))["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    (match,) = result["MatchedStatements"]
    assert (match["SourcePolicyId"], match["SourcePolicyType"]) == (
        "ResourcePolicy",
        "Resource Policy",
    )
    owner = {"CallerArn": user, "ResourceOwner": "arn:aws:iam::222222222222:root"}
    (result,) = (await ask("SimulateCustomPolicy", **asked, **owner))["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["EvalDecisionDetails"] == {
        "IAM Policy": "implicitDeny",
        "Resource Policy": "allowed",
    }


async def test_results_come_in_pages(ask):
    asked = {
        "PolicyInputList": [policy(allow())],
        "ActionNames": [f"s3:Get{number}" for number in range(5)],
        "ResourceArns": ["*", "arn:aws:s3:::a"],
    }
    seen, more = [], {}
    while more is not None:
        answer = await ask("SimulateCustomPolicy", **asked, MaxItems=3, **more)
        seen += [
            (one["EvalActionName"], one["EvalResourceName"]) for one in answer["EvaluationResults"]
        ]
        more = {"Marker": answer["Marker"]} if answer["IsTruncated"] else None
    assert seen == [
        (action, arn) for action in asked["ActionNames"] for arn in asked["ResourceArns"]
    ]


async def test_context_keys_are_told_as_they_are_spelled(iam):
    document = policy(
        allow(
            "s3:*",
            "arn:aws:s3:::${aws:username}/*",
            Condition={"Null": {"aws:TokenIssueTime": "true"}},
        )
    )
    answer = await iam("GetContextKeysForCustomPolicy", PolicyInputList=[AFTER, document])
    assert answer["ContextKeyNames"] == ["aws:CurrentTime", "aws:TokenIssueTime", "aws:username"]
    await iam(
        "PutRolePolicy",
        RoleName="ecsTaskExecutionRole",
        PolicyName="p",
        PolicyDocument=document,
    )
    answer = await iam(
        "GetContextKeysForPrincipalPolicy", PolicySourceArn=ROLE, PolicyInputList=[AFTER]
    )
    assert answer["ContextKeyNames"] == ["aws:CurrentTime", "aws:TokenIssueTime", "aws:username"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"PolicySourceArn": f"{ROLE}X"}, "NoSuchEntity"),
        ({"PolicySourceArn": "arn:aws:sts::000000000000:assumed-role/a/b"}, "InvalidInput"),
        (
            {"PolicySourceArn": "arn:aws:iam::111111111111:role/ecsTaskExecutionRole"},
            "NoSuchEntity",
        ),
        ({"PolicySourceArn": ROLE, "ActionNames": ["GetObject"]}, "InvalidInput"),
        ({"PolicySourceArn": ROLE, "PolicyInputList": ["{"]}, "InvalidInput"),
        ({"PolicySourceArn": ROLE, "ResourceHandlingOption": "EC2-VPC-EBS"}, "InvalidInput"),
    ],
)
async def test_what_cannot_be_simulated_is_refused(iam, refused, request_, code):
    asked = {"ActionNames": ["s3:GetObject"], **request_}
    assert (await refused("SimulatePrincipalPolicy", **asked)).code == code


async def test_every_policy_of_awss_own_can_be_simulated(ask):
    policies = (await ask("ListPolicies", Scope="AWS", MaxItems=1000))["Policies"]
    await ask("CreateRole", RoleName="all", AssumeRolePolicyDocument=TRUST)
    attachable = [one for one in policies if "aws-service-role" not in one["Arn"]]
    for one in attachable:
        name = {"RoleName": "all", "PolicyArn": one["Arn"]}
        await ask("AttachRolePolicy", **name)
        answer = await ask(
            "SimulatePrincipalPolicy",
            PolicySourceArn="arn:aws:iam::000000000000:role/all",
            ActionNames=["made-up:Nothing"],
        )
        (result,) = answer["EvaluationResults"]
        everything = one["PolicyName"] in ("AdministratorAccess", "PowerUserAccess")
        assert (result["EvalDecision"] == "allowed") is everything, one["PolicyName"]
        await ask("DetachRolePolicy", **name)
    assert len(attachable) > 25
