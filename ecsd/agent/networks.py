"""The VPCs of this host: a namespace each, made and adopted by name.

Structure (addresses, routes) is compared and changed by ``ip``; the packet filter is replaced
whole in one transaction; tasks are attached by rtnetlink. Everything may be repeated.
"""

import asyncio
import json
import logging
import os
import socket
from pathlib import Path

from ecsd.agent.drivers.host import HostNetwork
from ecsd.agent.drivers.names import NameServer
from ecsd.agent.drivers.namespaces import Namespaces, Visitor
from ecsd.agent.drivers.nftables import Nftables
from ecsd.agent.drivers.programs import attempt, run
from ecsd.agent.drivers.rtnetlink import Netlink, packed_mac
from ecsd.agent.rooms import Report
from ecsd.clock import Clock
from ecsd.decisions.addresses import NUMBERS, Uplink, resolver, uplink
from ecsd.decisions.packet_filter import compile_vpc_filter
from ecsd.decisions.vpc_links import RULE_PRIORITY, Links, compile_links
from ecsd.errors import NetworkError
from ecsd.link.messages import HostFaults
from ecsd.records.plan import TaskPlan, VpcPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

MTU = 9001
ATTACH_SECONDS = 10.0
SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "1",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "netfilter/nf_conntrack_tcp_loose": "0",
}


class _Vpc:
    """A VPC that was applied by this process."""

    def __init__(self, path: str, filters: Nftables, links: Netlink) -> None:
        self.path = path
        self.filters = filters
        self.links = links
        self.plan: VpcPlan | None = None
        self.structure: Links | None = None

    def close(self) -> None:
        self.filters.close()
        self.links.close()


class HostNetworks:
    """Implements ``rooms.Networks``."""

    def __init__(self, settings: Settings, clock: Clock, report: Report) -> None:
        self._report = report
        self._clock = clock
        self._visitor = Visitor()
        self._namespaces = Namespaces(settings.label)
        self._first_number = settings.instance * NUMBERS
        self._host = HostNetwork(clock, settings, self._namespaces)
        self._names = NameServer(clock, self._visitor)
        self._vpcs: dict[str, _Vpc] = {}
        self._prepared: dict[str, str] | None = None
        self._preparing = asyncio.Lock()
        self._waiting: dict[str, asyncio.Condition] = {}

    async def run(self) -> None:
        """Make the host ready and answer names until cancelled."""
        await self._prepare()
        await self._names.run()

    def observe_all(self) -> None:
        """Report what stands in the way on the host, part → words with the fix."""
        if self._prepared is not None:
            self._report(HostFaults(faults=self._prepared))

    async def apply(self, plan: VpcPlan) -> None:
        """Make a VPC so; twice is the same as once."""
        await self._prepare()
        vpc = self._vpcs.get(plan.vpc_id) or await self._open(plan)
        if vpc.plan == plan:
            return
        structure = compile_links(plan, self._uplink(plan))
        if structure != vpc.structure:
            await self._restructure(vpc, structure)
            await self._host.connect(plan.cidr, self._uplink(plan))
        vpc.filters.run(compile_vpc_filter(plan, resolver(plan.cidr), self._uplink(plan).vpc))
        await self._set_source_checks(vpc, plan)
        await self._names.serve(plan, vpc.path)
        vpc.plan = plan
        applied = self._condition(plan.vpc_id)
        async with applied:
            applied.notify_all()

    async def remove(self, vpc_id: str) -> None:
        """Take a VPC away: the kernel ends all its links together when its name is gone."""
        await self._names.stop(vpc_id)
        vpc = self._vpcs.pop(vpc_id, None)
        if vpc is not None:
            vpc.close()
        if self._namespaces.exists(vpc_id):
            await run(self._clock, "ip", "netns", "delete", self._namespaces.name_of(vpc_id))

    async def attach(self, plan: TaskPlan, sandbox: str) -> None:
        """Give the task's namespace its interface; filter first: waits for the VPC's plan."""
        vpc = await self._applied(plan)
        there = os.open(sandbox, os.O_RDONLY | os.O_CLOEXEC)
        try:
            name = _link_name(plan.network_interface_id or "")
            if not await self._visitor.visit(sandbox, _has_eth0):
                mac = packed_mac(plan.mac_address or "")
                vpc.links.make_pair(name, mac, MTU, there)
            here = vpc.links.link(name)
            if here is None:
                raise NetworkError(f"the interface {name} is not in its VPC")
            mac = await self._visitor.visit(sandbox, lambda: _configure(plan, here[1]))
            vpc.links.add_neighbour(here[0], plan.address or "", mac)
            vpc.links.add_host_route(here[0], plan.address or "")
        finally:
            os.close(there)
        if vpc.plan is not None:
            await self._set_source_checks(vpc, vpc.plan)

    async def open_socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking IPv4 socket that lives in the VPC."""
        return await self._visitor.open_socket(self._namespaces.path_of(vpc_id), kind)

    def namespace_path(self, vpc_id: str) -> str:
        """Return the path of the VPC's namespace."""
        return self._namespaces.path_of(vpc_id)

    async def present(self) -> set[str]:
        """Return the ids of all VPCs that exist on this host."""
        return self._namespaces.present()

    async def remove_everything(self) -> None:
        """Remove every VPC and put the host back."""
        for vpc_id in self._namespaces.present():
            await self.remove(vpc_id)
        await self._host.remove()

    # ------------------------------------------------------------------ parts

    async def _prepare(self) -> dict[str, str]:
        async with self._preparing:
            if self._prepared is None:
                self._prepared = await self._host.prepare()
                for part, words in self._prepared.items():
                    log.warning("the host is not ready", extra={"part": part, "cause": words})
                self.observe_all()
            return self._prepared

    async def _open(self, plan: VpcPlan) -> _Vpc:
        """Make or adopt a VPC's namespace with its uplink."""
        path = self._namespaces.path_of(plan.vpc_id)
        name = self._namespaces.name_of(plan.vpc_id)
        if not self._namespaces.exists(plan.vpc_id):
            await run(self._clock, "ip", "netns", "add", name)
        await self._visitor.visit(path, _set_sysctls)
        if not await self._visitor.visit(path, lambda: _has_link("up0")):
            link = self._uplink(plan)
            pair = ("link", "add", link.host_interface, "type", "veth")
            await run(self._clock, "ip", *pair, "peer", "name", "up0", "netns", name)
        filters, links = await self._visitor.visit(path, lambda: (Nftables(), Netlink()))
        vpc = _Vpc(path, filters, links)
        self._vpcs[plan.vpc_id] = vpc
        return vpc

    async def _restructure(self, vpc: _Vpc, wanted: Links) -> None:
        """Add what is missing and take away what is no longer wanted."""
        inside = ("nsenter", f"--net={vpc.path}", "ip")
        commands = list(wanted.commands)
        held = json.loads(await run(self._clock, *inside, "-j", "-4", "addr", "show", "dev", "lo"))
        for entry in held[0]["addr_info"] if held else ():
            address = entry["local"]
            if address not in wanted.addresses and not address.startswith("127."):
                commands.append(f"addr del {address}/32 dev lo")
        have: set[str] = set()
        for rule in json.loads(await run(self._clock, *inside, "-j", "rule", "show")):
            if rule["priority"] != RULE_PRIORITY:
                continue
            subnet = f"{rule['src']}/{rule.get('srclen', 32)}"
            if wanted.rules.get(subnet) == int(rule["table"]):
                have.add(subnet)
            else:
                where = f"from {subnet} lookup {rule['table']} priority {RULE_PRIORITY}"
                commands.append(f"rule del {where}")
        for subnet, table in wanted.rules.items():
            if subnet not in have:
                where = f"from {subnet} lookup {table} priority {RULE_PRIORITY}"
                commands.append(f"rule add {where}")
        batch = "\n".join(commands) + "\n"
        code, _, words = await attempt(self._clock, *inside, "-force", "-batch", "-", given=batch)
        real = [one for one in words.splitlines() if not _is_expected(one)]
        if code != 0 and real:
            raise NetworkError(f"ip: {'; '.join(real)[:400]}")
        vpc.structure = wanted

    async def _set_source_checks(self, vpc: _Vpc, plan: VpcPlan) -> None:
        """Let interfaces whose source/destination check is off send foreign addresses."""
        off = [
            _link_name(one.network_interface_id)
            for one in plan.interfaces
            if one.kind == "task" and not one.source_dest_check
        ]
        if off:
            await self._visitor.visit(vpc.path, lambda: _disable_source_checks(off))

    async def _applied(self, plan: TaskPlan) -> _Vpc:
        """Return the VPC once its applied plan has the task's interface in it."""
        vpc_id = plan.vpc_id or ""

        def ready() -> bool:
            vpc = self._vpcs.get(vpc_id)
            known = vpc.plan.interfaces if vpc and vpc.plan else ()
            return any(one.network_interface_id == plan.network_interface_id for one in known)

        try:
            applied = self._condition(vpc_id)
            async with self._clock.deadline(ATTACH_SECONDS), applied:
                await applied.wait_for(ready)
        except TimeoutError as error:
            raise NetworkError(
                f"the VPC {vpc_id} does not know the interface {plan.network_interface_id} yet"
            ) from error
        return self._vpcs[vpc_id]

    def _uplink(self, plan: VpcPlan) -> Uplink:
        """Return a VPC's uplink: numbers of several ecsd on one machine never meet."""
        return uplink(self._first_number + plan.number)

    def _condition(self, vpc_id: str) -> asyncio.Condition:
        return self._waiting.setdefault(vpc_id, asyncio.Condition())


