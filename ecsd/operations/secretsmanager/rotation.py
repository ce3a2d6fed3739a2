"""Rotation: which function makes the next value of a secret, and when.

Source: AWS Secrets Manager API Reference, RotateSecret, CancelRotateSecret.
"""

from typing import Any

from ecsd.decisions.balancers.function_arn import FUNCTION, NOBODY
from ecsd.decisions.secretsmanager import rotation
from ecsd.decisions.secretsmanager.rotation_window import fault_of
from ecsd.decisions.secretsmanager.stages import CURRENT, PENDING
from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import impossible, invalid, refuse
from ecsd.operations.secretsmanager.values import add_version, open_version
from ecsd.records.secretsmanager.rotation import ASKED, TEST, RotationRules
from ecsd.records.secretsmanager.secret import Secret
from ecsd.store.finders.secretsmanager import find_deprecated, find_version, require_living_secret
from ecsd.store.store import Transaction

LATER = ("ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn")


@operation("secretsmanager", "RotateSecret")
async def rotate_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a function rotate a secret: at once, unless only the schedule is to do it."""
    refuse(request, *LATER)
    rules, now = _rules(call, request), call.clock.now()
    token = request.get("ClientRequestToken") or call.ids.uuid()
    incomplete = False
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        if not _is_repeated(secret, token):
            wanted = rotation.configured(secret, _function(call, secret, request), rules, now)
            incomplete = rotation.is_incomplete(secret.stages)
            if incomplete:
                change.put(rotation.reattempted(secret))
            elif find_version(change, secret, token) is not None:
                raise invalid(
                    f"You can't use ClientRequestToken {token} because that value is already in "
                    f"use for a version of secret {secret.arn}."
                )
            elif request.get("RotateImmediately", True):
                change.put(rotation.begun(wanted, ASKED, token, call.ids.uuid(), now))
            else:
                pending = _with_copy(call, change, wanted, token)
                change.put(rotation.begun(pending, TEST, token, call.ids.uuid(), now))
    if incomplete:
        raise impossible("A previous rotation isn't complete. That rotation will be reattempted.")
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}


@operation("secretsmanager", "CancelRotateSecret")
async def cancel_rotate_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Rotate a secret no more; a rotation in progress ends where it is."""
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        attempt = secret.rotation.attempt if secret.rotation is not None else None
        ended = rotation.cancelled(secret, call.clock.now())
        change.put(ended)
        if attempt is not None and attempt.kind == TEST:
            change.remove(*find_deprecated(change, ended, attempt.token))
    version_id = attempt.token if attempt is not None else None
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}


def _rules(call: Call, request: dict[str, Any]) -> RotationRules | None:
    told = request.get("RotationRules")
    if not told:
        return None
    rules = RotationRules(
        automatically_after_days=told.get("AutomaticallyAfterDays"),
        schedule_expression=told.get("ScheduleExpression"),
        duration=told.get("Duration"),
    )
    fault = fault_of(rules, call.clock.now())
    if fault is not None:
        raise invalid(fault)
    return rules


def _function(call: Call, secret: Secret, request: dict[str, Any]) -> str:
    """Return the ARN of the function that is to rotate a secret."""
    held = secret.rotation.lambda_arn if secret.rotation is not None else None
    arn: str | None = request.get("RotationLambdaARN") or held
    if not arn:
        raise impossible("No Lambda rotation function ARN is associated with this secret.")
    function = FUNCTION.fullmatch(arn)
    if function is None:
        raise invalid(f"RotationLambdaARN {arn} is no function's ARN.")
    if (function["account"], function["region"]) != call.scope:
        raise invalid(
            "RotationLambdaARN must be a function of this account and region; others are not "
            "supported by ecsd."
        )
    if not call.settings.lambda_endpoint:
        raise invalid(f"RotationLambdaARN: {NOBODY}")
    return arn


def _is_repeated(secret: Secret, token: str) -> bool:
    """Return whether a request's rotation is under way already, or has been."""
    if secret.rotation is None:
        return False
    attempt = secret.rotation.attempt
    if attempt is not None and attempt.token == token:
        return True
    return secret.rotation.last_rotated_at is not None and secret.stages.get(CURRENT) == token


def _with_copy(call: Call, change: Transaction, secret: Secret, token: str) -> Secret:
    """Return a secret with its current value, if it has one, in a pending version to test."""
    version = find_version(change, secret, secret.stages.get(CURRENT, ""))
    if version is None:
        return secret
    value = open_version(call, change, version)
    request = {"ClientRequestToken": token, "VersionStages": [PENDING]}
    pending, _ = add_version(call, change, secret, value, request)
    return pending
