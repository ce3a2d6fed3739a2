"""What S3's operations have in common: whose bucket it is, what is refused, tags, owners."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.s3.bucket import Bucket
from ecsd.records.tag import Tag
from ecsd.store.finders.s3 import OwnedBucket, no_such_bucket, require_bucket
from ecsd.store.store import Transaction, View

MOST_TAGS = 50  # of a bucket
MOST_OBJECT_TAGS = 10
LONGEST_TAG_KEY = 128
LONGEST_TAG_VALUE = 256
ENCRYPTION = "AES256"
CUSTOMER_KEYS = (
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "CopySourceSSECustomerAlgorithm",
    "CopySourceSSECustomerKey",
    "CopySourceSSECustomerKeyMD5",
)
REFUSED = (
    *CUSTOMER_KEYS,
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWrite",
    "GrantWriteACP",
    "SSEKMSKeyId",
    "SSEKMSEncryptionContext",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
    "WebsiteRedirectLocation",
    "WriteOffsetBytes",
    "AnnotationDirective",
    "MFA",
    "BypassGovernanceRetention",
)


def owned(call: Call, request: Mapping[str, Any]) -> OwnedBucket:
    """Return the bucket that a request names, or refuse: NoSuchBucket, AccessDenied."""
    return require_bucket(call.store, request["Bucket"], request.get("ExpectedBucketOwner"))


def view_of(call: Call, own: OwnedBucket) -> View:
    """Read what lies in a bucket."""
    return call.store.view(own.scope)


def present(change: Transaction, own: OwnedBucket) -> Bucket:
    """Return the bucket as a transaction sees it."""
    bucket = change.get(Bucket, own.bucket.name)
    if bucket is None:
        raise no_such_bucket(own.bucket.name)
    return bucket


def not_supported(what: str) -> AwsError:
    """Return the error of what S3 knows and this one does not."""
    return AwsError("NotImplemented", f"{what} is not supported by ecsd", status=501)


def invalid(message: str) -> AwsError:
    """Return S3's error for a wrong value."""
    return AwsError("InvalidArgument", message)


def refuse_members(request: Mapping[str, Any], *more: str) -> None:
    """Refuse by name what would have no effect."""
    for name in (*REFUSED, *more):
        if request.get(name):
            raise not_supported(name)
    encryption = request.get("ServerSideEncryption", ENCRYPTION)
    if encryption != ENCRYPTION:
        raise not_supported(f"ServerSideEncryption {encryption}")
    storage = request.get("StorageClass", "STANDARD")
    if storage != "STANDARD":
        raise not_supported(f"StorageClass {storage}")


def refuse_customer_keys(request: Mapping[str, Any]) -> None:
    """Refuse to read or write with keys that the customer brings."""
    for name in CUSTOMER_KEYS:
        if request.get(name):
            raise not_supported(name)


def check_acl(request: Mapping[str, Any], own: OwnedBucket) -> None:
    """Refuse an ACL of an object that is more than private."""
    acl = request.get("ACL", "private")
    if acl == "bucket-owner-full-control":
        return
    if acl != "private":
        if own.bucket.object_ownership == "BucketOwnerEnforced":
            raise acl_not_supported()
        raise not_supported(f"ACL {acl}")


def acl_not_supported() -> AwsError:
    """Return the error of ACLs in a bucket that has them turned off."""
    return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def owner_of(account: str) -> dict[str, str]:
    """Return an account as S3 names owners: by a canonical id, here made of its number."""
    return {"ID": hashlib.sha256(f"s3:{account}".encode()).hexdigest()}


def quoted(etag: str) -> str:
    """Return an entity tag as it is told."""
    return f'"{etag}"'


def parse_tags(given: Iterable[Mapping[str, str]], most: int) -> tuple[Tag, ...]:
    """Return tags, or refuse: InvalidTag, BadRequest."""
    tags = tuple(Tag(key=one["Key"], value=one.get("Value", "")) for one in given)
    if len(tags) > most:
        raise AwsError("BadRequest", f"Object tags cannot be greater than {most}")
    if len({tag.key for tag in tags}) != len(tags):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    for tag in tags:
        if not 1 <= len(tag.key) <= LONGEST_TAG_KEY:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid")
        if len(tag.value) > LONGEST_TAG_VALUE:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid")
        if tag.key.lower().startswith("aws:"):
            raise AwsError("InvalidTag", "System tags cannot be added/updated by requester")
    return tags


def tags_of_header(text: str | None) -> tuple[Tag, ...]:
    """Return the tags of an x-amz-tagging header: a query string."""
    pairs = (pair.partition("=") for pair in (text or "").split("&") if pair)
    given = [{"Key": unquote_plus(key), "Value": unquote_plus(value)} for key, _, value in pairs]
    return parse_tags(given, MOST_OBJECT_TAGS)


def show_tags(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    """Return tags in the API's shape."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]


def url_encoded(text: str, encoding: str | None) -> str:
    """Return a name as a list shows it."""
    return quote(text, safe="-_.*/") if encoding == "url" else text
