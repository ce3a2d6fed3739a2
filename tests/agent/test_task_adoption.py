"""A host's tasks when the Engine or the agent was away, in virtual time."""

from ecsd.link.messages import HostFaults
from tests.agent.task_world import ARN, PAUSE, World, plan


def test_an_engine_that_went_away_in_the_middle_is_waited_for(live):
    async def scenario(world):
        await world.tasks.apply(plan())
        await world.clock.advance(0.15)
        world.engine.hang_up()
        await world.clock.advance(60)
        assert world.last().phase == "ACTIVATING"
        faults = [one for one in world.heard if isinstance(one, HostFaults)]
        assert "engine" in faults[-1].faults
        world.engine.away = False
        await world.clock.advance(10)
        assert world.last().phase == "RUNNING"
        faults = [one for one in world.heard if isinstance(one, HostFaults)]
        assert "engine" not in faults[-1].faults

    live(scenario)


def test_exits_while_the_engine_was_away_are_seen_afterwards(live):
    async def scenario(world):
        await world.apply(plan())
        world.engine.hang_up()
        await world.clock.advance(1)
        world.engine.exit("app", 6)
        await world.clock.advance(5)
        assert world.last().phase == "RUNNING"
        world.engine.away = False
        await world.clock.advance(10)
        assert (world.last().phase, world.one().exit_code) == ("STOPPED", 6)

    live(scenario)


def test_a_new_agent_adopts_what_runs_and_begins_the_half_launched_anew(tmp_path, run_virtual):
    other = ARN[:-1] + "4"

    async def scenario():
        async with World(tmp_path).agent() as first:
            await first.apply(plan())
            await first.tasks.apply(plan(task_arn=other))
            await first.clock.advance(0.15)  # its pause is created, nothing more
        before = first.one().runtime_id
        first.engine.calls.clear()
        async with World(tmp_path, first.engine).agent() as second:
            assert await second.tasks.present() == {ARN, other}
            await second.apply(plan(started=True))
            assert (second.last().phase, second.one().runtime_id) == ("RUNNING", before)
            assert second.phases() == ["RUNNING"]
            assert second.started() == []
            await second.apply(plan(task_arn=other), 4)
            assert second.last(other).phase == "RUNNING"
            assert ("remove", PAUSE) in first.engine.calls

    run_virtual(scenario())


def test_a_task_that_ran_and_is_gone_is_not_started_anew(live):
    async def scenario(world):
        await world.apply(plan(started=True))
        assert world.last().phase == "STOPPED"
        assert world.last().stop_code == "EssentialContainerExited"
        assert world.started() == []

    live(scenario)


def test_observe_all_says_everything_again(live):
    async def scenario(world):
        await world.apply(plan())
        last = world.last()
        world.heard.clear()
        world.tasks.observe_all()
        assert last in world.heard
        assert any(isinstance(one, HostFaults) for one in world.heard)

    live(scenario)