def _link_name(network_interface_id: str) -> str:
    """Return an interface's link in its VPC: by id, not address, for the old may die late."""
    return f"e{network_interface_id.removeprefix('eni-')[-13:]}"


def _has_link(name: str) -> bool:
    return any(found == name for _, found in socket.if_nameindex())


def _has_eth0() -> bool:
    return _has_link("eth0")


def _set_sysctls() -> None:
    for name, value in SYSCTLS.items():
        path = Path("/proc/sys/net") / name
        if path.exists():
            path.write_text(value)


def _disable_source_checks(names: list[str]) -> None:
    for name in names:
        path = Path("/proc/sys/net/ipv4/conf") / name / "rp_filter"
        if path.exists():
            path.write_text("0")


def _configure(plan: TaskPlan, router_mac: bytes) -> bytes:
    """Inside the task: address, router, default route. Returns eth0's MAC address."""
    links = Netlink()
    try:
        found = links.link("eth0")
        if found is None:
            raise NetworkError("the task has no eth0")
        index, mac = found
        links.set_up(index)
        links.add_address(index, plan.address or "", plan.prefix_length)
        links.add_neighbour(index, plan.subnet_router or "", router_mac)
        links.add_default_route(index, plan.subnet_router or "", plan.address or "")
        return mac
    finally:
        links.close()


def _is_expected(words: str) -> bool:
    """Tell whether a line of ``ip -force`` speaks of what was so already."""
    return (
        not words.strip()
        or words.startswith("Command failed -")
        or "File exists" in words
        or "No such process" in words
        or "FIB table does not exist" in words
        or "Flush terminated" in words
        or "Cannot assign requested address" in words
    )
