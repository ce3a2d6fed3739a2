"""Objects put and copied. Source: S3 API Reference, PutObject, CopyObject."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from msgspec.structs import replace

from ecsd.decisions.s3.byte_range import Span
from ecsd.decisions.s3.conditions import Conditions, Verdict, judge, names
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.content import damaged, expected, opened, take
from ecsd.operations.s3.requests import (
    ENCRYPTION,
    check_acl,
    invalid,
    owned,
    present,
    quoted,
    refuse_members,
    tags_of_header,
    view_of,
)
from ecsd.operations.s3.versions import no_such_key, require_object
from ecsd.records.s3.stored_object import Checksum, Headers, Piece, StoredObject
from ecsd.records.tag import Tag
from ecsd.store.blobs import BlobError
from ecsd.store.finders.s3 import OwnedBucket, newest_version, require_bucket
from ecsd.store.object_versions import enter_version
from ecsd.store.store import View

LONGEST_NAME = 1024  # bytes
MOST_METADATA = 2048  # bytes
HEADERS = {
    "ContentType": "content_type",
    "CacheControl": "cache_control",
    "ContentDisposition": "content_disposition",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "Expires": "expires",
    "Metadata": "metadata",
}


@operation("s3", "PutObject")
async def put_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep an object; it is on disk, and all of it, when this returns."""
    own = owned(call, request)
    refuse_members(request)
    check_acl(request, own)
    check_name(request["Key"])
    check_unchanged(view_of(call, own), request)
    new = _new(call, request, headers_of(request), tags_of_header(request.get("Tagging")))
    piece = await take(call, request["Body"], expected(request))
    entered = await enter(call, own, _held(new, piece), request)
    return {
        "ETag": quoted(entered.etag),
        "ServerSideEncryption": ENCRYPTION,
        **checksum_members(entered.checksum),
        **version_member(own, entered),
    }


@operation("s3", "CopyObject")
async def copy_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a copy of an object, with its metadata and tags or with others."""
    own = owned(call, request)
    refuse_members(request)
    check_acl(request, own)
    check_name(request["Key"])
    source, from_bucket = copy_source(call, request)
    replacing = request.get("MetadataDirective", "COPY") == "REPLACE"
    same = (from_bucket.bucket.name, source.name) == (own.bucket.name, request["Key"])
    retagged = request.get("TaggingDirective", "COPY") == "REPLACE"
    if same and not (replacing or retagged or "?versionId=" in request["CopySource"]):
        raise AwsError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself "
            "without changing the object's metadata, storage class, website redirect location "
            "or encryption attributes.",
        )
    kept = source.checksum.algorithm if source.checksum else ""
    wanted = expected({"ChecksumAlgorithm": request.get("ChecksumAlgorithm") or kept})
    check_unchanged(view_of(call, own), request)
    headers = headers_of(request) if replacing else source.headers
    tags = tags_of_header(request.get("Tagging")) if retagged else source.tags
    new = _new(call, request, headers, tags)
    piece = await take(call, CopiedBody(call, source, Span(0, source.size)), wanted)
    entered = await enter(call, own, _held(new, piece), request)
    return {
        "CopyObjectResult": {
            "ETag": quoted(entered.etag),
            "LastModified": entered.modified_at,
            **checksum_members(entered.checksum),
        },
        "ServerSideEncryption": ENCRYPTION,
        "CopySourceVersionId": version_member(from_bucket, source).get("VersionId"),
        **version_member(own, entered),
    }


def _new(
    call: Call, request: Mapping[str, Any], headers: Headers, tags: tuple[Tag, ...]
) -> StoredObject:
    """Return the object that a request makes, its bytes still to come."""
    return StoredObject(
        place="",
        bucket=request["Bucket"],
        name=request["Key"],
        modified_at=call.clock.now(),
        headers=headers,
        tags=tags,
    )


def _held(new: StoredObject, piece: Piece) -> StoredObject:
    return replace(new, etag=piece.md5, size=piece.size, pieces=(piece,), checksum=piece.checksum)


class CopiedBody:
    """A span of a stored object, as the body of another one."""

    trailers: Mapping[str, str] = {}

    def __init__(self, call: Call, source: StoredObject, span: Span) -> None:
        self._call = call
        self._source = source
        self._span = span
        self.declared_size: int | None = span.end - span.start

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes. Raises AwsError: InternalError: they are damaged."""
        try:
            async for piece in await opened(self._call, self._source, self._span):
                yield piece
        except BlobError as error:
            raise damaged(self._source) from error


