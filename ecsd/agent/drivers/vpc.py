"""One VPC on this host: its namespace, uplink, addresses, routes and packet filter.

Changes are differences to what this process applied last; a process that begins finds addresses,
routes and packet filter out. Traffic goes on either way.
"""

import asyncio
import json
import logging
import os
import socket
from pathlib import Path

from ecsd.agent.drivers.flows import end_flows, open_flows
from ecsd.agent.drivers.namespaces import Namespaces, Visitor
from ecsd.agent.drivers.nftables import Nftables
from ecsd.agent.drivers.programs import attempt, run
from ecsd.agent.drivers.rtnetlink import Netlink, link_news, next_change
from ecsd.agent.drivers.task_interface import TaskInterface, attach
from ecsd.clock import Clock
from ecsd.decisions.network.addresses import (
    PEER_LINKS,
    PeerLink,
    Uplink,
    link_name,
    peer_link,
    resolver,
)
from ecsd.decisions.network.ruleset import Table, difference, read_table, whole
from ecsd.decisions.network.security_group import cut_flows, narrowed
from ecsd.decisions.vpc.flow_counters import FlowKey, Reading, read_counters, read_lost
from ecsd.decisions.vpc.flow_ruleset import LOST, POINTS, SETS
from ecsd.decisions.vpc.flow_ruleset import NAME as COUNTERS
from ecsd.decisions.vpc.packet_filter import compile_vpc_filter
from ecsd.decisions.vpc.vpc_links import (
    Links,
    compile_links,
    link_commands,
    peer_commands,
    read_links,
    uplink_commands,
)
from ecsd.errors import NetworkError
from ecsd.records.plan_network import VpcPlan

log = logging.getLogger(__name__)

LINK_SECONDS = 5.0
ON_THEIR_WAY_SECONDS = 0.02  # of packets, through a packet filter, at the very most
SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "1",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv6/conf/all/disable_ipv6": "1",  # security groups filter IPv4: nothing else may pass
    "ipv6/conf/default/disable_ipv6": "1",
    "netfilter/nf_conntrack_tcp_loose": "0",
}


