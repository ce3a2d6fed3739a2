"""VPCs of a host: made, changed, adopted and taken away, in a real kernel."""

import asyncio
import json
import os
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from ecsd.decisions.balancers.nlb_plan import Ending
from ecsd.decisions.network.addresses import NUMBERS
from ecsd.decisions.network.security_group import Flow
from ecsd.decisions.vpc.reachability import reaches
from ecsd.errors import NetworkError
from ecsd.records.plan_network import VpcPlan
from tests.decisions.dns.test_names import packet, read
from tests.integration import peered_vpcs
from tests.integration.vpc_world import (
    BY_NAT,
    HOST,
    INSTANCE,
    LABEL,
    WORLD,
    World,
    allow,
    group,
    interface,
    ip,
    subnets,
    vpc_plan,
)

pytestmark = pytest.mark.integration

EVERYWHERE = "0.0.0.0/0"
LOST = 0.9  # seconds: the kernel sends a lost SYN again after one
WEB, OTHER, BALANCER = "10.207.1.11", "10.207.2.12", "10.207.1.20"
TASK, SECOND = interface(1, WEB, "sg-a"), interface(2, OTHER, "sg-a")
NODE = interface(9, BALANCER, "sg-a", kind="load_balancer")
OPEN = (group("sg-a", ingress=[allow("-1", cidr=EVERYWHERE)]),)
FIRST = INSTANCE * NUMBERS
RULESET = ("nft", "-s", "list", "ruleset")
PLAN = vpc_plan(security_groups=OPEN, interfaces=(TASK, SECOND, NODE))


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    one = World()
    await one.begin()
    try:
        yield one
    finally:
        await one.close()


def inside(path: str, *words: str) -> str:
    command = ["nsenter", f"--net={path}", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def host_state() -> list[str]:
    """Return what of the host's networks could be ecsd's of this test."""
    links = [one["ifname"] for one in json.loads(ip("-j", "link"))]
    tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True)
    rules = subprocess.run(["iptables", "-S"], check=False, capture_output=True, text=True)
    return sorted(
        [one for one in links if one.startswith("ecsv") and int(one[4:]) == FIRST + PLAN.number]
        + [one.name for one in Path("/run/netns").glob(f"{LABEL}-*")]
        + [one for one in tables.stdout.splitlines() if one.endswith(LABEL)]
        + [one for one in rules.stdout.splitlines() if f"comment {LABEL} " in one]
        + [one for one in ip("route").splitlines() if "10.207." in one]
    )


async def test_a_task_sees_its_subnet_and_router_as_on_aws(world):
    await world.networks.apply(PLAN)
    await world.start_task(PLAN, TASK)

    path = world.place(WEB)
    (link,) = json.loads(inside(path, "ip", "-j", "addr", "show", "eth0"))
    (address,) = [one for one in link["addr_info"] if one["family"] == "inet"]
    assert (address["local"], address["prefixlen"]) == (WEB, 24)
    assert (link["mtu"], link["address"]) == (9001, TASK.mac_address)
    (route,) = json.loads(inside(path, "ip", "-j", "-4", "route"))
    assert (route["dst"], route["gateway"]) == ("default", "10.207.1.1")


async def test_attaching_twice_is_the_same_as_once_also_for_a_new_agent(world):
    await world.networks.apply(PLAN)
    for one in (TASK, SECOND):
        await world.start_task(PLAN, one)
    await world.listen(WEB)
    before = inside(world.place(WEB), "ip", "addr")

    await world.attach_again(PLAN, TASK)
    await world.restart()
    await world.networks.apply(PLAN)
    await world.attach_again(PLAN, TASK)

    assert inside(world.place(WEB), "ip", "addr") == before
    assert await world.reaches(Flow("tcp", OTHER, WEB, 8001))


