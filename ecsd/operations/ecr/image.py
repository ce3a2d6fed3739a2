"""Images of repositories: put, described, handed out, removed."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.manifest import digest_of
from ecsd.decisions.ecr.names import Place, is_digest
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.paging import page
from ecsd.operations.ecr.push import Pushed, take_in
from ecsd.operations.ecr.refusal import invalid, unsupported
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.ecr import find_image, images_of, require_repository, scope_of
from ecsd.store.image_removal import remove_images
from ecsd.store.store import Transaction, View

MOST_IDS = 100
TAGGED, UNTAGGED = "TAGGED", "UNTAGGED"
ImageId = Mapping[str, Any]
NO_SCAN = {"status": "FAILED", "description": "ecsd scans no images: it knows no vulnerabilities."}


@operation("ecr", "PutImage")
async def put_image(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take in a manifest whose layers are there, or give an image one more tag."""
    scope = scope_of(call.scope, request)
    name, tag = request["repositoryName"], request.get("imageTag", "")
    content = request["imageManifest"].encode()
    media_type = request.get("imageManifestMediaType", "")
    place = Place(*scope, name)
    digest = request.get("imageDigest")
    if digest is not None and digest != digest_of(content):
        raise AwsError(
            "ImageDigestDoesNotMatchException",
            f"The specified image digest '{digest}' does not match the digest of the manifest",
        )
    image, is_new = await take_in(call, place, Pushed(content, media_type, tag))
    if not is_new:
        raise AwsError(
            "ImageAlreadyExistsException",
            f"Image with digest '{image.digest}' and tag '{tag or None}' already exists in the "
            f"repository with name '{name}' in registry with id '{scope.account}'",
        )
    return {
        "image": {
            **_named(scope.account, name),
            "imageId": _identifier(image.digest, tag),
            "imageManifest": request["imageManifest"],
            "imageManifestMediaType": image.media_type,
        }
    }


