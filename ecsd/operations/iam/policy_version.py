"""Versions of managed policies: five at most, one in force."""

from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import page, policy_version
from ecsd.operations.iam.guards import check_owned, in_use, over_limit
from ecsd.operations.iam.policy import checked_document
from ecsd.records.iam.role import Policy, PolicyVersion
from ecsd.store.finders.iam import no_such_entity, require_policy

MOST = 5  # versions of a policy


@operation("iam", "CreatePolicyVersion")
async def create_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add a version; numbers are never used again."""
    arn = request["PolicyArn"]
    check_owned(arn, "CreatePolicyVersion")
    document, now = checked_document(request["PolicyDocument"]), call.clock.now()
    async with call.store.transaction(call.scope.globally()) as change:
        policy = require_policy(change, arn)
        if len(policy.versions) >= MOST:
            raise over_limit(
                f"A managed policy can have up to {MOST} versions. Before you create a new "
                "version, you must delete an existing version."
            )
        version = PolicyVersion(
            version_id=f"v{policy.next_version}",
            document=document,
            is_default=False,
            created_at=now,
        )
        updated = replace(
            policy,
            versions=(*policy.versions, version),
            next_version=policy.next_version + 1,
            updated_at=now,
        )
        if request.get("SetAsDefault", False):
            updated = _in_force(updated, version.version_id)
        change.put(updated)
    return {"PolicyVersion": policy_version(updated.versions[-1], with_document=False)}


@operation("iam", "GetPolicyVersion")
async def get_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a version with its document."""
    policy = require_policy(call.view.globally(), request["PolicyArn"])
    version = _require_version(policy, request["VersionId"])
    return {"PolicyVersion": policy_version(version, with_document=True)}


@operation("iam", "ListPolicyVersions")
async def list_policy_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the versions, the newest first."""
    policy = require_policy(call.view.globally(), request["PolicyArn"])
    shown, rest = page(request, policy.versions, _newest_first)
    return {"Versions": [policy_version(one, with_document=False) for one in shown], **rest}


@operation("iam", "SetDefaultPolicyVersion")
async def set_default_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Put a version in force."""
    check_owned(request["PolicyArn"], "SetDefaultPolicyVersion")
    async with call.store.transaction(call.scope.globally()) as change:
        policy = require_policy(change, request["PolicyArn"])
        version = _require_version(policy, request["VersionId"])
        updated = _in_force(policy, version.version_id)
        change.put(replace(updated, updated_at=call.clock.now()))
    return {}


@operation("iam", "DeletePolicyVersion")
async def delete_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a version that is not in force."""
    check_owned(request["PolicyArn"], "DeletePolicyVersion")
    async with call.store.transaction(call.scope.globally()) as change:
        policy = require_policy(change, request["PolicyArn"])
        version = _require_version(policy, request["VersionId"])
        if version.is_default:
            raise in_use("Cannot delete the default version of a policy.")
        rest = tuple(one for one in policy.versions if one is not version)
        change.put(replace(policy, versions=rest, updated_at=call.clock.now()))
    return {}


def _in_force(policy: Policy, version_id: str) -> Policy:
    versions = tuple(
        replace(one, is_default=one.version_id == version_id) for one in policy.versions
    )
    return replace(policy, versions=versions)


def _require_version(policy: Policy, version_id: str) -> PolicyVersion:
    for one in policy.versions:
        if one.version_id == version_id:
            return one
    raise no_such_entity(
        f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
    )


def _newest_first(version: PolicyVersion) -> str:
    return f"{10**9 - int(version.version_id.removeprefix('v')):09d}"