async def test_a_task_waits_for_the_plan_that_has_its_interface(world):
    await world.networks.apply(replace(PLAN, interfaces=(NODE,)))
    async with asyncio.TaskGroup() as group_of_tasks:
        attaching = group_of_tasks.create_task(world.start_task(PLAN, TASK))
        await asyncio.sleep(0)
        assert not attaching.done()
        await world.networks.apply(PLAN)
    await world.listen(WEB)
    assert await world.reaches(Flow("tcp", HOST, WEB, 8001))


async def test_a_namespace_that_is_not_there_is_an_error_with_its_name(world):
    await world.networks.apply(PLAN)
    world.namespaces[WEB] = "/run/netns/ecst-none"
    with pytest.raises(NetworkError, match="ecst-none"):
        await world.attach_again(PLAN, TASK)
    del world.namespaces[WEB]


async def test_two_vpcs_of_the_same_range_do_not_meet(world):
    twin = replace(PLAN, vpc_id="vpc-0b", number=2042)
    await world.networks.apply(PLAN)
    await world.networks.apply(twin)
    await world.start_task(PLAN, TASK)
    await world.listen(WEB)
    second = world.namespace("twin")
    await world.attach_again(twin, SECOND, sandbox=second)

    world.namespaces[OTHER] = second
    try:
        assert not await world.reaches(Flow("tcp", OTHER, WEB, 8001))
    finally:
        del world.namespaces[OTHER]


async def test_changes_one_by_one_leave_the_same_ruleset_as_all_at_once(world):
    steps = [
        PLAN,
        replace(PLAN, interfaces=(TASK,)),
        replace(PLAN, security_groups=(*OPEN, group("sg-b")), subnets=subnets((BY_NAT,), ())),
        replace(PLAN, interfaces=(replace(TASK, group_ids=("sg-b", "sg-a")), SECOND)),
        vpc_plan(security_groups=(group("sg-b"),)),
        PLAN,
    ]
    fresh = []
    for plan in steps:
        await world.networks.apply(plan)
        fresh.append(everything_in(world))
        await world.networks.remove("vpc-0a")
    for plan, wanted in zip(steps, fresh, strict=True):
        await world.networks.apply(plan)
        assert everything_in(world) == wanted
    for plan, wanted in zip(steps, fresh, strict=True):
        await world.restart()  # the new agent finds what the last plan left
        await world.networks.apply(plan)
        assert everything_in(world) == wanted


def everything_in(world: World) -> list[str]:
    """Return rules, addresses and routes of the VPC, whatever their order."""
    path = world.networks.namespace_path("vpc-0a")
    told = [
        inside(path, "ip", "-4", *words) for words in (("rule",), ("route", "show", "table", "all"))
    ]
    told.append(inside(path, "ip", "-4", "-o", "addr"))
    rules = inside(path, *RULESET)
    return [*sorted("\n".join(told).splitlines()), *sorted(rules.replace(",", "\n").split())]


async def test_traffic_goes_on_while_plans_change_and_agents_begin(world):
    world.make_world()
    plan = replace(PLAN, subnets=subnets((), (BY_NAT,)))
    await world.networks.apply(plan)
    for one in (TASK, SECOND):
        await world.start_task(plan, one)
    for one in (WEB, WORLD):
        await world.listen(one)
    going, seen = True, []

    async def ask_all_the_time() -> None:
        while going:
            for destination in (WEB, WORLD):
                flow = Flow("tcp", OTHER, destination, 8001)
                seen.append(await world.reaches(flow, LOST))

    async with asyncio.TaskGroup() as asking:
        asking.create_task(ask_all_the_time())
        for number in range(40):
            more = interface(100 + number, f"10.207.1.{100 + number}", "sg-a", kind="load_balancer")
            await world.networks.apply(replace(plan, interfaces=(*plan.interfaces, more)))
            await world.restart()
            await world.networks.apply(plan)
        going = False
    assert len(seen) > 20
    assert all(seen)


