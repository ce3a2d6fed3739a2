"""Parameters as clients of Parameter Store see them."""

import base64
import json
from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers.planned_end import PlannedEndController
from ecsd.records.ssm.parameter import Parameter, ParameterVersion
from tests.conftest import SCOPE

HEAD = "arn:aws:ssm:us-east-1:000000000000:parameter"
OVER = {"Overwrite": True}


async def test_a_parameter_has_what_was_put(ssm, put):
    assert await put("/app/db", "postgres", Description="where") == 1
    found = (await ssm("GetParameter", Name="/app/db"))["Parameter"]
    assert found == {
        "Name": "/app/db",
        "Type": "String",
        "Value": "postgres",
        "Version": 1,
        "LastModifiedDate": VIRTUAL_START,
        "ARN": f"{HEAD}/app/db",
        "DataType": "text",
    }
    [described] = (await ssm("DescribeParameters"))["Parameters"]
    assert (described["Tier"], described["Description"]) == ("Standard", "where")
    assert described["LastModifiedUser"] == "arn:aws:iam::000000000000:root"
    assert "Value" not in described


async def test_a_secure_string_shows_its_ciphertext_until_it_is_decrypted(ssm, put, client, store):
    await put("/app/password", "hunter2", "SecureString")
    hidden = (await ssm("GetParameter", Name="/app/password"))["Parameter"]["Value"]
    assert b"hunter2" not in base64.b64decode(hidden)
    shown = await ssm("GetParameter", Name="/app/password", WithDecryption=True)
    assert shown["Parameter"]["Value"] == "hunter2"
    [described] = (await ssm("DescribeParameters"))["Parameters"]
    assert described["KeyId"] == "alias/aws/ssm"
    opened = await client("kms")(
        "Decrypt",
        CiphertextBlob=base64.b64decode(hidden),
        EncryptionContext={"PARAMETER_ARN": f"{HEAD}/app/password"},
    )
    assert opened["Plaintext"] == b"hunter2"


async def test_no_value_lies_in_the_store_in_plain_text(put, store):
    for kind in ("String", "StringList", "SecureString"):
        await put(f"/{kind}", "hunter2", kind)
    assert "hunter2" not in str(store.view(SCOPE).select(ParameterVersion))


async def test_a_disabled_key_keeps_its_parameters_shut(ssm, put, refused, client, moment):
    kms = client("kms", clock=moment)
    key = (await kms("CreateKey"))["KeyMetadata"]["Arn"]
    await put("p", "hunter2", "SecureString", KeyId=key)
    await kms("DisableKey", KeyId=key)
    error = await refused("GetParameter", Name="p", WithDecryption=True)
    assert error.code == "InvalidKeyId"
    assert error.message.startswith(f"{key} is disabled. (Service: AWSKMS; Status Code: 400; ")
    more = {"Value": "x", "Type": "SecureString", "KeyId": key}
    assert (await refused("PutParameter", Name="q", **more)).code == "InvalidKeyId"
    missing = more | {"KeyId": "alias/none"}
    assert (await refused("PutParameter", Name="q", **missing)).code == "InvalidKeyId"
    plain = {"Value": "x", "Type": "String", "KeyId": key}
    assert (await refused("PutParameter", Name="q", **plain)).code == "ValidationException"


async def test_another_version_may_be_of_another_type(ssm, put):
    await put("p", "one")
    await put("p", "two", "SecureString", **OVER)
    await ssm("PutParameter", Name="p", Value="three", **OVER)  # its type stays
    for version, kind in ((1, "String"), (2, "SecureString"), (3, "SecureString")):
        found = await ssm("GetParameter", Name=f"p:{version}", WithDecryption=True)
        assert found["Parameter"]["Type"] == kind
    assert found["Parameter"]["Value"] == "three"
    await put("p", "four", "String", **OVER)
    [described] = (await ssm("DescribeParameters"))["Parameters"]
    assert "KeyId" not in described


