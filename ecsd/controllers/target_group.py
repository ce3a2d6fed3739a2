"""Target groups: targets whose drain is over are gone.

Source: ecs_semantics 5.1: a drain lasts its whole delay even without connections; targets of a
group that no load balancer uses leave at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.balancers.target import delay_seconds, drained_at
from ecsd.records.elbv2.load_balancer import Listener, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.record import Record
from ecsd.store.finders.elbv2 import balancers_of_group, targets_of
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store


class TargetGroupController:
    """Ends drains."""

    name = "target_group"
    watches: Sequence[type[Record]] = (Target, TargetGroup, Listener, Rule)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the groups that a change concerns; one no longer forwarded to drains no more."""
        for record in (change.before, change.after):
            match record:
                case Target() | TargetGroup():
                    yield change.scope, record.target_group_arn
                case Listener() | Rule():
                    yield from ((change.scope, arn) for arn in record.target_group_arns)
                case _:
                    pass  # before its birth, after its death

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Remove drained targets; return when the next one will be."""
        async with self._store.transaction(scope) as change:
            group = change.get(TargetGroup, key)
            in_use = group is not None and bool(balancers_of_group(change, key))
            delay = delay_seconds(group) if group is not None and in_use else 0
            now = self._clock.now()
            pending: list[datetime] = []
            for target in targets_of(change, key):
                ends = drained_at(target, delay)
                if group is None or (ends is not None and ends <= now):
                    change.remove(target)
                elif ends is not None:
                    pending.append(ends)
            return min(pending, default=None)
