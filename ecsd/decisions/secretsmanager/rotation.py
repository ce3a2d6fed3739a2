"""A secret's rotation, step by step: what is next, and what an answer of the function changes.

The function makes, sets, tests and finishes a version that has the label AWSPENDING; a step that
fails has the whole rotation tried again. Source: AWS Secrets Manager User Guide, Rotation by Lambda
function; API Reference, RotateSecret.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.secretsmanager.rotation_window import days_between, occasion, window_after
from ecsd.decisions.secretsmanager.stages import CURRENT, PENDING, Stages
from ecsd.records.secretsmanager.rotation import (
    SCHEDULED,
    TEST,
    Rotation,
    RotationAttempt,
    RotationRules,
)
from ecsd.records.secretsmanager.secret import Secret

CREATE, SET, PROVE, FINISH = "createSecret", "setSecret", "testSecret", "finishSecret"
STEPS = (CREATE, SET, PROVE, FINISH)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
LAST_MOMENT = timedelta(seconds=1)  # before a window closes


def configured(
    secret: Secret, lambda_arn: str, rules: RotationRules | None, now: datetime
) -> Secret:
    """Return a secret that a function rotates. rules: None leaves those that it has."""
    held = secret.rotation
    if held is None:
        rotation = Rotation(lambda_arn=lambda_arn, rules=rules or RotationRules(), counted_from=now)
    else:
        rotation = replace(held, lambda_arn=lambda_arn, rules=rules or held.rules, is_enabled=True)
    return replace(secret, rotation=rotation, changed_at=now)


def is_incomplete(stages: Stages) -> bool:
    """Return whether a rotation has begun that has not ended well."""
    return PENDING in stages and stages[PENDING] != stages.get(CURRENT)


def begun(secret: Secret, kind: str, token: str, rotation_token: str, now: datetime) -> Secret:
    """Return a secret with a rotation, or its test, in progress.

    token: the new version's id, which has AWSPENDING before there is a value; a rotation that was
    left incomplete is taken up by the token that it has.
    """
    rotation = _rotation(secret)
    if is_incomplete(secret.stages):
        token = secret.stages[PENDING]
    attempt = RotationAttempt(
        token=token,
        rotation_token=rotation_token,
        kind=kind,
        step=PROVE if kind == TEST else CREATE,
    )
    return replace(
        secret,
        rotation=replace(rotation, attempt=attempt),
        stages={**secret.stages, PENDING: token},
        changed_at=now,
    )


def due_at(secret: Secret, now: datetime) -> datetime | None:
    """Return when something is to be done next, None if nothing is."""
    rotation = secret.rotation
    if rotation is None or not rotation.is_enabled or secret.deletion_at is not None:
        return None
    if rotation.attempt is not None:
        return rotation.attempt.retry_at or now
    window = occasion(rotation.rules, rotation.counted_from, now)
    return window.opens if window is not None else None


def labelled(secret: Secret) -> Secret:
    """Return a secret whose attempt has its label again, which somebody may have taken away."""
    attempt = _attempt(secret)
    if attempt.token in (secret.stages.get(PENDING), secret.stages.get(CURRENT)):
        return secret
    return replace(secret, stages={**secret.stages, PENDING: attempt.token})


def event_of(secret: Secret) -> bytes:
    """Return what the function is asked to do next."""
    attempt = _attempt(secret)
    event = {
        "Step": attempt.step,
        "SecretId": secret.arn,
        "ClientRequestToken": attempt.token,
        "RotationToken": attempt.rotation_token,
    }
    return json.dumps(event).encode()


def is_same(secret: Secret, attempt: RotationAttempt) -> bool:
    """Return whether an answer for an attempt's step still counts."""
    held = secret.rotation.attempt if secret.rotation is not None else None
    return held is not None and (held.rotation_token, held.step) == (
        attempt.rotation_token,
        attempt.step,
    )


