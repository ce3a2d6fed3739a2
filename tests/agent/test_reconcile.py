"""Plans of a host, brought into force by doors that only remember."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from ecsd.agent.plan_log import PlanLog
from ecsd.agent.reconcile import Reconciler
from ecsd.agent.rooms import Rooms
from ecsd.clock import VirtualClock
from ecsd.errors import NetworkError
from ecsd.link.messages import Assign, PlanApplied, Snapshot, Withdraw
from ecsd.records.plan import ProxyPlan, TaskPlan, ZonePlan
from ecsd.records.plan_network import VpcPlan

VPC = VpcPlan(vpc_id="vpc-1", number=1, cidr="10.0.0.0/16", dns_support=True, subnets=())
TASK = TaskPlan(
    task_arn="arn:task/1",
    task_id="1",
    cluster="c",
    account="000000000000",
    region="us-east-1",
    family="web",
    revision=1,
    desired_status="RUNNING",
    launch_type="FARGATE",
    containers=(),
)
ZONE = ZonePlan(zone_id="ns-1", name="prod.local", vpc_ids=("vpc-1",))
BOTH = Snapshot(plans={"vpc/vpc-1": VPC, "task/arn:task/1": TASK})


class Door:
    """Stands for networks, balancers or tasks: remembers what it was told."""

    def __init__(self, heard, kind):
        self._heard = heard
        self._kind = kind
        self.here = set()
        self.refusals = []
        self.before_removal = self.before_apply = lambda: None

    async def apply(self, plan):
        if self.refusals:
            raise NetworkError(self.refusals.pop())
        self.before_apply()
        self._heard.append(("apply", plan))

    async def remove(self, name):
        self.before_removal()
        self._heard.append(("remove", self._kind, name))

    async def keep_entrances(self, entrances):
        self._heard.append(("entrances", sorted(entrances)))

    async def present(self):
        return self.here


class Names:
    """Stands for the namespaces: in force at once."""

    def __init__(self, heard):
        self._heard = heard

    def apply(self, plan):
        self._heard.append(("apply", plan))

    def remove(self, namespace_id):
        self._heard.append(("remove", "zone", namespace_id))


class Host:
    """A reconciler with its doors; ``logged()`` is what it would go on with after a crash."""

    def __init__(self, folder):
        self.heard = []
        self.reports = []
        doors = [
            Door(self.heard, kind)
            for kind in (
                *("vpc", "balancer", "connect", "task", "roles", "hook", "session"),
                *("registry", "efs", "ebs", "endpoint", "endpoint-check"),
            )
        ]
        self.vpcs, self.balancers, self.proxies, self.tasks, *_ = doors
        self.file = folder / "plans"
        self.reconciler = Reconciler(
            VirtualClock(),
            Rooms(self.vpcs, Names(self.heard), *doors[1:]),
            self.reports.append,
            PlanLog(self.file),
        )

    @contextlib.asynccontextmanager
    async def running(self):
        work = asyncio.create_task(self.reconciler.run())
        try:
            yield
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def told(self, *messages):
        """Hear messages and bring them into force; return what was done."""
        self.heard.clear()
        for message in messages:
            self.reconciler.receive(message)
        await self.reconciler.idle()
        return list(self.heard)

    def logged(self):
        return PlanLog(self.file).read()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_snapshot_is_made_so_and_the_next_one_takes_away_what_it_lacks(host, run_virtual):
    async def scenario():
        async with host.running():
            assert await host.told(BOTH) == [("apply", VPC), ("apply", TASK)]
            done = await host.told(Snapshot(plans={"vpc/vpc-1": VPC}))
            assert done == [("apply", VPC), ("remove", "task", "arn:task/1")]
            assert host.reports == [PlanApplied(key="vpc/vpc-1"), PlanApplied(key="vpc/vpc-1")]

    run_virtual(scenario())


def test_single_plans_come_and_go(host, run_virtual):
    async def scenario():
        async with host.running():
            assert await host.told(Assign(key="vpc/vpc-1", plan=VPC)) == [("apply", VPC)]
            gone = await host.told(Withdraw(key="vpc/vpc-1"))
            assert gone == [("remove", "vpc", "vpc-1")]
            again = await host.told(Withdraw(key="balancer/arn:lb"))
            assert again == [("remove", "balancer", "arn:lb")]

    run_virtual(scenario())


def test_names_are_so_before_anything_else_that_is_told_or_was_told_before(host, run_virtual):
    ending = replace(TASK, desired_status="STOPPED")

    async def scenario():
        async with host.running():
            host.reconciler.receive(Assign(key="task/arn:task/1", plan=ending))
            host.reconciler.receive(Assign(key="zone/ns-1", plan=ZONE))
            assert host.heard == [("apply", ZONE)]
            assert await host.told() == [("apply", ending)]
            host.reconciler.receive(Withdraw(key="zone/ns-1"))
            assert host.heard[-1] == ("remove", "zone", "ns-1")
            whole = Snapshot(plans={"task/arn:task/1": TASK, "zone/ns-1": ZONE})
            assert await host.told(whole) == [("apply", ZONE), ("apply", TASK)]
            assert await host.told(Snapshot(plans={"task/arn:task/1": TASK})) == [
                ("remove", "zone", "ns-1"),
                ("apply", TASK),
            ]

    run_virtual(scenario())


def test_a_new_process_answers_names_as_the_last_one_was_told(host, tmp_path, run_virtual):
    async def scenario():
        async with host.running():
            await asyncio.sleep(0)  # its works begin, so that they end
            await host.told(Assign(key="zone/ns-1", plan=ZONE))

    run_virtual(scenario())
    again = Host(tmp_path)
    again.reconciler.resume()
    assert again.heard == [("apply", ZONE)]


def test_a_refusal_is_reported_and_tried_again_until_it_holds(host, run_virtual):
    async def scenario():
        host.vpcs.refusals = ["no such device"]
        async with host.running():
            assert await host.told(Assign(key="vpc/vpc-1", plan=VPC)) == []
            assert host.reports == [PlanApplied(key="vpc/vpc-1", fault="no such device")]
            await asyncio.sleep(1)
            await host.reconciler.idle()
            assert host.heard == [("apply", VPC)]
            assert host.reports[-1] == PlanApplied(key="vpc/vpc-1")

    run_virtual(scenario())


def test_a_new_process_goes_on_with_what_the_last_one_was_told(host, tmp_path, run_virtual):
    async def scenario():
        async with host.running():
            await host.told(BOTH, Assign(key="task/arn:task/2", plan=TASK))
            assert set(host.logged()) == {"vpc/vpc-1", "task/arn:task/1", "task/arn:task/2"}
            successor = Host(tmp_path)  # of one that was killed
            async with successor.running():
                successor.reconciler.resume()
                await successor.reconciler.idle()
        assert successor.heard == [("apply", VPC), ("apply", TASK), ("apply", TASK)]

    run_virtual(scenario())


@pytest.mark.parametrize("kind", ["apply", "removal"])
def test_what_is_brought_into_force_is_in_the_log_before(host, kind, run_virtual):
    """Else an agent that is killed goes back to what was before, and forgets what it checked."""
    seen = []
    host.tasks.before_removal = lambda: seen.append(host.logged())
    host.tasks.before_apply = lambda: seen.append(host.logged())

    async def scenario():
        async with host.running():
            await host.told(Snapshot(plans={"vpc/vpc-1": VPC}))
            await host.told(Assign(key="task/arn:task/1", plan=TASK))
            if kind == "removal":
                await host.told(Withdraw(key="task/arn:task/1"))

    run_virtual(scenario())
    assert ("task/arn:task/1" in seen[-1]) is (kind == "apply")


def test_a_log_that_cannot_be_written_stops_nothing(host, run_virtual):
    host.file.with_suffix(".new").mkdir()

    async def scenario():
        async with host.running():
            await host.told(BOTH)
            gone = await host.told(Withdraw(key="task/arn:task/1"))
            assert gone == [("remove", "task", "arn:task/1")]

    run_virtual(scenario())


def test_a_sweep_takes_away_what_no_plan_names(host, run_virtual):
    host.vpcs.here = {"vpc-1", "vpc-old"}
    host.balancers.here = {"arn:lb"}
    host.tasks.here = {"arn:task/1", "arn:task/old"}

    async def scenario():
        async with host.running():
            await host.told(BOTH)
            host.heard.clear()
            await host.reconciler.sweep()
            await host.reconciler.idle()

    run_virtual(scenario())
    assert sorted(host.heard) == [
        ("entrances", []),
        ("remove", "balancer", "arn:lb"),
        ("remove", "task", "arn:task/old"),
        ("remove", "vpc", "vpc-old"),
    ]


def test_a_task_is_stopped_once_proxies_that_were_told_before_lead_elsewhere(host, run_virtual):
    proxy = ProxyPlan(task_arn="arn:task/2", task_id="2")
    stopped = replace(TASK, desired_status="STOPPED")

    async def scenario():
        async with host.running():
            slow = asyncio.Event()
            apply = host.proxies.apply

            async def later(plan):
                await slow.wait()
                await apply(plan)

            host.proxies.apply = later
            host.reconciler.receive(Assign(key="connect/arn:task/2", plan=proxy))
            host.reconciler.receive(Assign(key="task/arn:task/1", plan=stopped))
            await asyncio.sleep(1)
            assert host.heard == []
            slow.set()
            await host.reconciler.idle()
            assert host.heard == [("apply", proxy), ("apply", stopped)]

    run_virtual(scenario())


def test_a_proxy_that_hangs_does_not_keep_a_task_from_its_end(host, run_virtual):
    proxy = ProxyPlan(task_arn="arn:task/2", task_id="2")
    stopped = replace(TASK, desired_status="STOPPED")

    async def scenario():
        async with host.running():

            async def never(plan):
                await asyncio.Event().wait()

            host.proxies.apply = never
            host.reconciler.receive(Assign(key="connect/arn:task/2", plan=proxy))
            host.reconciler.receive(Assign(key="task/arn:task/1", plan=stopped))
            await asyncio.sleep(3)
            assert host.heard == [("apply", stopped)]

    run_virtual(scenario())