class CopySource(NamedTuple):
    """What a copy is made of."""

    source: StoredObject
    bucket: OwnedBucket


def copy_source(call: Call, request: Mapping[str, Any]) -> CopySource:
    """Return the object that x-amz-copy-source names, or refuse."""
    text, _, version = str(request["CopySource"]).partition("?versionId=")
    bucket, slash, name = unquote(text).removeprefix("/").partition("/")
    if bucket.startswith("arn:") or not slash or not name:
        raise invalid("Invalid copy source object key")
    found = require_bucket(call.store, bucket, request.get("ExpectedSourceBucketOwner"))
    source = require_object(view_of(call, found), found, name, version or None)
    asked = Conditions(
        request.get("CopySourceIfMatch"),
        request.get("CopySourceIfNoneMatch"),
        request.get("CopySourceIfModifiedSince"),
        request.get("CopySourceIfUnmodifiedSince"),
    )
    if judge(asked, source.etag, source.modified_at) is not Verdict.GO_ON:
        raise precondition_failed("x-amz-copy-source-If-…")
    return CopySource(source, found)


async def enter(
    call: Call, own: OwnedBucket, new: StoredObject, request: Mapping[str, Any]
) -> StoredObject:
    """Make what is on disk the newest version; take it away again where that is refused."""
    try:
        async with call.store.transaction(own.scope) as change:
            bucket = present(change, own)
            check_unchanged(change, request)
            entered, freed = enter_version(change, bucket, new, call.ids.secret(32))
    except BaseException:
        call.blobs.remove(piece.blob for piece in new.pieces)
        raise
    call.blobs.remove(freed)
    return entered


def check_unchanged(view: View, request: Mapping[str, Any]) -> None:
    """Refuse what If-Match or If-None-Match forbids to write."""
    bucket, name = request["Bucket"], request["Key"]
    match, none_match = request.get("IfMatch"), request.get("IfNoneMatch")
    if match is None and none_match is None:
        return
    found = newest_version(view, bucket, name)
    there = found is not None and not found.delete_marker
    if none_match is not None:
        if none_match != "*":
            raise AwsError(
                "NotImplemented", "If-None-Match of a write has to be * (an asterisk)", status=501
            )
        if there:
            raise precondition_failed("If-None-Match")
    if match is not None:
        if found is None or not there:
            raise no_such_key(name)
        if not names(match, found.etag):
            raise precondition_failed("If-Match")


def precondition_failed(condition: str) -> AwsError:
    """Return the error of a condition that does not hold."""
    return AwsError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        status=412,
        details={"Condition": condition},
    )


def check_name(name: str) -> None:
    """Refuse a name that no object may have."""
    if len(name.encode()) > LONGEST_NAME:
        raise AwsError("KeyTooLongError", "Your key is too long")
    if "\0" in name:
        raise invalid("An object's key may not hold the character U+0000")


def headers_of(request: Mapping[str, Any]) -> Headers:
    """Return what is told with an object; refuse MetadataTooLarge."""
    given = {own: request[name] for name, own in HEADERS.items() if request.get(name)}
    encoding = given.get("content_encoding", "")
    left = [one.strip() for one in encoding.split(",") if one.strip() != "aws-chunked"]
    if encoding:
        given["content_encoding"] = ",".join(left) or None  # it was of the request's body alone
    metadata = given.get("metadata", {})
    if sum(len(key) + len(value.encode()) for key, value in metadata.items()) > MOST_METADATA:
        raise AwsError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        )
    return Headers(**given)


def checksum_members(checksum: Checksum | None) -> dict[str, str]:
    """Return a checksum in the API's shape."""
    if checksum is None:
        return {}
    return {f"Checksum{checksum.algorithm}": checksum.value, "ChecksumType": checksum.type}


def version_member(own: OwnedBucket, one: StoredObject) -> dict[str, str]:
    """Return the version id, where the bucket has ever kept versions."""
    return {} if own.bucket.versioning is None else {"VersionId": one.version_id}