async def test_versions_are_kept_and_found_by_number_and_label(ssm, put, refused):
    for value in ("one", "two", "three"):
        await put("/p", value, **OVER)
    await ssm("LabelParameterVersion", Name="/p", ParameterVersion=2, Labels=["prod", "blue"])
    for selector, value in ((":1", "one"), (":prod", "two"), ("", "three")):
        found = (await ssm("GetParameter", Name=f"/p{selector}"))["Parameter"]
        assert (found["Value"], found.get("Selector")) == (value, selector or None)
        by_arn = await ssm("GetParameter", Name=f"{HEAD}/p{selector}")
        assert by_arn["Parameter"]["Value"] == value
    for selector in ("9", "none"):
        error = await refused("GetParameter", Name=f"/p:{selector}")
        assert error.code == "ParameterVersionNotFound"
    history = (await ssm("GetParameterHistory", Name="/p"))["Parameters"]
    assert [one["Value"] for one in history] == ["one", "two", "three"]
    assert history[1]["Labels"] == ["prod", "blue"]


async def test_a_label_moves_to_another_version(ssm, put, refused):
    await put("p", "one")
    await put("p", "two", **OVER)
    await ssm("LabelParameterVersion", Name="p", ParameterVersion=1, Labels=["live", "1x", "aws-x"])
    answer = await ssm("LabelParameterVersion", Name="p", Labels=["live", "ssm.x"])
    assert answer == {"InvalidLabels": ["ssm.x"], "ParameterVersion": 2}
    assert (await ssm("GetParameter", Name="p:live"))["Parameter"]["Value"] == "two"
    gone = await ssm("UnlabelParameterVersion", Name="p", ParameterVersion=2, Labels=["live", "x"])
    assert gone == {"RemovedLabels": ["live"], "InvalidLabels": ["x"]}
    assert (await refused("GetParameter", Name="p:live")).code == "ParameterVersionNotFound"
    many = [f"l{number}" for number in range(10)]
    await ssm("LabelParameterVersion", Name="p", Labels=many)
    error = await refused("LabelParameterVersion", Name="p", Labels=["more"])
    assert error.code == "ParameterVersionLabelLimitExceeded"


async def test_the_hundred_and_first_version_takes_the_oldest_ones_place(ssm, put, refused):
    for _ in range(101):
        await put("p", **OVER)
    assert (await refused("GetParameter", Name="p:1")).code == "ParameterVersionNotFound"
    await ssm("LabelParameterVersion", Name="p", ParameterVersion=2, Labels=["keep"])
    error = await refused("PutParameter", Name="p", Value="v", **OVER)
    assert error.code == "ParameterMaxVersionLimitExceeded"


async def test_what_is_there_is_replaced_only_when_that_is_said(ssm, put, refused):
    await put("p", Tags=[{"Key": "a", "Value": "b"}])
    again = {"Name": "p", "Value": "w", "Type": "String"}
    assert (await refused("PutParameter", **again)).code == "ParameterAlreadyExists"
    tagged = again | {"Tags": [{"Key": "c", "Value": "d"}]} | OVER
    assert (await refused("PutParameter", **tagged)).code == "ValidationException"
    untyped = await refused("PutParameter", Name="q", Value="w")
    assert untyped.message == "A parameter type is required when you create a parameter."
    tags = await ssm("ListTagsForResource", ResourceType="Parameter", ResourceId="p")
    assert tags["TagList"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("aws/x", "ValidationException"),
        ("/SSM-x", "ValidationException"),
        ("a/b", "ValidationException"),
        ("/a//b", "ValidationException"),
        ("/a/", "ValidationException"),
        ("a b", "ValidationException"),
        ("/x" * 16, "HierarchyLevelLimitExceededException"),
        ("x" * 1011, "ValidationException"),
    ],
)
async def test_names_that_are_none_are_refused(refused, name, code):
    assert (await refused("PutParameter", Name=name, Value="v", Type="String")).code == code


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"DataType": "aws:ec2:image"}, "ValidationException", "aws:ec2:image"),
        ({"Value": "x" * 4097}, "ValidationException", "4096"),
        ({"Value": "x" * 8193, "Tier": "Advanced"}, "ValidationException", "8192"),
        ({"Value": ""}, "ValidationException", "Value"),
        ({"AllowedPattern": "^\\d+$"}, "ParameterPatternMismatchException", "^\\d+$"),
        ({"AllowedPattern": "("}, "InvalidAllowedPatternException", "regular expression"),
        ({"AllowedPattern": "^(a+)+$"}, "InvalidAllowedPatternException", "itself repeats"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "ValidationException", "aws:x"),
    ],
)
async def test_values_that_do_not_fit_are_refused(refused, members, code, words):
    error = await refused("PutParameter", **{"Name": "p", "Value": "v", "Type": "String"} | members)
    assert error.code == code
    assert words in error.message


