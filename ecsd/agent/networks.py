"""The VPCs of this host: a namespace each, made and adopted by name.

What one VPC is made of lies in ``drivers/vpc.py``; the host's side in ``drivers/host.py``; names
are answered by ``drivers/names.py``. Everything may be repeated.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence

from ecsd.agent.drivers.entrances import Entrances
from ecsd.agent.drivers.flows import end_translated
from ecsd.agent.drivers.host import HostNetwork
from ecsd.agent.drivers.host_names import HostNames
from ecsd.agent.drivers.link_local import LinkLocal
from ecsd.agent.drivers.names import NameServer
from ecsd.agent.drivers.namespaces import Namespaces, Visitor
from ecsd.agent.drivers.nftables import Nftables
from ecsd.agent.drivers.programs import run
from ecsd.agent.drivers.rtnetlink import Netlink
from ecsd.agent.drivers.socket_stock import SocketStock
from ecsd.agent.drivers.task_interface import task_interface
from ecsd.agent.drivers.vpc import VpcNetwork
from ecsd.agent.flow_logs import FlowLogs
from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.decisions.balancers.nlb_plan import Ending
from ecsd.decisions.network.addresses import NUMBERS, Uplink, peer_link, uplink
from ecsd.decisions.network.ruleset import Table, whole
from ecsd.decisions.vpc.flow_counters import Reading
from ecsd.errors import NetworkError
from ecsd.ids import IdSource
from ecsd.link.messages import HostFaults
from ecsd.records.plan import TaskPlan
from ecsd.records.plan_network import PeeringPlan, VpcPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

ATTACH_SECONDS = 10.0
PEER_MTU = "8500"  # VPC Peering Guide: inside a region


class HostNetworks:
    """Implements ``rooms.Networks``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self._report = report
        self._clock = clock
        self.visitor = self._visitor = Visitor()
        self._namespaces = Namespaces(settings.label)
        self._first_number = settings.instance * NUMBERS
        self._host = HostNetwork(clock, settings, self._namespaces)
        self._entrances = Entrances(f"{settings.label}_entrances")
        self.names = NameServer(clock, self._visitor, IdSource())
        self.flow_logs = FlowLogs(clock, report, self._read_flows, settings.flow_logs_minute)
        self.link_local = LinkLocal(clock, self._visitor, settings.api_place)
        place = settings.names_place
        self._host_names = HostNames(clock, self.names, place, self._hear_names) if place else None
        self._names_fault: str | None = None
        self._vpcs: dict[str, VpcNetwork] = {}
        self._sockets: dict[str, SocketStock] = {}
        self._faults: dict[str, str] | None = None  # of the host; None before it was looked at
        self._preparing = asyncio.Lock()
        self._peering = asyncio.Lock()
        self._ranges: dict[str, tuple[str, ...]] = {}  # that the host has routes to
        self._linked: set[frozenset[str]] = set()  # pairs of peers, by this process
        self._opening: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, asyncio.Condition] = {}

    async def run(self) -> None:
        """Make the host ready and answer names until cancelled."""
        await self._prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.names.run())
            group.create_task(self.flow_logs.run())
            if self._host_names is not None:
                group.create_task(self._host_names.run())

    def observe_all(self) -> None:
        """Report what stands in the way on the host, part → words with the fix."""
        if self._faults is not None:
            names = {"names": self._names_fault} if self._names_fault else {}
            self._report(HostFaults(faults=self._faults | names))

    async def apply(self, plan: VpcPlan) -> None:
        """Make a VPC so; twice is the same as once."""
        vpc = await self._opened(plan)
        for one in plan.peerings:
            await self._peer(plan, one)
        if self._ranges.get(plan.vpc_id) != plan.cidrs:
            await self._connect(plan, vpc.uplink)
        if vpc.plan != plan:
            await vpc.apply(plan)
        self.flow_logs.note(plan)
        await self._lead(vpc, plan)
        await self.names.serve(plan, vpc.path)
        await self.link_local.serve(plan, vpc.path)
        applied = self._condition(plan.vpc_id)
        async with applied:
            applied.notify_all()

    async def remove(self, vpc_id: str) -> None:
        """Take a VPC away: the kernel ends all its links together when its name is gone."""
        await self._stop_serving(vpc_id)
        self._close_sockets(vpc_id)
        self.flow_logs.forget(vpc_id)
        vpc = self._vpcs.pop(vpc_id, None)
        self._ranges.pop(vpc_id, None)
        if vpc is not None:
            if not self._entrances.leads(vpc_id, ()):
                await asyncio.to_thread(self._entrances.lead, vpc_id, ())
            vpc.close()
        if vpc_id in self._namespaces.present():
            uplink_here = await self._uplink_here(vpc_id)
            await run(self._clock, "ip", "netns", "delete", self._namespaces.name_of(vpc_id))
            self._close_sockets(vpc_id)  # a check may have asked for more; now none can
            if uplink_here is not None:
                await self._host.disconnect(uplink_here)
            await self._reconnect()

    async def keep_entrances(self, entrances: Iterable[str]) -> None:
        """Let the host's entrances be these at most: others were left by an agent that died."""
        await asyncio.to_thread(self._entrances.keep, entrances)

    async def attach(self, plan: TaskPlan, sandbox: str) -> None:
        """Give the task's namespace its interface; filter first: waits for the VPC's plan."""
        vpc = await self._applied(plan)
        wanted = task_interface(
            plan.network_interface_id or "",
            plan.address or "",
            plan.prefix_length,
            plan.subnet_router or "",
            plan.mac_address or "",
        )
        await vpc.attach(wanted, sandbox)

    async def translate(self, vpc_id: str, addresses: frozenset[str], table: Table) -> None:
        """Bring a table about flows to these addresses into force, after the VPC's own."""
        if vpc_id not in self._vpcs and not addresses:
            return  # neither a VPC nor anything to lead into it

        def ready() -> bool:
            vpc = self._vpcs.get(vpc_id)
            known = vpc.plan.interfaces if vpc and vpc.plan else ()
            return vpc is not None and addresses <= {one.address for one in known}

        await self._until(vpc_id, ready, f"does not know {', '.join(sorted(addresses))} yet")
        await self._vpcs[vpc_id].translate(table)

    async def enforce(self, sandbox: str, table: Table) -> None:
        """Bring a table into force in a task's namespace."""
        filters = await self._visitor.visit(sandbox, Nftables)
        try:
            await asyncio.to_thread(filters.run, whole(table))
        finally:
            filters.close()

    async def end_flows(self, vpc_id: str, endings: Sequence[Ending]) -> None:
        """End translated flows; with a VPC all of its own have gone."""
        if vpc_id not in self._vpcs:
            return
        await end_translated(self._clock, self._namespaces.path_of(vpc_id), endings)

    def spare_socket(self, vpc_id: str) -> socket.socket | None:
        """Return such a socket if one is at hand."""
        stock = self._sockets.get(vpc_id)
        return stock.spare() if stock is not None else None

    async def open_socket(self, vpc_id: str) -> socket.socket:
        """Return a non-blocking IPv4 stream socket that lives in the VPC."""
        stock = self._sockets.get(vpc_id)
        if stock is None:
            stock = SocketStock(self._visitor, self._namespaces.path_of(vpc_id), self._clock)
            self._sockets[vpc_id] = stock
        return await stock.take()

    def namespace_path(self, vpc_id: str) -> str:
        """Return the path of the VPC's namespace."""
        return self._namespaces.path_of(vpc_id)

    async def opened(self, vpc_id: str) -> str:
        """Return the path of a VPC's namespace, once its plan is in force."""

        def ready() -> bool:
            vpc = self._vpcs.get(vpc_id)
            return vpc is not None and vpc.plan is not None

        await self._until(vpc_id, ready, "is not there yet")
        return self.namespace_path(vpc_id)

    def plan_of(self, vpc_id: str) -> VpcPlan | None:
        """Return the plan of a VPC that is in force."""
        vpc = self._vpcs.get(vpc_id)
        return vpc.plan if vpc is not None else None

    async def present(self) -> set[str]:
        """Return the ids of all VPCs that exist on this host."""
        return self._namespaces.present()

    async def release(self) -> None:
        """Let go of everything that this process holds; the VPCs go on."""
        for vpc_id, vpc in list(self._vpcs.items()):
            await self._stop_serving(vpc_id)
            vpc.close()
        self._vpcs.clear()
        for vpc_id in list(self._sockets):
            self._close_sockets(vpc_id)

    async def remove_everything(self) -> None:
        """Remove every VPC and put the host back."""
        for vpc_id in self._namespaces.present():
            await self.remove(vpc_id)
        self._entrances.remove()
        await self._host.remove()

    # ------------------------------------------------------------------ parts

    async def _read_flows(self, vpc_id: str) -> Reading:
        vpc = self._vpcs.get(vpc_id)
        if vpc is None:
            raise NetworkError(f"the VPC {vpc_id} is not open")
        return await vpc.read_flows()

    def _hear_names(self, words: str | None) -> None:
        """Tell, once, that the host's own names are not answered, or are again."""
        if words != self._names_fault:
            self._names_fault = words
            log.info("names of the host", extra={"fault": words or "none"})
            self.observe_all()

    async def _stop_serving(self, vpc_id: str) -> None:
        """Answer nothing more in a VPC."""
        await self.names.stop(vpc_id)
        await self.link_local.stop(vpc_id)

    def _close_sockets(self, vpc_id: str) -> None:
        """Hold nothing of a VPC's namespace any more."""
        stock = self._sockets.pop(vpc_id, None)
        if stock is not None:
            stock.close()

    async def _prepare(self) -> None:
        """Make the host ready, again for every new VPC: others change the host meanwhile."""
        async with self._preparing:
            faults = await self._host.prepare()
            if faults == self._faults:
                return
            self._faults = faults
            for part, words in faults.items():
                log.warning("the host is not ready", extra={"part": part, "cause": words})
        self.observe_all()

    async def _opened(self, plan: VpcPlan | PeeringPlan) -> VpcNetwork:
        """Return a VPC, made or adopted if it is not open yet; a peer's may be told of first."""
        async with self._opening.setdefault(plan.vpc_id, asyncio.Lock()):
            return self._vpcs.get(plan.vpc_id) or await self._open(plan)

    async def _peer(self, plan: VpcPlan, peering: PeeringPlan) -> None:
        """Link a VPC with a peer, once."""
        vpc, peer = self._vpcs[plan.vpc_id], await self._opened(peering)
        own, other = peer_link(plan.number), peer_link(peering.number)
        pair = frozenset((plan.vpc_id, peering.vpc_id))
        async with self._peering:
            known = await vpc.has_link(other.link)
            if known and pair in self._linked:
                return
            self._linked.discard(pair)
            if not known:
                ours, theirs = (self._namespaces.name_of(one.vpc_id) for one in (plan, peering))
                named = ("mtu", PEER_MTU, "type", "veth", "peer", "name", own.link)
                where = ("netns", theirs, "mtu", PEER_MTU)
                link = ("ip", "link", "add", other.link, "netns", ours, *named, *where)
                await run(self._clock, *link)
            await peer.lead_to(other, own)
            await vpc.lead_to(own, other)
            self._linked.add(pair)

    async def _open(self, plan: VpcPlan | PeeringPlan) -> VpcNetwork:
        await self._prepare()
        link = self._uplink(plan)
        path = self._namespaces.path_of(plan.vpc_id)
        vpc = VpcNetwork(self._clock, self._visitor, path, link)
        try:
            await vpc.open(self._namespaces, plan.vpc_id)
            await self._connect(plan, link)
        except NetworkError:
            vpc.close()
            raise
        self._vpcs[plan.vpc_id] = vpc
        return vpc

    async def _connect(self, plan: VpcPlan | PeeringPlan, link: Uplink) -> None:
        """Let the host reach a VPC's ranges, and no others by its uplink."""
        await self._host.connect(plan.cidrs, link)
        self._ranges[plan.vpc_id] = plan.cidrs

    async def _reconnect(self) -> None:
        """Route to the other VPCs again: a range that overlapped may be free now."""
        for other in list(self._vpcs.values()):
            if other.plan is not None:
                try:
                    await self._connect(other.plan, other.uplink)
                except NetworkError as error:  # it goes too, at this moment
                    cause = {"vpc": other.path, "cause": str(error)}
                    log.info("no route from the host into the VPC", extra=cause)

    async def _uplink_here(self, vpc_id: str) -> str | None:
        """Return the host's end of a VPC's uplink, or None when it has none."""

        def peer() -> int:
            links = Netlink()
            try:
                up = links.link("up0")
                return up.peer if up else 0
            finally:
                links.close()

        try:
            index = await self._visitor.visit(self._namespaces.path_of(vpc_id), peer)
            return socket.if_indextoname(index)
        except (NetworkError, OSError) as error:
            log.info("a VPC without an uplink", extra={"vpc": vpc_id, "cause": str(error)})
            return None

    async def _applied(self, plan: TaskPlan) -> VpcNetwork:
        """Return the VPC once its applied plan has the task's interface in it."""
        vpc_id = plan.vpc_id or ""

        def ready() -> bool:
            vpc = self._vpcs.get(vpc_id)
            known = vpc.plan.interfaces if vpc and vpc.plan else ()
            return any(one.network_interface_id == plan.network_interface_id for one in known)

        words = f"does not know the interface {plan.network_interface_id} yet"
        await self._until(vpc_id, ready, words)
        return self._vpcs[vpc_id]

    async def _until(self, vpc_id: str, ready: Callable[[], bool], otherwise: str) -> None:
        """Wait until plans of the VPC have made something so."""
        try:
            applied = self._condition(vpc_id)
            async with self._clock.deadline(ATTACH_SECONDS), applied:
                await applied.wait_for(ready)
        except TimeoutError as error:
            raise NetworkError(f"the VPC {vpc_id} {otherwise}") from error

    async def _lead(self, vpc: VpcNetwork, plan: VpcPlan) -> None:
        """Let the host's programs reach the VPC's network load balancers."""
        entrances = tuple(one.entrance for one in plan.interfaces if one.entrance)
        if not self._entrances.leads(plan.vpc_id, entrances):
            await self._host.route_gates(entrances, vpc.uplink)
            await asyncio.to_thread(self._entrances.lead, plan.vpc_id, entrances)

    def _uplink(self, plan: VpcPlan | PeeringPlan) -> Uplink:
        """Return a VPC's uplink: numbers of several ecsd on one machine never meet."""
        return uplink(self._first_number + plan.number)

    def _condition(self, vpc_id: str) -> asyncio.Condition:
        return self._waiting.setdefault(vpc_id, asyncio.Condition())
