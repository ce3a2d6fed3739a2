"""Secrets and parameters go when their time comes, with all their versions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ecsd.clock import Clock
from ecsd.records.record import Record
from ecsd.records.secretsmanager.secret import Secret
from ecsd.records.ssm.parameter import Parameter
from ecsd.store.finders import secretsmanager, ssm
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, View

KINDS: dict[str, type[Secret] | type[Parameter]] = {one.KIND: one for one in (Secret, Parameter)}


class PlannedEndController:
    """Removes what is to be deleted or has expired."""

    name = "planned_end"
    watches: tuple[type[Record], ...] = tuple(KINDS.values())

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return what has an end."""
        after = change.after
        if isinstance(after, Secret | Parameter) and _end(after) is not None:
            return [(change.scope, f"{after.KIND}|{change.key}")]
        return []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Remove it if its time is over; return its end if it is not."""
        kind, _, own = key.partition("|")
        held = self._store.view(scope).get(KINDS[kind], own)
        end = _end(held) if held is not None else None
        if held is None or end is None or end > self._clock.now():
            return end
        async with self._store.transaction(scope) as change:
            if change.get(KINDS[kind], own) == held:
                change.remove(held, *_versions(change, held))
        return None


def _end(one: Secret | Parameter) -> datetime | None:
    return one.deletion_at if isinstance(one, Secret) else one.expires_at


def _versions(view: View, one: Secret | Parameter) -> Sequence[Record]:
    if isinstance(one, Secret):
        return secretsmanager.versions_of(view, one)
    return ssm.versions_of(view, one.name)