def after_step(secret: Secret, now: datetime) -> Secret | str:
    """Return a secret after a step that went well; or why the last one did not.

    A test's version has no label any more; it is for the caller to remove.
    """
    rotation, attempt = _rotation(secret), _attempt(secret)
    if attempt.kind == TEST:
        return after_test(secret)
    if attempt.step != FINISH:
        step = STEPS[STEPS.index(attempt.step) + 1]
        return replace(secret, rotation=replace(rotation, attempt=replace(attempt, step=step)))
    if is_incomplete(secret.stages):
        return f"{FINISH} has left {PENDING} and {CURRENT} on different versions"
    ended = replace(rotation, attempt=None, last_rotated_at=now, counted_from=now)
    return replace(secret, rotation=ended, changed_at=now)


def after_failure(secret: Secret, now: datetime) -> Secret:
    """Return a secret after a step that failed: all steps come again after a pause that doubles.

    What the schedule began goes on in a window. A test is not repeated.
    """
    rotation, attempt = _rotation(secret), _attempt(secret)
    if attempt.kind == TEST:
        return after_test(secret)
    failures = attempt.failures + 1
    when = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
    if attempt.kind == SCHEDULED:
        window = occasion(rotation.rules, rotation.counted_from, when)
        when = max(when, window.opens) if window is not None else when
    again = replace(attempt, step=CREATE, failures=failures, retry_at=when)
    return replace(secret, rotation=replace(rotation, attempt=again))


def after_test(secret: Secret) -> Secret:
    """Return a secret without its test and the label that it had."""
    attempt = _attempt(secret)
    stages = {
        label: version
        for label, version in secret.stages.items()
        if (label, version) != (PENDING, attempt.token)
    }
    rotation = replace(_rotation(secret), attempt=None)
    return replace(secret, rotation=rotation, stages=stages)


def reattempted(secret: Secret) -> Secret:
    """Return a secret whose rotation in progress, if there is one, does not wait any longer."""
    rotation = secret.rotation
    if rotation is None or rotation.attempt is None:
        return secret
    attempt = replace(rotation.attempt, retry_at=None)
    return replace(secret, rotation=replace(rotation, attempt=attempt))


def cancelled(secret: Secret, now: datetime) -> Secret:
    """Return a secret that is not rotated any more; a rotation in progress leaves its labels."""
    rotation = secret.rotation
    if rotation is None:
        return secret
    if rotation.attempt is not None and rotation.attempt.kind == TEST:
        secret = after_test(secret)
    ended = replace(rotation, is_enabled=False, attempt=None)
    return replace(secret, rotation=ended, changed_at=now)


def put_by_hand(before: Secret, after: Secret, now: datetime) -> Secret:
    """Return a secret after a new version: one that is current counts as a rotation.

    That of a rotation in progress does not: it has yet to end well.
    """
    rotation, current = after.rotation, after.stages.get(CURRENT)
    if rotation is None or current == before.stages.get(CURRENT):
        return after
    if rotation.attempt is not None and rotation.attempt.token == current:
        return after
    return replace(after, rotation=replace(rotation, counted_from=now))


def shown(rotation: Rotation | None, now: datetime) -> dict[str, Any]:
    """Return what DescribeSecret and ListSecrets tell of a rotation.

    One that fails shows by NextRotationDate, which is left behind.
    """
    if rotation is None:
        return {}
    rules = rotation.rules
    days = rules.automatically_after_days
    if days is None and rotation.last_rotated_at is not None:
        days = days_between(rules, rotation.last_rotated_at)
    told = {
        "AutomaticallyAfterDays": days,
        "Duration": rules.duration,
        "ScheduleExpression": rules.schedule_expression,
    }
    due = None
    if rotation.is_enabled:
        fails = rotation.attempt is not None and rotation.attempt.failures > 0
        base = rotation.counted_from
        due = window_after(rules, base) if fails else occasion(rules, base, now)
    return {
        "RotationEnabled": rotation.is_enabled,
        "RotationLambdaARN": rotation.lambda_arn,
        "RotationRules": told if any(told.values()) else None,
        "LastRotatedDate": rotation.last_rotated_at if rotation.is_enabled else None,
        "NextRotationDate": due.closes - LAST_MOMENT if due is not None else None,
    }


def _rotation(secret: Secret) -> Rotation:
    if secret.rotation is None:
        raise ValueError(f"{secret.arn} is not rotated")
    return secret.rotation


def _attempt(secret: Secret) -> RotationAttempt:
    attempt = _rotation(secret).attempt
    if attempt is None:
        raise ValueError(f"{secret.arn} is not being rotated")
    return attempt
