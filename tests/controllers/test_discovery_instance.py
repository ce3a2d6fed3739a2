"""Tasks in Cloud Map: registered with their interface, taken out before they are signalled."""

import asyncio

from msgspec.structs import replace

from ecsd.clock import VirtualClock
from ecsd.controllers.controller import Controllers
from ecsd.controllers.discovery_instance import InstanceController
from ecsd.decisions.dns.discovery import HEALTH_WAIT
from ecsd.ids import SeededIds
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.store import Store
from tests.controllers.conftest import SCOPE, SERVICE


async def begin(world, desired=1, *, checked=True, **found):
    await world.found(**found)
    await world.found_registry(checked=checked)
    await world.create_service(desired, balanced=False)
    await world.settle()


def test_a_running_task_is_an_instance_with_ecss_attributes(in_world):
    async def scenario(world):
        await begin(world)
        (task,) = world.live()
        instance = world.instances[task.task_id]
        assert instance.health == "HEALTHY"
        address = instance.attributes.pop("AWS_INSTANCE_IPV4")
        assert address.startswith("10.0.")
        assert instance.attributes == {
            "AVAILABILITY_ZONE": task.availability_zone,
            "AWS_INIT_HEALTH_STATUS": "HEALTHY",
            "AWS_INSTANCE_PORT": "8080",
            "ECS_CLUSTER_NAME": "prod",
            "ECS_SERVICE_NAME": "web",
            "ECS_TASK_DEFINITION_FAMILY": "web",
            "REGION": "us-east-1",
        }

    in_world(scenario)


def test_a_task_is_registered_with_its_interface_unhealthy_until_its_checks_pass(in_world):
    async def scenario(world):
        world.obedient = False
        await begin(world, health_check=True)
        (task,) = world.live()
        world.report(task, "PENDING")
        await world.settle()
        assert world.instances == {}
        world.report(task, "ACTIVATING")
        await world.settle()
        assert world.instances[task.task_id].health == "UNHEALTHY"
        world.report(task, "RUNNING")
        await world.settle()
        instance = world.instances[task.task_id]
        assert instance.health == "UNHEALTHY"
        assert instance.attributes["AWS_INIT_HEALTH_STATUS"] == "UNHEALTHY"
        world.report(task, "RUNNING", health="HEALTHY")
        await world.settle()
        assert world.instances[task.task_id].health == "HEALTHY"

    in_world(scenario)


def test_a_task_that_fails_its_checks_is_taken_out(in_world):
    async def scenario(world):
        world.obedient = False
        await begin(world, health_check=True)
        (task,) = world.live()
        world.report(task, "RUNNING", health="HEALTHY")
        await world.settle()
        assert task.task_id in world.instances
        world.report(task, "RUNNING", health="UNHEALTHY")
        await world.settle()
        assert task.task_id not in world.instances

    in_world(scenario)


def test_an_ending_task_is_taken_out_before_its_host_may_signal_it(in_world):
    async def scenario(world):
        await begin(world)
        (task,) = world.live()
        seen = []

        def watch(changes):
            for one in changes:
                if one.kind is Instance and one.after is None:
                    seen.append("taken out")
                if one.kind is Task and one.after is not None:
                    seen.append(one.after.last_status)

        world.store.watch((Task, Instance), watch)
        await world.change_service(lambda one: replace(one, desired_count=0))
        await world.settle()
        assert world.instances == {}
        order = [one for one in seen if one in {"taken out", "DEACTIVATING", "STOPPING"}]
        assert order[-1] == "STOPPING"
        assert order.index("taken out") < order.index("STOPPING")
        assert order.index("DEACTIVATING") < order.index("STOPPING")
        assert world.view.get(Task, task.task_arn).last_status == "STOPPED"

    in_world(scenario)


