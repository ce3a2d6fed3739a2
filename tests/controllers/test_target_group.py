"""Drains end when the group's delay has passed, and at once when nothing forwards to the group."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.controllers.controller import Controllers
from ecsd.controllers.target_group import TargetGroupController
from ecsd.decisions.balancers.target import drain, register
from ecsd.records.elbv2.load_balancer import Listener, Rule
from ecsd.records.elbv2.target_group import HealthCheck, Target, TargetGroup
from ecsd.store.scope import Scope
from ecsd.store.store import Store

SCOPE = Scope("000000000000", "us-east-1")
GROUP = TargetGroup(
    target_group_arn="arn:group",
    name="web",
    protocol="HTTP",
    protocol_version="HTTP1",
    port=80,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(),
    attributes={"deregistration_delay.timeout_seconds": "30"},
)
LISTENER = Listener(
    listener_arn="arn:listener",
    load_balancer_arn="arn:balancer",
    port=80,
    protocol="HTTP",
    default_actions=(),
    target_group_arns=(GROUP.target_group_arn,),
)
RULE = Rule(
    rule_arn="arn:rule",
    listener_arn=LISTENER.listener_arn,
    priority=1,
    conditions=(),
    actions=(),
    target_group_arns=(GROUP.target_group_arn,),
)


class Groups:
    """A store with the controller at work on it."""

    def __init__(self):
        self.store = Store.in_memory()
        self.clock = VirtualClock()
        self.controllers = Controllers(
            self.store, self.clock, [TargetGroupController(self.store, self.clock)]
        )

    async def put(self, *records):
        async with self.store.transaction(SCOPE) as change:
            change.put(*records)
        await self.controllers.settle()

    async def remove(self, *records):
        async with self.store.transaction(SCOPE) as change:
            change.remove(*records)
        await self.controllers.settle()

    async def register(self, address):
        """Register a target and return it."""
        target = register(
            None,
            target_group_arn=GROUP.target_group_arn,
            target_id=address,
            port=80,
            availability_zone="us-east-1a",
            now=self.clock.now(),
        )
        await self.put(target)
        return target

    async def drain(self, target):
        await self.put(drain(target, self.clock.now()))

    async def pass_time(self, seconds):
        await self.clock.advance(seconds)
        await self.controllers.settle()

    @property
    def addresses(self):
        return [one.target_id for one in self.store.view(SCOPE).select(Target)]


@pytest.fixture
def with_groups():
    """Run ``scenario(groups)`` in virtual time."""

    def run(scenario):
        async def main():
            groups = Groups()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(groups.controllers.run())
                await asyncio.sleep(0)
                await scenario(groups)
                running.cancel()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return run


def test_a_drain_lasts_the_whole_delay(with_groups):
    async def scenario(groups):
        await groups.put(GROUP, LISTENER)
        stays, first = await groups.register("10.0.0.1"), await groups.register("10.0.0.2")
        second = await groups.register("10.0.0.3")
        await groups.drain(first)
        await groups.pass_time(10)
        await groups.drain(second)
        await groups.pass_time(19)
        assert len(groups.addresses) == 3
        await groups.pass_time(1)
        assert groups.addresses == [stays.target_id, second.target_id]
        await groups.pass_time(10)
        assert groups.addresses == [stays.target_id]

    with_groups(scenario)


def test_one_that_comes_back_stays(with_groups):
    async def scenario(groups):
        await groups.put(GROUP, LISTENER)
        await groups.drain(await groups.register("10.0.0.1"))
        await groups.pass_time(29)
        await groups.register("10.0.0.1")
        await groups.pass_time(60)
        assert groups.addresses == ["10.0.0.1"]

    with_groups(scenario)


def test_targets_of_an_unused_group_leave_at_once(with_groups):
    async def scenario(groups):
        await groups.put(GROUP)
        await groups.drain(await groups.register("10.0.0.1"))
        assert groups.addresses == []

    with_groups(scenario)


@pytest.mark.parametrize("user", [LISTENER, RULE])
def test_a_drain_ends_when_the_last_user_goes(user, with_groups):
    async def scenario(groups):
        await groups.put(GROUP, replace(LISTENER, target_group_arns=()))
        await groups.put(user)
        await groups.drain(await groups.register("10.0.0.1"))
        assert groups.addresses == ["10.0.0.1"]
        await groups.remove(user)
        assert groups.addresses == []

    with_groups(scenario)


def test_a_shorter_delay_counts_for_drains_under_way(with_groups):
    async def scenario(groups):
        await groups.put(GROUP, LISTENER)
        await groups.drain(await groups.register("10.0.0.1"))
        began = groups.clock.now()
        await groups.pass_time(5)
        short = {"deregistration_delay.timeout_seconds": "5"}
        await groups.put(replace(GROUP, attributes=short))
        assert groups.addresses == []
        assert groups.clock.now() == began + timedelta(seconds=5)

    with_groups(scenario)


def test_a_deleted_group_keeps_nothing(with_groups):
    async def scenario(groups):
        await groups.put(GROUP, LISTENER)
        await groups.register("10.0.0.1")
        await groups.remove(GROUP)
        assert groups.addresses == []

    with_groups(scenario)
