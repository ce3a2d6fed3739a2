"""Objects read: bytes, headers, attributes, tags, ACL. Source: S3 API Reference, GetObject."""

from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.s3.byte_range import Span, span_of
from ecsd.decisions.s3.conditions import Conditions, Verdict, judge
from ecsd.decisions.s3.lifecycle import expiry_of
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.content import opened
from ecsd.operations.s3.object_put import checksum_members, precondition_failed, version_member
from ecsd.operations.s3.requests import (
    ENCRYPTION,
    MOST_OBJECT_TAGS,
    acl_not_supported,
    invalid,
    not_supported,
    owned,
    owner_of,
    parse_tags,
    quoted,
    refuse_customer_keys,
    refuse_members,
    show_tags,
    view_of,
)
from ecsd.operations.s3.versions import require_object
from ecsd.records.s3.stored_object import StoredObject
from ecsd.store.finders.s3 import OwnedBucket

OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
NOT_MODIFIED = 304
PAGE = 1000


@operation("s3", "GetObject")
async def get_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an object, or a range or a part of it, as it comes from the disk."""
    own, found = _asked_for(call, request)
    chosen = _chosen(request, found)
    answer = _head(call, own, found, request) | chosen.members
    answer["Body"] = await opened(call, found, chosen.span)
    return answer


@operation("s3", "HeadObject")
async def head_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what GetObject tells, without the bytes."""
    own, found = _asked_for(call, request)
    return _head(call, own, found, request) | _chosen(request, found).members


@operation("s3", "GetObjectAttributes")
async def get_object_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that are asked for by name."""
    own = owned(call, request)
    refuse_customer_keys(request)
    found = require_object(view_of(call, own), own, request["Key"], request.get("VersionId"))
    answer: dict[str, Any] = {"LastModified": found.modified_at, **version_member(own, found)}
    for name in request["ObjectAttributes"]:
        match name:
            case "ETag":
                answer["ETag"] = found.etag
            case "Checksum":
                answer["Checksum"] = checksum_members(found.checksum)
            case "ObjectSize":
                answer["ObjectSize"] = found.size
            case "StorageClass":
                answer["StorageClass"] = "STANDARD"
            case "ObjectParts" if found.pieces and found.pieces[0].number:
                answer["ObjectParts"] = _parts(request, found)
    return answer


@operation("s3", "GetObjectTagging")
async def get_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an object's tags."""
    own = owned(call, request)
    found = require_object(view_of(call, own), own, request["Key"], request.get("VersionId"))
    return {"TagSet": show_tags(found.tags), **version_member(own, found)}


@operation("s3", "PutObjectTagging")
async def put_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace an object's tags."""
    tags = parse_tags(request["Tagging"]["TagSet"], MOST_OBJECT_TAGS)
    return await _retag(call, request, tags)


@operation("s3", "DeleteObjectTagging")
async def delete_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take away an object's tags."""
    return await _retag(call, request, ())


@operation("s3", "GetObjectAcl")
async def get_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that the bucket's owner, and nobody else, may do everything."""
    own = owned(call, request)
    require_object(view_of(call, own), own, request["Key"], request.get("VersionId"))
    return private_acl(own.scope.account)


