"""What a bucket's lifecycle rules say goes in time: objects, versions, uploads.

As on AWS things expire at midnight UTC: a bucket with rules is looked at when they change, and once
a day.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.s3.lifecycle import abort_of, next_midnight
from ecsd.ids import IdSource
from ecsd.records.record import Record
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import MultipartUpload
from ecsd.store.blobs import Blobs
from ecsd.store.finders.s3 import names_in
from ecsd.store.object_versions import expire, remove_upload
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

AT_ONCE = 500  # objects that one transaction looks at


class BucketController:
    """Enforces lifecycle rules."""

    name = "bucket"
    watches: tuple[type[Record], ...] = (Bucket,)

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._ids = ids

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return the bucket, if it has rules."""
        if isinstance(change.after, Bucket) and change.after.lifecycle:
            return [(change.scope, change.key)]
        return []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Let go what has expired; return the next midnight."""
        now = self._clock.now()
        bucket = self._store.view(scope).get(Bucket, key)
        if bucket is None or not bucket.lifecycle:
            return None
        if bucket.lifecycle_next is not None and bucket.lifecycle_next > now:
            return bucket.lifecycle_next
        after: str | None = ""
        while after is not None:
            after = await self._some(scope, key, after, now)
        return await self._rest(scope, bucket, now)

    async def _some(self, scope: Scope, key: str, start: str, now: datetime) -> str | None:
        """Look at some objects; return where to go on."""
        freed: list[str] = []
        name: str | None = None
        async with self._store.transaction(scope) as change:
            bucket = change.get(Bucket, key)
            if bucket is None:
                return None
            following = names_in(change, key, live=False)
            name = following(start)
            for _ in range(AT_ONCE):
                if name is None:
                    break
                freed += expire(change, bucket, name, now, self._ids.secret(32))
                name = following(f"{name}\0")
        self._blobs.remove(freed)
        return name

    async def _rest(self, scope: Scope, seen: Bucket, now: datetime) -> datetime | None:
        """Give up old uploads, and remember when the bucket was looked at."""
        freed: list[str] = []
        async with self._store.transaction(scope) as change:
            bucket = change.get(Bucket, seen.name)
            if bucket is None or bucket.lifecycle != seen.lifecycle:
                return None  # its own change has it looked at once more
            for upload in change.select(MultipartUpload, bucket=seen.name):
                abort = abort_of(bucket.lifecycle, upload)
                if abort is not None and abort.at <= now:
                    freed += remove_upload(change, upload)
            when = next_midnight(now)
            change.put(replace(bucket, lifecycle_next=when))
        self._blobs.remove(freed)
        return when
