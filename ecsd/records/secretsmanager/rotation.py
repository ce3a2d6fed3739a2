"""How a secret is rotated. Source: AWS Secrets Manager API 2017-10-17, RotationRulesType."""

from datetime import datetime

from ecsd.records.record import Part

ASKED, SCHEDULED, TEST = "asked", "scheduled", "test"  # why a function is at work


class RotationRules(Part, frozen=True, kw_only=True):
    """When a secret is rotated, as it was asked for; nothing: only when somebody asks."""

    automatically_after_days: int | None = None
    schedule_expression: str | None = None
    duration: str | None = None  # of the window: 3h


class RotationAttempt(Part, frozen=True, kw_only=True):
    """A rotation, or its test, that is not over yet.

    token: the new version's id. step: the one that comes next. failures: in a row.
    """

    token: str
    rotation_token: str  # names this attempt to PutSecretValue
    kind: str
    step: str
    failures: int = 0
    retry_at: datetime | None = None  # not before then


class Rotation(Part, frozen=True, kw_only=True):
    """A secret's rotation by a Lambda function.

    counted_from: the moment from which the schedule's next window is counted.
    """

    lambda_arn: str
    rules: RotationRules
    counted_from: datetime
    is_enabled: bool = True
    last_rotated_at: datetime | None = None
    attempt: RotationAttempt | None = None
