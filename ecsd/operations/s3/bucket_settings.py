"""A bucket's versioning, encryption, ownership, public access, tags, ACL.

Source: S3 API Reference, PutBucketVersioning and its kin.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import (
    ENCRYPTION,
    MOST_TAGS,
    not_supported,
    owned,
    parse_tags,
    present,
    refuse_members,
    show_tags,
)
from ecsd.operations.s3.stored_object import check_acl_document, private_acl
from ecsd.records.s3.bucket import Bucket, PublicAccessBlock

BLOCKS = {
    "BlockPublicAcls": "block_public_acls",
    "IgnorePublicAcls": "ignore_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "RestrictPublicBuckets": "restrict_public_buckets",
}


@operation("s3", "GetBucketVersioning")
async def get_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell whether versions are kept; nothing where it was never asked for."""
    return {"Status": owned(call, request).bucket.versioning}


@operation("s3", "PutBucketVersioning")
async def put_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Turn versions on, or off for what is put from now on."""
    refuse_members(request)
    config = request["VersioningConfiguration"]
    if config.get("MFADelete", "Disabled") != "Disabled":
        raise not_supported("VersioningConfiguration.MfaDelete")
    status = config.get("Status")
    if status is None:
        raise AwsError(
            "IllegalVersioningConfigurationException",
            "The Versioning element must be specified",
        )
    return await _change(call, request, versioning=status)


@operation("s3", "GetBucketEncryption")
async def get_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how objects are encrypted: AES-256, all of them."""
    bucket = owned(call, request).bucket
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION},
        "BucketKeyEnabled": bucket.bucket_key,
    }
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


@operation("s3", "PutBucketEncryption")
async def put_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the encryption that every object has: AES-256."""
    owned(call, request)
    rules = request["ServerSideEncryptionConfiguration"]["Rules"]
    if len(rules) != 1:
        raise AwsError("MalformedXML", "The XML you provided has to hold one Rule")
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": ENCRYPTION}
    if default["SSEAlgorithm"] != ENCRYPTION:
        raise not_supported(f"SSEAlgorithm {default['SSEAlgorithm']}")
    if default.get("KMSMasterKeyID"):
        raise AwsError(
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
        )
    blocked = (rules[0].get("BlockedEncryptionTypes") or {}).get("EncryptionType", [])
    if any(one not in ("NONE", "SSE-C") for one in blocked):  # requests with SSE-C are refused
        raise not_supported("BlockedEncryptionTypes")
    return await _change(call, request, bucket_key=rules[0].get("BucketKeyEnabled", False))


@operation("s3", "DeleteBucketEncryption")
async def delete_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Go back to the default, which is AES-256 too."""
    return await _change(call, request, bucket_key=False)


@operation("s3", "GetBucketOwnershipControls")
async def get_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell who owns objects."""
    own = owned(call, request)
    if own.bucket.object_ownership is None:
        raise AwsError(
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
            status=404,
            details={"BucketName": own.bucket.name},
        )
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": own.bucket.object_ownership}]}}


@operation("s3", "PutBucketOwnershipControls")
async def put_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say who owns objects: the bucket's owner, as no ACL can give them away."""
    rules = request["OwnershipControls"]["Rules"]
    if len(rules) != 1:
        raise AwsError("MalformedXML", "The XML you provided has to hold one Rule")
    if rules[0]["ObjectOwnership"] == "ObjectWriter":
        raise not_supported("ObjectOwnership ObjectWriter")
    return await _change(call, request, object_ownership=rules[0]["ObjectOwnership"])


@operation("s3", "DeleteBucketOwnershipControls")
async def delete_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget who owns objects; it is the bucket's owner still."""
    return await _change(call, request, object_ownership=None)


@operation("s3", "GetPublicAccessBlock")
async def get_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell what is kept from making the bucket public."""
    own = owned(call, request)
    block = own.bucket.public_access_block
    if block is None:
        raise AwsError(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
            status=404,
            details={"BucketName": own.bucket.name},
        )
    told = {name: getattr(block, own_name) for name, own_name in BLOCKS.items()}
    return {"PublicAccessBlockConfiguration": told}


@operation("s3", "PutPublicAccessBlock")
async def put_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say what is kept from making the bucket public."""
    given = request["PublicAccessBlockConfiguration"]
    block = PublicAccessBlock(**{own: given.get(name, False) for name, own in BLOCKS.items()})
    return await _change(call, request, public_access_block=block)


@operation("s3", "DeletePublicAccessBlock")
async def delete_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Block nothing any more."""
    return await _change(call, request, public_access_block=None)


@operation("s3", "GetBucketTagging")
async def get_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the bucket's tags."""
    own = owned(call, request)
    if not own.bucket.tags:
        raise AwsError(
            "NoSuchTagSet",
            "The TagSet does not exist",
            status=404,
            details={"BucketName": own.bucket.name},
        )
    return {"TagSet": show_tags(own.bucket.tags)}


@operation("s3", "PutBucketTagging")
async def put_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the bucket's tags."""
    return await _change(call, request, tags=parse_tags(request["Tagging"]["TagSet"], MOST_TAGS))


@operation("s3", "DeleteBucketTagging")
async def delete_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take away the bucket's tags."""
    return await _change(call, request, tags=())


@operation("s3", "GetBucketAcl")
async def get_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that the owner, and nobody else, may do everything."""
    return private_acl(owned(call, request).scope.account)


@operation("s3", "PutBucketAcl")
async def put_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the ACL that every bucket has: private."""
    own = owned(call, request)
    refuse_members(request)
    check_acl_document(request, own)
    return {}


async def _change(call: Call, request: dict[str, Any], **members: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a bucket
    own = owned(call, request)
    async with call.store.transaction(own.scope) as change:
        bucket: Bucket = present(change, own)
        change.put(replace(bucket, **members))
    return {}
