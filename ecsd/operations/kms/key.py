"""Keys: made, described, switched off and on, deleted after a while.

Source: AWS Key Management Service API Reference; Developer Guide, Key states.
"""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.kms.key_policy import MANAGED_ALIASES, default_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.policy import check_policy
from ecsd.operations.kms.requests import customer_key, page, refuse, unsupported, workshop
from ecsd.operations.kms.tag import merged
from ecsd.records.kms.key import DISABLED, ENABLED, PENDING_DELETION, Key
from ecsd.store.finders.kms import check_kept, require_key
from ecsd.store.kms_keys import key_for_use, new_key

SYMMETRIC, USAGE, ALGORITHM = "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"
SHORTEST_WINDOW, LONGEST_WINDOW = 7, 30  # days
PAGE = 100


@operation("kms", "CreateKey")
async def create_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a symmetric key; other sorts are refused by name."""
    refuse(request, "CustomKeyStoreId", "XksKeyId", "MultiRegion")
    spec = request.get("KeySpec") or request.get("CustomerMasterKeySpec") or SYMMETRIC
    if spec != SYMMETRIC:
        raise unsupported(f"KeySpec {spec}")
    usage = request.get("KeyUsage") or USAGE
    if usage != USAGE:
        raise unsupported(f"KeyUsage {usage}")
    if request.get("Origin", "AWS_KMS") != "AWS_KMS":
        raise unsupported(f"Origin {request['Origin']}")
    tags = merged((), request.get("Tags"))
    policy = request.get("Policy") or default_policy(call.scope.account)
    check_policy(call, policy, bypass=bool(request.get("BypassPolicyLockoutSafetyCheck")))
    async with call.transaction() as change:
        description = request.get("Description") or ""
        key = new_key(workshop(call), change, policy, description=description, tags=tags)
        change.put(key)
    return {"KeyMetadata": described(call, key)}


@operation("kms", "DescribeKey")
async def describe_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a key; the alias of an AWS managed key makes it if it is not there yet."""
    refuse(request, "GrantTokens")
    if request["KeyId"].rpartition(":")[2] in MANAGED_ALIASES:
        async with call.transaction() as change:
            key = key_for_use(workshop(call), change, request["KeyId"])
    else:
        key = require_key(call.view, request["KeyId"])
    return {"KeyMetadata": described(call, key)}


@operation("kms", "ListKeys")
async def list_keys(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the keys of account and region."""
    refuse(request, "ResourceOwners")
    shown, rest = page(call.view.select(Key), request, lambda one: one.key_id, PAGE)
    return {"Keys": [{"KeyId": one.key_id, "KeyArn": one.arn} for one in shown], **rest}


@operation("kms", "UpdateKeyDescription")
async def update_key_description(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a key's description."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "UpdateKeyDescription")
        check_kept(key)
        change.put(replace(key, description=request["Description"]))
    return {}


@operation("kms", "EnableKey")
async def enable_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a key be used again."""
    await _switch(call, request["KeyId"], "EnableKey", ENABLED)
    return {}


@operation("kms", "DisableKey")
async def disable_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let nobody use a key for a while."""
    await _switch(call, request["KeyId"], "DisableKey", DISABLED)
    return {}


async def _switch(call: Call, reference: str, operation_name: str, state: str) -> None:
    async with call.transaction() as change:
        key = customer_key(call, change, reference, operation_name)
        check_kept(key)
        change.put(replace(key, state=state))


@operation("kms", "ScheduleKeyDeletion")
async def schedule_key_deletion(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a key deleted after 7 to 30 days; until then it cannot be used."""
    days = request.get("PendingWindowInDays") or LONGEST_WINDOW
    if not SHORTEST_WINDOW <= days <= LONGEST_WINDOW:
        raise AwsError(
            "ValidationException",
            f"PendingWindowInDays must be between {SHORTEST_WINDOW} and {LONGEST_WINDOW}, "
            f"got {days}",
        )
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "ScheduleKeyDeletion")
        check_kept(key)
        when = call.clock.now() + timedelta(days=days)
        change.put(replace(key, state=PENDING_DELETION, deletion_at=when))
    return {
        "KeyId": key.arn,
        "DeletionDate": when,
        "KeyState": PENDING_DELETION,
        "PendingWindowInDays": days,
    }


@operation("kms", "CancelKeyDeletion")
async def cancel_key_deletion(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a key after all; it is disabled then."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "CancelKeyDeletion")
        if key.state != PENDING_DELETION:
            raise AwsError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
        change.put(replace(key, state=DISABLED, deletion_at=None))
    return {"KeyId": key.arn}


def described(call: Call, key: Key) -> dict[str, Any]:
    """Return a key as KeyMetadata."""
    return {
        "AWSAccountId": call.scope.account,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": key.created_at,
        "Enabled": key.state == ENABLED,
        "Description": key.description,
        "KeyUsage": USAGE,
        "KeyState": key.state,
        "DeletionDate": key.deletion_at,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": SYMMETRIC,
        "KeySpec": SYMMETRIC,
        "EncryptionAlgorithms": [ALGORITHM],
        "MultiRegion": False,
        "CurrentKeyMaterialId": key.backing_keys[-1].material_id,
    }
