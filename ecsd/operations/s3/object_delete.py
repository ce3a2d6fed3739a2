"""Objects deleted, one or many. Source: S3 API Reference, DeleteObject, DeleteObjects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsd.decisions.s3.conditions import names
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.object_put import check_name, precondition_failed
from ecsd.operations.s3.requests import owned, present, refuse_members
from ecsd.operations.s3.versions import no_such_key
from ecsd.records.s3.bucket import Bucket
from ecsd.store.finders.s3 import find_version, newest_version
from ecsd.store.object_versions import enter_delete_marker, remove_version
from ecsd.store.store import Transaction, View

if TYPE_CHECKING:
    from datetime import datetime

MOST = 1000


@operation("s3", "DeleteObject")
async def delete_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an object: for good, or by a marker where the bucket keeps versions."""
    own = owned(call, request)
    refuse_members(request)
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        told, freed = _delete(call, change, bucket, _conditions(request) | {"Key": request["Key"]})
    call.blobs.remove(freed)
    return {
        "DeleteMarker": told.get("DeleteMarker"),
        "VersionId": told.get("DeleteMarkerVersionId", told.get("VersionId")),
    }


@operation("s3", "DeleteObjects")
async def delete_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete up to 1,000 objects; what is refused is told object by object."""
    own = owned(call, request)
    refuse_members(request)
    wanted = request["Delete"]["Objects"]
    if not 1 <= len(wanted) <= MOST:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed")
    deleted, errors, freed = [], [], []
    async with call.store.transaction(own.scope) as change:
        bucket = present(change, own)
        for one in wanted:
            try:
                told, blobs = _delete(call, change, bucket, one)
            except AwsError as error:
                errors.append(
                    {
                        "Key": one["Key"],
                        "VersionId": one.get("VersionId"),
                        "Code": error.code,
                        "Message": error.message,
                    }
                )
                continue
            freed += blobs
            deleted.append({"Key": one["Key"], **told})
    call.blobs.remove(freed)
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def _conditions(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of DeleteObject under the names that DeleteObjects has for them."""
    given = {
        "VersionId": request.get("VersionId"),
        "ETag": request.get("IfMatch"),
        "LastModifiedTime": request.get("IfMatchLastModifiedTime"),
        "Size": request.get("IfMatchSize"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _delete(
    call: Call, change: Transaction, bucket: Bucket, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Delete one object; return what is told of it, and the blobs that are free."""
    name, version_id = wanted["Key"], wanted.get("VersionId")
    check_name(name)
    _check(change, bucket, wanted)
    if version_id is not None:
        found = find_version(change, bucket.name, name, version_id)
        if found is None:
            return {"VersionId": version_id}, []
        told = {"VersionId": version_id}
        if found.delete_marker:
            told |= {"DeleteMarker": True, "DeleteMarkerVersionId": version_id}
        return told, remove_version(change, found)
    own_id = call.ids.secret(32)
    marker, freed = enter_delete_marker(change, bucket, name, call.clock.now(), own_id)
    if marker is None:
        return {}, freed
    return {"DeleteMarker": True, "DeleteMarkerVersionId": marker.version_id}, freed


def _check(view: View, bucket: Bucket, wanted: Mapping[str, Any]) -> None:
    etag, size = wanted.get("ETag"), wanted.get("Size")
    moment: datetime | None = wanted.get("LastModifiedTime")
    if etag is None and size is None and moment is None:
        return
    found = newest_version(view, bucket.name, wanted["Key"])
    if wanted.get("VersionId") is not None:
        found = find_version(view, bucket.name, wanted["Key"], wanted["VersionId"])
    if found is None or found.delete_marker:
        raise no_such_key(wanted["Key"])
    if etag is not None and not names(etag, found.etag):
        raise precondition_failed("If-Match")
    if size is not None and size != found.size:
        raise precondition_failed("x-amz-if-match-size")
    if moment is not None and moment != found.modified_at.replace(microsecond=0):
        raise precondition_failed("x-amz-if-match-last-modified-time")
