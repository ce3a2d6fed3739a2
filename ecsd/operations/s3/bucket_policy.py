"""A bucket's policy. Source: S3 API Reference, PutBucketPolicy; S3 User Guide, Bucket policies."""

from typing import Any

import msgspec
from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.statement import statements_of
from ecsd.decisions.s3.public_policy import is_public
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import owned, present

MOST_BYTES = 20 << 10


@operation("s3", "GetBucketPolicy")
async def get_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the policy as it was given."""
    own = owned(call, request)
    return {"Policy": _policy(own.bucket.policy, own.bucket.name)}


@operation("s3", "GetBucketPolicyStatus")
async def get_bucket_policy_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell whether the policy is public."""
    own = owned(call, request)
    document = _policy(own.bucket.policy, own.bucket.name)
    return {"PolicyStatus": {"IsPublic": is_public(document)}}


@operation("s3", "PutBucketPolicy")
async def put_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Attach a policy; strict mode asks it."""
    own = owned(call, request)
    document = request["Policy"]
    _check(document, own.bucket.arn)
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        block = bucket.public_access_block
        if block is not None and block.block_public_policy and is_public(document):
            raise AwsError(
                "AccessDenied",
                "The policy is public, and the BlockPublicPolicy setting of the bucket's public "
                "access block refuses that.",
                status=403,
            )
        change.put(replace(bucket, policy=document))
    return {}


@operation("s3", "DeleteBucketPolicy")
async def delete_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the policy away."""
    own = owned(call, request)
    async with call.store.transaction(own.scope) as change:
        change.put(replace(present(change, own), policy=None))
    return {}


def _policy(document: str | None, bucket: str) -> str:
    if document is None:
        raise AwsError(
            "NoSuchBucketPolicy",
            "The bucket policy does not exist",
            status=404,
            details={"BucketName": bucket},
        )
    return document


def _check(document: str, arn: str) -> None:
    if len(document.encode()) > MOST_BYTES:
        raise AwsError("PolicyTooLarge", "The policy is larger than 20 KB")
    fault = fault_in(document, PolicyKind.RESOURCE)
    if fault is not None:
        raise AwsError("MalformedPolicy", fault)
    for statement in statements_of(msgspec.json.decode(document)):
        actions = _listed(statement.get("Action", statement.get("NotAction")))
        if not all(one == "*" or one.lower().startswith("s3:") for one in actions):
            raise AwsError("MalformedPolicy", "Policy has invalid action")
        for resource in _listed(statement.get("Resource", statement.get("NotResource"))):
            if resource not in ("*", arn) and not resource.startswith(f"{arn}/"):
                raise AwsError("MalformedPolicy", "Policy has invalid resource")


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - one text or several
    return [value] if isinstance(value, str) else list(value or [])
