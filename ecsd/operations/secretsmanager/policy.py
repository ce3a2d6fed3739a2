"""Policies of secrets: who else may read them.

Source: AWS Secrets Manager API Reference, PutResourcePolicy, ValidateResourcePolicy.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.store.finders.secretsmanager import require_living_secret, require_secret


@operation("secretsmanager", "PutResourcePolicy")
async def put_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a secret's policy."""
    document = request["ResourcePolicy"]
    fault = fault_in(document, PolicyKind.RESOURCE)
    if fault is not None:
        raise AwsError("MalformedPolicyDocumentException", fault)
    if request.get("BlockPublicPolicy") and _is_public(document):
        raise AwsError(
            "PublicPolicyException",
            "The resource policy allows everybody: BlockPublicPolicy is set.",
        )
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        change.put(replace(secret, policy=document))
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager", "GetResourcePolicy")
async def get_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a secret's policy; nothing where it has none."""
    secret = require_secret(call.view, request["SecretId"])
    return {"ARN": secret.arn, "Name": secret.name, "ResourcePolicy": secret.policy}


@operation("secretsmanager", "DeleteResourcePolicy")
async def delete_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a secret's policy away."""
    async with call.transaction() as change:
        secret = require_living_secret(change, request["SecretId"])
        change.put(replace(secret, policy=None))
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager", "ValidateResourcePolicy")
async def validate_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say whether a policy would be taken, and whether it lets everybody in."""
    if request.get("SecretId"):
        require_secret(call.view, request["SecretId"])
    document = request["ResourcePolicy"]
    fault = fault_in(document, PolicyKind.RESOURCE)
    errors = []
    if fault is not None:
        errors.append({"CheckName": "PolicySyntax", "ErrorMessage": fault})
    elif _is_public(document):
        words = "The resource policy allows everybody."
        errors.append({"CheckName": "BlockPublicPolicy", "ErrorMessage": words})
    return {"PolicyValidationPassed": not errors, "ValidationErrors": errors}


def _is_public(document: str) -> bool:
    """Return whether a statement without a condition allows everybody."""
    return any(
        one.allows
        and not one.conditions
        and one.principals is not None
        and one.principals.everybody
        for one in compile_policy(document).statements
    )
