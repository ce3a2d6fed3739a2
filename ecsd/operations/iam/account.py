"""The account as a whole: its summary, its aliases."""

from typing import Any

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.policy import POLICY_SIZE
from ecsd.operations.iam.policy_version import MOST as MOST_VERSIONS
from ecsd.operations.iam.role import TRUST_POLICY_SIZE
from ecsd.operations.iam.role_policy import MOST_ATTACHED
from ecsd.records.iam.role import InstanceProfile, Policy, Role


@operation("iam", "GetAccountSummary")
async def get_account_summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the account holds and the limits that are enforced."""
    view = call.view.globally()
    policies = view.select(Policy)
    return {
        "SummaryMap": {
            "Users": 0,
            "Groups": 0,
            "Roles": len(view.select(Role)),
            "InstanceProfiles": len(view.select(InstanceProfile)),
            "Policies": len(policies),
            "PolicyVersionsInUse": len(policies),
            "PolicySizeQuota": POLICY_SIZE,
            "VersionsPerPolicyQuota": MOST_VERSIONS,
            "AttachedPoliciesPerRoleQuota": MOST_ATTACHED,
            "AssumeRolePolicySizeQuota": TRUST_POLICY_SIZE,
        }
    }


@operation("iam", "ListAccountAliases")
async def list_account_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return no alias: none can be made."""
    return {"AccountAliases": [], "IsTruncated": False}
