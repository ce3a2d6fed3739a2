"""What a file system has beside its files: its policy, its lifecycle, its backups.

The policy is asked when a task mounts. Lifecycle and backup are kept and shown; they move nothing:
there is one storage class, and no AWS Backup.
Source: Amazon EFS API Reference, PutFileSystemPolicy, PutLifecycleConfiguration, PutBackupPolicy.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import bad_request
from ecsd.records.efs.file_system import FileSystem
from ecsd.store.finders.efs import require_available, require_file_system
from ecsd.store.finders.iam_caller import context_of, identify

LARGEST_POLICY = 20_000  # characters
TRANSITIONS = ("TransitionToIA", "TransitionToArchive", "TransitionToPrimaryStorageClass")
PUT_POLICY = "elasticfilesystem:PutFileSystemPolicy"
LOCKED_OUT = (
    "The policy would lock out its caller: it denies elasticfilesystem:PutFileSystemPolicy. Set "
    "BypassPolicyLockoutSafetyCheck to put it nevertheless."
)


@operation("efs", "PutFileSystemPolicy")
async def put_file_system_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say who may mount, write, and be root."""
    document = request["Policy"]
    fault = fault_in(document, PolicyKind.RESOURCE)
    if len(document) > LARGEST_POLICY:
        fault = f"The policy is longer than {LARGEST_POLICY} characters."
    if fault is not None:
        raise AwsError("InvalidPolicyException", fault)
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        if not request.get("BypassPolicyLockoutSafetyCheck") and _locks_out(call, found, document):
            raise AwsError("InvalidPolicyException", LOCKED_OUT)
        change.put(replace(found, policy=document))
    return {"FileSystemId": found.file_system_id, "Policy": document}


@operation("efs", "DescribeFileSystemPolicy")
async def describe_file_system_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the policy, as it was given."""
    found = require_file_system(call.view, request["FileSystemId"])
    if found.policy is None:
        raise AwsError("PolicyNotFound", f"File system '{found.file_system_id}' has no policy.")
    return {"FileSystemId": found.file_system_id, "Policy": found.policy}


@operation("efs", "DeleteFileSystemPolicy")
async def delete_file_system_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Go back to the default: whoever reaches a mount target may do everything."""
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        change.put(replace(found, policy=None))
    return {}


@operation("efs", "PutLifecycleConfiguration")
async def put_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep when files would change their storage class."""
    policies = tuple(request["LifecyclePolicies"])
    named = [name for one in policies for name in TRANSITIONS if one.get(name)]
    if len(named) != len(policies) or len(set(named)) != len(named):
        raise bad_request("LifecyclePolicies: each has one transition, and each transition one.")
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        change.put(replace(found, lifecycle_policies=policies))
    return {"LifecyclePolicies": list(policies)}


@operation("efs", "DescribeLifecycleConfiguration")
async def describe_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the lifecycle policies."""
    found = require_file_system(call.view, request["FileSystemId"])
    return {"LifecyclePolicies": list(found.lifecycle_policies)}


@operation("efs", "PutBackupPolicy")
async def put_backup_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep whether backups are wanted."""
    status = request["BackupPolicy"]["Status"]
    if status not in {"ENABLED", "DISABLED"}:
        raise AwsError("ValidationException", "BackupPolicy.Status has to be ENABLED or DISABLED.")
    async with call.transaction() as change:
        found = require_available(change, request["FileSystemId"])
        change.put(replace(found, backup=status))
    return {"BackupPolicy": {"Status": status}}


@operation("efs", "DescribeBackupPolicy")
async def describe_backup_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return whether backups are wanted."""
    found = require_file_system(call.view, request["FileSystemId"])
    if found.backup is None:
        raise AwsError(
            "PolicyNotFound", f"File system '{found.file_system_id}' has no backup policy."
        )
    return {"BackupPolicy": {"Status": found.backup}}


def _locks_out(call: Call, file_system: FileSystem, document: str) -> bool:
    """Tell whether a policy denies its own caller to put another one."""
    identity = identify(call.store, call.scope.account, call.caller.arn, call.caller.access_key_id)
    context = context_of(identity, call.clock.now(), call.scope.region)
    asked = Request(identity.principal, PUT_POLICY, file_system.arn, context)
    decision = decide(asked, Policies(resource=Source(compile_policy(document), "policy")))
    return decision.match is not None and not decision.allowed