@operation("ecr", "BatchGetImage")
async def batch_get_image(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return manifests; which media types the client accepts is its own affair: none is changed."""
    view, repository, ids = _asked(call, request)
    images, failures = [], []
    for one in ids:
        found = _found(view, repository, one)
        if not isinstance(found, Image):
            failures.append(found)
            continue
        place = Place(*view.scope, repository.repository_name)
        content = await call.images.manifest(place.path, found.digest, found.media_type)
        if content is None:
            raise AwsError(
                "ServerException",
                f"The registry has lost the manifest {found.digest} of {place.name}",
                status=500,
            )
        images.append(
            {
                **_named(view.scope.account, place.name),
                "imageId": _identifier(found.digest, one.get("imageTag", "")),
                "imageManifest": content.decode(),
                "imageManifestMediaType": found.media_type,
            }
        )
    return {"images": images, "failures": failures}


@operation("ecr", "BatchDeleteImage")
async def batch_delete_image(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags, and images by digest or with their last tag."""
    scope = scope_of(call.scope, request)
    place = Place(*scope, request["repositoryName"])
    gone: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    async with call.images.turn(place.path), call.store.transaction(scope) as change:
        repository = require_repository(change, place.name)
        for one in _ids(request):
            found = _found(change, repository, one)
            if isinstance(found, Image):
                found = _referenced(change, repository, found, one)
            if isinstance(found, Image):
                gone += _remove(change, place, found, one)
            else:
                failures.append(found)
    return {"imageIds": gone, "failures": failures}


@operation("ecr", "DescribeImages")
async def describe_images(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return images with digests, tags and sizes: those asked for, or all."""
    scope = scope_of(call.scope, request)
    view = call.store.view(scope)
    repository = require_repository(view, request["repositoryName"])
    name = repository.repository_name
    if request.get("imageIds"):
        chosen: dict[str, Image] = {}
        for one in _ids(request):
            found = _found(view, repository, one)
            if not isinstance(found, Image):
                raise no_image(one, name, scope.account)
            chosen[found.digest] = found
        return {"imageDetails": [_detail(one, name, scope.account) for one in chosen.values()]}
    status = _status(request)
    kept = [one for one in images_of(view, repository) if has_status(one.image_tags, status)]
    shown, rest = page(kept, request, lambda one: one.digest)
    return {"imageDetails": [_detail(one, name, scope.account) for one in shown], **rest}


@operation("ecr", "ListImages")
async def list_images(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an entry for each tag, and one for each image without tags."""
    view = call.store.view(scope_of(call.scope, request))
    repository = require_repository(view, request["repositoryName"])
    status = _status(request)
    entries = [
        (one.digest, tag)
        for one in images_of(view, repository)
        if has_status(one.image_tags, status)
        for tag in one.image_tags or ("",)
    ]
    shown, rest = page(entries, request, lambda one: f"{one[0]} {one[1]}")
    return {"imageIds": [_identifier(*one) for one in shown], **rest}


@operation("ecr", "StartImageScan")
async def start_image_scan(_call: Call, _request: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse: nothing here knows vulnerabilities."""
    raise unsupported("StartImageScan: scanning images")


@operation("ecr", "DescribeImageScanFindings")
async def describe_image_scan_findings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that the scan at an image's push failed; others were never begun."""
    scope = scope_of(call.scope, request)
    view = call.store.view(scope)
    repository = require_repository(view, request["repositoryName"])
    one, name = request["imageId"], repository.repository_name
    found = _found(view, repository, one)
    if not isinstance(found, Image):
        raise no_image(one, name, scope.account)
    if found.scan_wanted:
        return {
            "registryId": scope.account,
            "repositoryName": name,
            "imageId": _identifier(found.digest, one.get("imageTag", "")),
            "imageScanStatus": NO_SCAN,
        }
    raise AwsError(
        "ScanNotFoundException",
        f"Image scan does not exist for the image with '{_words(one)}' in the repository with "
        f"name '{name}' in the registry with id '{scope.account}'",
    )


def no_image(wanted: ImageId, name: str, account: str) -> AwsError:
    """Return the error for an image that is not there."""
    return AwsError(
        "ImageNotFoundException",
        f"The image with imageId {_words(wanted)} does not exist within the repository with name "
        f"'{name}' in the registry with id '{account}'",
    )


def has_status(image_tags: Iterable[str], status: str | None) -> bool:
    """Tell whether an image is as a filter's tagStatus says."""
    return status not in (TAGGED, UNTAGGED) or bool(tuple(image_tags)) == (status == TAGGED)


def _status(request: dict[str, Any]) -> str | None:
    chosen = request.get("filter") or {}
    if chosen.get("imageStatus", "ACTIVE") not in ("ACTIVE", "ANY"):
        raise unsupported(f"filter.imageStatus {chosen['imageStatus']}")
    status: str | None = chosen.get("tagStatus")
    return status


def _asked(call: Call, request: dict[str, Any]) -> tuple[View, Repository, list[ImageId]]:
    view = call.store.view(scope_of(call.scope, request))
    return view, require_repository(view, request["repositoryName"]), _ids(request)


def _ids(request: dict[str, Any]) -> list[ImageId]:
    ids: list[ImageId] = request["imageIds"]
    if not 1 <= len(ids) <= MOST_IDS:
        raise invalid("imageIds", f"Member must have length between 1 and {MOST_IDS}")
    return ids


def _found(view: View, repository: Repository, wanted: ImageId) -> Image | dict[str, Any]:
    """Return the image that is meant, or the failure to find it."""
    digest, tag = wanted.get("imageDigest", ""), wanted.get("imageTag", "")
    if not digest and not tag:
        words = "Invalid request parameters: both tag and digest cannot be null"
        return _failure(wanted, "MissingDigestAndTag", words)
    if digest and not is_digest(digest):
        words = "Invalid request parameters: image digest should satisfy the regex "
        words += "'sha256:[a-f0-9]{64}'"
        return _failure(wanted, "InvalidImageDigest", words)
    found = find_image(view, repository, digest=digest, tag=tag)
    if found is not None:
        return found
    if digest and tag and find_image(view, repository, tag=tag) is not None:
        words = "The provided tag does not match the provided digest"
        return _failure(wanted, "ImageTagDoesNotMatchDigest", words)
    return _failure(wanted, "ImageNotFound", "Requested image not found")


def _referenced(
    view: View, repository: Repository, image: Image, wanted: ImageId
) -> Image | dict[str, Any]:
    """Return the image, or that it cannot go before the list that names it."""
    tag = wanted.get("imageTag")
    if not wanted.get("imageDigest") and image.image_tags != (tag,):
        return image  # only a tag goes
    lists = [one.digest for one in images_of(view, repository) if image.digest in one.children]
    if not lists:
        return image
    words = f"Requested image referenced by manifest list: [{', '.join(lists)}]"
    return _failure(wanted, "ImageReferencedByManifestList", words)


def _remove(
    change: Transaction, place: Place, image: Image, wanted: ImageId
) -> list[dict[str, Any]]:
    """Remove what is meant; return what is gone."""
    tag = wanted.get("imageTag", "")
    if not wanted.get("imageDigest") and image.image_tags != (tag,):
        left = tuple(one for one in image.image_tags if one != tag)
        change.put(replace(image, image_tags=left))
        return [_identifier(image.digest, tag)]
    remove_images(change, place.path, [image])
    return [_identifier(image.digest, one) for one in image.image_tags or ("",)]


def _failure(wanted: ImageId, code: str, reason: str) -> dict[str, Any]:
    return {"imageId": dict(wanted), "failureCode": code, "failureReason": reason}


def _identifier(digest: str, tag: str) -> dict[str, Any]:
    return {"imageDigest": digest, **({"imageTag": tag} if tag else {})}


def _named(account: str, name: str) -> dict[str, Any]:
    return {"registryId": account, "repositoryName": name}


def _words(wanted: ImageId) -> str:
    shown = [wanted.get(one) or "null" for one in ("imageDigest", "imageTag")]
    return f"{{imageDigest:'{shown[0]}', imageTag:'{shown[1]}'}}"


def _detail(image: Image, name: str, account: str) -> dict[str, Any]:
    return {
        **_named(account, name),
        "imageDigest": image.digest,
        "imageTags": list(image.image_tags) or None,
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
        "artifactMediaType": image.artifact_type or None,
        "lastRecordedPullTime": image.pulled_at,
        "subjectManifestDigest": image.subject or None,
        "imageStatus": "ACTIVE",
        "imageScanStatus": NO_SCAN if image.scan_wanted else None,
    }
