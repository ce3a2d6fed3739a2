"""Running a process's endless works until it is told to end."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence


async def run_until(end: Awaitable[object], works: Sequence[Coroutine[None, None, None]]) -> None:
    """Run works until ``end`` returns, then cancel them; a work that fails ends everything."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        await end
        for task in tasks:
            task.cancel()
