"""Certificates of encrypted Service Connect: issued, rotated every five days, and taken away.

Source: Amazon ECS Developer Guide, Service Connect TLS (certificates are rotated every five days).
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from ecsd.certificates.authority import Authority
from ecsd.certificates.material import Material
from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.connect.service_connect import certificate_name
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.record import Record
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import find_service
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

log = logging.getLogger(__name__)
Issue = Callable[[Sequence[str], str, datetime], Awaitable[Material]]
ROTATED = timedelta(days=5)
KEY_ALGORITHM = "EC_prime256v1"


class ConnectCertificateController:
    """Gives every encrypted discovery name a certificate under the local authority."""

    name = "connect_certificate"
    watches: tuple[type[Record], ...] = (DiscoveryService, ConnectCertificate)

    def __init__(self, store: Store, clock: Clock, authority: Authority, issue: Issue) -> None:
        self._store = store
        self._clock = clock
        self._authority = authority
        self._issue = issue

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the discovery name (ARN) that a change concerns."""
        for record in (change.before, change.after):
            if isinstance(record, ConnectCertificate):
                yield change.scope, record.discovery_arn
            elif isinstance(record, DiscoveryService) and record.is_encrypted:
                yield change.scope, record.arn

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Issue what is missing or due; return when it is due next."""
        view, now = self._store.view(scope), self._clock.now()
        service, known = find_service(view, key), view.get(ConnectCertificate, key)
        if service is None or not service.is_encrypted:
            async with self._store.transaction(scope) as change:
                change.remove(*([known] if known else []))
            return None
        if known is not None and now < known.issued_at + ROTATED:
            return known.issued_at + ROTATED
        name = certificate_name(service.service_id)
        issued = await self._issue([name], KEY_ALGORITHM, now)
        async with self._store.transaction(scope) as change:
            if find_service(change, key) is None:
                return None  # taken away meanwhile
            change.put(
                ConnectCertificate(
                    discovery_arn=key,
                    name=name,
                    body=issued.body,
                    chain=issued.chain,
                    sealed_key=self._authority.seal.seal(issued.private_key, key),
                    issued_at=now,
                )
            )
        log.info("a certificate of Service Connect was issued", extra={"service": key})
        return now + ROTATED