async def test_a_removed_vpc_leaves_nothing_and_the_host_is_put_back(world):
    await world.networks.apply(PLAN)
    await world.start_task(PLAN, TASK)
    assert await world.networks.present() == {"vpc-0a"}

    await world.networks.remove("vpc-0a")
    await world.networks.remove("vpc-0a")
    assert await world.networks.present() == set()
    await world.networks.end_flows("vpc-0a", [Ending((BALANCER,), "tcp", 80, (WEB, 80))])
    assert not [one for one in host_state() if one.startswith("ecsv") or "10.207." in one]
    await world.networks.remove_everything()
    assert host_state() == []


async def test_a_namespace_that_something_holds_is_cut_off_and_its_number_is_free(world):
    await world.networks.apply(PLAN)
    holding = await world.open(BALANCER, socket.SOCK_STREAM)
    holding.listen()
    await world.networks.remove("vpc-0a")
    await world.networks.apply(replace(PLAN, vpc_id="vpc-0c"))
    holding.close()
    assert await world.networks.present() == {"vpc-0c"}


def cut_off(world: World) -> None:
    """Leave a name without a namespace."""
    Path(world.networks.namespace_path("vpc-0a")).touch()


async def test_a_creation_that_was_cut_off_is_made_good(world):
    cut_off(world)
    await world.networks.apply(PLAN)
    await world.start_task(PLAN, TASK)
    await world.listen(WEB)
    assert await world.reaches(Flow("tcp", HOST, WEB, 8001))


async def test_a_refused_ruleset_says_why_and_the_old_one_stays(world):
    await world.networks.apply(PLAN)
    before = everything_in(world)
    wrong = group("sg-a", ingress=[allow("tcp", 99, cidr="10.0.0.0/99")])
    with pytest.raises(NetworkError, match="10.0.0.0/99"):
        await world.networks.apply(replace(PLAN, security_groups=(wrong,)))
    assert everything_in(world) == before
    await world.networks.apply(PLAN)
    assert everything_in(world) == before


class TestNames:
    """What a task hears from VPC+2 and 169.254.169.253."""

    plan: VpcPlan = replace(PLAN, names={"web-1.elb.localhost": (BALANCER,)})

    async def _ask(self, world: World, name: str, *, at="10.207.0.2", tcp=False) -> tuple:
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        asked = await world.open(WEB, kind)
        loop = asyncio.get_running_loop()
        question = packet(name)
        try:
            async with asyncio.timeout(10):
                await loop.sock_connect(asked, (at, 53))
                head = struct.pack(">H", len(question)) if tcp else b""
                await loop.sock_sendall(asked, head + question)
                heard = await loop.sock_recv(asked, 4096)
                return read(heard[2:] if tcp else heard)
        finally:
            asked.close()

    @pytest.mark.parametrize("at", ["10.207.0.2", "169.254.169.253"])
    @pytest.mark.parametrize("tcp", [False, True])
    async def test_a_balancers_name_is_its_addresses(self, world, at, tcp):
        await world.networks.apply(self.plan)
        await world.start_task(self.plan, TASK)
        answer = (0, [(1, socket.inet_aton(BALANCER))])
        assert await self._ask(world, "web-1.elb.localhost", at=at, tcp=tcp) == answer

        other = replace(self.plan, names={"web-1.elb.localhost": (OTHER,)})
        await world.networks.apply(other)
        answer = (0, [(1, socket.inet_aton(OTHER))])
        assert await self._ask(world, "web-1.elb.localhost", at=at, tcp=tcp) == answer

    async def test_while_another_process_has_the_port_it_is_an_error_and_then_made_good(
        self, world
    ):
        await world.networks.apply(self.plan)
        await world.start_task(self.plan, TASK)
        second = world.new_agent()
        for _ in range(2):
            with pytest.raises(NetworkError, match="names cannot be answered in vpc-0a"):
                await second.apply(self.plan)
        await world.networks.release()
        await second.apply(self.plan)
        assert (await self._ask(world, "web-1.elb.localhost"))[0] == 0
        await second.release()

    async def test_without_dns_support_nothing_is_answered(self, world):
        plan = replace(self.plan, dns_support=False)
        await world.networks.apply(plan)
        await world.start_task(plan, TASK)
        assert await self._ask(world, "web-1.elb.localhost") == (2, [])

    async def test_a_shut_group_does_not_keep_a_task_from_names(self, world):
        plan = replace(self.plan, security_groups=(group("sg-a", egress=[]),))
        await world.networks.apply(plan)
        await world.start_task(plan, TASK)
        assert (await self._ask(world, "web-1.elb.localhost"))[0] == 0

    @pytest.mark.parametrize("tcp", [False, True])
    async def test_other_names_are_asked_of_the_hosts_resolvers(
        self, world, tcp, tmp_path, monkeypatch
    ):
        upstream = f"127.53.{os.getpid() % 250}.1"
        conf = tmp_path / "resolv.conf"
        conf.write_text(f"nameserver {upstream}\n")
        monkeypatch.setattr("ecsd.agent.drivers.upstream_names.RESOLVERS", conf)
        await world.networks.apply(self.plan)
        await world.start_task(self.plan, TASK)
        assert (await self._ask(world, "example.com", tcp=tcp))[0] == 2  # nobody listens there

        world.namespaces[upstream] = "/proc/self/ns/net"
        await world.answer_names(upstream, "198.51.100.7")
        del world.namespaces[upstream]
        answer = (0, [(1, socket.inet_aton("198.51.100.7"))])
        assert await self._ask(world, "example.com", tcp=tcp) == answer


