"""IAM as clients see it."""

import json
from urllib.parse import unquote

import pytest

from ecsd.errors import AwsError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


@pytest.fixture
async def iam(client):
    ask = client("iam")
    await ask("CreateRole", RoleName="app", AssumeRolePolicyDocument=TRUST)
    return ask


async def refused(awaitable):
    with pytest.raises(AwsError) as caught:
        await awaitable
    return caught.value.code, caught.value.status, caught.value.message


async def test_a_role_is_returned_as_terraform_reads_it(iam):
    role = (await iam("GetRole", RoleName="app"))["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/app"
    assert role["RoleId"].startswith("AROA")
    assert len(role["RoleId"]) == 21
    assert (role["Path"], role["MaxSessionDuration"]) == ("/", 3600)
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUST
    assert " " not in role["AssumeRolePolicyDocument"]
    assert "Tags" not in role
    assert role["RoleLastUsed"] == {}


async def test_names_differ_by_more_than_case(iam):
    code, status, message = await refused(
        iam("CreateRole", RoleName="APP", AssumeRolePolicyDocument=TRUST)
    )
    assert (code, status) == ("EntityAlreadyExists", 409)
    assert message == "Role with name APP already exists."


async def test_what_is_not_there_answers_404(iam):
    assert await refused(iam("GetRole", RoleName="x")) == (
        "NoSuchEntity",
        404,
        "The role with name x cannot be found.",
    )
    assert await refused(iam("GetRolePolicy", RoleName="app", PolicyName="x")) == (
        "NoSuchEntity",
        404,
        "The role policy with name x cannot be found.",
    )
    arn = "arn:aws:iam::000000000000:policy/x"
    assert (await refused(iam("GetPolicy", PolicyArn=arn)))[2] == f"Policy {arn} was not found."
    assert (await refused(iam("AttachRolePolicy", RoleName="app", PolicyArn=arn)))[2] == (
        f"Policy {arn} does not exist or is not attachable."
    )
    assert (await refused(iam("GetInstanceProfile", InstanceProfileName="x")))[2] == (
        "Instance Profile x cannot be found."
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (DOCUMENT.replace("2012-10-17", "2013-01-01"), "Syntax errors in policy."),
        (DOCUMENT.replace("2012-10-17", "2008-10-17"), "version 2012-10-17 or greater"),
        (DOCUMENT.replace("Allow", "Maybe"), "Invalid effect: Maybe"),
        (DOCUMENT.replace('"s3:GetObject"', "[]"), "must contain actions"),
        (DOCUMENT.replace("s3:GetObject", "GetObject"), "prefaced by a vendor"),
        (DOCUMENT.replace('"*"', '"bucket"'), 'Resource bucket must be in ARN format or "*".'),
        (DOCUMENT.replace('"Resource": "*"', '"Sid": "a"'), "must contain resources"),
        (DOCUMENT.replace('"Effect"', '"Principal": "*", "Effect"'), "specify a principal"),
        (DOCUMENT.replace('"Effect"', '"Condition": {"X": {}}, "Effect"'), "Syntax errors"),
        (DOCUMENT.replace("Statement", "Statements"), "Syntax errors"),
    ],
)
async def test_a_malformed_document_is_refused_and_nothing_stored(iam, document, words):
    code, status, message = await refused(
        iam("PutRolePolicy", RoleName="app", PolicyName="p", PolicyDocument=document)
    )
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert words in message
    assert (await iam("ListRolePolicies", RoleName="app"))["PolicyNames"] == []


