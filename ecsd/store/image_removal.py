"""Freeing what no repository names any more: by a controller, or before a name is used again."""

from datetime import datetime

from msgspec.structs import replace

from ecsd.records.ecr.image import Image, ManifestToFree
from ecsd.records.ecr.pull_through import UpstreamCheck
from ecsd.records.ecr.repository import Registry, Repository
from ecsd.store.images import Images
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Store, Transaction


async def free_pending(store: Store, scope: Scope, images: Images, path: str) -> None:
    """Free what a repository that is gone has left. The caller has its turn.

    Raises:
        OSError: the disk refuses.
    """
    for one in store.view(scope).select(ManifestToFree):
        if one.path == path:
            await _free(store, scope, images, one)


async def free(
    store: Store, scope: Scope, images: Images, place: str, now: datetime
) -> datetime | None:
    """Free one thing that was remembered, if nothing names it again; return when that was.

    Raises:
        OSError: the disk refuses.
    """
    known = store.view(scope).get(ManifestToFree, place)
    if known is None:
        return None
    async with images.turn(known.path):
        known = store.view(scope).get(ManifestToFree, place)
        if known is None:
            return None
        await _free(store, scope, images, known)
    async with store.transaction(HOSTS) as change:
        registry = change.get(Registry, Registry().name) or Registry()
        change.put(replace(registry, freed_at=now))
    return now


def remove_images(change: Transaction, path: str, images: list[Image]) -> None:
    """Remove images of a repository; what they leave in the registry is freed soon after."""
    change.remove(*images)
    checks = (
        change.get(UpstreamCheck, f"{one.repository_arn}:{tag}")
        for one in images
        for tag in one.image_tags
    )
    change.remove(*(one for one in checks if one is not None))
    change.put(*(ManifestToFree(path=path, digest=one.digest) for one in images))


async def _free(store: Store, scope: Scope, images: Images, known: ManifestToFree) -> None:
    name = known.path.split("/", 2)[2]
    arn = f"arn:aws:ecr:{scope.region}:{scope.account}:repository/{name}"
    view = store.view(scope)
    named = view.get(Image, f"{arn}@{known.digest}") if known.digest else view.get(Repository, arn)
    if named is None:
        await images.free(known.path, known.digest)
    async with store.transaction(scope) as change:
        change.remove(known)
