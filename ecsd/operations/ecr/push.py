"""Taking in an image: by PutImage, and by ``docker push`` through the gateway."""

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from ecsd.decisions.ecr.manifest import Manifest, read_manifest
from ecsd.decisions.ecr.names import Place, is_tag
from ecsd.decisions.ecr.tag_mutability import may_move
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ecr.refusal import invalid
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.ecr import find_image, require_repository
from ecsd.store.scope import Scope
from ecsd.store.store import View

REFUSED_BLOB = ("BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN")


class Pushed(NamedTuple):
    """A manifest as it was sent. tag: empty: by digest alone. media_type: empty: not told."""

    content: bytes
    media_type: str = ""
    tag: str = ""


async def take_in(call: Call, place: Place, pushed: Pushed) -> tuple[Image, bool]:
    """Keep an image and give it its tag; return it, and whether anything is new.

    Raises:
        AwsError: in PutImage's words; the repository is as it was.
    """
    scope = Scope(place.account, place.region)
    if pushed.tag and not is_tag(pushed.tag):
        raise invalid("imageTag", f"{pushed.tag[:128]} is no tag")
    manifest = read_manifest(pushed.content, pushed.media_type)
    if isinstance(manifest, str):
        raise invalid("ImageManifest", manifest)
    async with call.images.turn(place.path):
        view = call.store.view(scope)
        repository = require_repository(view, place.name)
        _check_tag(view, repository, manifest.digest, pushed.tag)
        _check_parts(view, repository, manifest)
        fault = await call.images.put_manifest(place.path, pushed.content, manifest.media_type)
        if fault is not None:
            raise _refused(repository, place, fault)
        async with call.store.transaction(scope) as change:
            repository = require_repository(change, place.name)
            _check_tag(change, repository, manifest.digest, pushed.tag)
            size = _size(change, repository, manifest)
            before = find_image(change, repository, digest=manifest.digest)
            image = before or _new(repository, manifest, size, call.clock.now())
            if pushed.tag and pushed.tag not in image.image_tags:
                taken = find_image(change, repository, tag=pushed.tag)
                if taken is not None:
                    left = tuple(one for one in taken.image_tags if one != pushed.tag)
                    change.put(replace(taken, image_tags=left))
                image = replace(image, image_tags=(*image.image_tags, pushed.tag))
            change.put(image)
    return image, image != before


def _check_tag(view: View, repository: Repository, digest: str, tag: str) -> None:
    """Refuse to move a tag that may not move."""
    taken = find_image(view, repository, tag=tag) if tag else None
    if taken is None or taken.digest == digest:
        return
    if not may_move(repository.image_tag_mutability, repository.exclusion_filters, tag):
        raise AwsError(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{repository.repository_name}' "
            "repository and cannot be overwritten because the tag is immutable.",
        )


def _check_parts(view: View, repository: Repository, manifest: Manifest) -> None:
    """Refuse a list of images that are not there; the registry checks blobs itself."""
    missing = [one for one in manifest.children if find_image(view, repository, digest=one) is None]
    if missing:
        raise AwsError(
            "ReferencedImagesNotFoundException",
            f"Images with digests '{missing}' required for pushing image into repository with "
            f"name '{repository.repository_name}' in the registry with id "
            f"'{view.scope.account}' do not exist",
        )


def _size(view: View, repository: Repository, manifest: Manifest) -> int:
    """Return an image's bytes: of a list those of its largest image."""
    children = [find_image(view, repository, digest=one) for one in manifest.children]
    return max((one.size for one in children if one), default=manifest.size)


def _new(repository: Repository, manifest: Manifest, size: int, now: datetime) -> Image:
    return Image(
        repository_arn=repository.arn,
        digest=manifest.digest,
        media_type=manifest.media_type,
        artifact_type=manifest.artifact_type,
        size=size,
        pushed_at=now,
        children=manifest.children,
        subject=manifest.subject,
        scan_wanted=repository.scan_on_push,
    )


def _refused(repository: Repository, place: Place, fault: str) -> AwsError:
    if any(code in fault for code in REFUSED_BLOB):
        return AwsError(
            "LayersNotFoundException",
            f"Layers required for pushing image into repository with name "
            f"'{repository.repository_name}' in the registry with id '{place.account}' do not "
            f"exist: {fault}",
        )
    return invalid("ImageManifest", f"the registry refuses it: {fault}")
