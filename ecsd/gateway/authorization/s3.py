"""What S3's operations need: actions on buckets' and objects' ARNs, and S3's condition keys.

Source: Service Authorization Reference, Amazon S3; S3 User Guide, Required permissions.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from ecsd.gateway.authorization.need import Asked, Need
from ecsd.store.finders.iam_caller import Keys

# Actions whose names are not the operations'.
RENAMED = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
# Actions on a version, where the request names one: the rest of the name is the same.
OF_VERSION = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
}
CONDITIONS = {
    "Prefix": "s3:prefix",
    "Delimiter": "s3:delimiter",
    "MaxKeys": "s3:max-keys",
    "VersionId": "s3:versionid",
    "ACL": "s3:x-amz-acl",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "CopySource": "s3:x-amz-copy-source",
    "IfNoneMatch": "s3:if-none-match",
    "IfMatch": "s3:if-match",
}


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation needs."""
    members, name = asked.members, asked.operation
    context = _context(members)
    bucket = members.get("Bucket")
    if bucket is None:
        yield Need(f"s3:{RENAMED.get(name, name)}", "*", context)
        return
    if name == "DeleteObjects":
        for one in (members.get("Delete") or {}).get("Objects", []):
            yield _need("DeleteObject", one, _arn(bucket, one.get("Key", "")), context)
        return
    resource = _arn(bucket, members["Key"]) if "Key" in members else _arn(bucket)
    yield _need(RENAMED.get(name, name), members, resource, context)
    if name == "GetObjectAttributes":
        yield _need("GetObject", members, resource, context)
    if members.get("Tagging") and name in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        yield Need("s3:PutObjectTagging", resource, context)
    if members.get("ACL") and name in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        yield Need("s3:PutObjectAcl", resource, context)
    if "CopySource" in members:
        text, _, version = members["CopySource"].partition("?versionId=")
        source = unquote(text).removeprefix("/")
        action = "s3:GetObjectVersion" if version else "s3:GetObject"
        yield Need(action, f"arn:aws:s3:::{source}", context)


def object_need(bucket: object, key: object, version: object) -> Need:
    """Return what it needs to read an object, for operations of other services that do."""
    members = {"VersionId": version}
    return _need("GetObject", members, _arn(f"{bucket or ''}", f"{key or ''}"), _context(members))


def bucket_of(need: Need) -> str:
    """Return the bucket that a need is about; empty where it is about none."""
    return need.resource.removeprefix("arn:aws:s3:::").partition("/")[0].strip("*")


def _need(action: str, members: Mapping[str, Any], resource: str, context: Keys) -> Need:
    if members.get("VersionId") is not None:
        action = OF_VERSION.get(action, action)
    return Need(f"s3:{action}", resource, context)


def _arn(bucket: str, key: str | None = None) -> str:
    return f"arn:aws:s3:::{bucket}" if key is None else f"arn:aws:s3:::{bucket}/{key}"


def _context(members: Mapping[str, Any]) -> Keys:
    keys: Keys = {
        condition: (str(members[member]),)
        for member, condition in CONDITIONS.items()
        if members.get(member) is not None
    }
    tagging = members.get("Tagging")
    if isinstance(tagging, str):
        pairs = [pair.partition("=") for pair in tagging.split("&") if pair]
        tags = {unquote_plus(key): unquote_plus(value) for key, _, value in pairs}
    else:
        given = (tagging or {}).get("TagSet", [])
        tags = {one["Key"]: one.get("Value", "") for one in given}
    for key, value in tags.items():
        keys[f"s3:requestobjecttag/{key.lower()}"] = (value,)
    if tags:
        keys["s3:requestobjecttagkeys"] = tuple(tags)
    return keys
