"""Uploads and their parts listed. Source: S3 API Reference, ListMultipartUploads, ListParts."""

from typing import Any

from ecsd.decisions.s3.lifecycle import abort_of
from ecsd.decisions.s3.listing import version_page
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.object_list import MOST, wanted_page
from ecsd.operations.s3.requests import (
    invalid,
    owned,
    owner_of,
    quoted,
    refuse_customer_keys,
    url_encoded,
    view_of,
)
from ecsd.operations.s3.upload import require_upload
from ecsd.records.s3.stored_object import MultipartUpload
from ecsd.store.finders.s3 import OwnedBucket
from ecsd.store.object_versions import parts_of


@operation("s3", "ListMultipartUploads")
async def list_multipart_uploads(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List uploads that are not complete: by name, the first begun first."""
    own = owned(call, request)
    by_name: dict[str, list[MultipartUpload]] = {}
    found = view_of(call, own).select(MultipartUpload, bucket=own.bucket.name)
    for one in sorted(found, key=lambda one: (one.name, one.initiated_at, one.upload_id)):
        by_name.setdefault(one.name, []).append(one)
    names = list(by_name)
    marker, encoding = request.get("KeyMarker", ""), request.get("EncodingType")
    upload_marker = request.get("UploadIdMarker", "") if marker else ""
    shown = version_page(
        lambda start: next((name for name in names if name >= start), None),
        lambda name: [one.upload_id for one in by_name[name]],
        wanted_page(request, marker, request.get("MaxUploads", MOST)),
        upload_marker,
    )
    uploads = {one.upload_id: one for one in found}
    answer: dict[str, Any] = {
        "Bucket": own.bucket.name,
        "KeyMarker": url_encoded(marker, encoding),
        "UploadIdMarker": upload_marker,
        "Prefix": url_encoded(request.get("Prefix", ""), encoding),
        "MaxUploads": request.get("MaxUploads", MOST),
        "IsTruncated": shown.truncated,
        "EncodingType": encoding,
        "Uploads": [
            _shown(own, uploads[upload_id], encoding)
            for _, upload_id in shown.entries
            if upload_id is not None
        ],
        "CommonPrefixes": [
            {"Prefix": url_encoded(name, encoding)}
            for name, upload_id in shown.entries
            if upload_id is None
        ],
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = url_encoded(request["Delimiter"], encoding)
    if shown.truncated:
        name, upload_id = shown.entries[-1]
        answer["NextKeyMarker"] = url_encoded(name, encoding)
        answer["NextUploadIdMarker"] = upload_id
    return answer


@operation("s3", "ListParts")
async def list_parts(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the parts that an upload has so far."""
    own = owned(call, request)
    refuse_customer_keys(request)
    view = view_of(call, own)
    upload = require_upload(view, own, request)
    most = request.get("MaxParts", MOST)
    after = request.get("PartNumberMarker", 0)
    if most < 0:
        raise invalid("max-parts must not be negative")
    left = [one for one in parts_of(view, upload.upload_id) if one.piece.number > after]
    shown = left[: min(most, MOST)]
    answer: dict[str, Any] = {
        "Bucket": upload.bucket,
        "Key": upload.name,
        "UploadId": upload.upload_id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].piece.number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(left) > len(shown),
        "StorageClass": "STANDARD",
        "Owner": owner_of(own.scope.account),
        "Initiator": {"ID": upload.initiator},
        "Parts": [
            {
                "PartNumber": one.piece.number,
                "LastModified": one.modified_at,
                "ETag": quoted(one.piece.md5),
                "Size": one.piece.size,
                **(
                    {f"Checksum{one.piece.checksum.algorithm}": one.piece.checksum.value}
                    if one.piece.checksum
                    else {}
                ),
            }
            for one in shown
        ],
    }
    if upload.checksum_algorithm:
        answer["ChecksumAlgorithm"] = upload.checksum_algorithm
        answer["ChecksumType"] = upload.checksum_type
    abort = abort_of(own.bucket.lifecycle, upload)
    if abort is not None:
        answer |= {"AbortDate": abort.at, "AbortRuleId": abort.rule_id}
    return answer


def _shown(own: OwnedBucket, upload: MultipartUpload, encoding: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "UploadId": upload.upload_id,
        "Key": url_encoded(upload.name, encoding),
        "Initiated": upload.initiated_at,
        "StorageClass": "STANDARD",
        "Owner": owner_of(own.scope.account),
        "Initiator": {"ID": upload.initiator},
    }
    if upload.checksum_algorithm:
        shown["ChecksumAlgorithm"] = upload.checksum_algorithm
        shown["ChecksumType"] = upload.checksum_type
    return shown
