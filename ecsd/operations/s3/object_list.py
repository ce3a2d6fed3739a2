"""Objects and versions listed. Source: S3 API Reference, ListObjectsV2, ListObjectVersions."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from ecsd.decisions.s3.listing import Page, Wanted, page, version_page
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import invalid, owned, owner_of, quoted, url_encoded, view_of
from ecsd.records.s3.stored_object import StoredObject
from ecsd.store.finders.s3 import OwnedBucket, names_in, newest_version, versions_of

MOST = 1000


@operation("s3", "ListObjectsV2")
async def list_objects_v2(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List objects by name, a page at a time."""
    own = owned(call, request)
    token, encoding = request.get("ContinuationToken"), request.get("EncodingType")
    after = request.get("StartAfter", "") if token is None else read_token(token)
    found = _page(call, own, request, after)
    answer = {
        **_shown(call, own, request, found, owners=request.get("FetchOwner", False)),
        "KeyCount": len(found.entries),
        "ContinuationToken": token,
    }
    if "StartAfter" in request:
        answer["StartAfter"] = url_encoded(request["StartAfter"], encoding)
    if found.truncated:
        answer["NextContinuationToken"] = token_of(found.last)
    return answer


@operation("s3", "ListObjects")
async def list_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List objects as the first version of the operation did: by markers."""
    own = owned(call, request)
    found = _page(call, own, request, request.get("Marker", ""))
    answer = {
        **_shown(call, own, request, found, owners=True),
        "Marker": url_encoded(request.get("Marker", ""), request.get("EncodingType")),
    }
    if found.truncated and request.get("Delimiter"):
        answer["NextMarker"] = url_encoded(found.last, request.get("EncodingType"))
    return answer


@operation("s3", "ListObjectVersions")
async def list_object_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List versions and delete markers: by name, the newest first."""
    own = owned(call, request)
    view, bucket = view_of(call, own), own.bucket.name
    marker, version_marker = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version_marker and not marker:
        raise invalid("A version-id marker cannot be specified without a key marker.")
    wanted = wanted_page(request, marker, request.get("MaxKeys", MOST))
    found = version_page(
        names_in(view, bucket, live=False),
        lambda name: [one.version_id for one in versions_of(view, bucket, name)],
        wanted,
        version_marker,
    )
    encoding = request.get("EncodingType")
    answer: dict[str, Any] = {
        **_echo(own, request, encoding),
        "IsTruncated": found.truncated,
        "KeyMarker": url_encoded(marker, encoding),
        "VersionIdMarker": version_marker,
        "Versions": [],
        "DeleteMarkers": [],
        "CommonPrefixes": _prefixes(
            (n for n, version in found.entries if version is None), encoding
        ),
    }
    known: dict[str, list[StoredObject]] = {}
    for name, version_id in found.entries:
        if version_id is None:
            continue
        versions = known.setdefault(name, versions_of(view, bucket, name))
        one = next(each for each in versions if each.version_id == version_id)
        shown = {
            "Key": url_encoded(name, encoding),
            "VersionId": version_id,
            "IsLatest": one is versions[0],
            "LastModified": one.modified_at,
            "Owner": owner_of(own.scope.account),
        }
        if one.delete_marker:
            answer["DeleteMarkers"].append(shown)
        else:
            answer["Versions"].append(shown | _facts(one))
    if found.truncated:
        name, version_id = found.entries[-1]
        answer["NextKeyMarker"] = url_encoded(name, encoding)
        answer["NextVersionIdMarker"] = version_id
    return answer


def wanted_page(request: Mapping[str, Any], after: str, most: int) -> Wanted:
    """Return what a list is asked for, or refuse a negative size."""
    if most < 0:
        raise invalid("Argument max-keys must be an integer between 0 and 2147483647")
    return Wanted(request.get("Prefix", ""), request.get("Delimiter", ""), after, min(most, MOST))


def token_of(name: str) -> str:
    """Return where the next page begins, in a form that is nobody's business."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def read_token(token: str) -> str:
    """Return what a token was made of, or refuse."""
    try:
        return base64.urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError as error:
        raise invalid("The continuation token provided is incorrect") from error


def _page(call: Call, own: OwnedBucket, request: Mapping[str, Any], after: str) -> Page:
    for one in request.get("OptionalObjectAttributes", ()):
        if one != "RestoreStatus":
            raise invalid(f"Invalid attribute name specified: {one}")
    wanted = wanted_page(request, after, request.get("MaxKeys", MOST))
    return page(names_in(view_of(call, own), own.bucket.name, live=True), wanted)


def _shown(
    call: Call, own: OwnedBucket, request: Mapping[str, Any], found: Page, *, owners: bool
) -> dict[str, Any]:
    encoding, view = request.get("EncodingType"), view_of(call, own)
    contents = []
    for name in found.names:
        one = newest_version(view, own.bucket.name, name)
        if one is not None:
            shown = {
                "Key": url_encoded(name, encoding),
                "LastModified": one.modified_at,
                **_facts(one),
            }
            contents.append(shown | ({"Owner": owner_of(own.scope.account)} if owners else {}))
    return {
        **_echo(own, request, encoding),
        "IsTruncated": found.truncated,
        "Contents": contents,
        "CommonPrefixes": _prefixes(found.common_prefixes, encoding),
    }


def _echo(own: OwnedBucket, request: Mapping[str, Any], encoding: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "Name": own.bucket.name,
        "Prefix": url_encoded(request.get("Prefix", ""), encoding),
        "MaxKeys": request.get("MaxKeys", MOST),
        "EncodingType": encoding,
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = url_encoded(request["Delimiter"], encoding)
    return answer


def _facts(one: StoredObject) -> dict[str, Any]:
    facts: dict[str, Any] = {"ETag": quoted(one.etag), "Size": one.size, "StorageClass": "STANDARD"}
    if one.checksum is not None:
        facts["ChecksumAlgorithm"] = [one.checksum.algorithm]
        facts["ChecksumType"] = one.checksum.type
    return facts


def _prefixes(found: Iterable[str], encoding: str | None) -> list[dict[str, str]]:
    return [{"Prefix": url_encoded(one, encoding)} for one in found]
