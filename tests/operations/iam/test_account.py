"""What an account has once, its OpenID Connect providers, and all of it in one answer."""

import json

import pytest

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
    }
)
GITHUB = "https://token.actions.githubusercontent.com"
GITHUB_ARN = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"


async def test_rules_for_passwords_come_and_go(ask, refused):
    error = await refused("GetAccountPasswordPolicy")
    assert (error.code, error.message) == (
        "NoSuchEntity",
        "The Password Policy with domain name 000000000000 cannot be found.",
    )
    await ask("UpdateAccountPasswordPolicy", MinimumPasswordLength=14, MaxPasswordAge=90)
    policy = (await ask("GetAccountPasswordPolicy"))["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"]) == (14, True)
    await ask("UpdateAccountPasswordPolicy", RequireSymbols=True)
    policy = (await ask("GetAccountPasswordPolicy"))["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"]) == (6, False)
    await ask("DeleteAccountPasswordPolicy")
    assert (await refused("DeleteAccountPasswordPolicy")).code == "NoSuchEntity"


async def test_an_account_has_one_alias_that_no_other_has(ask, client, refused):
    await ask("CreateAccountAlias", AccountAlias="shop")
    await ask("CreateAccountAlias", AccountAlias="store")
    assert (await ask("ListAccountAliases"))["AccountAliases"] == ["store"]
    assert (await refused("CreateAccountAlias", AccountAlias="1" * 12)).code == "ValidationError"
    other = client("iam", account="1" * 12)
    with pytest.raises(Exception, match="EntityAlreadyExists"):
        await other("CreateAccountAlias", AccountAlias="store")
    assert (await refused("DeleteAccountAlias", AccountAlias="shop")).code == "NoSuchEntity"
    await ask("DeleteAccountAlias", AccountAlias="store")
    assert (await ask("ListAccountAliases"))["AccountAliases"] == []


async def test_a_provider_is_made_changed_and_removed(ask, client, refused):
    made = await ask(
        "CreateOpenIDConnectProvider",
        Url=GITHUB,
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["a" * 40],
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert made["OpenIDConnectProviderArn"] == GITHUB_ARN
    named = {"OpenIDConnectProviderArn": GITHUB_ARN}
    assert (await refused("CreateOpenIDConnectProvider", Url=GITHUB)).code == "EntityAlreadyExists"
    for url in ("ftp://x", "https://", f"{GITHUB}?a=b", "x"):
        assert (await refused("CreateOpenIDConnectProvider", Url=url)).code == "InvalidInput"
    await ask("AddClientIDToOpenIDConnectProvider", **named, ClientID="mine")
    await ask("AddClientIDToOpenIDConnectProvider", **named, ClientID="mine")
    await ask("UpdateOpenIDConnectProviderThumbprint", **named, ThumbprintList=["b" * 40])
    provider = await ask("GetOpenIDConnectProvider", **named)
    assert provider["Url"] == "token.actions.githubusercontent.com"
    assert provider["ClientIDList"] == ["sts.amazonaws.com", "mine"]
    assert provider["ThumbprintList"] == ["b" * 40]
    await ask("RemoveClientIDFromOpenIDConnectProvider", **named, ClientID="mine")
    await ask("TagOpenIDConnectProvider", **named, Tags=[{"Key": "x", "Value": "y"}])
    assert len((await ask("ListOpenIDConnectProviderTags", **named))["Tags"]) == 2
    assert (await ask("ListOpenIDConnectProviders"))["OpenIDConnectProviderList"] == [
        {"Arn": GITHUB_ARN}
    ]
    await ask("DeleteOpenIDConnectProvider", **named)
    await ask("DeleteOpenIDConnectProvider", **named)
    assert (await refused("GetOpenIDConnectProvider", **named)).code == "NoSuchEntity"


async def test_everything_is_told_in_one_answer(ask, document, execution_policy):
    await ask("CreateUser", UserName="bob")
    await ask("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument=document)
    await ask("CreateGroup", GroupName="devs")
    await ask("AddUserToGroup", UserName="bob", GroupName="devs")
    await ask("CreateRole", RoleName="app", AssumeRolePolicyDocument=TRUST)
    await ask("AttachRolePolicy", RoleName="app", PolicyArn=execution_policy)
    await ask("CreatePolicy", PolicyName="own", PolicyDocument=document)
    details = await ask("GetAccountAuthorizationDetails")
    (user,) = details["UserDetailList"]
    assert (user["GroupList"], user["UserPolicyList"][0]["PolicyName"]) == (["devs"], "p")
    (role,) = details["RoleDetailList"]
    assert role["AttachedManagedPolicies"][0]["PolicyArn"] == execution_policy
    assert [one["GroupName"] for one in details["GroupDetailList"]] == ["devs"]
    assert [one["PolicyName"] for one in details["Policies"]] == [
        "own",
        "AmazonECSTaskExecutionRolePolicy",  # in use: the others of AWS are not shown
    ]
    only = await ask("GetAccountAuthorizationDetails", Filter=["Role"])
    assert (only["UserDetailList"], len(only["RoleDetailList"])) == ([], 1)
    seen, more = 0, {}
    while more is not None:
        answer = await ask("GetAccountAuthorizationDetails", MaxItems=2, **more)
        seen += sum(len(value) for value in answer.values() if isinstance(value, list))
        more = {"Marker": answer["Marker"]} if answer["IsTruncated"] else None
    assert seen == 5
    summary = (await ask("GetAccountSummary"))["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Roles"]) == (1, 1, 1)
