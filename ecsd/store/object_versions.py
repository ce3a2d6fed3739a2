"""Versions of objects entered and taken out, inside a transaction of the bucket's owner.

S3's operations and lifecycle rules do it alike. What is returned are the blobs that nothing names
any more: they are removed when the transaction is durable.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from ecsd.decisions.s3.lifecycle import expired_versions, expiry_of, is_stray_marker
from ecsd.decisions.s3.places import next_ordinal, place
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import NULL, MultipartUpload, StoredObject, UploadPart
from ecsd.store.finders.s3 import blobs_of, find_version, newest_version, versions_of
from ecsd.store.store import Transaction, View


def enter_version(
    change: Transaction, bucket: Bucket, new: StoredObject, version_id: str
) -> tuple[StoredObject, list[str]]:
    """Put the newest version of an object; return it and the blobs of what it replaced.

    version_id: its own, where the bucket keeps versions; elsewhere it replaces the null version.
    """
    newest = newest_version(change, bucket.name, new.name)
    ordinal = next_ordinal(new.modified_at, newest.place if newest else None)
    entered = replace(
        new,
        place=place(bucket.name, new.name, ordinal),
        version_id=version_id if bucket.versioning == "Enabled" else NULL,
    )
    freed: list[str] = []
    replaced = None
    if entered.version_id == NULL:
        replaced = find_version(change, bucket.name, new.name, NULL)
        if replaced is not None:
            change.remove(replaced)
            freed = blobs_of([replaced])
    if newest is not None and newest != replaced:
        change.put(replace(newest, noncurrent_at=new.modified_at))
    change.put(entered)
    return entered, freed


def enter_delete_marker(
    change: Transaction, bucket: Bucket, name: str, now: datetime, version_id: str
) -> tuple[StoredObject | None, list[str]]:
    """Delete an object without naming a version; return the marker, if one was put, and blobs."""
    if bucket.versioning is None:
        found = find_version(change, bucket.name, name, NULL)
        return None, [] if found is None else remove_version(change, found)
    marker = StoredObject(
        place="", bucket=bucket.name, name=name, modified_at=now, delete_marker=True
    )
    return enter_version(change, bucket, marker, version_id)


def remove_version(change: Transaction, gone: StoredObject) -> list[str]:
    """Take out one version; the one before it is the newest then. Return the blobs of it."""
    change.remove(gone)
    newest = newest_version(change, gone.bucket, gone.name)
    if newest is not None and newest.noncurrent_at is not None:
        change.put(replace(newest, noncurrent_at=None))
    return blobs_of([gone])


def remove_upload(change: Transaction, upload: MultipartUpload) -> list[str]:
    """Take out an upload and its parts; return the blobs of them."""
    parts = parts_of(change, upload.upload_id)
    change.remove(upload, *parts)
    return [one.piece.blob for one in parts]


def parts_of(change: View, upload_id: str) -> list[UploadPart]:
    """Return the parts of an upload by their numbers."""
    found = change.select(UploadPart, upload_id=upload_id)
    return sorted(found, key=lambda one: one.piece.number)


def named_blobs(objects: Iterable[StoredObject], parts: Iterable[UploadPart]) -> dict[str, int]:
    """Return blob → size of all that records name."""
    pieces = [piece for one in objects for piece in one.pieces]
    pieces += [one.piece for one in parts]
    return {piece.blob: piece.size for piece in pieces}


def expire(
    change: Transaction, bucket: Bucket, name: str, now: datetime, version_id: str
) -> list[str]:
    """Do to one object what the bucket's rules say by now; return the blobs that are free."""
    rules = bucket.lifecycle
    freed: list[str] = []
    versions = versions_of(change, bucket.name, name)
    if is_stray_marker(rules, versions):
        return remove_version(change, versions[0])
    expiry = expiry_of(rules, versions[0]) if versions else None
    if expiry is not None and expiry.at <= now:
        freed += enter_delete_marker(change, bucket, name, now, version_id)[1]
        versions = versions_of(change, bucket.name, name)
    for one in expired_versions(rules, versions, now):
        freed += remove_version(change, one)
    return freed
