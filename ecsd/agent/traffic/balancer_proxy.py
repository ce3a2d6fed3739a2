"""The load balancers of one VPC: their plans, kept on disk, and the HAProxy that carries them.

What changes little of what runs is ``served_config``'s business.
"""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.haproxy_counters import Grown
from ecsd.agent.traffic.balancer_notes import read_notes, write_notes
from ecsd.agent.traffic.health_checks import Place as Target
from ecsd.agent.traffic.served_config import ServedConfig
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.config import Place
from ecsd.decisions.haproxy.listener import Parts, Used, compile_config
from ecsd.records.plan import BalancerPlan


class BalancerProxy:
    """One VPC's HAProxy. ``bring`` makes it so; calls wait for each other."""

    def __init__(self, folder: Path, haproxy: Haproxy, place: Place) -> None:
        """place: all that its HAProxy has in common with others; its folder is its own."""
        self.plans: dict[str, BalancerPlan] = {}
        self._folder = folder
        self._haproxy = haproxy
        self._place = place._replace(folder=str(folder))
        self._served = ServedConfig(folder, haproxy)
        self._parts = Parts()
        self._lock = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Return where its sockets lie."""
        return self._folder

    def adopt(self) -> dict[Target, Health]:
        """Take over what an earlier agent left here; return the healths that it knew."""
        self._haproxy.adopt()
        kept = read_notes(self._folder)
        self.plans = {one.load_balancer_arn: one for one in kept.plans}
        return dict(kept.healths)

    async def bring(
        self,
        plans: Sequence[BalancerPlan],
        used: Used,
        entrances: Collection[tuple[str, int]],
    ) -> None:
        """Bring plans and the use of their targets, both of one moment, into force.

        Raises:
            BalancerError: HAProxy refuses; what ran before goes on.
        """
        async with self._lock:
            if not plans:
                await self._served.stop()
                return
            place = self._place._replace(entrances=entrances)
            await self._served.bring(compile_config(plans, used, place, self._parts))

    def keep(self, healths: list[tuple[Target, Health]]) -> None:
        """Write down what the next agent needs; a disk that refuses costs only that."""
        if self.plans:
            write_notes(self._folder, self.plans.values(), healths)

    async def tend_counters(self) -> None:
        """Let workers go that have nothing more to count."""
        await self._haproxy.tend_counters()

    async def period(self, seconds: float) -> Grown | None:
        """Return what was counted in a period that ends now; None: that was not observed."""
        return await self._haproxy.period(seconds)

    def release(self) -> None:
        """Stop watching; HAProxy goes on."""
        self._haproxy.release()
