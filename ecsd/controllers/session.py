"""Temporary credentials go when they have expired."""

from collections.abc import Iterable
from datetime import datetime

from ecsd.clock import Clock
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store


class SessionController:
    """Removes expired sessions."""

    name = "session"
    watches: tuple[type[Record], ...] = (Session,)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return a session that began."""
        return [(change.scope, change.key)] if change.after is not None else []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Remove the session if it is over; return its end if it is not."""
        async with self._store.transaction(scope) as change:
            session = change.get(Session, key)
            if session is None:
                return None
            if session.expires_at > self._clock.now():
                return session.expires_at
            change.remove(session)
        return None
