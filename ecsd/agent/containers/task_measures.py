"""What is measured of this host's tasks when their containers ask: use, network, disk, clock."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ecsd.agent.drivers.host_clock import discipline
from ecsd.agent.drivers.programs import attempt
from ecsd.agent.file_systems import used
from ecsd.clock import Clock
from ecsd.decisions.tasks.task_measures import (
    Counts,
    Footprint,
    clock_drift,
    interface_counts,
    storage_metrics,
    with_network,
)
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.errors import EngineError, NetworkError

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=15)  # for which a measured disk is told again
MOST_MEASURED = 10_000  # tasks whose disks are remembered


class Engine(Protocol):
    """What the Engine measures. Errors: EngineError."""

    async def stats(self, container: str) -> dict[str, Any]:
        """Return two samples of a container, a second apart."""
        ...

    async def footprint(self, container: str) -> Footprint:
        """Return what a container takes on disk."""
        ...

    async def volume_folders(self, task_arn: str) -> list[str]:
        """Return where a task's own volumes are."""
        ...


class TaskMeasures:
    """Implements the endpoint's ``Measures``."""

    def __init__(self, clock: Clock, engine: Engine) -> None:
        self._clock = clock
        self._engine = engine
        self._storage: dict[str, tuple[datetime, dict[str, int]]] = {}

    async def stats(
        self, seen: TaskSeen, runtime_ids: list[str], *, rates: bool
    ) -> dict[str, dict[str, Any]]:
        """Return the stats of containers of a task, by id. Raises EngineError."""
        before, began = await self._counts(seen), self._clock.now()
        try:
            async with asyncio.TaskGroup() as group:
                asked = {one: group.create_task(self._engine.stats(one)) for one in runtime_ids}
        except* EngineError as errors:
            raise errors.exceptions[0] from None
        after = await self._counts(seen)
        seconds = (self._clock.now() - began).total_seconds()
        return {
            key: with_network(one.result(), before, after, seconds, rates=rates)
            for key, one in asked.items()
        }

    async def storage(self, seen: TaskSeen) -> dict[str, int] | None:
        """Return EphemeralStorageMetrics; None where they are not to be had."""
        plan = seen.plan
        if plan.launch_type != "FARGATE":
            return None
        now = self._clock.now()
        known = self._storage.get(plan.task_arn)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            ids = [one.runtime_id for one in seen.view.values() if one.runtime_id]
            footprints = [await self._engine.footprint(one) for one in ids]
            volumes = await self._volumes(plan.task_arn)
        except (EngineError, OSError) as error:
            log.info("a task's disk is not measured", extra={"cause": str(error)})
            return None
        metrics = storage_metrics(footprints, volumes, plan.ephemeral_storage)
        if len(self._storage) >= MOST_MEASURED:
            self._storage.clear()
        self._storage[plan.task_arn] = (now, metrics)
        return metrics

    def clock(self, seen: TaskSeen) -> dict[str, Any] | None:
        """Return ClockDrift; None where the kernel does not say."""
        known = discipline() if seen.plan.launch_type == "FARGATE" else None
        if known is None:
            return None
        return clock_drift(synchronized=known.synchronized, bound=known.bound, at=self._clock.now())

    async def _volumes(self, task_arn: str) -> int:
        folders = await self._engine.volume_folders(task_arn)
        sizes = [await asyncio.to_thread(used, Path(one)) for one in folders]
        return sum(sizes)

    async def _counts(self, seen: TaskSeen) -> Counts:
        """Return what the task's interfaces carried; nothing while it has none."""
        if not seen.sandbox:
            return {}
        argv = ("nsenter", f"--net={seen.sandbox}", "cat", "/proc/self/net/dev")
        try:
            code, output, words = await attempt(self._clock, *argv)
        except NetworkError as error:
            code, output, words = 1, "", str(error)
        if code != 0:
            log.info("a task's network is not measured", extra={"cause": words})
            return {}
        return interface_counts(output)
