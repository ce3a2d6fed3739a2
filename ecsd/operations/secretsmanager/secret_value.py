"""Values and versions of secrets.

Source: AWS Secrets Manager API Reference, GetSecretValue, PutSecretValue, BatchGetSecretValue.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.secretsmanager.stages import CURRENT, MOST, labels_of, moved
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import impossible, invalid, page
from ecsd.operations.secretsmanager.values import add_version, open_version, value_in
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from ecsd.store.finders.secretsmanager import (
    filtered_secrets,
    find_version,
    require_living_secret,
    require_secret,
    versions_of,
)

BATCH, PAGE = 20, 100


@operation("secretsmanager", "GetSecretValue")
async def get_secret_value(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a value: the current one, or that of a version or label."""
    answer = _read(call, request)
    await _note_access(call, [answer])
    return answer


@operation("secretsmanager", "BatchGetSecretValue")
async def batch_get_secret_value(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the current values of several secrets, and what kept others from being read."""
    named, filters = request.get("SecretIdList"), request.get("Filters")
    if bool(named) is bool(filters):
        raise invalid("You must specify either SecretIdList or Filters, and not both.")
    if named and request.get("MaxResults"):
        raise invalid("MaxResults needs Filters.")
    token = None
    if filters:
        found = filtered_secrets(call.view, filters)
        shown, token = page(found, request, lambda one: one.name, BATCH)
        named = [one.arn for one in shown]
    values, errors = [], []
    for reference in named or ():
        try:
            values.append(_read(call, {"SecretId": reference}))
        except AwsError as error:
            told = {"ErrorCode": error.code, "Message": error.message}
            errors.append({"SecretId": reference, **told})
    await _note_access(call, values)
    return {"SecretValues": values, "Errors": errors, "NextToken": token}


@operation("secretsmanager", "PutSecretValue")
async def put_secret_value(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a secret another version; it is the current one unless other labels are asked for."""
    value = value_in(request)
    if value is None:
        raise impossible("You must provide either SecretString or SecretBinary.")
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        _check_rotation(secret, request)
        changed, version_id = add_version(call, change, secret, value, request)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version_id,
        "VersionStages": labels_of(changed.stages, version_id),
    }


@operation("secretsmanager", "UpdateSecretVersionStage")
async def update_secret_version_stage(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Move a label from version to version, add or remove it."""
    target = request.get("MoveToVersionId")
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        if target is not None:
            _require_version(call, secret, target)
        stages = moved(
            secret.stages, request["VersionStage"], request.get("RemoveFromVersionId"), target
        )
        if isinstance(stages, str):
            raise invalid(stages)
        if target is not None and len(labels_of(stages, target)) > MOST:
            raise AwsError("LimitExceededException", f"A version may have at most {MOST} labels.")
        change.put(replace(secret, stages=stages, changed_at=call.clock.now()))
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager", "ListSecretVersionIds")
async def list_secret_version_ids(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a secret's versions; those without a label if they are asked for."""
    secret = require_secret(call.view, request["SecretId"])
    labelled = set(secret.stages.values())
    versions = [
        one
        for one in versions_of(call.view, secret)
        if one.version_id in labelled or request.get("IncludeDeprecated")
    ]
    shown, token = page(
        versions, request, lambda one: f"{one.created_at.isoformat()} {one.version_id}", PAGE
    )
    return {
        "Versions": [
            {
                "VersionId": one.version_id,
                "VersionStages": labels_of(secret.stages, one.version_id) or None,
                "LastAccessedDate": one.accessed_on,
                "CreatedDate": one.created_at,
                "KmsKeyIds": [one.key_id],
            }
            for one in shown
        ],
        "NextToken": token,
        "ARN": secret.arn,
        "Name": secret.name,
    }


def _check_rotation(secret: Secret, request: dict[str, Any]) -> None:
    """Refuse a value in the name of a rotation that is not in progress."""
    token = request.get("RotationToken")
    attempt = secret.rotation.attempt if secret.rotation is not None else None
    if token is not None and (attempt is None or attempt.rotation_token != token):
        raise invalid("RotationToken is not that of a rotation in progress.")


def _read(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    secret = require_living_secret(call.view, request["SecretId"])
    version = _wanted(call, secret, request)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.version_id,
        **open_version(call, call.view, version).shown(),
        "VersionStages": labels_of(secret.stages, version.version_id) or None,
        "CreatedDate": version.created_at,
    }


def _wanted(call: Call, secret: Secret, request: dict[str, Any]) -> SecretVersion:
    version_id, label = request.get("VersionId"), request.get("VersionStage")
    if version_id is not None:
        version = _require_version(call, secret, version_id)
        if label is not None and secret.stages.get(label) != version_id:
            raise impossible(
                "You provided a VersionStage that is not associated to the provided VersionId."
            )
        return version
    holder = secret.stages.get(label or CURRENT)
    held = find_version(call.view, secret, holder) if holder is not None else None
    if held is None:
        raise AwsError(
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: "
            f"{label or CURRENT}",
        )
    return held


def _require_version(call: Call, secret: Secret, version_id: str) -> SecretVersion:
    version = find_version(call.view, secret, version_id)
    if version is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"Secrets Manager can't find the specified secret value for VersionId: {version_id}",
        )
    return version


async def _note_access(call: Call, values: list[dict[str, Any]]) -> None:
    """Keep on which day secrets and versions were read last: one write a day."""
    today = call.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    due = [one for one in values if not _noted(call, one, today)]
    if not due:
        return
    async with call.transaction() as change:
        for one in due:
            secret = require_secret(change, one["ARN"])
            version = find_version(change, secret, one["VersionId"])
            change.put(replace(secret, accessed_on=today))
            if version is not None:
                change.put(replace(version, accessed_on=today))


def _noted(call: Call, value: dict[str, Any], today: datetime) -> bool:
    secret = require_secret(call.view, value["ARN"])
    version = find_version(call.view, secret, value["VersionId"])
    return secret.accessed_on == today and version is not None and version.accessed_on == today
