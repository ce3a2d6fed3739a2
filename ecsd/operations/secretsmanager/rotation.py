"""Rotation: no function is asked for it yet, and what asks for one is refused by name.

Source: AWS Secrets Manager API Reference, RotateSecret, CancelRotateSecret.
"""

from typing import Any

from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import impossible, refuse
from ecsd.store.finders.secretsmanager import require_living_secret

LATER = (
    "RotationLambdaARN",
    "RotationRules",
    "ExternalSecretRotationMetadata",
    "ExternalSecretRotationRoleArn",
)


@operation("secretsmanager", "RotateSecret")
async def rotate_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse: there is no function that could make the next value."""
    require_living_secret(call.view, request["SecretId"])
    refuse(request, *LATER)
    raise impossible("No Lambda rotation function ARN is associated with this secret.")


@operation("secretsmanager", "CancelRotateSecret")
async def cancel_rotate_secret(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Leave a secret as it is: nothing rotates it."""
    secret = require_living_secret(call.view, request["SecretId"])
    return {"ARN": secret.arn, "Name": secret.name}
