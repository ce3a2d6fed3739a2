"""Objects found by name and version, in the errors that S3 has for it."""

from ecsd.errors import AwsError
from ecsd.records.s3.stored_object import StoredObject
from ecsd.store.finders.s3 import OwnedBucket, find_version, newest_version
from ecsd.store.store import View


def require_object(view: View, own: OwnedBucket, name: str, version_id: str | None) -> StoredObject:
    """Return an object, its newest version or the one that is named.

    Raises:
        AwsError: NoSuchKey, NoSuchVersion; MethodNotAllowed: the version is a delete marker.
    """
    found = find_object(view, own, name, version_id)
    if found.delete_marker:
        if version_id is None:
            raise no_such_key(name)
        raise AwsError(
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
            status=405,
            details={"Method": "GET", "ResourceType": "DeleteMarker"},
        )
    return found


def find_object(view: View, own: OwnedBucket, name: str, version_id: str | None) -> StoredObject:
    """Return a version, delete markers too, or refuse: NoSuchKey, NoSuchVersion."""
    if version_id is None:
        newest = newest_version(view, own.bucket.name, name)
        if newest is None:
            raise no_such_key(name)
        return newest
    found = find_version(view, own.bucket.name, name, version_id)
    if found is None:
        raise AwsError(
            "NoSuchVersion",
            "The specified version does not exist.",
            status=404,
            details={"Key": name, "VersionId": version_id},
        )
    return found


def no_such_key(name: str) -> AwsError:
    """Return the error that says an object is not there."""
    return AwsError(
        "NoSuchKey", "The specified key does not exist.", status=404, details={"Key": name}
    )