async def test_a_malformed_document_is_refused_with_the_place(iam):
    second = DOCUMENT.replace("[{", '[{"Effect": "Deny", "Action": "*", "Resource": "*"},\n{')
    for document, place in (
        (second.replace("s3:GetObject", "GetObject"), "(statement 2, which ends in line 2)"),
        ('{"Version": \n\n!', "byte 14"),
        ("[" * 100_000, "nested too deeply"),
    ):
        request = {"RoleName": "app", "PolicyName": "p", "PolicyDocument": document}
        code, _, message = await refused(iam("PutRolePolicy", **request))
        assert (code, place in message) == ("MalformedPolicyDocument", True), message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (DOCUMENT, "Has prohibited field Resource"),
        (TRUST.replace("sts:AssumeRole", "s3:Get"), "may only specify STS AssumeRole actions"),
        (TRUST.replace("ecs-tasks.amazonaws.com", "x"), 'Invalid principal in policy: "SERVICE"'),
        (TRUST.replace('"Principal"', '"Sid"'), "Syntax errors"),
    ],
)
async def test_a_trust_policy_has_rules_of_its_own(iam, document, words):
    code, _, message = await refused(
        iam("UpdateAssumeRolePolicy", RoleName="app", PolicyDocument=document)
    )
    assert code == "MalformedPolicyDocument"
    assert words in message


async def test_a_role_in_use_cannot_be_deleted(iam):
    await iam("PutRolePolicy", RoleName="app", PolicyName="p", PolicyDocument=DOCUMENT)
    await iam("AttachRolePolicy", RoleName="app", PolicyArn=EXECUTION)
    await iam("CreateInstanceProfile", InstanceProfileName="i")
    await iam("AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="app")
    reasons = []
    for name, more in [
        ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "i"}),
        ("DetachRolePolicy", {"PolicyArn": EXECUTION}),
        ("DeleteRolePolicy", {"PolicyName": "p"}),
    ]:
        code, status, message = await refused(iam("DeleteRole", RoleName="app"))
        assert (code, status) == ("DeleteConflict", 409)
        reasons.append(message)
        await iam(name, RoleName="app", **more)
    assert reasons == [
        "Cannot delete entity, must remove roles from instance profile first.",
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
    ]
    await iam("DeleteRole", RoleName="app")
    assert (await iam("ListRoles"))["Roles"] == []


async def test_inline_policies_come_back_url_encoded(iam):
    await iam("PutRolePolicy", RoleName="app", PolicyName="p", PolicyDocument=DOCUMENT)
    answer = await iam("GetRolePolicy", RoleName="app", PolicyName="p")
    assert answer["PolicyDocument"].startswith("%7B%22Version%22%3A%20%222012-10-17")
    assert unquote(answer["PolicyDocument"]) == DOCUMENT
    big = DOCUMENT.replace("s3:GetObject", "s3:" + "G" * 10_300)
    assert (
        await refused(iam("PutRolePolicy", RoleName="app", PolicyName="q", PolicyDocument=big))
    )[0] == "LimitExceeded"