async def test_tiers_grow_and_never_shrink(ssm, put, refused):
    tier = {"Tier": "Intelligent-Tiering"}
    small = await ssm("PutParameter", Name="p", Value="v", Type="String", **tier)
    assert small["Tier"] == "Standard"
    large = await ssm("PutParameter", Name="p", Value="x" * 5000, **tier, **OVER)
    assert large["Tier"] == "Advanced"
    assert (await ssm("PutParameter", Name="p", Value="v", **tier, **OVER))["Tier"] == "Advanced"
    assert (await ssm("PutParameter", Name="p", Value="v", **OVER))["Tier"] == "Advanced"
    error = await refused("PutParameter", Name="p", Value="v", Tier="Standard", **OVER)
    assert "can't downgrade" in error.message


async def test_a_parameter_expires_when_its_policy_says_so(ssm, put, refused, moment, store):
    when = VIRTUAL_START + timedelta(days=1)
    policy = {
        "Type": "Expiration",
        "Version": "1.0",
        "Attributes": {"Timestamp": when.isoformat()},
    }
    await put("p", Tier="Advanced", Policies=json.dumps([policy]))
    [described] = (await ssm("DescribeParameters"))["Parameters"]
    [shown] = described["Policies"]
    assert json.loads(shown["PolicyText"]) == policy
    controller = PlannedEndController(store, moment)
    [parameter] = store.view(SCOPE).select(Parameter)
    key = f"{parameter.KIND}|p"
    assert await controller.reconcile(SCOPE, key) == when
    moment.pass_by(days=1)
    assert await controller.reconcile(SCOPE, key) is None
    assert (await refused("GetParameter", Name="p")).code == "ParameterNotFound"
    assert store.view(SCOPE).select(ParameterVersion) == []
    past = {**policy, "Attributes": {"Timestamp": "2001-01-01T00:00:00Z"}}
    for policies, code in (
        ([past], "InvalidPolicyAttributeException"),
        ([{**policy, "Attributes": {}}], "InvalidPolicyAttributeException"),
        ([{**policy, "Version": "2"}], "InvalidPolicyAttributeException"),
        ([policy, policy], "IncompatiblePolicyException"),
        ([{**policy, "Type": "ExpirationNotification"}], "InvalidPolicyTypeException"),
        ([{**policy, "Type": "NoChangeNotification"}], "InvalidPolicyTypeException"),
        ([policy] * 11, "PoliciesLimitExceededException"),
        ("x", "ValidationException"),
    ):
        members = {"Name": "q", "Value": "v", "Type": "String", "Tier": "Advanced"}
        error = await refused("PutParameter", Policies=json.dumps(policies), **members)
        assert error.code == code, policies


async def test_paths_are_read_level_by_level_or_whole(ssm, put, refused):
    for name in ("/app/a", "/app/b", "/app/c/d", "/apple", "app"):
        await put(name)

    async def names(**more):
        found = await ssm("GetParametersByPath", Path="/app", **more)
        return [one["Name"] for one in found["Parameters"]]

    assert await names() == ["/app/a", "/app/b"]
    assert await names(Recursive=True) == ["/app/a", "/app/b", "/app/c/d"]
    page = await ssm("GetParametersByPath", Path="/app/", Recursive=True, MaxResults=2)
    rest = await ssm(
        "GetParametersByPath", Path="/app/", Recursive=True, NextToken=page["NextToken"]
    )
    assert [one["Name"] for one in rest["Parameters"]] == ["/app/c/d"]
    assert "NextToken" not in rest
    error = await refused("GetParametersByPath", Path="/app", NextToken="x")
    assert error.code == "InvalidNextToken"
    assert (await refused("GetParametersByPath", Path="app")).code == "ValidationException"
    await ssm("LabelParameterVersion", Name="/app/a", Labels=["live"])
    await put("/app/a", "new", **OVER)
    by_label = {"ParameterFilters": [{"Key": "Label", "Values": ["live"]}]}
    [found] = (await ssm("GetParametersByPath", Path="/app", **by_label))["Parameters"]
    assert (found["Name"], found["Value"]) == ("/app/a", "v")


