"""Uploads in parts. Source: S3 User Guide, Uploading and copying objects using multipart upload."""

from typing import Any

from ecsd.decisions.s3.byte_range import Span, span_of
from ecsd.decisions.s3.lifecycle import abort_of
from ecsd.decisions.s3.multipart import Named, Problem, etag_of, judge_parts
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.content import Expected, expected, take
from ecsd.operations.s3.object_put import (
    CopiedBody,
    check_name,
    check_unchanged,
    checksum_members,
    copy_source,
    headers_of,
    version_member,
)
from ecsd.operations.s3.requests import (
    ENCRYPTION,
    check_acl,
    invalid,
    not_supported,
    owned,
    present,
    quoted,
    refuse_customer_keys,
    refuse_members,
    tags_of_header,
    view_of,
)
from ecsd.protocol.checksums import ALGORITHMS, CRC_BYTES, combined, composite
from ecsd.records.s3.stored_object import Checksum, MultipartUpload, StoredObject, UploadPart
from ecsd.store.finders.s3 import OwnedBucket
from ecsd.store.object_versions import enter_version, parts_of, remove_upload
from ecsd.store.store import View

MOST_PARTS = 10_000
COMPOSITE, FULL = "COMPOSITE", "FULL_OBJECT"


@operation("s3", "CreateMultipartUpload")
async def create_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload."""
    own = owned(call, request)
    refuse_members(request)
    check_acl(request, own)
    check_name(request["Key"])
    algorithm = request.get("ChecksumAlgorithm", "")
    if algorithm and algorithm not in ALGORITHMS:
        raise not_supported(f"ChecksumAlgorithm {algorithm}")
    upload = MultipartUpload(
        upload_id=call.ids.secret(64),
        bucket=own.bucket.name,
        name=request["Key"],
        initiated_at=call.clock.now(),
        initiator=call.caller.arn,
        headers=headers_of(request),
        tags=tags_of_header(request.get("Tagging")),
        checksum_algorithm=algorithm,
        checksum_type=_checksum_type(algorithm, request.get("ChecksumType")),
    )
    async with call.store.transaction(own.scope) as change:
        present(change, own)
        change.put(upload)
    answer: dict[str, Any] = {
        "Bucket": upload.bucket,
        "Key": upload.name,
        "UploadId": upload.upload_id,
        "ServerSideEncryption": ENCRYPTION,
    }
    if algorithm:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": upload.checksum_type}
    abort = abort_of(own.bucket.lifecycle, upload)
    if abort is not None:
        answer |= {"AbortDate": abort.at, "AbortRuleId": abort.rule_id}
    return answer


@operation("s3", "UploadPart")
async def upload_part(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a part; it is on disk when this returns."""
    own, upload = _upload(call, request)
    wanted = expected(request, upload.checksum_algorithm)
    _check_algorithm(upload, wanted)
    piece = await take(call, request["Body"], wanted, request["PartNumber"])
    await _enter(
        call,
        own,
        request,
        UploadPart(
            place=_place(upload, piece.number),
            upload_id=upload.upload_id,
            piece=piece,
            modified_at=call.clock.now(),
        ),
    )
    return {
        "ETag": quoted(piece.md5),
        "ServerSideEncryption": ENCRYPTION,
        **_checksum(piece.checksum),
    }


@operation("s3", "UploadPartCopy")
async def upload_part_copy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a part that is a stored object, or a range of one."""
    own, upload = _upload(call, request)
    source, from_bucket = copy_source(call, request)
    span = Span(0, source.size)
    if "CopySourceRange" in request:
        try:
            given = span_of(request["CopySourceRange"], source.size)
        except ValueError:
            given = None
        if given is None or not request["CopySourceRange"].endswith(f"-{given.end - 1}"):
            raise invalid(
                "The x-amz-copy-source-range value must be of the form bytes=first-last where "
                "first and last are the zero-based offsets of the first and last bytes to copy"
            )
        span = given
    wanted = expected({}, upload.checksum_algorithm)
    piece = await take(call, CopiedBody(call, source, span), wanted, request["PartNumber"])
    part = UploadPart(
        place=_place(upload, piece.number),
        upload_id=upload.upload_id,
        piece=piece,
        modified_at=call.clock.now(),
    )
    await _enter(call, own, request, part)
    return {
        "CopyPartResult": {
            "ETag": quoted(piece.md5),
            "LastModified": part.modified_at,
            **_checksum(piece.checksum),
        },
        "ServerSideEncryption": ENCRYPTION,
        "CopySourceVersionId": version_member(from_bucket, source).get("VersionId"),
    }


@operation("s3", "CompleteMultipartUpload")
async def complete_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make an object of the parts that are named; the others go."""
    own = owned(call, request)
    refuse_customer_keys(request)
    given = (request.get("MultipartUpload") or {}).get("Parts") or []
    named = [_named(one) for one in given]
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        upload = _require(change, own, request)
        _check_type(upload, request.get("ChecksumType"))
        check_unchanged(change, request)
        stored = parts_of(change, upload.upload_id)
        judged = judge_parts(named, [one.piece for one in stored])
        if isinstance(judged, Problem):
            raise AwsError(judged.code, judged.message, details=judged.details)
        size = sum(piece.size for piece in judged)
        if request.get("MpuObjectSize") not in (None, size):
            raise AwsError(
                "InvalidRequest",
                "The provided 'x-amz-mp-object-size' header does not match what was uploaded.",
            )
        new = StoredObject(
            place="",
            bucket=bucket.name,
            name=upload.name,
            modified_at=call.clock.now(),
            etag=etag_of([piece.md5 for piece in judged]),
            size=size,
            pieces=tuple(judged),
            headers=upload.headers,
            checksum=_checksum_of(upload, judged, request),
            tags=upload.tags,
        )
        entered, freed = enter_version(change, bucket, new, call.ids.secret(32))
        left = remove_upload(change, upload)
        freed += set(left) - {piece.blob for piece in judged}
    call.blobs.remove(freed)
    return {
        "Location": f"/{bucket.name}/{upload.name}",
        "Bucket": bucket.name,
        "Key": upload.name,
        "ETag": quoted(entered.etag),
        "ServerSideEncryption": ENCRYPTION,
        **checksum_members(entered.checksum),
        **version_member(own, entered),
    }


