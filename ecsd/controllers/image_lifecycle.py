"""Images expire as their repository's lifecycle policy says."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.ecr.lifecycle import evaluate, read_policy, settled
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository
from ecsd.records.record import Record
from ecsd.store.finders.ecr import candidates_of, images_of, place_in
from ecsd.store.image_removal import remove_images
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

GRACE = timedelta(minutes=5)  # AWS takes up to a day


class ImageLifecycleController:
    """Applies a policy when it is set, when images change, and when days have passed."""

    name = "image_lifecycle"
    watches: tuple[type[Record], ...] = (Repository, Image)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return the repository whose policy or images changed."""
        before, after = change.before, change.after
        if isinstance(after, Image):
            return [(change.scope, after.repository_arn)]
        policy = before.lifecycle_policy if isinstance(before, Repository) else None
        if isinstance(after, Repository) and after.lifecycle_policy not in (None, policy):
            return [(change.scope, after.arn)]
        return []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Remove what has expired; return when time alone may have more expire."""
        repository = self._store.view(scope).get(Repository, key)
        if repository is None or repository.lifecycle_policy is None:
            return None
        async with self._store.transaction(scope) as change:
            repository = change.get(Repository, key)
            rules = read_policy(repository.lifecycle_policy or "") if repository else ""
            if repository is None or isinstance(rules, str):
                return None
            now = self._clock.now()
            outcome = evaluate(rules, candidates_of(change, repository), now)
            ready, again = settled(outcome, now, GRACE)
            gone = {one.image.digest for one in ready}
            images = [one for one in images_of(change, repository) if one.digest in gone]
            remove_images(change, place_in(change, repository.repository_name).path, images)
            change.put(replace(repository, lifecycle_evaluated_at=now))
        return again
