"""Strict mode: keys, secrets and parameters, whose own policies count too."""

import json

import pytest
from msgspec.structs import replace
from signed_client import ROOT_KEY, STRICT, SignedClient

from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import needs_of
from ecsd.store.scope import Scope
from ecsd.store.store import Store

HOME = "us-east-1:000000000000"
BOB = "arn:aws:iam::000000000000:user/bob"
ROOT = "arn:aws:iam::000000000000:root"
PARAMETER = f"arn:aws:ssm:{HOME}:parameter"
SECRET = f"arn:aws:secretsmanager:{HOME}:secret"
FUNCTION = f"arn:aws:lambda:{HOME}:function:rotate"


def statement(effect, action, resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def allow(action, resource="*", **more):
    return statement("Allow", action, resource, **more)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def named(*principals):
    return {"Principal": {"AWS": list(principals)}}


@pytest.fixture
def client(store):
    return SignedClient(store)


@pytest.fixture
async def key(client):
    """The ARN of a customer's key with the default policy."""
    return (await client.ask(ROOT_KEY, "kms", "CreateKey")).output["KeyMetadata"]["Arn"]


async def secure(client, key):
    """Put a secure string and a secret under a key."""
    value = {"Value": "hunter2", "Type": "SecureString", "KeyId": key}
    made = await client.ask(ROOT_KEY, "ssm", "PutParameter", Name="p", **value)
    assert made.status == 200, made
    made = await client.ask(
        ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", SecretString="hunter2", KmsKeyId=key
    )
    assert made.status == 200, made
    return made.output["ARN"]


@pytest.mark.parametrize(
    ("service", "operation", "members", "resources"),
    [
        ("ssm", "GetParameter", {"Name": "/a/b:3"}, [f"{PARAMETER}/a/b"]),
        ("ssm", "GetParameter", {"Name": f"{PARAMETER}/a:x"}, [f"{PARAMETER}/a"]),
        ("ssm", "GetParameters", {"Names": ["a", "/b"]}, [f"{PARAMETER}/a", f"{PARAMETER}/b"]),
        ("ssm", "GetParametersByPath", {"Path": "/a"}, [f"{PARAMETER}/a"]),
        ("ssm", "DescribeParameters", {}, [f"arn:aws:ssm:{HOME}:*"]),
        ("secretsmanager", "CreateSecret", {"Name": "n"}, [f"{SECRET}:n-??????"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "n"}, [f"{SECRET}:n-??????"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": f"{SECRET}:n"}, [f"{SECRET}:n"]),
        (
            "secretsmanager",
            "BatchGetSecretValue",
            {"SecretIdList": ["n"]},
            ["*", f"{SECRET}:n-??????"],
        ),
        (
            "kms",
            "CreateAlias",
            {"AliasName": "alias/a", "TargetKeyId": "x"},
            [f"arn:aws:kms:{HOME}:alias/a", "*"],
        ),
        ("kms", "ListKeys", {}, ["*"]),
    ],
)
def test_what_a_request_is_about(service, operation, members, resources):
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    needs = needs_of(service, service, Asked(operation, members, view, BOB))
    assert [one.resource for one in needs] == resources


async def test_a_key_is_used_by_whom_both_its_policy_and_iam_allow(client, key):
    bob = await client.user("bob")
    encrypt = {"KeyId": key, "Plaintext": b"x"}
    refused = await client.ask(bob, "kms", "Encrypt", **encrypt)
    assert refused.message == (
        f"User: {BOB} is not authorized to perform: kms:Encrypt on resource: {key} because no "
        "identity-based policy allows the kms:Encrypt action"
    )
    await client.policy("bob", allow("kms:Encrypt", key))
    assert (await client.ask(bob, "kms", "Encrypt", **encrypt)).status == 200
    only_root = policy(allow("kms:*", **named(BOB.replace("bob", "carol"))))
    put = {"KeyId": key, "Policy": only_root, "BypassPolicyLockoutSafetyCheck": True}
    locked = await client.ask(
        ROOT_KEY, "kms", "PutKeyPolicy", **(put | {"BypassPolicyLockoutSafetyCheck": False})
    )
    assert locked.code == "MalformedPolicyDocumentException"
    assert (await client.ask(ROOT_KEY, "kms", "PutKeyPolicy", **put)).status == 200
    refused = await client.ask(bob, "kms", "Encrypt", **encrypt)
    assert refused.message.endswith(
        "because no resource-based policy allows the kms:Encrypt action"
    )
    assert (await client.ask(ROOT_KEY, "kms", "Encrypt", **encrypt)).code == "AccessDeniedException"


async def test_a_key_policy_that_names_a_user_is_enough(client, key):
    bob = await client.user("bob")
    grants = policy(allow("kms:*", **named(ROOT)), allow("kms:Decrypt", **named(BOB)))
    await client.ask(ROOT_KEY, "kms", "PutKeyPolicy", KeyId=key, Policy=grants)
    made = await client.ask(ROOT_KEY, "kms", "Encrypt", KeyId=key, Plaintext=b"hello")
    blob = made.output["CiphertextBlob"]
    opened = await client.ask(bob, "kms", "Decrypt", CiphertextBlob=blob)
    assert opened.output["Plaintext"] == b"hello"
    assert (await client.ask(bob, "kms", "Encrypt", KeyId=key, Plaintext=b"x")).status == 400


async def test_conditions_on_alias_and_context_count(client, key):
    await client.ask(ROOT_KEY, "kms", "CreateAlias", AliasName="alias/app", TargetKeyId=key)
    by_alias = {"StringEquals": {"kms:RequestAlias": "alias/app"}}
    in_context = {"StringEquals": {"kms:EncryptionContext:app": "web"}}
    bob = await client.user(
        "bob", allow("kms:Encrypt", Condition=by_alias), allow("kms:Decrypt", Condition=in_context)
    )
    text = {"Plaintext": b"x", "EncryptionContext": {"app": "web"}}
    assert (await client.ask(bob, "kms", "Encrypt", KeyId=key, **text)).status == 400
    made = await client.ask(bob, "kms", "Encrypt", KeyId="alias/app", **text)
    blob = {"CiphertextBlob": made.output["CiphertextBlob"]}
    context = {"EncryptionContext": {"app": "web"}}
    assert (await client.ask(bob, "kms", "Decrypt", **blob)).code == "AccessDeniedException"
    assert (await client.ask(bob, "kms", "Decrypt", **blob, **context)).status == 200


async def test_values_under_a_customers_key_need_permission_on_it(client, key):
    secret = await secure(client, key)
    bob = await client.user("bob", allow(["ssm:*", "secretsmanager:*"]))
    read = {"Name": "p", "WithDecryption": True}
    refused = await client.ask(bob, "ssm", "GetParameter", **read)
    assert refused.code == "AccessDeniedException"
    assert refused.message.startswith(
        f"User: {BOB} is not authorized to perform: kms:Decrypt on resource: {key} because no "
        "identity-based policy allows the kms:Decrypt action (Service: AWSKMS; "
    )
    refused = await client.ask(bob, "secretsmanager", "GetSecretValue", SecretId=secret)
    assert (refused.code, refused.message) == (
        "AccessDeniedException",
        "Access to KMS is not allowed",
    )
    refused = await client.ask(
        bob, "secretsmanager", "PutSecretValue", SecretId=secret, SecretString="x"
    )
    assert refused.message == "Access to KMS is not allowed"
    assert (await client.ask(bob, "ssm", "GetParameter", Name="p")).status == 200  # as ciphertext
    through = {"StringLike": {"kms:ViaService": "s*.us-east-1.amazonaws.com"}}
    await client.policy(
        "bob",
        allow(["ssm:*", "secretsmanager:*"]),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], key, Condition=through),
    )
    shown = await client.ask(bob, "ssm", "GetParameter", **read)
    assert shown.output["Parameter"]["Value"] == "hunter2"
    shown = await client.ask(bob, "secretsmanager", "GetSecretValue", SecretId=secret)
    assert shown.output["SecretString"] == "hunter2"
    made = await client.ask(ROOT_KEY, "kms", "Encrypt", KeyId=key, Plaintext=b"x")
    blob = made.output["CiphertextBlob"]
    assert (await client.ask(bob, "kms", "Decrypt", CiphertextBlob=blob)).status == 400


async def test_a_key_whose_policy_leaves_iam_out_opens_for_nobody_else(client, key):
    secret = await secure(client, key)
    bob = await client.user("bob", allow("*"))
    read = {"SecretId": secret}
    assert (await client.ask(bob, "secretsmanager", "GetSecretValue", **read)).status == 200
    only_carol = policy(allow("kms:*", **named(BOB.replace("bob", "carol"))))
    put = {"KeyId": key, "Policy": only_carol, "BypassPolicyLockoutSafetyCheck": True}
    await client.ask(ROOT_KEY, "kms", "PutKeyPolicy", **put)
    for caller in (bob, ROOT_KEY):
        refused = await client.ask(caller, "secretsmanager", "GetSecretValue", **read)
        assert refused.message == "Access to KMS is not allowed"
        refused = await client.ask(caller, "ssm", "GetParameters", Names=["p"], WithDecryption=True)
        assert "because no resource-based policy allows the kms:Decrypt action" in refused.message


async def test_aws_managed_keys_serve_the_account_through_their_service_alone(client):
    bob = await client.user("bob", allow(["ssm:*", "secretsmanager:*", "kms:*"]))
    value = {"Name": "p", "Value": "hunter2", "Type": "SecureString"}
    assert (await client.ask(bob, "ssm", "PutParameter", **value)).status == 200
    read = await client.ask(bob, "ssm", "GetParameter", Name="p", WithDecryption=True)
    assert read.output["Parameter"]["Value"] == "hunter2"
    directly = {"KeyId": "alias/aws/ssm", "Plaintext": b"x"}
    refused = await client.ask(bob, "kms", "Encrypt", **directly)
    assert refused.message.endswith(
        "because no resource-based policy allows the kms:Encrypt action"
    )
    assert (await client.ask(bob, "kms", "DescribeKey", KeyId="alias/aws/ssm")).status == 200


async def test_a_secrets_policy_allows_and_denies(client):
    made = await client.ask(
        ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", SecretString="hunter2"
    )
    bob = await client.user("bob")
    read = {"SecretId": "s"}
    refused = await client.ask(bob, "secretsmanager", "GetSecretValue", **read)
    assert f"secretsmanager:GetSecretValue on resource: {made.output['ARN']} " in refused.message
    put = {"SecretId": "s", "ResourcePolicy": policy(allow("secretsmanager:*", **named(BOB)))}
    await client.ask(ROOT_KEY, "secretsmanager", "PutResourcePolicy", **put)
    shown = await client.ask(bob, "secretsmanager", "GetSecretValue", **read)
    assert shown.output["SecretString"] == "hunter2"
    several = await client.ask(bob, "secretsmanager", "BatchGetSecretValue", SecretIdList=["s"])
    assert "secretsmanager:BatchGetSecretValue" in several.message
    put["ResourcePolicy"] = policy(
        statement("Deny", "secretsmanager:GetSecretValue", Principal="*")
    )
    await client.ask(ROOT_KEY, "secretsmanager", "PutResourcePolicy", **put)
    for caller in (bob, ROOT_KEY):
        refused = await client.ask(caller, "secretsmanager", "GetSecretValue", **read)
        assert refused.message.endswith("with an explicit deny in a resource-based policy")


async def test_tags_of_parameters_secrets_and_keys_count(client):
    own = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    bob = await client.user("bob", allow("*", Condition=own))
    tags = [{"Key": "team", "Value": "a"}]
    put = {"Value": "v", "Type": "String", "Tags": tags}
    for name in ("/x/y", "z"):
        await client.ask(ROOT_KEY, "ssm", "PutParameter", Name=name, **put)
        assert (await client.ask(bob, "ssm", "GetParameter", Name=name)).status == 200
    await client.ask(ROOT_KEY, "ssm", "PutParameter", Name="n", Value="v", Type="String")
    assert (await client.ask(bob, "ssm", "GetParameter", Name="n")).status == 400
    await client.ask(ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", Tags=tags)
    assert (await client.ask(bob, "secretsmanager", "DescribeSecret", SecretId="s")).status == 200
    tagged = [{"TagKey": "team", "TagValue": "a"}]
    made = await client.ask(ROOT_KEY, "kms", "CreateKey", Tags=tagged)
    key = made.output["KeyMetadata"]["Arn"]
    assert (await client.ask(bob, "kms", "DescribeKey", KeyId=key)).status == 200


# ------------------------------------------------------------- rotation
@pytest.fixture
def rotating(store):
    """A client of an ecsd that has functions."""
    return SignedClient(store, replace(STRICT, lambda_endpoint="http://functions"))


def rotate(**more):
    members = {
        "SecretId": "s",
        "RotationLambdaARN": FUNCTION,
        "RotationRules": {"AutomaticallyAfterDays": 1},
        **more,
    }
    return {name: value for name, value in members.items() if value is not None}


@pytest.mark.parametrize("operation", ["RotateSecret", "CancelRotateSecret"])
async def test_rotation_needs_its_own_action_on_the_secret(rotating, operation):
    made = await rotating.ask(
        ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", SecretString="hunter2"
    )
    bob = await rotating.user("bob")
    members = rotate() if operation == "RotateSecret" else {"SecretId": "s"}
    refused = await rotating.ask(bob, "secretsmanager", operation, **members)
    assert refused.code == "AccessDeniedException"
    assert f"secretsmanager:{operation} on resource: {made.output['ARN']} " in refused.message
    await rotating.policy("bob", allow(f"secretsmanager:{operation}", made.output["ARN"]))
    assert (await rotating.ask(bob, "secretsmanager", operation, **members)).status == 200


@pytest.mark.parametrize(
    ("condition", "members", "status"),
    [
        ({"StringEquals": {"secretsmanager:RotationLambdaARN": FUNCTION}}, {}, 200),
        ({"StringEquals": {"secretsmanager:RotationLambdaARN": f"{FUNCTION}2"}}, {}, 400),
        ({"Bool": {"secretsmanager:ModifyRotationRules": "true"}}, {}, 200),
        ({"Bool": {"secretsmanager:ModifyRotationRules": "false"}}, {}, 400),
        ({"Bool": {"secretsmanager:ModifyRotationRules": "false"}}, {"RotationRules": None}, 200),
        (
            {"Bool": {"secretsmanager:RotateImmediately": "true"}},
            {"RotateImmediately": False},
            400,
        ),
        (
            {"Bool": {"secretsmanager:RotateImmediately": "false"}},
            {"RotateImmediately": False},
            200,
        ),
    ],
)
async def test_conditions_on_rotation_count(rotating, condition, members, status):
    await rotating.ask(ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", SecretString="x")
    bob = await rotating.user("bob", allow("secretsmanager:*", Condition=condition))
    asked = await rotating.ask(bob, "secretsmanager", "RotateSecret", **rotate(**members))
    assert asked.status == status


async def test_a_rotations_function_may_be_named_by_policies_for_its_secret(rotating):
    await rotating.ask(ROOT_KEY, "secretsmanager", "CreateSecret", Name="s", SecretString="x")
    its = {"StringEquals": {"secretsmanager:resource/AllowRotationLambdaArn": FUNCTION}}
    bob = await rotating.user("bob", allow("secretsmanager:*", Condition=its))
    read = {"SecretId": "s"}
    assert (await rotating.ask(bob, "secretsmanager", "GetSecretValue", **read)).status == 400
    await rotating.ask(ROOT_KEY, "secretsmanager", "RotateSecret", **rotate())
    assert (await rotating.ask(bob, "secretsmanager", "GetSecretValue", **read)).status == 200


async def test_a_rotations_test_copies_the_value_with_the_callers_right_to_its_key(rotating):
    made = await rotating.ask(ROOT_KEY, "kms", "CreateKey")
    await secure(rotating, made.output["KeyMetadata"]["Arn"])
    bob = await rotating.user("bob", allow("secretsmanager:*"))
    tested = rotate(RotateImmediately=False)
    refused = await rotating.ask(bob, "secretsmanager", "RotateSecret", **tested)
    assert (refused.code, refused.message) == (
        "AccessDeniedException",
        "Access to KMS is not allowed",
    )
    shown = await rotating.ask(bob, "secretsmanager", "DescribeSecret", SecretId="s")
    assert "RotationEnabled" not in shown.output  # nothing was stored
    assert (await rotating.ask(bob, "secretsmanager", "RotateSecret", **rotate())).status == 200