class VpcNetwork:
    """A VPC's namespace. Errors: NetworkError; after one the next ``apply`` looks at everything."""

    def __init__(self, clock: Clock, visitor: Visitor, path: str, link: Uplink) -> None:
        self.path = path
        self.uplink = link
        self.plan: VpcPlan | None = None  # as applied last
        self._clock = clock
        self._visitor = visitor
        self._links: Links | None = None  # as known to be there
        self._tables: tuple[Table, ...] | None = None
        self._translations: dict[str, Table] = {}
        self._unchecked: frozenset[str] = frozenset()
        self._next_index = 0
        self._filters: Nftables | None = None
        self._netlink: Netlink | None = None

    async def open(self, namespaces: Namespaces, vpc_id: str) -> None:
        """Make or adopt the namespace with its uplink."""
        name = namespaces.name_of(vpc_id)
        if not namespaces.exists(vpc_id):
            namespaces.forget(vpc_id)
            await run(self._clock, "ip", "netns", "add", name)
        await self._visitor.visit(self.path, _set_sysctls)
        if not await self._visitor.visit(self.path, lambda: _has_link("up0")):
            ours = self.uplink.host_interface
            if _has_link(ours):  # of a namespace that lost its name: nobody's any more
                await attempt(self._clock, "ip", "link", "delete", ours)
            pair = ("link", "add", ours, "type", "veth", "peer", "name", "up0", "netns", name)
            await run(self._clock, "ip", *pair)
        self._filters, self._netlink, self._next_index = await self._visitor.visit(
            self.path, lambda: (Nftables(), Netlink(), _first_index())
        )

    def close(self) -> None:
        """Release what this process holds; the namespace goes on."""
        for one in (self._filters, self._netlink):
            if one is not None:
                one.close()

    async def apply(self, plan: VpcPlan) -> None:
        """Make the VPC so. Filters come before addresses: nothing is open before its rules are."""
        before = self.plan
        self.plan = None
        if before is None or before.peerings != plan.peerings:
            self._links = None  # routes went with the links of peers
        wanted = compile_links(plan, self.uplink)
        tables = compile_vpc_filter(plan, resolver(plan.cidr), self.uplink)
        await self._filter(tables)
        if wanted != self._links:
            await self._link(wanted)
        await self._set_source_checks(plan)
        await self._end_peerings(plan)
        if before is not None and narrowed(before, plan):
            await self._cut(before, plan)
        self.plan = plan

    async def lead_to(self, own: PeerLink, peer: PeerLink) -> None:
        """Make ready this VPC's end of the link to a peer."""
        batch = "\n".join(peer_commands(own, peer)) + "\n"
        await run(self._clock, *self._inside, "-batch", "-", given=batch)
        await self._visitor.visit(self.path, lambda: _check_sources({peer.link: "0"}))

    async def has_link(self, name: str) -> bool:
        """Tell whether a link of this name is in the VPC."""
        return await self._visitor.visit(self.path, lambda: _has_link(name))

    async def _end_peerings(self, plan: VpcPlan) -> None:
        """Take links to former peers away; both ends go together."""
        kept = {peer_link(one.number).link for one in plan.peerings}
        names = await self._visitor.visit(self.path, socket.if_nameindex)
        for _, name in names:
            if name.startswith(PEER_LINKS) and name not in kept:
                await attempt(self._clock, *self._inside, "link", "delete", name)

    async def translate(self, table: Table) -> None:
        """Bring a table beside the VPC's own into force."""
        if self._filters is None:
            raise NetworkError("the VPC is not open")
        known = self._translations.pop(table.name, None)
        held = None if known is None else (known,)
        await asyncio.to_thread(_enforce, self._filters, held, (table,))
        self._translations[table.name] = table

    async def read_flows(self) -> Reading:
        """Return what was counted of the VPC's flows, each point of a packet's way in its turn.

        Raises:
            NetworkError: nothing is counted here.
        """
        filters = self._filters
        if filters is None:
            raise NetworkError("the VPC is not open")
        points: dict[str, dict[FlowKey, tuple[int, int]]] = {}
        for point, kinds in SETS.items():
            if points and point in POINTS:  # whatever is between two points gets to the second
                await self._clock.sleep(ON_THEIR_WAY_SECONDS)
            points[point] = {}
            for kind in kinds:
                points[point] |= await asyncio.to_thread(_counted, filters, f"{point}_{kind}")
        told = await asyncio.to_thread(filters.told, f"chain {COUNTERS} {LOST}")
        return Reading(points, read_lost(told))

    async def attach(self, wanted: TaskInterface, sandbox: str) -> None:
        """Give the namespace at a path its interface."""
        vpc, index = self._netlink, self._next_index
        if vpc is None:
            raise NetworkError("the VPC is not open")
        self._next_index += 1
        try:
            namespace = os.open(sandbox, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise NetworkError(f"there is no namespace {sandbox}: {error.strerror}") from error
        try:
            await self._visitor.visit(sandbox, lambda: attach(vpc, wanted, index, namespace))
        finally:
            os.close(namespace)
        await self._running(wanted.name, vpc)
        if wanted.name in self._unchecked:
            await self._visitor.visit(self.path, lambda: _check_sources({wanted.name: "0"}))

    async def _running(self, name: str, links: Netlink) -> None:
        """Wait until the kernel sends by a link, or the task's first question would be lost."""

        def is_running() -> bool:
            found = links.link(name)
            return found is None or found.running  # a task that is gone needs none

        news = await self._visitor.visit(self.path, link_news)
        try:
            async with self._clock.deadline(LINK_SECONDS):
                while not await self._visitor.visit(self.path, is_running):
                    await next_change(news)
        except TimeoutError as error:
            raise NetworkError(f"the interface {name} does not come up") from error
        finally:
            news.close()

    # ------------------------------------------------------------------ parts

    async def _cut(self, before: VpcPlan, plan: VpcPlan) -> None:
        """End open flows that AWS would not have tracked. New ones are refused in any case."""
        try:
            flows = cut_flows(before, plan, await open_flows(self._clock, self.path))
            await end_flows(self._clock, self.path, flows)
        except NetworkError as error:
            cause = {"vpc": plan.vpc_id, "cause": str(error)}
            log.warning("open connections outlive the rule that let them in", extra=cause)

    async def _filter(self, tables: tuple[Table, ...]) -> None:
        """Bring the packet filter into force in one transaction."""
        known, self._tables = self._tables, None
        if self._filters is None:
            raise NetworkError("the VPC is not open")
        await asyncio.to_thread(_enforce, self._filters, known, tables)
        self._tables = tables

    async def _link(self, wanted: Links) -> None:
        """Add what is missing, then take away what is no longer wanted."""
        have, self._links = self._links, None
        commands = []
        if have is None:
            commands = uplink_commands(self.uplink)
            have = read_links(
                await self._ip("-j", "-4", "addr", "show", "dev", "lo"),
                await self._ip("-j", "-4", "rule", "show"),
                await self._ip("-j", "-4", "route", "show", "table", "all"),
            )
        commands += link_commands(have, wanted)
        batch = "\n".join(commands) + "\n"
        await run(self._clock, *self._inside, "-batch", "-", given=batch)
        self._links = wanted

    async def _ip(self, *words: str) -> list[dict[str, object]]:
        """Return what ``ip -json`` tells of the namespace."""
        told = await run(self._clock, *self._inside, *words)
        return [one for one in json.loads(told or "[]") if one]

    @property
    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--net={self.path}", "ip")

    async def _set_source_checks(self, plan: VpcPlan) -> None:
        """Let interfaces whose source/destination check is off send foreign addresses."""
        off = frozenset(
            link_name(one.network_interface_id)
            for one in plan.interfaces
            if one.kind == "task" and not one.source_dest_check
        )
        values = dict.fromkeys(self._unchecked - off, "1") | dict.fromkeys(off, "0")
        self._unchecked = off
        if values:
            await self._visitor.visit(self.path, lambda: _check_sources(values))


def _enforce(filters: Nftables, known: tuple[Table, ...] | None, tables: tuple[Table, ...]) -> None:
    """Make the kernel's tables so, by difference to what it is known, or found, to hold."""
    held = known or [_held(filters, one.name) for one in tables]
    changes = [
        whole(new) if old is None else difference(old, new)
        for old, new in zip(held, tables, strict=True)
    ]
    if any(changes):
        filters.run("".join(changes))


def _counted(filters: Nftables, name: str) -> dict[FlowKey, tuple[int, int]]:
    return read_counters(filters.told(f"set {COUNTERS} {name}"))


def _held(filters: Nftables, name: str) -> Table | None:
    told = filters.table(name)
    return None if told is None else read_table(name, told)


def _has_link(name: str) -> bool:
    return any(found == name for _, found in socket.if_nameindex())


def _first_index() -> int:
    """Return an index from which on no link of this namespace has one, at least 1000."""
    return max(1000, *(index + 1 for index, _ in socket.if_nameindex()))


def _set_sysctls() -> None:
    for name, value in SYSCTLS.items():
        path = Path("/proc/sys/net") / name
        if not path.exists():
            continue  # a kernel without IPv6
        try:
            path.write_text(value)
        except OSError as error:
            raise NetworkError(f"{path} cannot be set: {error.strerror}") from error


def _check_sources(values: dict[str, str]) -> None:
    for name, value in values.items():
        path = Path("/proc/sys/net/ipv4/conf") / name / "rp_filter"
        if path.exists():
            path.write_text(value)
