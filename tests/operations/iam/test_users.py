"""Users, groups and their keys, as clients see them."""

import json
from urllib.parse import unquote

import pytest

from ecsd.operations.call import Caller
from ecsd.records.iam.user import AccessKey

ARN = "arn:aws:iam::000000000000:user/team/bob"


@pytest.fixture
async def iam(ask):
    await ask("CreateUser", UserName="bob", Path="/team/")
    await ask("CreateGroup", GroupName="devs")
    return ask


async def test_a_user_is_made_read_and_listed(iam, refused):
    user = (await iam("GetUser", UserName="bob"))["User"]
    assert (user["Arn"], user["Path"]) == (ARN, "/team/")
    assert user["UserId"].startswith("AIDA")
    assert [one["UserName"] for one in (await iam("ListUsers", PathPrefix="/team/"))["Users"]] == [
        "bob"
    ]
    assert (await iam("ListUsers", PathPrefix="/x/"))["Users"] == []
    error = await refused("CreateUser", UserName="BOB")
    assert (error.code, error.message) == (
        "EntityAlreadyExists",
        "User with name BOB already exists.",
    )
    error = await refused("GetUser", UserName="eve")
    assert (error.code, error.message) == (
        "NoSuchEntity",
        "The user with name eve cannot be found.",
    )


async def test_without_a_name_the_calling_user_is_meant(iam, client, refused):
    for name in ("GetUser", "CreateAccessKey", "ListAccessKeys"):
        error = await refused(name)
        assert error.message == "Must specify userName when calling with non-User credentials"
    bob = client("iam", caller=Caller(ARN, "AIDA", "AKIA"))
    assert (await bob("GetUser"))["User"]["Arn"] == ARN
    assert (await bob("CreateAccessKey"))["AccessKey"]["UserName"] == "bob"


