"""Security groups and ways out, in a real kernel, as AWS would decide each connection."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from ecsd.decisions.network.security_group import Flow
from ecsd.decisions.vpc.reachability import reaches
from ecsd.records.plan_network import (
    AclEntry,
    NetworkAclPlan,
    PacketRule,
    PrefixListPlan,
    RoutePlan,
    SecurityGroupPlan,
    VpcPlan,
)
from tests.integration.vpc_world import (
    BY_NAT,
    CIDR,
    HOST,
    OUT,
    PATIENCE,
    PORTS,
    PRIVATE,
    WORLD,
    WORLD_HERE,
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
GROUPS = ("sg-lb", "sg-web", "sg-other", "sg-far")
SOME_PORT = 20_000  # of those from which connections are tried
WEB, OTHER, FAR, BALANCER = "10.207.1.11", "10.207.1.12", "10.207.2.13", "10.207.1.20"
TASKS = (
    interface(1, WEB, "sg-web", public=True),
    interface(2, OTHER, "sg-other"),
    interface(3, FAR, "sg-web", "sg-far"),
)
NODE = interface(9, BALANCER, "sg-lb", kind="load_balancer")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    one = World()
    await one.begin()
    try:
        yield one
    finally:
        await one.close()


def plan_with(*groups: SecurityGroupPlan, **more) -> VpcPlan:
    return vpc_plan(security_groups=groups, interfaces=(*TASKS, NODE), **more)


async def start(world: World, plan: VpcPlan) -> None:
    await world.networks.apply(plan)
    for one in TASKS:
        await world.start_task(plan, one)
    for one in (*TASKS, NODE):
        await world.listen(one.address)


async def differences(world: World, plan: VpcPlan, flows: list[Flow]) -> dict[Flow, bool]:
    """Return the flows that the kernel decides otherwise than AWS would, with its decision."""
    outcomes = await asyncio.gather(*(world.reaches(one) for one in flows))
    decide = [reaches(plan, one._replace(source_port=SOME_PORT)) for one in flows]
    pairs = zip(flows, outcomes, decide, strict=True)
    return {flow: seen for flow, seen, wanted in pairs if seen != wanted}


def matrix() -> list[Flow]:
    """Return everybody to everybody else, and the host to everybody."""
    places = [one.address for one in (*TASKS, NODE)]
    return [
        Flow(protocol, source, destination, port)
        for source in (*places, HOST)
        for destination in places
        if source != destination
        for protocol, ports in (("tcp", PORTS), ("udp", PORTS), ("icmp", (8,)))
        for port in ports
    ]


# Before and after: ports, peers, protocols and directions are given and taken.
BEFORE = (
    group("sg-lb", ingress=[allow("tcp", 8001, cidr=EVERYWHERE)]),
    group("sg-web", ingress=[allow("tcp", 8001, group_id="sg-lb"), allow("icmp", cidr=PRIVATE)]),
    group("sg-other", ingress=[allow("udp", 8001, 8002, group_id="sg-web")]),
    group("sg-far", egress=[]),
)
AFTER = (
    group("sg-lb", ingress=[allow("tcp", 8002, cidr=f"{WEB}/32")], egress=[]),
    group("sg-web", ingress=[allow("tcp", 8001, 8002, cidr=EVERYWHERE), allow("udp", cidr=CIDR)]),
    group("sg-other", egress=[allow("tcp", 8002, group_id="sg-web")]),
    group("sg-far", ingress=[allow("-1", group_id="sg-other"), allow("icmp", 8, 0, cidr=CIDR)]),
)


async def test_every_connection_is_decided_as_aws_would_before_and_after_a_change(world):
    before, after = plan_with(*BEFORE), plan_with(*AFTER)
    await start(world, before)

    assert await differences(world, before, matrix()) == {}
    await world.networks.apply(after)
    assert await differences(world, after, matrix()) == {}
    await world.networks.apply(before)
    assert await differences(world, before, matrix()) == {}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_rules_are_kernel_and_aws_agree(world, seed):
    chance = random.Random(seed)
    plan = random_plan(chance)
    await start(world, plan)
    for _ in range(4):
        await world.networks.apply(plan)
        assert await differences(world, plan, matrix()) == {}, plan
        plan = random_plan(chance)


async def test_an_adopted_vpc_goes_on_as_it_was_and_then_follows_the_new_plan(world):
    await start(world, plan_with(*BEFORE))
    await world.restart()

    assert await differences(world, plan_with(*BEFORE), matrix()) == {}
    await world.networks.apply(plan_with(*AFTER))
    assert await differences(world, plan_with(*AFTER), matrix()) == {}


async def test_a_connection_lives_through_changes_and_a_new_agent(world):
    plan = plan_with(*AFTER)
    await start(world, plan)
    loop = asyncio.get_running_loop()
    connection = await world.open(HOST, socket.SOCK_STREAM)
    await loop.sock_connect(connection, (WEB, 8001))

    for change in (
        lambda: world.networks.apply(plan_with(*AFTER, names={"a": (WEB,)})),
        world.restart,
    ):
        await change()
        await world.networks.apply(plan)
        await loop.sock_sendall(connection, b"who?\n")
        assert await loop.sock_recv(connection, 100) == HOST.encode()
    connection.close()


def acl(name: str, ingress: list[tuple], egress: list[tuple]) -> NetworkAclPlan:
    """Return an ACL; its rules are: allows, protocol, range, and ports or ICMP type and code."""
    sides = [
        tuple(
            AclEntry(
                number=number,
                allow=allows,
                protocol=protocol,
                cidr=cidr,
                from_port=ports[0] if ports else None,
                to_port=ports[1] if ports else None,
            )
            for number, (allows, protocol, cidr, *ports) in enumerate(side, 1)
        )
        for side in (ingress, egress)
    ]
    return NetworkAclPlan(network_acl_id=name, ingress=sides[0], egress=sides[1])


def judged(public: NetworkAclPlan | None, private: NetworkAclPlan | None) -> VpcPlan:
    """Return a VPC whose groups let everything pass, and whose ACLs are these."""
    groups = [group(one, ingress=[allow("-1", cidr=EVERYWHERE)]) for one in GROUPS]
    names = (one.network_acl_id if one else "" for one in (public, private))
    return plan_with(
        *groups,
        subnets=tuple(
            replace(one, network_acl_id=name)
            for one, name in zip(subnets((OUT,), ()), names, strict=True)
        ),
        network_acls=tuple(one for one in (public, private) if one),
    )


ALL = (True, "-1", EVERYWHERE)
BACK = (True, "6", EVERYWHERE, 10_000, 65_535)
ACLS = (
    judged(None, acl("acl-1", [(True, "6", "10.207.1.0/24", 8001, 8001)], [BACK])),
    judged(None, acl("acl-1", [(True, "6", EVERYWHERE, 8001, 8001)], [])),
    judged(
        acl(
            "acl-2", [(False, "1", EVERYWHERE, 0, -1), ALL], [(False, "17", PRIVATE, 1, 8001), ALL]
        ),
        acl("acl-1", [(False, "6", f"{OTHER}/32", 0, 65535), ALL], [ALL]),
    ),
)


async def test_network_acls_judge_every_packet_between_subnets(world):
    await start(world, ACLS[0])
    for plan in (*ACLS, judged(None, None), ACLS[0]):
        await world.networks.apply(plan)
        assert await differences(world, plan, matrix()) == {}, plan.network_acls

    await world.networks.apply(judged(None, None))
    loop = asyncio.get_running_loop()
    connection = await world.open(OTHER, socket.SOCK_STREAM)
    await loop.sock_connect(connection, (FAR, 8002))
    await world.restart()
    await world.networks.apply(ACLS[0])
    await loop.sock_sendall(connection, b"who?\n")
    with pytest.raises(TimeoutError):  # nothing is remembered of what was allowed before
        async with asyncio.timeout(PATIENCE):
            await loop.sock_recv(connection, 100)
    connection.close()


async def test_a_prefix_list_admits_its_ranges_and_follows_its_versions(world):
    web = group("sg-web", ingress=[allow("tcp", 8001, 8002, prefix_list_id="pl-1")])
    groups = (*BEFORE[:1], web, *BEFORE[2:])

    def naming(*cidrs: str) -> VpcPlan:
        return plan_with(
            *groups, prefix_lists=(PrefixListPlan(prefix_list_id="pl-1", cidrs=cidrs),)
        )

    await start(world, naming())
    for cidrs in ((f"{OTHER}/32",), ("10.207.1.0/28", "10.207.2.0/25"), (EVERYWHERE,), ()):
        await world.networks.apply(naming(*cidrs))
        assert await differences(world, naming(*cidrs), matrix()) == {}, cidrs
    await world.networks.apply(naming("10.207.1.0/24", f"{FAR}/32"))
    await world.restart()
    changed = naming("10.207.1.8/29", f"{FAR}/32")
    await world.networks.apply(changed)
    assert await differences(world, changed, matrix()) == {}


class TestAnOpenConnectionWhoseRuleGoes:
    """AWS keeps a tracked connection and cuts one that is open to all both ways."""

    async def _left_open(self, world: World, rule: PacketRule, kind: socket.SocketKind) -> bool:
        plan = plan_with(group("sg-web", ingress=[rule]), group("sg-other"), *BEFORE[:1])
        await start(world, plan)
        loop = asyncio.get_running_loop()
        connection = await world.open(OTHER, kind)
        await loop.sock_connect(connection, (WEB, 8001))
        await loop.sock_sendall(connection, b"who?\n")
        await loop.sock_recv(connection, 100)
        await world.networks.apply(plan_with(group("sg-web"), group("sg-other"), *BEFORE[:1]))
        assert not await world.reaches(Flow("tcp", OTHER, WEB, 8001))
        await loop.sock_sendall(connection, b"who?\n")
        try:
            async with asyncio.timeout(PATIENCE):
                return bool(await loop.sock_recv(connection, 100))
        except TimeoutError:
            return False
        finally:
            connection.close()

    @pytest.mark.parametrize("peer", [{"cidr": CIDR}, {"group_id": "sg-other"}], ids=str)
    async def test_it_lives_on_when_the_rule_named_its_peer(self, world, peer):
        rule = allow("tcp", 8001, **peer)
        assert await self._left_open(world, rule, socket.SOCK_STREAM)

    async def test_it_is_cut_when_the_rule_was_open_to_all(self, world):
        rule = allow("tcp", 8000, 8010, cidr=EVERYWHERE)
        assert not await self._left_open(world, rule, socket.SOCK_STREAM)

    async def test_datagrams_are_cut_too(self, world):
        rule = allow("udp", 8001, cidr=EVERYWHERE)
        assert not await self._left_open(world, rule, socket.SOCK_DGRAM)


NARROW_NAT = RoutePlan(destination=f"{WORLD}/32", target="nat")
HOLE = RoutePlan(destination="198.51.100.0/24", target="blackhole")


async def test_who_gets_out_is_decided_by_routes_addresses_and_groups(world):
    world.make_world()
    egress = (*BEFORE[:3], group("sg-far", egress=[]))
    await start(world, plan_with(*egress))
    await world.listen(WORLD)
    flows = [
        Flow(protocol, one.address, WORLD, PORTS[0]) for one in TASKS for protocol in ("tcp", "udp")
    ]
    for routes in (
        subnets((OUT,), ()),
        subnets((OUT,), (BY_NAT,)),
        subnets((), (OUT,)),
        subnets((BY_NAT,), (BY_NAT,)),
        subnets((OUT, NARROW_NAT), (BY_NAT, HOLE)),
        subnets((OUT, HOLE, NARROW_NAT), ()),
        subnets((OUT,), (BY_NAT,)),
    ):
        plan = plan_with(*egress, subnets=routes)
        await world.networks.apply(plan)
        assert await differences(world, plan, flows) == {}, routes
    shut = replace(plan, security_groups=(*BEFORE[:1], group("sg-web", egress=[]), *BEFORE[2:]))
    await world.networks.apply(shut)
    assert await differences(world, shut, flows) == {}


async def test_nobody_outside_a_vpc_gets_in_and_a_vpc_reaches_neither_host_nor_vpc(world):
    world.make_world()
    open_groups = [group(one, ingress=[allow("-1", cidr=EVERYWHERE)]) for one in GROUPS]
    plan = plan_with(*open_groups, subnets=subnets((OUT,), (BY_NAT,)))
    await start(world, plan)
    ip("-n", Path(world.place(WORLD)).name, "route", "replace", CIDR, "via", WORLD_HERE)

    assert not await world.reaches(Flow("tcp", WORLD, WEB, 8001))
    assert await world.reaches(Flow("tcp", HOST, WEB, 8001))
    await world.listen(HOST, (8003,))
    assert not await world.reaches(Flow("tcp", WEB, HOST, 8003))


async def test_a_task_whose_interface_is_gone_reaches_nobody_and_nobody_reaches_it(world):
    open_groups = [group(one, ingress=[allow("-1", cidr=EVERYWHERE)]) for one in GROUPS]
    plan = plan_with(*open_groups)
    await start(world, plan)
    there, back = Flow("tcp", OTHER, WEB, 8001), Flow("tcp", WEB, OTHER, 8001)
    assert [await world.reaches(one) for one in (there, back)] == [True, True]

    await world.networks.apply(replace(plan, interfaces=(*TASKS[1:], NODE)))
    assert [await world.reaches(one) for one in (there, back)] == [False, False]


async def test_a_task_cannot_speak_under_another_address_unless_its_check_is_off(world):
    open_groups = [group(one, ingress=[allow("-1", cidr=EVERYWHERE)]) for one in GROUPS]
    plan = plan_with(*open_groups)
    await start(world, plan)
    ip("-n", Path(world.place(WEB)).name, "addr", "add", "10.207.1.99/32", "dev", "eth0")
    asked = await world.visitor.visit(world.place(WEB), _foreign)
    asked.setblocking(False)
    heard = await world.open(OTHER, socket.SOCK_DGRAM)

    async def arrives() -> bool:
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(asked, b"hi", heard.getsockname())
        try:
            async with asyncio.timeout(PATIENCE):
                return await loop.sock_recv(heard, 10) == b"hi"
        except TimeoutError:
            return False

    router = replace(TASKS[0], source_dest_check=False)
    assert not await arrives()
    await world.networks.apply(replace(plan, interfaces=(router, *TASKS[1:], NODE)))
    assert await arrives()
    shut = replace(
        plan, security_groups=(open_groups[0], group("sg-web", egress=[]), *open_groups[2:])
    )
    await world.networks.apply(replace(shut, interfaces=(router, *TASKS[1:], NODE)))
    renewed = asked.getsockname()
    asked.close()
    asked = await world.visitor.visit(world.place(WEB), _foreign)
    asked.setblocking(False)
    assert asked.getsockname() != renewed
    assert not await arrives()
    await world.networks.apply(plan)
    assert not await arrives()
    asked.close()
    heard.close()


def _foreign() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("10.207.1.99", 0))
    return opened


def random_plan(chance: random.Random) -> VpcPlan:
    """Return the plan with other rules in every group and other groups on every interface."""

    def rule() -> PacketRule:
        peers = [
            {"cidr": EVERYWHERE},
            {"cidr": CIDR},
            {"cidr": PRIVATE},
            {"cidr": f"{OTHER}/32"},
            *({"group_id": one} for one in GROUPS),
        ]
        return chance.choice(
            [
                lambda peer: allow("tcp", 8001, **peer),
                lambda peer: allow("tcp", 8000, 8100, **peer),
                lambda peer: allow("17", 8002, **peer),
                lambda peer: allow("udp", 0, 65535, **peer),
                lambda peer: allow("icmp", -1, -1, **peer),
                lambda peer: allow("icmp", 8, -1, **peer),
                lambda peer: allow("-1", **peer),
            ]
        )(chance.choice(peers))

    def rules() -> tuple[PacketRule, ...]:
        return tuple(rule() for _ in range(chance.randint(0, 3)))

    groups = [SecurityGroupPlan(group_id=one, ingress=rules(), egress=rules()) for one in GROUPS]
    interfaces = [
        replace(one, group_ids=tuple(chance.sample(GROUPS, chance.randint(1, 3))))
        for one in (*TASKS, NODE)
    ]
    return vpc_plan(security_groups=tuple(groups), interfaces=tuple(interfaces))