async def test_managed_policies_have_versions(iam):
    policy = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=DOCUMENT))["Policy"]
    arn = policy["Arn"]
    assert (arn, policy["DefaultVersionId"]) == ("arn:aws:iam::000000000000:policy/p", "v1")
    for number in range(2, 6):
        version = await iam(
            "CreatePolicyVersion",
            PolicyArn=arn,
            PolicyDocument=DOCUMENT,
            SetAsDefault=number == 3,
        )
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    assert (await refused(iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DOCUMENT)))[
        0
    ] == "LimitExceeded"
    listed = await iam("ListPolicyVersions", PolicyArn=arn)
    assert [(one["VersionId"], one["IsDefaultVersion"]) for one in listed["Versions"]] == [
        ("v5", False),
        ("v4", False),
        ("v3", True),
        ("v2", False),
        ("v1", False),
    ]
    assert (await refused(iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")))[0] == (
        "DeleteConflict"
    )
    assert (await refused(iam("DeletePolicy", PolicyArn=arn)))[0] == "DeleteConflict"
    await iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
    for number in range(2, 6):
        await iam("DeletePolicyVersion", PolicyArn=arn, VersionId=f"v{number}")
    await iam("AttachRolePolicy", RoleName="app", PolicyArn=arn)
    assert (await iam("GetPolicy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 1
    assert (await refused(iam("DeletePolicy", PolicyArn=arn)))[0] == "DeleteConflict"
    await iam("DetachRolePolicy", RoleName="app", PolicyArn=arn)
    await iam("DeletePolicy", PolicyArn=arn)
    assert (await iam("ListPolicies", Scope="Local"))["Policies"] == []


async def test_awss_own_policies_are_there_and_cannot_be_changed(iam):
    await iam("AttachRolePolicy", RoleName="app", PolicyArn=EXECUTION)
    await iam("AttachRolePolicy", RoleName="app", PolicyArn=EXECUTION)
    attached = await iam("ListAttachedRolePolicies", RoleName="app")
    assert attached["AttachedPolicies"] == [
        {"PolicyName": "AmazonECSTaskExecutionRolePolicy", "PolicyArn": EXECUTION}
    ]
    policy = (await iam("GetPolicy", PolicyArn=EXECUTION))["Policy"]
    version = await iam(
        "GetPolicyVersion", PolicyArn=EXECUTION, VersionId=policy["DefaultVersionId"]
    )
    document = json.loads(unquote(version["PolicyVersion"]["Document"]))
    assert "ecr:GetAuthorizationToken" in document["Statement"][0]["Action"]
    entities = await iam("ListEntitiesForPolicy", PolicyArn=EXECUTION)
    assert [one["RoleName"] for one in entities["PolicyRoles"]] == ["app"]
    assert (await refused(iam("DeletePolicy", PolicyArn=EXECUTION)))[0] == "AccessDenied"
    linked = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy"
    assert (await refused(iam("AttachRolePolicy", RoleName="app", PolicyArn=linked)))[0] == (
        "PolicyNotAttachable"
    )


async def test_ten_policies_can_be_attached(iam):
    arns = []
    for number in range(11):
        made = await iam("CreatePolicy", PolicyName=f"p{number}", PolicyDocument=DOCUMENT)
        arns.append(made["Policy"]["Arn"])
    for arn in arns[:10]:
        await iam("AttachRolePolicy", RoleName="app", PolicyArn=arn)
    code, status, _ = await refused(iam("AttachRolePolicy", RoleName="app", PolicyArn=arns[10]))
    assert (code, status) == ("LimitExceeded", 409)


async def test_a_boundary_is_shown_counted_and_removed(iam):
    await iam("PutRolePermissionsBoundary", RoleName="app", PermissionsBoundary=EXECUTION)
    role = (await iam("GetRole", RoleName="app"))["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == EXECUTION
    policy = (await iam("GetPolicy", PolicyArn=EXECUTION))["Policy"]
    assert policy["PermissionsBoundaryUsageCount"] == 1
    await iam("DeleteRolePermissionsBoundary", RoleName="app")
    assert (await refused(iam("DeleteRolePermissionsBoundary", RoleName="app")))[1] == 404


async def test_instance_profiles_wear_one_role(iam):
    await iam("CreateInstanceProfile", InstanceProfileName="i", Path="/x/")
    await iam("AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="app")
    assert (
        await refused(iam("AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="app"))
    )[0] == "LimitExceeded"
    profile = (await iam("GetInstanceProfile", InstanceProfileName="i"))["InstanceProfile"]
    assert profile["Arn"] == "arn:aws:iam::000000000000:instance-profile/x/i"
    assert [one["RoleName"] for one in profile["Roles"]] == ["app"]
    for_role = await iam("ListInstanceProfilesForRole", RoleName="app")
    assert [one["InstanceProfileName"] for one in for_role["InstanceProfiles"]] == ["i"]
    assert (await refused(iam("DeleteInstanceProfile", InstanceProfileName="i")))[0] == (
        "DeleteConflict"
    )
    assert (await iam("ListInstanceProfiles", PathPrefix="/y/"))["InstanceProfiles"] == []


async def test_lists_come_in_pages_and_by_path(iam):
    for number in range(5):
        await iam(
            "CreateRole", RoleName=f"r{number}", Path="/team/", AssumeRolePolicyDocument=TRUST
        )
    seen, more = [], {}
    while more is not None:
        answer = await iam("ListRoles", PathPrefix="/team/", MaxItems=2, **more)
        seen += [one["RoleName"] for one in answer["Roles"]]
        assert answer["IsTruncated"] is ("Marker" in answer)
        more = {"Marker": answer["Marker"]} if answer["IsTruncated"] else None
    assert seen == [f"r{number}" for number in range(5)]
    assert (await refused(iam("ListRoles", Marker="é")))[0] == "ValidationError"


async def test_tags_know_no_case_and_end_at_fifty(iam):
    tags = [{"Key": "Team", "Value": "a"}]
    await iam("TagRole", RoleName="app", Tags=tags)
    await iam("TagRole", RoleName="app", Tags=[{"Key": "team", "Value": "b"}])
    assert (await iam("ListRoleTags", RoleName="app"))["Tags"] == [{"Key": "team", "Value": "b"}]
    doubled = [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]
    assert (await refused(iam("TagRole", RoleName="app", Tags=doubled)))[0] == "InvalidInput"
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert (await refused(iam("TagRole", RoleName="app", Tags=many)))[0] == "LimitExceeded"
    await iam("UntagRole", RoleName="app", TagKeys=["TEAM"])
    assert (await iam("ListRoleTags", RoleName="app"))["Tags"] == []
    policy = await iam("CreatePolicy", PolicyName="p", PolicyDocument=DOCUMENT, Tags=tags)
    arn = policy["Policy"]["Arn"]
    assert (await iam("ListPolicyTags", PolicyArn=arn))["Tags"] == tags
    assert (await refused(iam("TagPolicy", PolicyArn=EXECUTION, Tags=tags)))[0] == "AccessDenied"


async def test_update_role_resets_what_is_not_given(iam):
    await iam("UpdateRole", RoleName="app", Description="d", MaxSessionDuration=7200)
    await iam("UpdateRole", RoleName="app")
    role = (await iam("GetRole", RoleName="app"))["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("d", 3600)
    code, _, message = await refused(
        iam("UpdateRole", RoleName="app", MaxSigninSessionDuration=3600)
    )
    assert (code, "MaxSigninSessionDuration" in message) == ("InvalidInput", True)


async def test_service_linked_roles_belong_to_their_service(iam, client):
    role = (await iam("CreateServiceLinkedRole", AWSServiceName="ecs.amazonaws.com"))["Role"]
    assert role["Arn"] == (
        "arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    )
    name = role["RoleName"]
    assert (await refused(iam("CreateServiceLinkedRole", AWSServiceName="ecs.amazonaws.com")))[
        2
    ] == (
        "Service role name AWSServiceRoleForECS has been taken in this account, "
        "please try a different suffix."
    )
    assert (await refused(iam("DeleteRole", RoleName=name)))[0] == "UnmodifiableEntity"
    task = (await iam("DeleteServiceLinkedRole", RoleName=name))["DeletionTaskId"]
    status = await iam("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    assert status == {"Status": "SUCCEEDED"}
    assert (await refused(iam("GetRole", RoleName=name)))[1] == 404


async def test_the_summary_counts(iam):
    summary = (await iam("GetAccountSummary"))["SummaryMap"]
    assert (summary["Roles"], summary["Policies"]) == (1, 0)
    assert (await iam("ListAccountAliases"))["AccountAliases"] == []


async def test_accounts_do_not_see_each_other(iam, client):
    other = client("iam", account="1" * 12)
    assert (await refused(other("GetRole", RoleName="app")))[1] == 404
    regional = client("iam", region="eu-west-1")
    assert (await regional("GetRole", RoleName="app"))["Role"]["RoleName"] == "app"