async def test_a_key_shows_its_secret_once_and_is_kept_sealed(iam, store, refused):
    made = (await iam("CreateAccessKey", UserName="bob"))["AccessKey"]
    assert made["AccessKeyId"].startswith("AKIA")
    assert (len(made["AccessKeyId"]), len(made["SecretAccessKey"])) == (20, 40)
    (listed,) = (await iam("ListAccessKeys", UserName="bob"))["AccessKeyMetadata"]
    assert listed == {name: value for name, value in made.items() if name != "SecretAccessKey"}
    ((_, record),) = store.everywhere(AccessKey)
    assert made["SecretAccessKey"] not in record.sealed_secret
    other = (await iam("CreateAccessKey", UserName="bob"))["AccessKey"]
    assert other["SecretAccessKey"] != made["SecretAccessKey"]
    error = await refused("CreateAccessKey", UserName="bob")
    assert (error.code, error.message) == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    key = made["AccessKeyId"]
    await iam("UpdateAccessKey", AccessKeyId=key, Status="Inactive")
    states = {
        one["AccessKeyId"]: one["Status"]
        for one in (await iam("ListAccessKeys", UserName="bob"))["AccessKeyMetadata"]
    }
    assert states == {key: "Inactive", other["AccessKeyId"]: "Active"}
    used = await iam("GetAccessKeyLastUsed", AccessKeyId=key)
    assert used == {
        "UserName": "bob",
        "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }
    assert (await refused("DeleteAccessKey", UserName="x", AccessKeyId=key)).code == "NoSuchEntity"
    await iam("DeleteAccessKey", UserName="bob", AccessKeyId=key)
    assert len((await iam("ListAccessKeys", UserName="bob"))["AccessKeyMetadata"]) == 1


async def test_a_user_with_anything_left_is_not_deleted(iam, document, execution_policy, refused):
    await iam("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument=document)
    await iam("AttachUserPolicy", UserName="bob", PolicyArn=execution_policy)
    await iam("AddUserToGroup", UserName="bob", GroupName="devs")
    key = (await iam("CreateAccessKey", UserName="bob"))["AccessKey"]["AccessKeyId"]
    messages = []
    for name, more in [
        ("RemoveUserFromGroup", {"GroupName": "devs"}),
        ("DetachUserPolicy", {"PolicyArn": execution_policy}),
        ("DeleteUserPolicy", {"PolicyName": "p"}),
        ("DeleteAccessKey", {"AccessKeyId": key}),
    ]:
        error = await refused("DeleteUser", UserName="bob")
        assert (error.code, error.status) == ("DeleteConflict", 409)
        messages.append(error.message)
        await iam(name, UserName="bob", **more)
    assert messages == [
        "Cannot delete entity, must remove users from group first.",
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
        "Cannot delete entity, must delete access keys first.",
    ]
    await iam("DeleteUser", UserName="bob")
    assert (await iam("ListUsers"))["Users"] == []


async def test_a_renamed_user_keeps_keys_and_groups(iam, refused):
    await iam("AddUserToGroup", UserName="bob", GroupName="devs")
    await iam("CreateAccessKey", UserName="bob")
    await iam("CreateUser", UserName="eve")
    assert (await refused("UpdateUser", UserName="bob", NewUserName="EVE")).code == (
        "EntityAlreadyExists"
    )
    await iam("UpdateUser", UserName="bob", NewUserName="rob", NewPath="/")
    assert (await iam("GetUser", UserName="rob"))["User"]["Arn"].endswith(":user/rob")
    assert len((await iam("ListAccessKeys", UserName="rob"))["AccessKeyMetadata"]) == 1
    await iam("UpdateGroup", GroupName="devs", NewGroupName="ops")
    group = await iam("GetGroup", GroupName="ops")
    assert [one["UserName"] for one in group["Users"]] == ["rob"]
    assert (await refused("GetGroup", GroupName="devs")).code == "NoSuchEntity"


async def test_groups_hold_users_and_policies(iam, document, execution_policy, refused):
    await iam("AddUserToGroup", UserName="bob", GroupName="devs")
    await iam("AddUserToGroup", UserName="bob", GroupName="devs")
    groups = (await iam("ListGroupsForUser", UserName="bob"))["Groups"]
    assert [one["GroupName"] for one in groups] == ["devs"]
    await iam("PutGroupPolicy", GroupName="devs", PolicyName="p", PolicyDocument=document)
    await iam("AttachGroupPolicy", GroupName="devs", PolicyArn=execution_policy)
    inline = await iam("GetGroupPolicy", GroupName="devs", PolicyName="p")
    assert unquote(inline["PolicyDocument"]) == document
    attached = await iam("ListAttachedGroupPolicies", GroupName="devs")
    assert [one["PolicyArn"] for one in attached["AttachedPolicies"]] == [execution_policy]
    entities = await iam("ListEntitiesForPolicy", PolicyArn=execution_policy)
    assert [one["GroupName"] for one in entities["PolicyGroups"]] == ["devs"]
    messages = []
    for name, more in [
        ("RemoveUserFromGroup", {"UserName": "bob"}),
        ("DetachGroupPolicy", {"PolicyArn": execution_policy}),
        ("DeleteGroupPolicy", {"PolicyName": "p"}),
    ]:
        messages.append((await refused("DeleteGroup", GroupName="devs")).message)
        await iam(name, GroupName="devs", **more)
    assert len(set(messages)) == 3
    assert (await refused("RemoveUserFromGroup", GroupName="devs", UserName="bob")).code == (
        "NoSuchEntity"
    )
    await iam("DeleteGroup", GroupName="devs")
    assert (await iam("ListGroups"))["Groups"] == []


async def test_a_user_belongs_to_ten_groups(iam, refused):
    for number in range(11):
        await iam("CreateGroup", GroupName=f"g{number}")
    for number in range(10):
        await iam("AddUserToGroup", UserName="bob", GroupName=f"g{number}")
    error = await refused("AddUserToGroup", UserName="bob", GroupName="g10")
    assert error.message == "Cannot exceed quota for GroupsPerUser: 10"


async def test_boundaries_and_inline_sizes_of_users(iam, execution_policy, refused):
    await iam("PutUserPermissionsBoundary", UserName="bob", PermissionsBoundary=execution_policy)
    user = (await iam("GetUser", UserName="bob"))["User"]
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == execution_policy
    nowhere = f"{execution_policy}X"
    assert (await refused("CreateUser", UserName="x", PermissionsBoundary=nowhere)).code == (
        "NoSuchEntity"
    )
    await iam("DeleteUserPermissionsBoundary", UserName="bob")
    assert (await refused("DeleteUserPermissionsBoundary", UserName="bob")).code == "NoSuchEntity"
    big = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "s3:" + "G" * 2048, "Resource": "*"},
        }
    )
    error = await refused("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument=big)
    assert error.message == "Maximum policy size of 2048 bytes exceeded for user bob"


async def test_users_have_tags(iam):
    await iam("TagUser", UserName="bob", Tags=[{"Key": "team", "Value": "a"}])
    assert (await iam("ListUserTags", UserName="bob"))["Tags"] == [{"Key": "team", "Value": "a"}]
    await iam("UntagUser", UserName="bob", TagKeys=["team"])
    assert (await iam("ListUserTags", UserName="bob"))["Tags"] == []


async def test_there_are_no_other_credentials(iam, refused):
    assert (await refused("CreateLoginProfile", UserName="bob", Password="p")).code == (
        "InvalidInput"
    )
    for name in ("GetLoginProfile", "DeleteLoginProfile"):
        error = await refused(name, UserName="bob")
        assert error.message == "Login Profile for User bob cannot be found."
    for name in ("ListMFADevices", "ListSSHPublicKeys", "ListSigningCertificates"):
        answer = await iam(name, UserName="bob")
        assert [value for value in answer.values() if isinstance(value, list)] == [[]]
    assert await iam("ListServiceSpecificCredentials", UserName="bob")
    assert await iam("ListVirtualMFADevices")
    assert (await refused("ListMFADevices", UserName="x")).code == "NoSuchEntity"