def test_the_removal_and_the_signal_are_two_changes(in_world):
    """A host hears of plans in the order in which they became durable."""

    async def scenario(world):
        await begin(world)
        batches = []

        def watch(changes):
            told = {one.kind for one in changes if one.kind is Instance and one.after is None}
            told |= {"STOPPING" for one in changes if _is_stopping(one)}
            batches.append(told)

        world.store.watch((Task, Instance), watch)
        await world.change_service(lambda one: replace(one, desired_count=0))
        await world.settle()
        assert not any(told == {Instance, "STOPPING"} for told in batches)
        assert batches.index({Instance}) < batches.index({"STOPPING"})

    in_world(scenario)


def _is_stopping(change):
    after = change.after
    return isinstance(after, Task) and after.last_status == "STOPPING"


def test_a_task_that_dies_leaves_no_instance_even_for_a_moment(in_world):
    async def scenario(world):
        await begin(world)
        (task,) = world.live()
        world.obedient = False
        world.watched.append(lambda world: world.check())
        world.report(
            task,
            "STOPPED",
            exit_code=1,
            stop_code="EssentialContainerExited",
            stopped_reason="Essential container in task exited",
        )
        await world.settle()
        assert task.task_id not in world.instances

    in_world(scenario)


def test_what_a_crash_left_behind_is_taken_out_at_the_next_start(run_virtual):
    store = Store.in_memory()

    async def scenario():
        clock = VirtualClock()
        left = Instance(
            place="srv-1|gone",
            service_id="srv-1",
            instance_id="gone",
            attributes={},
            task_arn="arn:aws:ecs:us-east-1:000000000000:task/prod/gone",
            registered_at=clock.now(),
        )
        async with store.transaction(SCOPE) as change:
            change.put(left)
        controllers = Controllers(store, clock, [InstanceController(store, clock, SeededIds(5))])
        running = asyncio.create_task(controllers.run())
        await asyncio.sleep(0)
        await controllers.settle()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scenario())
    assert store.view(SCOPE).select(Instance) == []


def test_deleting_the_service_takes_all_out(in_world):
    async def scenario(world):
        await begin(world, desired=2)
        assert len(world.instances) == 2
        await world.change_service(lambda one: replace(one, status="DRAINING", desired_count=0))
        await world.settle()
        assert world.instances == {}
        assert world.view.get(DiscoveryService, "srv-1") is not None  # it is the user's

    in_world(scenario)


def test_an_instance_that_somebody_takes_out_is_put_back_while_its_task_runs(in_world):
    async def scenario(world):
        await begin(world)
        async with world.store.transaction(SCOPE) as change:
            change.remove(*change.select(Instance))
        await world.settle()
        assert len(world.instances) == 1

    in_world(scenario)


def test_a_task_of_a_task_set_carries_its_external_id(in_world):
    async def scenario(world):
        await begin(world)
        (task,) = world.live()
        async with world.store.transaction(SCOPE) as change:
            now = world.clock.now()
            change.put(
                TaskSet(
                    arn="arn:set",
                    task_set_id=task.deployment_id,
                    service_arn=SERVICE,
                    cluster_arn=task.cluster_arn,
                    revision_arn=world.service.revision_arn,
                    external_id="blue",
                    stable_at=now,
                    created_at=now,
                    updated_at=now,
                )
            )
            change.remove(*change.select(Instance))
        await world.settle()
        (instance,) = world.instances.values()
        assert instance.attributes["ECS_TASK_SET_EXTERNAL_ID"] == "blue"

    in_world(scenario)


def test_health_that_was_asked_for_comes_into_force_after_thirty_seconds(in_world):
    async def scenario(world):
        await world.found()
        await world.found_registry()
        now = world.clock.now()
        async with world.store.transaction(SCOPE) as change:
            change.put(
                Instance(
                    place="srv-1|a",
                    service_id="srv-1",
                    instance_id="a",
                    attributes={},
                    changes_to="UNHEALTHY",
                    changes_at=now + HEALTH_WAIT,
                    registered_at=now,
                )
            )
        await world.pass_time(29)
        assert world.instances["a"].health == "HEALTHY"
        await world.pass_time(2)
        assert world.instances["a"].health == "UNHEALTHY"
        assert world.instances["a"].changes_at is None

    in_world(scenario)
