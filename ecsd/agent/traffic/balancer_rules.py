"""The network load balancers of one VPC: their plans, kept on disk, and the kernel's translation.

Traffic needs no process: the tables and the flows that they began are the kernel's. Only TLS
listeners and groups that want the proxy protocol have an HAProxy, which is there before flows are
led to it.
"""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.rooms import Networks
from ecsd.agent.traffic.balancer_notes import read_notes, write_notes
from ecsd.agent.traffic.health_checks import Place
from ecsd.agent.traffic.served_config import ServedConfig
from ecsd.decisions.balancers.nlb_plan import Carried, Door, Healths, carried, doors, endings
from ecsd.decisions.balancers.nlb_ruleset import compile_idle, compile_nlb
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.config import Limits
from ecsd.decisions.haproxy.config import Place as Home
from ecsd.decisions.haproxy.relay import compile_relays
from ecsd.errors import BalancerError, NetworkError
from ecsd.records.plan import BalancerPlan


class BalancerRules:
    """One VPC's translation. ``bring`` makes it so; calls wait for each other."""

    def __init__(
        self, folder: Path, vpc_id: str, networks: Networks, relays: Haproxy, limits: Limits
    ) -> None:
        self.plans: dict[str, BalancerPlan] = {}
        self.faults: dict[str, str] = {}  # part → words
        self._folder = folder
        self._vpc_id = vpc_id
        self._networks = networks
        self._relays = relays
        self._served = ServedConfig(relays.folder, relays)
        self._limits = limits
        self._carried: dict[tuple[str, str, str, int], Carried] = {}
        self._lock = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Return where its notes lie."""
        return self._folder

    def adopt(self) -> dict[Place, Health]:
        """Take over what an earlier agent left here; return the healths that it knew."""
        self._relays.adopt()
        kept = read_notes(self._folder)
        self.plans = {one.load_balancer_arn: one for one in kept.plans}
        healths: dict[tuple[str, str], dict[tuple[str, int], Health]] = {}
        for place, health in kept.healths:
            known = healths.setdefault((place.load_balancer_arn, place.target_group_arn), {})
            known[place.target_id, place.port] = health
        for plan in kept.plans:
            self._carried |= carried(plan, healths)
        return dict(kept.healths)

    async def bring(self, plans: Sequence[BalancerPlan], healths: Healths) -> None:
        """Bring plans and the healths of their targets, both of one moment, into force.

        Raises:
            BalancerError: the kernel, or HAProxy, refuses; what was in force goes on.
        """
        async with self._lock:
            led = [door for plan in plans for door in doors(plan, healths)]
            addresses = frozenset(address for plan in plans for address in plan.addresses)
            now = {key: one for plan in plans for key, one in carried(plan, healths).items()}
            pems = {arn: pem for plan in plans for arn, pem in plan.certificates.items()}
            home = Home(str(self._relays.folder), self._limits)
            stores = {arn: one for plan in plans for arn, one in plan.trust_stores.items()}
            relayed = compile_relays(led, pems, home, stores)
            if relayed is not None:
                await self._served.bring(relayed)
            try:
                await self._networks.translate(self._vpc_id, addresses, compile_nlb(led))
                await self._limit_idleness(addresses, led)
                ended = endings(self._carried, now)
                if ended:
                    await self._networks.end_flows(self._vpc_id, ended)
            except NetworkError as error:
                raise BalancerError(str(error)) from error
            self._carried = now
            if relayed is None and self._relays.frame is not None:
                await self._served.stop()
            if not plans:
                shutil.rmtree(self._folder, ignore_errors=True)

    async def _limit_idleness(self, addresses: frozenset[str], led: Sequence[Door]) -> None:
        """Have silent flows end; a kernel that cannot be told how long keeps its own times."""
        part = f"idle/{self._vpc_id}"
        try:
            await self._networks.translate(self._vpc_id, addresses, compile_idle(led))
        except NetworkError as error:
            words = "the kernel's own times, not the listeners', end silent flows to network load"
            self.faults[part] = f"{words} balancers: {error}"
        else:
            self.faults.pop(part, None)

    def release(self) -> None:
        """Stop watching; everything goes on."""
        self._relays.release()

    async def halt(self) -> None:
        """End what is no part of the VPC itself."""
        await self._served.stop()

    def keep(self, healths: list[tuple[Place, Health]]) -> None:
        """Write down what the next agent needs."""
        if self.plans:
            self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            write_notes(self._folder, self.plans.values(), healths)
