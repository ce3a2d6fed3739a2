"""What a proxy says, sent to its log stream: what it did not take before, every few seconds.

How far that has come is noted beside, so that the next agent goes on from there.
"""

import asyncio
from pathlib import Path

from ecsd.agent.containers.log_streams import LogStreams, Place
from ecsd.records.plan import LogPlan

MOST_BYTES = 200_000  # at once
FILE, NOTE = "haproxy.log", "sent"


class ProxyLog:
    """The log of one proxy's folder. Errors: LogStreamError."""

    def __init__(self, folder: Path, streams: LogStreams) -> None:
        self._file = folder / FILE
        self._note = folder / NOTE
        self._streams = streams
        self._lock = asyncio.Lock()

    async def begin(self, plan: LogPlan) -> None:
        """Make the stream: a group that is missing is told before anything runs."""
        await self._keep(plan, [])

    async def send(self, plan: LogPlan) -> None:
        """Send whole lines that were not sent yet."""
        async with self._lock:
            await self._send(plan)

    async def _send(self, plan: LogPlan) -> None:
        try:
            sent = self._sent()
            with self._file.open("rb") as file:
                if sent > file.seek(0, 2):
                    sent = 0  # HAProxy has loaded anew, which begins the file anew
                file.seek(sent)
                told = file.read(MOST_BYTES)
        except FileNotFoundError:
            return  # it does not run yet
        whole = told[: told.rfind(b"\n") + 1]
        lines = [one for one in whole.decode(errors="replace").splitlines() if one.strip()]
        if lines:
            await self._keep(plan, lines)
            self._note.write_text(str(sent + len(whole)))

    def _sent(self) -> int:
        return int(self._note.read_text()) if self._note.exists() else 0

    async def _keep(self, plan: LogPlan, lines: list[str]) -> None:
        place = Place(plan.endpoint, plan.account, plan.region, plan.task_arn)
        await self._streams.keep(
            place, plan.group, plan.stream, lines, create_group=plan.create_group
        )
