"""Rotation: new key material under the same key; what was encrypted before still decrypts.

Source: AWS KMS Developer Guide, Rotate AWS KMS keys.
"""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.requests import customer_key, page, refuse, workshop
from ecsd.records.kms.key import ON_DEMAND
from ecsd.store.finders.kms import check_kept, check_usable, require_named_key
from ecsd.store.kms_keys import YEAR, rotated

MOST_ON_DEMAND = 25  # rotations on demand of a key
PAGE = 100


@operation("kms", "EnableKeyRotation")
async def enable_key_rotation(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Rotate a key by itself every so many days; 365 if nothing is said."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "EnableKeyRotation")
        check_usable(key)
        days = request.get("RotationPeriodInDays") or key.rotation_period or YEAR
        if days != key.rotation_period:
            when = call.clock.now() + timedelta(days=days)
            change.put(replace(key, rotation_period=days, rotation_at=when))
    return {}


@operation("kms", "DisableKeyRotation")
async def disable_key_rotation(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Rotate a key no longer by itself."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "DisableKeyRotation")
        check_usable(key)
        change.put(replace(key, rotation_period=None, rotation_at=None))
    return {}


@operation("kms", "GetKeyRotationStatus")
async def get_key_rotation_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return whether and when a key is rotated by itself."""
    key = require_named_key(call.view, request["KeyId"])
    check_kept(key)
    return {
        "KeyId": key.arn,
        "KeyRotationEnabled": key.rotation_period is not None,
        "RotationPeriodInDays": key.rotation_period,
        "NextRotationDate": key.rotation_at,
    }


@operation("kms", "RotateKeyOnDemand")
async def rotate_key_on_demand(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Rotate a key now."""
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "RotateKeyOnDemand")
        check_usable(key)
        done = sum(one.rotation == ON_DEMAND for one in key.backing_keys)
        if done >= MOST_ON_DEMAND:
            raise AwsError(
                "LimitExceededException",
                f"A key may be rotated on demand at most {MOST_ON_DEMAND} times.",
            )
        change.put(rotated(workshop(call), key, ON_DEMAND))
    return {"KeyId": key.arn}


@operation("kms", "ListKeyRotations")
async def list_key_rotations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return when a key was rotated, and by what."""
    if request.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL":
        refuse(request, "IncludeKeyMaterial")
    key = require_named_key(call.view, request["KeyId"])
    check_kept(key)
    rotations = [
        (f"{number:04}", one) for number, one in enumerate(key.backing_keys) if one.rotation
    ]
    shown, rest = page(rotations, request, lambda one: one[0], PAGE)
    listed = [
        {
            "KeyId": key.arn,
            "KeyMaterialId": one.material_id,
            "KeyMaterialState": "CURRENT" if one is key.backing_keys[-1] else "NON_CURRENT",
            "RotationDate": one.made_at,
            "RotationType": one.rotation,
        }
        for _, one in shown
    ]
    return {"Rotations": listed, **rest}
