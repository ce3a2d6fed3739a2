"""Credentials for load balancers' logs: opened when a log is turned on, renewed while it is on.

What was logged until it is turned off is delivered afterwards: a session ends by expiring.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.haproxy.observation import is_logged
from ecsd.ids import IdSource
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.settings import Settings
from ecsd.store.log_delivery import open_delivery_session
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store
from ecsd.store.task_roles import Rules

RENEWED = timedelta(hours=5)  # of six


class LogDeliveryController:
    """Gives every balancer that keeps logs a session of who delivers them."""

    name = "log_delivery"
    watches: tuple[type[Record], ...] = (LoadBalancer,)

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, authority: Authority, settings: Settings
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._seal = authority.seal
        self._judged = Rules.of(settings).judged

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the balancer that changed, where it keeps logs or kept them."""
        for one in (change.before, change.after):
            if isinstance(one, LoadBalancer) and is_logged(one.attributes):
                return ((change.scope, change.key),)
        return ()

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Open what is missing or due; return when more is due."""
        balancer = self._store.view(scope).get(LoadBalancer, key)
        if balancer is None or not is_logged(balancer.attributes):
            return None
        held = self._store.view(scope.globally()).select(Session, load_balancer_arn=key)
        now = self._clock.now()
        newest = max((one.created_at for one in held), default=None)
        if newest is None or now >= newest + RENEWED:
            newest = now
            async with self._store.transaction(scope.globally()) as change:
                made_by = self._ids, self._seal, now
                change.put(open_delivery_session(key, made_by, judged=self._judged))
        return newest + RENEWED
