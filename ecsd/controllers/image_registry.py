"""What repositories no longer name is freed, and unused blobs are collected in quiet hours.

The registry's own collection must not meet a push: a layer that is there already, and is not sent
again, would be gone before its manifest comes. So it is made when nobody can have pushed for an
hour; the agent stops the registry meanwhile.
Source: Distribution, garbage collection.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.records.ecr.image import ManifestToFree
from ecsd.records.ecr.repository import Registry
from ecsd.records.record import Record
from ecsd.store.image_removal import free
from ecsd.store.images import Images
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change, Store

QUIET = timedelta(hours=1)


class ImageRegistryController:
    """Frees manifests and repositories; decides when blobs are collected."""

    name = "image_registry"
    watches: tuple[type[Record], ...] = (ManifestToFree, Registry)

    def __init__(self, store: Store, images: Images, clock: Clock) -> None:
        self._store = store
        self._images = images
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return what is to be freed, or the registry."""
        return [] if change.after is None else [(change.scope, f"{change.kind.KIND}|{change.key}")]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Free one thing, or have blobs collected; return when it may be quiet enough for that."""
        kind, _, place = key.partition("|")
        if kind == ManifestToFree.KIND:
            await free(self._store, scope, self._images, place, self._clock.now())
            return None
        async with self._store.transaction(HOSTS) as change:
            registry = change.get(Registry, place)
            if registry is None or registry.freed_at is None:
                return None
            quiet = max(self._images.active_at, registry.freed_at) + QUIET
            if quiet > self._clock.now():
                return quiet
            change.put(replace(registry, freed_at=None, collection=registry.collection + 1))
        return None
