"""The account as a whole: its summary, its alias, its rules for passwords."""

import re
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.access_key import MOST as MOST_KEYS
from ecsd.operations.iam.entity_policy import MOST_ATTACHED, NOUNS
from ecsd.operations.iam.group import MOST as MOST_GROUPS
from ecsd.operations.iam.group import MOST_OF_USER
from ecsd.operations.iam.guards import exists_already
from ecsd.operations.iam.instance_profile import MOST as MOST_PROFILES
from ecsd.operations.iam.policy import MOST as MOST_POLICIES
from ecsd.operations.iam.policy import POLICY_SIZE
from ecsd.operations.iam.policy_version import MOST as MOST_VERSIONS
from ecsd.operations.iam.role import MOST as MOST_ROLES
from ecsd.operations.iam.role import TRUST_POLICY_SIZE
from ecsd.operations.iam.user import MOST as MOST_USERS
from ecsd.records.iam.account import AccountAlias, PasswordPolicy
from ecsd.records.iam.oidc_provider import OidcProvider
from ecsd.records.iam.role import InstanceProfile, Policy, Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import no_such_entity

_ALIAS = re.compile(r"(?!\d{12}$)[a-z0-9](?:-?[a-z0-9])*")
PASSWORD_DEFAULTS: dict[str, int | bool] = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
}


@operation("iam", "GetAccountSummary")
async def get_account_summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the account holds and the limits that are enforced."""
    view = call.view.globally()
    policies = view.select(Policy)
    sizes = {noun.name: noun.inline_size for noun in NOUNS}
    return {
        "SummaryMap": {
            "Users": len(view.select(User)),
            "UsersQuota": MOST_USERS,
            "Groups": len(view.select(Group)),
            "GroupsQuota": MOST_GROUPS,
            "GroupsPerUserQuota": MOST_OF_USER,
            "AccessKeysPerUserQuota": MOST_KEYS,
            "Roles": len(view.select(Role)),
            "RolesQuota": MOST_ROLES,
            "InstanceProfiles": len(view.select(InstanceProfile)),
            "InstanceProfilesQuota": MOST_PROFILES,
            "Providers": len(view.select(OidcProvider)),
            "Policies": len(policies),
            "PoliciesQuota": MOST_POLICIES,
            "PolicyVersionsInUse": len(policies),
            "PolicySizeQuota": POLICY_SIZE,
            "VersionsPerPolicyQuota": MOST_VERSIONS,
            "AttachedPoliciesPerRoleQuota": MOST_ATTACHED,
            "AttachedPoliciesPerUserQuota": MOST_ATTACHED,
            "AttachedPoliciesPerGroupQuota": MOST_ATTACHED,
            "UserPolicySizeQuota": sizes["User"],
            "GroupPolicySizeQuota": sizes["Group"],
            "RolePolicySizeQuota": sizes["Role"],
            "AssumeRolePolicySizeQuota": TRUST_POLICY_SIZE,
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "AccountMFAEnabled": 0,
            "ServerCertificates": 0,
        }
    }


@operation("iam", "ListAccountAliases")
async def list_account_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the account's alias."""
    aliases = [one.alias for one in call.view.globally().select(AccountAlias)]
    return {"AccountAliases": aliases, "IsTruncated": False}


@operation("iam", "CreateAccountAlias")
async def create_account_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give the account its one alias, in place of another; no two accounts share one."""
    alias = request["AccountAlias"]
    if not _ALIAS.fullmatch(alias):
        raise AwsError("ValidationError", f"The account alias {alias} is not valid.")
    home = call.scope.globally()
    async with call.store.transaction(home) as change:
        for scope, one in call.store.everywhere(AccountAlias):
            if one.alias == alias and scope != home:
                raise exists_already(f"The account alias {alias} already exists.")
        change.remove(*change.select(AccountAlias))
        change.put(AccountAlias(alias=alias))
    return {}


@operation("iam", "DeleteAccountAlias")
async def delete_account_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the account's alias away."""
    async with call.store.transaction(call.scope.globally()) as change:
        alias = change.get(AccountAlias, request["AccountAlias"])
        if alias is None:
            raise no_such_entity(f"The account alias {request['AccountAlias']} does not exist.")
        change.remove(alias)
    return {}


@operation("iam", "UpdateAccountPasswordPolicy")
async def update_account_password_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set the rules for passwords of users: what is not given falls back to its default.

    Nobody has a password here (CreateLoginProfile is refused), so nobody breaks them.
    """
    policy = PasswordPolicy(members={**PASSWORD_DEFAULTS, **request})
    async with call.store.transaction(call.scope.globally()) as change:
        change.put(policy)
    return {}


@operation("iam", "GetAccountPasswordPolicy")
async def get_account_password_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the rules for passwords, if some were set."""
    members = _require_password_policy(call).members
    expires = bool(members.get("MaxPasswordAge"))
    return {"PasswordPolicy": {**members, "ExpirePasswords": expires}}


@operation("iam", "DeleteAccountPasswordPolicy")
async def delete_account_password_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the rules for passwords."""
    async with call.store.transaction(call.scope.globally()) as change:
        change.remove(_require_password_policy(call))
    return {}


def _require_password_policy(call: Call) -> PasswordPolicy:
    policy = call.view.globally().get(PasswordPolicy, "account")
    if policy is None:
        raise no_such_entity(
            f"The Password Policy with domain name {call.scope.account} cannot be found."
        )
    return policy
