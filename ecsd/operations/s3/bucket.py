"""Buckets: made, found, listed, deleted. Source: S3 API Reference, CreateBucket and its kin."""

import base64
from typing import Any

from ecsd.decisions.s3.bucket_name import is_valid
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import (
    MOST_TAGS,
    invalid,
    not_supported,
    owned,
    owner_of,
    parse_tags,
    present,
    refuse_members,
)
from ecsd.records.s3.bucket import Bucket, PublicAccessBlock
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject
from ecsd.store.finders.s3 import find_bucket
from ecsd.store.object_versions import remove_upload

HOME = "us-east-1"  # the region that has no location constraint
MOST_BUCKETS = 10_000
LOCATIONS = {"EU": "eu-west-1"}
ALL_BLOCKED = PublicAccessBlock(
    block_public_acls=True,
    ignore_public_acls=True,
    block_public_policy=True,
    restrict_public_buckets=True,
)


@operation("s3", "CreateBucket")
async def create_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a bucket as new ones are: no ACLs, public access blocked."""
    name, config = request["Bucket"], request.get("CreateBucketConfiguration") or {}
    _check_new(request, config)
    region = _region(call, config.get("LocationConstraint"))
    async with call.store.transaction(call.scope.globally()) as change:
        known = find_bucket(call.store, name)
        if known is not None and known.scope != change.scope:
            raise AwsError(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by "
                "all users of the system. Select a different name and try again.",
                status=409,
            )
        if known is not None and call.scope.region != HOME:
            raise AwsError(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own "
                "it.",
                status=409,
                details={"BucketName": name},
            )
        if known is None:
            if len(change.select(Bucket)) >= MOST_BUCKETS:
                raise AwsError(
                    "TooManyBuckets",
                    "You have attempted to create more buckets than allowed",
                )
            change.put(
                Bucket(
                    name=name,
                    region=region,
                    created_at=call.clock.now(),
                    tags=parse_tags(config.get("Tags", ()), MOST_TAGS),
                    object_ownership=request.get("ObjectOwnership", "BucketOwnerEnforced"),
                    public_access_block=ALL_BLOCKED,
                )
            )
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


@operation("s3", "HeadBucket")
async def head_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that a bucket is there, and its region."""
    bucket = owned(call, request).bucket
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn}


@operation("s3", "GetBucketLocation")
async def get_bucket_location(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell a bucket's region; nothing for us-east-1."""
    region = owned(call, request).bucket.region
    return {"LocationConstraint": None if region == HOME else region}


@operation("s3", "ListBuckets")
async def list_buckets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the caller's own buckets by name."""
    prefix, wanted = request.get("Prefix", ""), request.get("BucketRegion")
    after = _read_token(request["ContinuationToken"]) if "ContinuationToken" in request else ""
    most = request.get("MaxBuckets", MOST_BUCKETS)
    if not 1 <= most <= MOST_BUCKETS:
        raise invalid(f"max-buckets must be between 1 and {MOST_BUCKETS}")
    found = sorted(call.view.globally().select(Bucket), key=lambda one: one.name)
    left = [
        one
        for one in found
        if one.name.startswith(prefix) and one.name > after and wanted in (None, one.region)
    ]
    shown = [
        {
            "Name": one.name,
            "CreationDate": one.created_at,
            "BucketRegion": one.region,
            "BucketArn": one.arn,
        }
        for one in left[:most]
    ]
    answer: dict[str, Any] = {"Buckets": shown, "Owner": owner_of(call.scope.account)}
    if len(left) > most:
        answer["ContinuationToken"] = base64.urlsafe_b64encode(
            left[most - 1].name.encode()
        ).decode()
    if prefix:
        answer["Prefix"] = prefix
    return answer


@operation("s3", "DeleteBucket")
async def delete_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a bucket that holds no version of any object; uploads that are unfinished go too."""
    own = owned(call, request)
    name = own.bucket.name
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        if change.count(StoredObject, "bucket", name):
            raise AwsError(
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty. You must delete all versions in the "
                "bucket.",
                status=409,
                details={"BucketName": name},
            )
        uploads = change.select(MultipartUpload, bucket=name)
        freed = [blob for one in uploads for blob in remove_upload(change, one)]
        change.remove(bucket)
    call.blobs.remove(freed)
    return {}


def _check_new(request: dict[str, Any], config: dict[str, Any]) -> None:
    refuse_members(request)
    if not is_valid(request["Bucket"]):
        raise AwsError(
            "InvalidBucketName",
            "The specified bucket is not valid.",
            details={"BucketName": request["Bucket"][:255]},
        )
    if request.get("ObjectLockEnabledForBucket"):
        raise not_supported("ObjectLockEnabledForBucket")
    if request.get("BucketNamespace", "global") != "global":
        raise not_supported("BucketNamespace")
    if request.get("ObjectOwnership") == "ObjectWriter":
        raise not_supported("ObjectOwnership ObjectWriter")
    for member in ("Location", "Bucket"):
        if config.get(member):
            raise not_supported(f"CreateBucketConfiguration.{member}")
    acl = request.get("ACL", "private")
    if acl != "private":
        if request.get("ObjectOwnership", "BucketOwnerEnforced") == "BucketOwnerEnforced":
            raise AwsError(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            )
        raise not_supported(f"ACL {acl}")


def _region(call: Call, constraint: str | None) -> str:
    here = call.scope.region
    if constraint is None:
        if here != HOME:
            raise AwsError(
                "IllegalLocationConstraintException",
                "The unspecified location constraint is incompatible for the region specific "
                "endpoint this request was sent to.",
            )
        return HOME
    region = LOCATIONS.get(constraint, constraint)
    if region == HOME:
        raise AwsError(
            "InvalidLocationConstraint", "The specified location-constraint is not valid"
        )
    if here not in (HOME, region):
        raise AwsError(
            "IllegalLocationConstraintException",
            f"The {constraint} location constraint is incompatible for the region specific "
            "endpoint this request was sent to.",
        )
    return region


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError as error:
        raise invalid("The continuation token provided is incorrect") from error
