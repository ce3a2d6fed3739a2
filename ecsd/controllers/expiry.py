"""What is kept for a while goes in time: credentials, invitations, tokens, operations."""

from collections.abc import Iterable
from datetime import datetime

from ecsd.clock import Clock
from ecsd.records.ecr.image import LayerUpload
from ecsd.records.ecr.repository import LifecyclePreview
from ecsd.records.ecs.cluster import ClientToken
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheckReference
from ecsd.records.route53.zone_change import ZoneChange
from ecsd.records.servicediscovery.operation import DiscoveryOperation
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

Passing = (
    Session
    | ExecSession
    | ClientToken
    | DiscoveryOperation
    | ZoneChange
    | HealthCheckReference
    | LayerUpload
    | LifecyclePreview
)
KINDS: tuple[type[Passing], ...] = (
    Session,
    ExecSession,
    ClientToken,
    DiscoveryOperation,
    ZoneChange,
    HealthCheckReference,
    LayerUpload,
    LifecyclePreview,
)


class ExpiryController:
    """Removes what has expired."""

    name = "expiry"
    watches: tuple[type[Record], ...] = KINDS

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return what was given."""
        if change.after is None:
            return []
        return [(change.scope, f"{change.after.KIND}/{change.key}")]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Remove it if its time is over; return its end if it is not."""
        name, _, own = key.partition("/")
        kind = next(one for one in KINDS if name == one.KIND)
        given = self._store.view(scope).get(kind, own)
        if given is None:
            return None
        if given.expires_at > self._clock.now():
            return given.expires_at
        async with self._store.transaction(scope) as change:
            if change.get(kind, own) == given:
                change.remove(given)
        return None
