"""Certificates in time: those issued here are renewed, those about to expire are told of."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from ecsd.certificates.authority import Authority
from ecsd.certificates.material import Material
from ecsd.clock import Clock
from ecsd.decisions.balancers.certificate import (
    is_renewable,
    key_type,
    next_warning,
    renewal_due,
    renewed,
    warns,
)
from ecsd.records.acm.account_configuration import AccountConfiguration
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.records.record import Record
from ecsd.store.finders.acm import account_configuration, users_of
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, View

log = logging.getLogger(__name__)
Issue = Callable[[Sequence[str], str, datetime], Awaitable[Material]]


class CertificateController:
    """Renews what is in use, 45 days before its end; warns daily of what expires."""

    name = "certificate"
    watches: tuple[type[Record], ...] = (Certificate, AccountConfiguration, Listener)

    def __init__(self, store: Store, clock: Clock, authority: Authority, issue: Issue) -> None:
        self._store = store
        self._clock = clock
        self._authority = authority
        self._issue = issue
        self._told: dict[str, datetime] = {}  # certificate → when the next warning is due

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return the certificates that a change concerns."""
        view = self._store.view(change.scope)
        if AccountConfiguration in {type(change.before), type(change.after)}:
            return [(change.scope, one.certificate_arn) for one in view.select(Certificate)]
        arns: set[str] = set()
        for record in (change.before, change.after):
            if isinstance(record, Listener):
                arns.update(record.certificate_arns)
            elif isinstance(record, Certificate):
                arns.add(record.certificate_arn)
        return [(change.scope, arn) for arn in sorted(arns)]

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Renew or warn when it is time; return when it is time next."""
        view, now = self._store.view(scope), self._clock.now()
        certificate = view.get(Certificate, key)
        if certificate is None:
            self._told.pop(key, None)
            return None
        if is_renewable(certificate, users_of(view, key)):
            due = renewal_due(certificate)
            if now < due:
                return due
            await self._renew(scope, certificate)
            return None  # its own change has it looked at again
        return self._warn(view, certificate, now)

    async def _renew(self, scope: Scope, old: Certificate) -> None:
        names, arn = old.subject_alternative_names, old.certificate_arn
        issued = await self._issue(names, key_type(old), self._clock.now())
        kept = self._authority.kept(issued, arn)
        async with self._store.transaction(scope) as change:
            current = change.get(Certificate, arn)
            if current is None or current.body != old.body:
                return  # deleted, or renewed by hand meanwhile
            change.put(renewed(current, kept, self._clock.now()))
        log.info("a certificate was renewed", extra={"certificate": arn})

    def _warn(self, view: View, certificate: Certificate, now: datetime) -> datetime | None:
        days = account_configuration(view).days_before_expiry
        arn = certificate.certificate_arn
        following = next_warning(certificate, days, now)
        if warns(certificate, days, now) and self._told.get(arn, now) <= now:
            log.warning(
                "a certificate expires soon",
                extra={"certificate": arn, "expires": certificate.facts.not_after.isoformat()},
            )
            if following is not None:
                self._told[arn] = following
        return following
