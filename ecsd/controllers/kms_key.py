"""Keys are rotated by themselves, and deleted when their waiting time is over."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.ids import IdSource
from ecsd.records.kms.key import AUTOMATIC, ENABLED, PENDING_DELETION, Key
from ecsd.records.record import Record
from ecsd.store.finders.kms import aliases_of
from ecsd.store.kms_keys import Workshop, rotated
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

if TYPE_CHECKING:
    from ecsd.certificates.sealing import KeySeal


class KeyController:
    """Looks at a key when something is due."""

    name = "kms_key"
    watches: tuple[type[Record], ...] = (Key,)

    def __init__(self, store: Store, clock: Clock, ids: IdSource, seal: "KeySeal") -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._seal = seal

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return a key that is there."""
        return [] if change.after is None else [(change.scope, change.key)]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Delete or rotate a key whose time has come; return when the next thing is due."""
        now = self._clock.now()
        found = self._store.view(scope).get(Key, key)
        if found is None:
            return None
        due = _due(found)
        if due is None or due > now:
            return due
        async with self._store.transaction(scope) as change:
            held = change.get(Key, key)
            if held != found:
                return None  # its own change has it looked at once more
            if held.state == PENDING_DELETION:
                change.remove(held, *aliases_of(change, held))
                return None
            days = timedelta(days=held.rotation_period or 0)
            fresh = rotated(Workshop(self._seal, self._ids, now), held, AUTOMATIC)
            change.put(replace(fresh, rotation_at=now + days))
        return now + days


def _due(key: Key) -> datetime | None:
    """A key that is disabled is rotated when it is enabled again, if its time is over then."""
    if key.state == PENDING_DELETION:
        return key.deletion_at
    return key.rotation_at if key.state == ENABLED else None
