"""Secrets: made, described, changed, deleted after a while.

Source: AWS Secrets Manager API Reference, CreateSecret, UpdateSecret, DeleteSecret.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.secretsmanager import rotation
from ecsd.decisions.secretsmanager.stages import by_version
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import impossible, invalid, refuse
from ecsd.operations.secretsmanager.tag import merged
from ecsd.operations.secretsmanager.values import add_version, seal_anew, value_in
from ecsd.records.secretsmanager.secret import Secret
from ecsd.store.finders.secretsmanager import (
    arn_head,
    find_secret,
    require_living_secret,
    require_secret,
    versions_of,
)
from ecsd.store.store import View

NAME = re.compile(r"[a-zA-Z0-9/_+=.@!-]{1,512}")
SUFFIX_LENGTH = 6
SHORTEST_WINDOW, LONGEST_WINDOW = 7, 30  # days
MOST = 500_000  # secrets of an account in a region
LATER = ("AddReplicaRegions", "ForceOverwriteReplicaSecret", "Type", "CrossAccountPrimaryARN")


@operation("secretsmanager", "CreateSecret")
async def create_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a secret, perhaps with its first value."""
    refuse(request, *LATER)
    name = request["Name"]
    if NAME.fullmatch(name) is None:
        raise invalid(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
            "following: -/_+=.@!"
        )
    value, now = value_in(request), call.clock.now()
    async with call.transaction() as change:
        secret = _repeated(change, request)
        if secret is None:
            secret = Secret(
                arn=f"{arn_head(change)}{name}-{call.ids.secret(SUFFIX_LENGTH)}",
                name=name,
                created_at=now,
                changed_at=now,
                description=request.get("Description"),
                kms_key_id=request.get("KmsKeyId"),
                tags=merged((), request.get("Tags")),
            )
            change.put(secret)
        version_id = None
        if value is not None:
            secret, version_id = add_version(call, change, secret, value, request)
    return {"ARN": secret.arn, "Name": name, "VersionId": version_id}


@operation("secretsmanager", "DescribeSecret")
async def describe_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a secret, without its values."""
    secret = require_secret(call.view, request["SecretId"])
    return {
        **described(secret, call.clock.now()),
        "VersionIdsToStages": by_version(secret.stages) or None,
    }


@operation("secretsmanager", "UpdateSecret")
async def update_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change description and key, or give a secret another value."""
    refuse(request, *LATER)
    value, version_id = value_in(request), None
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        changed = replace(
            secret,
            description=request.get("Description", secret.description),
            kms_key_id=request.get("KmsKeyId") or secret.kms_key_id,
            changed_at=call.clock.now(),
        )
        change.put(changed)
        if changed.kms_key_id != secret.kms_key_id:
            seal_anew(call, change, changed)
        if value is not None:
            _, version_id = add_version(call, change, changed, value, request)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}


@operation("secretsmanager", "DeleteSecret")
async def delete_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a secret deleted after 7 to 30 days, or at once."""
    days, at_once = request.get("RecoveryWindowInDays"), request.get("ForceDeleteWithoutRecovery")
    if days is not None and at_once:
        raise invalid(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )
    if days is not None and not SHORTEST_WINDOW <= days <= LONGEST_WINDOW:
        raise invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    now = call.clock.now()
    async with call.transaction() as change:
        if at_once:
            gone = find_secret(change, request["SecretId"])
            if gone is None:  # whoever wants it gone has it so
                return {
                    "ARN": request["SecretId"],
                    "Name": request["SecretId"],
                    "DeletionDate": now,
                }
            change.remove(gone, *versions_of(change, gone))
            return {"ARN": gone.arn, "Name": gone.name, "DeletionDate": now}
        secret = require_secret(change, request["SecretId"])
        if secret.deletion_at is not None:
            raise impossible(
                "You tried to perform the operation on a secret that's currently marked deleted."
            )
        when = now + timedelta(days=days or LONGEST_WINDOW)
        change.put(replace(secret, deletion_at=when))
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": when}


@operation("secretsmanager", "RestoreSecret")
async def restore_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a secret after all."""
    async with call.transaction() as change:
        secret = require_secret(change, request["SecretId"])
        change.put(replace(secret, deletion_at=None))
    return {"ARN": secret.arn, "Name": secret.name}


def described(secret: Secret, now: datetime) -> dict[str, Any]:
    """Return what DescribeSecret and ListSecrets both show."""
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description,
        "KmsKeyId": secret.kms_key_id,
        **rotation.shown(secret.rotation, now),
        "LastChangedDate": secret.changed_at,
        "LastAccessedDate": secret.accessed_on,
        "DeletedDate": secret.deletion_at,
        "Tags": [{"Key": tag.key, "Value": tag.value} for tag in secret.tags],
        "CreatedDate": secret.created_at,
    }


def _repeated(view: View, request: dict[str, Any]) -> Secret | None:
    """Return the secret that the same request made before; another one's name is refused."""
    known = find_secret(view, request["Name"])
    if known is None:
        if len(view.select(Secret)) >= MOST:
            raise AwsError("LimitExceededException", f"At most {MOST} secrets in a region.")
        return None
    if known.deletion_at is not None:
        raise impossible(
            "You can't create this secret because a secret with this name is already scheduled for "
            "deletion."
        )
    if request.get("ClientRequestToken") in known.stages.values():
        return known
    raise AwsError(
        "ResourceExistsException",
        f"The operation failed because the secret {known.name} already exists.",
    )
