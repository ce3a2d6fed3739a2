"""Tasks on a real Engine whose agent ends and begins, or whose Engine is away."""

import pytest
from msgspec.structs import replace

from ecsd.link.messages import HostFaults
from tests.integration.instance import ALONE
from tests.integration.task_world import STEADY, Gate, World, one

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
async def world(tmp_path, image):
    world = World(tmp_path, instance=ALONE)
    yield world
    await world.clean()


async def test_a_new_agent_adopts_the_same_containers(world):
    plan = world.plan({"name": "app", "command": STEADY})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        before = one(await world.ear.phase(plan, "RUNNING")).runtime_id
    world.ear.heard.clear()
    async with world.agent() as tasks:
        assert await tasks.present() == {plan.task_arn}
        await tasks.apply(replace(plan, started=True))
        seen = await world.ear.phase(plan, "RUNNING")
        assert one(seen).runtime_id == before
        assert world.ear.phases(plan) == ["RUNNING"]


async def test_an_exit_while_no_agent_was_there_is_seen_by_the_next(world):
    plan = world.plan({"name": "app", "command": STEADY})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
    app = await world.container(plan)
    await app.stop(t=5)
    world.ear.heard.clear()
    async with world.agent() as tasks:
        await tasks.apply(replace(plan, started=True))
        seen = await world.ear.phase(plan, "STOPPED")
    assert (one(seen).exit_code, seen.stop_code) == (0, "EssentialContainerExited")
    assert one(seen).runtime_id == app.id


async def test_a_task_that_ran_before_and_left_nothing_is_not_started_anew(world):
    plan = world.plan({"name": "app", "command": STEADY}, started=True)
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
        assert await tasks.present() == set()
    assert one(seen).reason.startswith("ContainerVanishedError")


async def test_tasks_of_another_installation_are_left_alone(world, tmp_path):
    plan = world.plan({"name": "app", "command": STEADY})
    other = World(tmp_path / "other", instance=ALONE)
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
        async with other.agent() as others:
            assert await others.present() == set()
        await other.clean()
        assert (await world.container(plan))["State"]["Running"]


async def test_while_the_engine_is_away_containers_go_on_and_later_all_is_seen(tmp_path, image):
    gate = Gate(tmp_path / "engine.sock")
    world = World(tmp_path, gate.path, ALONE)
    plans = [world.plan({"name": "app", "command": STEADY}) for _ in range(2)]
    await gate.open()
    try:
        async with world.agent() as tasks:
            for plan in plans:
                await tasks.apply(plan)
            for plan in plans:
                await world.ear.phase(plan, "RUNNING")
            await gate.shut()
            await world.ear.until(
                lambda one: isinstance(one, HostFaults) and "engine" in one.faults
            )
            await (await world.container(plans[0])).kill()
            late = world.plan({"name": "app", "command": STEADY})
            await tasks.apply(late)
            await gate.open()
            await world.ear.until(lambda one: isinstance(one, HostFaults) and not one.faults)
            seen = await world.ear.phase(plans[0], "STOPPED")
            assert one(seen).exit_code == 137
            await world.ear.phase(late, "RUNNING")
            assert world.ear.phases(plans[1])[-1] == "RUNNING"
    finally:
        await gate.shut()
        await world.clean()