@operation("s3", "PutObjectAcl")
async def put_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the ACL that every object has: private."""
    own = owned(call, request)
    refuse_members(request)
    require_object(view_of(call, own), own, request["Key"], request.get("VersionId"))
    check_acl_document(request, own)
    return {}


def private_acl(account: str) -> dict[str, Any]:
    """Return the ACL of what is private to its owner."""
    owner = owner_of(account)
    grantee = {"Type": "CanonicalUser", **owner}
    return {"Owner": owner, "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def check_acl_document(request: dict[str, Any], own: OwnedBucket) -> None:
    """Refuse an ACL, canned or spelled out, that is not the private one."""
    document = request.get("AccessControlPolicy")
    acl = request.get("ACL", "" if document else "private")
    right = private_acl(own.scope.account)
    wide = acl not in ("private", "bucket-owner-full-control", "")
    if document is not None:
        plain = [
            {"Grantee": {"Type": one["Grantee"].get("Type"), "ID": one["Grantee"].get("ID")}}
            | {"Permission": one.get("Permission")}
            for one in document.get("Grants", [])
            if "Grantee" in one
        ]
        wide = wide or plain != right["Grants"]
    if not wide:
        return
    if own.bucket.object_ownership == "BucketOwnerEnforced":
        raise acl_not_supported()
    raise not_supported(f"ACL {acl}" if acl else "AccessControlPolicy.Grants beside the owner's")


class _Chosen(NamedTuple):
    span: Span
    members: dict[str, Any]


def _asked_for(call: Call, request: dict[str, Any]) -> tuple[OwnedBucket, StoredObject]:
    own = owned(call, request)
    refuse_customer_keys(request)
    found = require_object(view_of(call, own), own, request["Key"], request.get("VersionId"))
    asked = Conditions(
        request.get("IfMatch"),
        request.get("IfNoneMatch"),
        request.get("IfModifiedSince"),
        request.get("IfUnmodifiedSince"),
    )
    verdict = judge(asked, found.etag, found.modified_at)
    if verdict is Verdict.FAILED:
        raise precondition_failed("If-Match" if asked.if_match else "If-Unmodified-Since")
    if verdict is Verdict.NOT_MODIFIED:
        raise AwsError(
            "NotModified", "Not Modified", status=NOT_MODIFIED, details={"ETag": quoted(found.etag)}
        )
    return own, found


def _chosen(request: dict[str, Any], found: StoredObject) -> _Chosen:
    """Return which bytes are asked for, and what is told of that."""
    whole = Span(0, found.size)
    number, header = request.get("PartNumber"), request.get("Range")
    if number is not None and header is not None:
        raise AwsError("InvalidRequest", "Cannot specify both Range header and partNumber")
    if number is not None:
        return _part(number, found)
    span = None
    if header is not None:
        try:
            span = span_of(header, found.size)
        except ValueError as error:
            raise AwsError(
                "InvalidRange",
                "The requested range is not satisfiable",
                status=416,
                details={"RangeRequested": header, "ActualObjectSize": str(found.size)},
            ) from error
    if span is None:
        return _Chosen(whole, {"ContentLength": found.size})
    return _Chosen(span, _of_span(span, found.size))


def _part(number: int, found: StoredObject) -> _Chosen:
    numbers = [piece.number or 1 for piece in found.pieces]
    if number not in numbers:
        raise AwsError(
            "InvalidPartNumber", "The requested partnumber is not satisfiable", status=416
        )
    at = numbers.index(number)
    start = sum(piece.size for piece in found.pieces[:at])
    span = Span(start, start + found.pieces[at].size)
    members = _of_span(span, found.size)
    if found.pieces[at].number:
        members["PartsCount"] = len(found.pieces)
    return _Chosen(span, members)


def _of_span(span: Span, size: int) -> dict[str, Any]:
    if span.start == span.end:
        return {"ContentLength": 0}
    told = f"bytes {span.start}-{span.end - 1}/{size}"
    return {"ContentLength": span.end - span.start, "ContentRange": told}


def _head(
    call: Call, own: OwnedBucket, found: StoredObject, request: dict[str, Any]
) -> dict[str, Any]:
    headers = found.headers
    answer: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": found.modified_at,
        "ETag": quoted(found.etag),
        "ServerSideEncryption": ENCRYPTION,
        "ContentType": headers.content_type,
        "CacheControl": headers.cache_control,
        "ContentDisposition": headers.content_disposition,
        "ContentEncoding": headers.content_encoding,
        "ContentLanguage": headers.content_language,
        "Expires": headers.expires,
        "Metadata": headers.metadata,
        **version_member(own, found),
    }
    if found.tags:
        answer["TagCount"] = len(found.tags)
    expiry = expiry_of(own.bucket.lifecycle, found) if found.noncurrent_at is None else None
    if expiry is not None:
        answer["Expiration"] = _told(expiry.at, expiry.rule_id)
    if request.get("ChecksumMode") == "ENABLED" and not (
        request.get("Range") or request.get("PartNumber")
    ):
        answer |= checksum_members(found.checksum)
    for member, name in OVERRIDES.items():
        if request.get(member) is not None:
            if not call.caller.arn:
                raise AwsError(
                    "InvalidRequest",
                    "Request specific response headers cannot be used for anonymous GET requests.",
                )
            answer[name] = request[member]
    return answer


def _told(at: datetime, rule_id: str) -> str:
    return f'expiry-date="{at.strftime("%a, %d %b %Y %H:%M:%S GMT")}", rule-id="{rule_id}"'


def _parts(request: dict[str, Any], found: StoredObject) -> dict[str, Any]:
    most = request.get("MaxParts", PAGE)
    after = request.get("PartNumberMarker", 0)
    if most < 0:
        raise invalid("x-amz-max-parts must not be negative")
    left = [piece for piece in found.pieces if piece.number > after]
    shown = left[: min(most, PAGE)]
    asked_for = found.checksum is not None and found.checksum.algorithm
    return {
        "TotalPartsCount": len(found.pieces),
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(left) > len(shown),
        "Parts": [
            {
                "PartNumber": piece.number,
                "Size": piece.size,
                **(
                    {f"Checksum{piece.checksum.algorithm}": piece.checksum.value}
                    if piece.checksum and piece.checksum.algorithm == asked_for
                    else {}
                ),
            }
            for piece in shown
        ],
    }


async def _retag(call: Call, request: dict[str, Any], tags: tuple[Any, ...]) -> dict[str, Any]:
    own = owned(call, request)
    async with call.store.transaction(own.scope) as change:
        found = require_object(change, own, request["Key"], request.get("VersionId"))
        change.put(replace(found, tags=tags))
    return version_member(own, found)
