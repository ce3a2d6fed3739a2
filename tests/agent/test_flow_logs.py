"""Counting up: aggregation intervals, the interfaces that were there, and what is unknown."""

import asyncio

from ecsd.agent.flow_logs import FlowLogs
from ecsd.clock import VirtualClock
from ecsd.decisions.vpc.flow_counters import FlowKey, Reading
from ecsd.errors import NetworkError
from ecsd.records.observed import CountedFlow
from ecsd.records.plan_network import FlowLogsPlan, InterfacePlan, VpcPlan

ARN = "arn:aws:ec2:us-east-1:000000000000:vpc/vpc-1"
KEY = FlowKey("10.0.0.4", "10.0.0.5", 6, 40_000, 80)


def interface(name: str, kind: str = "task") -> InterfacePlan:
    return InterfacePlan(
        network_interface_id=name,
        address=f"10.0.0.{name[-1]}",
        subnet_id="subnet-1",
        mac_address="0a:00:00:00:00:01",
        kind=kind,
        group_ids=(),
    )


def plan(*interfaces: InterfacePlan, intervals: tuple[int, ...] = (60,)) -> VpcPlan:
    counted = FlowLogsPlan(vpc_arn=ARN, intervals=intervals) if intervals else None
    return VpcPlan(
        vpc_id="vpc-1",
        number=1,
        cidr="10.0.0.0/16",
        dns_support=True,
        interfaces=interfaces,
        flow_logs=counted,
    )


class Kernel:
    """Counters that a test sets."""

    def __init__(self):
        self.packets, self.lost, self.fails = 0, 0, False

    async def read(self, vpc_id):
        assert vpc_id == "vpc-1"
        if self.fails:
            raise NetworkError("no such table")
        held = {KEY: (self.packets, self.packets * 100)} if self.packets else {}
        nothing = {"gave": {}, "got": {}}
        return Reading({**dict.fromkeys(("seen", "left", "came"), held), **nothing}, self.lost)


class Room:
    def __init__(self):
        self.clock, self.kernel, self.heard = VirtualClock(), Kernel(), []
        self.logs = FlowLogs(self.clock, self.heard.append, self.kernel.read, 60)

    async def minutes(self, count):
        """Let minutes pass, with whatever is due at their ends."""
        await self.clock.advance(count * 60)
        await self.clock.advance(0.001)
        await self.logs.idle()

    def told(self):
        """Return interval, packets, whether some were lost, of every report since the last call."""
        told = [
            (one.interval, sum(each.came[0] for each in one.flows), one.lost) for one in self.heard
        ]
        self.heard.clear()
        return told


def in_virtual_time(test):
    """Make a test of a running room."""

    def run(run_virtual):
        async def scenario():
            room = Room()
            life = asyncio.get_running_loop().create_task(room.logs.run())
            try:
                await test(room)
            finally:
                life.cancel()
                await asyncio.wait([life])

        run_virtual(scenario())

    return run


@in_virtual_time
async def test_each_interval_tells_what_happened_in_it(room):
    room.logs.note(plan(intervals=()))
    room.kernel.packets = 0
    began = room.clock.now()
    room.logs.note(plan(interface("eni-4"), intervals=(60, 600)))
    await room.logs.idle()
    for minute in range(10):
        room.kernel.packets += minute
        await room.minutes(1)
    assert room.heard[0].began_at == began
    (long,) = (one for one in room.heard if one.interval == 600)
    assert (long.began_at, (long.ended_at - began).total_seconds()) == (began, 600)
    assert long.flows == (CountedFlow(**KEY._asdict(), left=(45, 4500), came=(45, 4500)),)
    told = room.told()
    assert [one for one in told if one[0] == 60] == [(60, count, False) for count in range(10)]
    assert [one for one in told if one[0] == 600] == [(600, 45, False)]


@in_virtual_time
async def test_packets_before_the_first_look_count_where_counting_began_with_this_process(room):
    room.logs.note(plan(intervals=()))
    room.kernel.packets = 3
    room.logs.note(plan())
    await room.minutes(1)
    assert room.told() == [(60, 3, False)]


@in_virtual_time
async def test_a_process_that_begins_while_packets_are_counted_says_so_once(room):
    room.kernel.packets = 100
    room.logs.note(plan(intervals=(60, 600)))
    await room.logs.idle()
    room.kernel.packets = 101
    await room.minutes(2)
    assert room.told() == [(60, 1, True), (60, 0, False)]
    await room.minutes(8)
    assert (600, 1, True) in room.told()


@in_virtual_time
async def test_a_full_set_is_told_in_its_interval_alone(room):
    room.logs.note(plan(intervals=()))
    room.logs.note(plan())
    await room.minutes(1)
    room.kernel.lost = 1
    await room.minutes(2)
    assert [lost for *_, lost in room.told()] == [False, True, False]


@in_virtual_time
async def test_interfaces_of_all_the_interval_are_told_but_for_those_without_traffic(room):
    room.logs.note(plan(intervals=()))
    room.logs.note(plan(interface("eni-4"), interface("eni-9", "nat")))
    await room.logs.idle()
    room.logs.note(plan(interface("eni-5"), interface("eni-8", "mount_target")))
    await room.minutes(2)
    names = [[one.network_interface_id for one in each.interfaces] for each in room.heard]
    assert names == [["eni-4", "eni-5"], ["eni-5"]]


@in_virtual_time
async def test_an_interval_that_is_asked_for_later_begins_then(room):
    room.logs.note(plan(intervals=()))
    room.logs.note(plan(intervals=(600,)))
    await room.minutes(4)
    await room.clock.advance(30)
    room.kernel.packets = 5
    room.logs.note(plan(intervals=(60, 600)))
    await room.logs.idle()
    room.kernel.packets = 7
    await room.minutes(1)
    assert room.told() == [(60, 2, False)]
    await room.minutes(5)
    assert (600, 7, False) in room.told()


@in_virtual_time
async def test_nothing_more_is_told_once_nobody_asks_and_it_can_begin_anew(room):
    room.logs.note(plan(intervals=()))
    room.logs.note(plan())
    await room.minutes(1)
    assert len(room.told()) == 1
    room.logs.note(plan(intervals=()))
    await room.minutes(3)
    room.logs.note(plan())
    room.logs.forget("vpc-1")
    await room.minutes(3)
    assert room.told() == []


@in_virtual_time
async def test_counters_that_cannot_be_read_are_read_again(room):
    room.logs.note(plan(intervals=()))
    room.kernel.fails = True
    room.logs.note(plan())
    await room.minutes(1)
    assert room.told() == []
    room.kernel.fails, room.kernel.packets = False, 4
    await room.minutes(3)
    assert sum(packets for _, packets, _ in room.told()) == 4


@in_virtual_time
async def test_counters_that_were_not_read_for_longer_than_they_are_kept_may_have_gone(room):
    room.logs.note(plan(intervals=()))
    room.logs.note(plan())
    await room.logs.idle()
    await room.minutes(1)
    assert room.told() == [(60, 0, False)]
    room.kernel.fails = True
    await room.minutes(3)
    room.kernel.fails = False
    await room.minutes(2)
    assert next(lost for *_, lost in room.told())
