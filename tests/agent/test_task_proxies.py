"""A task and its Service Connect proxy: there before the containers, gone after them."""

from tests.agent.task_world import ARN, PAUSE, World, plan


def test_the_proxy_is_there_before_containers_start_and_ends_after_them(live):
    async def scenario(world):
        proxies, engine = world.proxies, world.engine
        order = proxies.calls = engine.calls
        await world.apply(plan(proxied=True))
        assert world.last().phase == "RUNNING"
        # Under the task's own limits, in a cgroup of each hierarchy.
        assert proxies.seat
        assert all(one.endswith("/service-connect/cgroup.procs") for one in proxies.seat)
        assert order.index(("provide", ARN, "/sandbox")) < order.index(("start", "app"))
        await world.apply(plan(proxied=True, desired_status="STOPPED"))
        assert world.last().phase == "STOPPED"
        assert order.index(("stop", "app")) < order.index(("end", ARN))
        assert order.index(("end", ARN)) < order.index(("remove", PAUSE))

    live(scenario)


def test_a_proxy_that_does_not_start_ends_the_task_with_its_words(live):
    async def scenario(world):
        world.proxies.words = "HAProxy is not installed"
        await world.apply(plan(proxied=True))
        last = world.last()
        assert (last.phase, last.stop_code) == ("STOPPED", "TaskFailedToStart")
        assert last.stopped_reason == (
            "ResourceInitializationError: failed to start Service Connect: HAProxy is not installed"
        )

    live(scenario)


def test_a_new_agent_adopts_the_proxy_of_a_task_that_runs(tmp_path, run_virtual):
    async def scenario():
        async with World(tmp_path).agent() as first:
            await first.apply(plan(proxied=True))
        async with World(tmp_path, first.engine).agent() as second:
            await second.apply(plan(proxied=True, started=True))
            assert second.last().phase == "RUNNING"
            assert second.proxies.calls == [("adopt", ARN, "/sandbox")]

    run_virtual(scenario())


def test_a_task_without_service_connect_has_no_proxy(live):
    async def scenario(world):
        await world.apply(plan())
        assert world.last().phase == "RUNNING"
        assert world.proxies.calls == []

    live(scenario)