@operation("s3", "AbortMultipartUpload")
async def abort_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give an upload up; its parts go."""
    own = owned(call, request)
    async with call.store.transaction(own.scope) as change:
        freed = remove_upload(change, _require(change, own, request))
    call.blobs.remove(freed)
    return {}


def require_upload(view: View, own: OwnedBucket, request: dict[str, Any]) -> MultipartUpload:
    """Return the upload that a request names, or refuse with NoSuchUpload."""
    return _require(view, own, request)


def _require(view: View, own: OwnedBucket, request: dict[str, Any]) -> MultipartUpload:
    found = view.get(MultipartUpload, request["UploadId"])
    if found is None or (found.bucket, found.name) != (own.bucket.name, request["Key"]):
        raise AwsError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may "
            "have been aborted or completed.",
            status=404,
            details={"UploadId": request["UploadId"][:128]},
        )
    return found


def _upload(call: Call, request: dict[str, Any]) -> tuple[OwnedBucket, MultipartUpload]:
    own = owned(call, request)
    refuse_customer_keys(request)
    if not 1 <= request["PartNumber"] <= MOST_PARTS:
        raise invalid(f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive")
    return own, _require(view_of(call, own), own, request)


def _place(upload: MultipartUpload, number: int) -> str:
    return f"{upload.upload_id}/{number:05d}"


async def _enter(call: Call, own: OwnedBucket, request: dict[str, Any], part: UploadPart) -> None:
    freed: list[str] = []
    try:
        async with call.store.transaction(own.scope) as change:
            _require(change, own, request)
            before = change.get(UploadPart, part.place)
            if before is not None:
                freed.append(before.piece.blob)
            change.put(part)
    except BaseException:
        call.blobs.remove([part.piece.blob])
        raise
    call.blobs.remove(freed)


def _checksum(checksum: Checksum | None) -> dict[str, str]:
    return {} if checksum is None else {f"Checksum{checksum.algorithm}": checksum.value}


def _checksum_type(algorithm: str, asked: str | None) -> str:
    """Return how the checksum of the whole will be made, or refuse what cannot be."""
    if asked is None:
        return FULL if algorithm in ("", "CRC64NVME") else COMPOSITE
    possible = asked == FULL if algorithm == "CRC64NVME" else algorithm in CRC_BYTES
    if not (possible or (asked == COMPOSITE and algorithm in ALGORITHMS)) or (
        asked == COMPOSITE and algorithm == "CRC64NVME"
    ):
        raise AwsError(
            "InvalidRequest",
            f"The {asked} checksum type cannot be used with the {algorithm or 'absent'} checksum "
            "algorithm.",
        )
    return asked


def _check_algorithm(upload: MultipartUpload, wanted: Expected) -> None:
    if upload.checksum_algorithm and wanted.algorithm != upload.checksum_algorithm:
        raise AwsError(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: "
            f"{upload.checksum_algorithm.lower()}, actual checksum Type: "
            f"{wanted.algorithm.lower()}",
        )


def _check_type(upload: MultipartUpload, asked: str | None) -> None:
    if asked is not None and upload.checksum_algorithm and asked != upload.checksum_type:
        raise AwsError(
            "InvalidRequest",
            f"The upload was created using the {upload.checksum_type} checksum type. The complete "
            "request must use the same checksum type.",
        )


def _named(one: dict[str, Any]) -> Named:
    sums = {name: one[f"Checksum{name}"] for name in ALGORITHMS if f"Checksum{name}" in one}
    return Named(one.get("PartNumber"), one.get("ETag", ""), sums)


def _checksum_of(
    upload: MultipartUpload, pieces: list[Any], request: dict[str, Any]
) -> Checksum | None:
    """Return the checksum of the whole, compared with the one that is told."""
    sums = [piece.checksum for piece in pieces]
    algorithms = {one.algorithm for one in sums}
    if len(algorithms) != 1:
        return None  # parts came with different ones, and none was agreed on
    (algorithm,) = algorithms
    kind = upload.checksum_type
    if not upload.checksum_algorithm and algorithm not in CRC_BYTES:
        kind = COMPOSITE
    if kind == FULL:
        value = combined(algorithm, [(p.checksum.value, p.size) for p in pieces])
    else:
        value = composite(algorithm, [one.value for one in sums])
    told = request.get(f"Checksum{algorithm}")
    if told is not None and told.partition("-")[0] != value.partition("-")[0]:
        raise AwsError(
            "BadDigest",
            f"The {algorithm} you specified did not match the calculated checksum.",
        )
    return Checksum(algorithm=algorithm, value=value, type=kind)
