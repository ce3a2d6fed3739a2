"""A store with many tasks in it, to be opened."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.task import Container, Task
from ecsd.store.scope import Scope
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store

SCOPE = Scope("000000000000", "us-east-1")


def fill(data_dir, count):
    """Write a cluster with ``count`` stopped tasks of three containers."""
    asyncio.run(_fill(Path(data_dir), count))


async def _fill(data_dir, count):
    store = Store.open(SqliteBackend(data_dir / "ecsd.sqlite"))
    now = datetime.now(UTC)
    prefix = "arn:aws:ecs:us-east-1:000000000000"
    async with store.transaction(SCOPE) as change:
        change.put(Cluster(name="prod", arn=f"{prefix}:cluster/prod", created_at=now))
        for number in range(count):
            task_id = f"{number:032x}"
            change.put(
                Task(
                    task_arn=f"{prefix}:task/prod/{task_id}",
                    task_id=task_id,
                    cluster="prod",
                    cluster_arn=f"{prefix}:cluster/prod",
                    task_definition="web:1",
                    task_definition_arn=f"{prefix}:task-definition/web:1",
                    group="family:web",
                    containers=tuple(
                        Container(name=f"c{at}", container_arn=f"{prefix}:c/{at}", image="app:1")
                        for at in range(3)
                    ),
                    created_at=now,
                    desired_status="STOPPED",
                    last_status="STOPPED",
                    stop_code="UserInitiated",
                    stopped_reason="Task stopped by user",
                    stopping_at=now,
                    stopped_at=now,
                )
            )
    store.close()