async def test_several_are_read_and_deleted_at_once(ssm, put):
    await put("a")
    await put("/b")
    names = ["a", f"{HEAD}/b", "a:9", "none", "arn:aws:ssm:eu-west-1:000000000000:parameter/a"]
    answer = await ssm("GetParameters", Names=names)
    assert [one["Name"] for one in answer["Parameters"]] == ["a", "/b"]
    assert answer["InvalidParameters"] == names[2:]
    gone = await ssm("DeleteParameters", Names=["a", "none"])
    assert gone == {"DeletedParameters": ["a"], "InvalidParameters": ["none"]}
    await ssm("DeleteParameter", Name="/b")
    assert (await ssm("DescribeParameters"))["Parameters"] == []


async def test_what_is_not_there_is_not_found(refused):
    for name in ("p", "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended"):
        assert (await refused("GetParameter", Name=name)).code == "ParameterNotFound"
    for name in ("DeleteParameter", "GetParameterHistory"):
        assert (await refused(name, Name="p")).code == "ParameterNotFound"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([{"Key": "Name", "Values": ["/app/a"]}], ["/app/a"]),
        ([{"Key": "Name", "Option": "Contains", "Values": ["p"]}], ["/app/a", "/app/x/b"]),
        ([{"Key": "Path", "Values": ["/app"]}], ["/app/a"]),
        ([{"Key": "Path", "Option": "Recursive", "Values": ["/app"]}], ["/app/a", "/app/x/b"]),
        ([{"Key": "Type", "Values": ["SecureString"]}], ["c"]),
        ([{"Key": "KeyId", "Option": "BeginsWith", "Values": ["alias/"]}], ["c"]),
        ([{"Key": "tag:team", "Values": ["x", "y"]}], ["c"]),
        ([{"Key": "tag:team"}], ["c"]),
        ([{"Key": "tag:other"}], []),
        ([{"Key": "Tier", "Values": ["Advanced"]}], []),
        (
            [{"Key": "Type", "Values": ["String"]}, {"Key": "Name", "Values": ["c"]}],
            [],
        ),
    ],
)
async def test_filters_choose(ssm, put, filters, names):
    await put("/app/a")
    await put("/app/x/b")
    await put("c", kind="SecureString", Tags=[{"Key": "team", "Value": "x"}])
    found = (await ssm("DescribeParameters", ParameterFilters=filters))["Parameters"]
    assert [one["Name"] for one in found] == names


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"Key": "Label", "Values": ["x"]}, "InvalidFilterKey"),
        ({"Key": "Name", "Option": "Recursive", "Values": ["x"]}, "InvalidFilterOption"),
        ({"Key": "Name"}, "InvalidFilterValue"),
        ({"Key": "Path", "Values": ["x"]}, "InvalidFilterValue"),
    ],
)
async def test_filters_that_are_none_are_refused(refused, one, code):
    assert (await refused("DescribeParameters", ParameterFilters=[one])).code == code


async def test_tags_belong_to_parameters_alone(ssm, put, refused):
    await put("p")
    named = {"ResourceType": "Parameter", "ResourceId": "p"}
    await ssm("AddTagsToResource", Tags=[{"Key": "a", "Value": "1"}], **named)
    await ssm("AddTagsToResource", Tags=[{"Key": "b", "Value": "2"}], **named)
    await ssm("RemoveTagsFromResource", TagKeys=["a"], **named)
    tags = (await ssm("ListTagsForResource", **named))["TagList"]
    assert tags == [{"Key": "b", "Value": "2"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert (await refused("AddTagsToResource", Tags=many, **named)).code == "TooManyTagsError"
    other = named | {"ResourceType": "Document"}
    assert (await refused("ListTagsForResource", **other)).code == "InvalidResourceType"
    none = named | {"ResourceId": "none"}
    assert (await refused("ListTagsForResource", **none)).code == "InvalidResourceId"
