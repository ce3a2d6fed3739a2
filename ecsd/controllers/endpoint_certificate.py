"""Certificates of VPC endpoints: issued when one is made, which makes it available, and rotated."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from ecsd.certificates.authority import Authority
from ecsd.certificates.material import Material
from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.network.availability_zone import zones
from ecsd.decisions.network.endpoint_service import certificate_names
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate, VpcEndpoint
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

log = logging.getLogger(__name__)
Issue = Callable[[Sequence[str], str, datetime], Awaitable[Material]]
ROTATED = timedelta(days=30)
KEY_ALGORITHM = "EC_prime256v1"


class EndpointCertificateController:
    """Gives every VPC endpoint a certificate under the local authority."""

    name = "endpoint_certificate"
    watches: tuple[type[Record], ...] = (VpcEndpoint, EndpointCertificate)

    def __init__(self, store: Store, clock: Clock, authority: Authority, issue: Issue) -> None:
        self._store = store
        self._clock = clock
        self._authority = authority
        self._issue = issue

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the endpoint that a change concerns."""
        yield change.scope, change.key

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Issue what is missing or due; return when it is due next."""
        view, now = self._store.view(scope), self._clock.now()
        endpoint, known = view.get(VpcEndpoint, key), view.get(EndpointCertificate, key)
        if endpoint is None:
            return None  # what it had went with it
        if known is not None and now < known.issued_at + ROTATED:
            return known.issued_at + ROTATED
        names = certificate_names(endpoint, [one.name for one in zones(scope.region)])
        issued = await self._issue(names, KEY_ALGORITHM, now)
        async with self._store.transaction(scope) as change:
            if change.get(VpcEndpoint, key) is None:
                return None  # taken away meanwhile
            change.put(
                EndpointCertificate(
                    vpc_endpoint_id=key,
                    body=issued.body,
                    chain=issued.chain,
                    sealed_key=self._authority.seal.seal(issued.private_key, key),
                    issued_at=now,
                )
            )
        log.info("a certificate of a VPC endpoint was issued", extra={"endpoint": key})
        return now + ROTATED
