"""Look-ups in S3: ``find`` → None when absent, ``require`` → S3's own error.

A bucket lies in the global scope of the account that owns it, its objects too.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ecsd.decisions.s3.listing import NextName
from ecsd.decisions.s3.places import after_name, first_of
from ecsd.errors import AwsError
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import StoredObject
from ecsd.store.scope import GLOBAL, Scope
from ecsd.store.store import Store, View


class OwnedBucket(NamedTuple):
    """A bucket and the scope that it lies in, which names its owner."""

    scope: Scope
    bucket: Bucket


def find_bucket(store: Store, name: str) -> OwnedBucket | None:
    """Return a bucket, whoever owns it."""
    for scope in store.scopes():
        if scope.region == GLOBAL:
            found = store.view(scope).get(Bucket, name)
            if found is not None:
                return OwnedBucket(scope, found)
    return None


def require_bucket(store: Store, name: str, expected_owner: str | None = None) -> OwnedBucket:
    """Return a bucket, or refuse with NoSuchBucket; AccessDenied: its owner is another one."""
    found = find_bucket(store, name)
    if found is None:
        raise no_such_bucket(name)
    if expected_owner is not None and expected_owner != found.scope.account:
        raise AwsError("AccessDenied", "Access Denied", status=403)
    return found


def no_such_bucket(name: str) -> AwsError:
    """Return the error that says a bucket is not there."""
    return AwsError(
        "NoSuchBucket",
        "The specified bucket does not exist",
        status=404,
        details={"BucketName": name},
    )


def newest_version(view: View, bucket: str, name: str) -> StoredObject | None:
    """Return the newest version of an object, perhaps a delete marker."""
    found = view.following(StoredObject, first_of(bucket, name))
    if found is None or (found.bucket, found.name) != (bucket, name):
        return None
    return found


def versions_of(view: View, bucket: str, name: str) -> list[StoredObject]:
    """Return every version of an object, the newest first."""
    found = []
    one = newest_version(view, bucket, name)
    while one is not None and (one.bucket, one.name) == (bucket, name):
        found.append(one)
        one = view.following(StoredObject, f"{one.place}\0")
    return found


def find_version(view: View, bucket: str, name: str, version_id: str) -> StoredObject | None:
    """Return one version of an object, or None."""
    return next(
        (one for one in versions_of(view, bucket, name) if one.version_id == version_id), None
    )


def names_in(view: View, bucket: str, *, live: bool) -> NextName:
    """Return how to walk through the names of a bucket's objects in their order.

    live: without those whose newest version is a delete marker.
    """

    def following(start: str) -> str | None:
        place = f"{bucket}/{start}"
        if start.endswith("\0"):  # above a name
            place = after_name(bucket, start[:-1])
        while True:
            one = view.following(StoredObject, place)
            if one is None or one.bucket != bucket:
                return None
            if not (live and one.delete_marker):
                return one.name
            place = after_name(bucket, one.name)

    return following


def blobs_of(versions: Iterable[StoredObject]) -> list[str]:
    """Return the blobs that hold versions."""
    return [piece.blob for one in versions for piece in one.pieces]
