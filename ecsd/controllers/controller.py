"""What a controller is, and what runs them.

A controller is level-triggered: it watches kinds of records, turns each durable change into keys,
and for a key compares what is wanted with what is there, in one transaction. A doubled or missed
notice is harmless; at start every key is looked at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from ecsd.clock import Clock
from ecsd.records.record import Record
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store
from ecsd.workqueue import LastError, WorkQueue

log = logging.getLogger(__name__)
Place = tuple[Scope, str]


class Controller(Protocol):
    """Keeps one kind of object true."""

    @property
    def name(self) -> str:
        """What its queue is called."""
        ...

    @property
    def watches(self) -> Sequence[type[Record]]:
        """The kinds of records whose changes concern it."""
        ...

    def keys(self, change: Change) -> Iterable[Place]:
        """Return which objects a durable change concerns.

        At start each record of the watched kinds arrives as a change with ``before`` None.
        """
        ...

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Make one object true; return when to look again though nothing changed."""
        ...


class Controllers:
    """Feeds every controller from the store's watch and runs their queues."""

    def __init__(self, store: Store, clock: Clock, controllers: Sequence[Controller]) -> None:
        self._store = store
        self._controllers = controllers
        self._queues = {
            one.name: WorkQueue[Place](one.name, clock, _work(one)) for one in controllers
        }

    def errors(self) -> dict[str, dict[str, LastError]]:
        """Return controller → key → last error, of those that fail at this moment."""
        return {
            name: {
                f"{scope.account}/{scope.region}/{key}": error
                for (scope, key), error in queue.errors.items()
            }
            for name, queue in self._queues.items()
            if queue.errors
        }

    def look(self, controller: str, places: Iterable[Place]) -> None:
        """Have a controller look at objects for a reason that is no change of a record."""
        for place in places:
            self._queues[controller].add(place)

    async def run(self) -> None:
        """Look at everything once, then at what changes; until cancelled."""
        ends = [self._feed(one) for one in self._controllers]
        try:
            async with asyncio.TaskGroup() as group:
                for queue in self._queues.values():
                    group.create_task(queue.run())
        finally:
            for end in ends:
                end()

    async def settle(self, besides: Sequence[str] = ()) -> None:
        """Return when no controller has work (tests, and before a first snapshot is sent).

        besides: names of controllers that do not count, as they wait for somebody outside.
        """
        queues = [queue for name, queue in self._queues.items() if name not in besides]
        busy = True
        while busy:
            revision = self._store.revision
            for queue in queues:
                await queue.idle()
            busy = revision != self._store.revision

    def _feed(self, controller: Controller) -> Callable[[], None]:
        queue = self._queues[controller.name]

        def watcher(changes: Sequence[Change]) -> None:
            for change in changes:
                for place in controller.keys(change):
                    queue.add(place)

        end = self._store.watch(controller.watches, watcher)
        watcher(
            [
                Change(0, scope, kind, record.key, None, record)
                for kind in controller.watches
                for scope, record in self._store.everywhere(kind)
            ]
        )
        return end


def _work(controller: Controller) -> Callable[[Place], Awaitable[datetime | None]]:
    async def work(place: Place) -> datetime | None:
        return await controller.reconcile(*place)

    return work