class TestPeeredVpcs:
    """VPC Peering Guide: routes on both sides, groups across, no third VPC."""

    def _flows(self) -> list[Flow]:
        places = {**peered_vpcs.TASKS, "other": peered_vpcs.OTHER}
        return [
            Flow(protocol, source, destination, 8001, source_port=20_000)
            for source in places.values()
            for destination in places.values()
            if source != destination
            for protocol in ("tcp", "udp")
        ]

    async def _differences(self, world, plans: dict[str, VpcPlan]) -> list[Flow]:
        """Return the flows that the kernel decides otherwise than AWS would."""
        by_id = {one.vpc_id: one for one in plans.values()}
        flows = self._flows()
        outcomes = await asyncio.gather(*(world.reaches(one) for one in flows))

        def wanted(flow: Flow) -> bool:
            home = next(one for one in by_id.values() if one.cidr[:6] == flow.source[:6])
            return reaches(home, flow, by_id)

        assert any(outcomes)
        pairs = zip(flows, outcomes, strict=True)
        return [flow for flow, seen in pairs if seen != wanted(flow)]

    async def test_neighbours_reach_each_other_by_routes_and_groups_and_nobody_further(self, world):
        plans = peered_vpcs.row()
        for one in plans.values():
            await world.networks.apply(one)
        for one in plans.values():
            for task in one.interfaces:
                await world.start_task(one, task)
                await world.listen(task.address, (8001,))
        seen = await world.peer_seen(
            Flow("tcp", peered_vpcs.TASKS["a"], peered_vpcs.TASKS["b"], 8001)
        )
        assert seen == peered_vpcs.TASKS["a"]
        assert await self._differences(world, plans) == []
        resolver = Flow("tcp", peered_vpcs.TASKS["a"], "10.208.0.2", 53)
        assert not await world.reaches(resolver)

        await world.restart()
        one_way = peered_vpcs.peered("b", "a", "c", routes=(peered_vpcs.by("c", "bc"),))
        plans |= {"b": one_way}
        for one in plans.values():
            await world.networks.apply(one)
        assert await self._differences(world, plans) == []

        apart = {"a": peered_vpcs.peered("a"), "b": peered_vpcs.peered("b", "c")}
        for name in ("b", "a"):
            await world.networks.apply(apart[name])
        links = ip("-n", f"{LABEL}-vpc-0b", "-o", "link", "show")
        assert "pcx2043@" in links
        assert "pcx2041@" not in links
        again = peered_vpcs.row()
        for one in again.values():
            await world.networks.apply(one)
        assert await self._differences(world, again) == []
