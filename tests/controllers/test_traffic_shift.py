"""Blue/green, canary and linear deployments: who runs, who gets the traffic, and when."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.services.lifecycle_hook import decided
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.elbv2.load_balancer import Listener
from tests.controllers.balancing import TEST_LISTENER
from tests.controllers.conftest import SCOPE

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
MINUTE = 60.0


def hook(*stages, **more):
    return {"hookTargetArn": FUNCTION, "lifecycleStages": list(stages), **more}


def pause(*stages, **more):
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), **more}


async def steady(world, strategy="BLUE_GREEN", desired=2, *, hooks=(), **configuration):
    """A service whose first deployment is over; hooks begin with the next one."""
    defaults = {"strategy": strategy, "bake_time_in_minutes": 1}
    await world.found(delay=5)
    await world.create_service(desired, configuration=defaults | configuration)
    await world.settle()
    await world.pass_time(10 * MINUTE, step=5)
    assert world.service.steady
    configured = replace(world.service.deployment_configuration, lifecycle_hooks=tuple(hooks))
    await world.change_service(
        lambda service: replace(service, deployment_configuration=configured)
    )


async def deploying(world, number=2):
    await world.deploy(number)
    await world.settle()


def stage(world):
    return world.attempts[-1].stage


def status(world):
    return world.attempts[-1].status


def test_the_first_deployment_takes_all_traffic_and_completes_after_its_bake_time(in_world):
    async def scenario(world):
        await world.found()
        await world.create_service(
            2, configuration={"strategy": "BLUE_GREEN", "bake_time_in_minutes": 3}
        )
        await world.settle()
        assert (stage(world), status(world)) == ("BAKE_TIME", "IN_PROGRESS")
        assert world.weights() == [100, 0]
        await world.pass_time(3 * MINUTE + 5)
        assert status(world) == "SUCCESSFUL"
        assert world.service.steady

    in_world(scenario)


def test_green_takes_over_in_the_other_group_and_blue_goes_after_the_bake_time(in_world):
    async def scenario(world):
        await steady(world)
        await deploying(world)
        assert stage(world) == "BAKE_TIME"
        assert (world.weights(), world.weights(TEST_LISTENER)) == ([0, 100], [0, 100])
        assert (len(world.live(1)), len(world.live(2))) == (2, 2)
        await world.pass_time(MINUTE + 10)
        assert status(world) == "SUCCESSFUL"
        assert (len(world.live(1)), len(world.live(2))) == (0, 2)
        assert world.service.deployments[0].rollout_state == "COMPLETED"
        # And back into the first group with the next one.
        await deploying(world, 3)
        await world.pass_time(MINUTE + 10)
        assert (status(world), world.weights()) == ("SUCCESSFUL", [100, 0])

    in_world(scenario)


def test_no_traffic_reaches_green_before_all_of_it_is_healthy(in_world):
    async def scenario(world):
        await steady(world)
        world.obedient = False
        await deploying(world)
        assert (stage(world), world.weights()) == ("SCALE_UP", [100, 0])
        assert len(world.live(1)) == 2
        world.obedient = True
        await world.settle()
        assert world.weights() == [0, 100]

    in_world(scenario)


def test_a_canary_bakes_with_its_share_first(in_world):
    async def scenario(world):
        await steady(world, "CANARY", canary={"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 2})
        await deploying(world)
        blue, green = world.weights()
        assert green / (blue + green) == pytest.approx(0.125, abs=0.001)
        await world.pass_time(2 * MINUTE - 5)
        assert world.weights() == [blue, green]
        await world.pass_time(10)
        assert (world.weights(), stage(world)) == ([0, 100], "BAKE_TIME")
        await world.pass_time(MINUTE + 10)
        assert status(world) == "SUCCESSFUL"

    in_world(scenario)


def test_a_linear_deployment_goes_by_steps(in_world):
    async def scenario(world):
        await steady(world, "LINEAR", linear={"stepPercent": 40.0, "stepBakeTimeInMinutes": 1})
        seen = []
        world.watched.append(lambda one: seen.append(one.weights()[1]))
        await deploying(world)
        await world.pass_time(4 * MINUTE)
        assert list(dict.fromkeys(seen)) == [0, 40, 80, 100]
        assert status(world) == "SUCCESSFUL"

    in_world(scenario)


@pytest.mark.parametrize(
    "at",
    [
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ],
)
def test_a_failing_hook_rolls_back_at_every_stage(in_world, at):
    async def scenario(world):
        await steady(world, hooks=[hook(at)])
        before = {one.task_arn for one in world.live()}
        await deploying(world)
        assert (stage(world), status(world)) == (at, "IN_PROGRESS")
        await world.answer_hook("FAILED")
        if at in {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"}:
            await world.answer_hook("SUCCEEDED")  # it hears of the way back
        await world.pass_time(20)
        assert status(world) == "ROLLBACK_SUCCESSFUL"
        assert world.attempts[-1].status_reason == (
            f"Service deployment rolled back because {at} lifecycle hook(s) failed. Lifecycle "
            f"hook target {FUNCTION} returned FAILED."
        )
        assert (world.weights(), world.weights(TEST_LISTENER)) == ([100, 0], [100, 0])
        assert {one.task_arn for one in world.live()} == before
        assert world.revision.task_definition == "web:1"

    in_world(scenario)


@pytest.mark.parametrize("answer", ["SUCCEEDED", "FAILED"])
def test_the_way_back_tells_the_functions_of_the_shifts_that_were_made(in_world, answer):
    async def scenario(world):
        hooks = [hook("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")]
        await steady(world, hooks=hooks)
        await deploying(world)
        assert stage(world) == "TEST_TRAFFIC_SHIFT"
        await world.answer_hook("FAILED")
        await world.pass_time(20)
        assert (status(world), world.weights(TEST_LISTENER)) == ("ROLLBACK_IN_PROGRESS", [100, 0])
        (asked,) = [one for one in world.attempts[-1].hooks if one.status == "IN_PROGRESS"]
        assert (asked.stage, asked.step) == ("TEST_TRAFFIC_SHIFT", -1)
        await world.answer_hook(answer)
        await world.pass_time(20)
        assert status(world) == "ROLLBACK_SUCCESSFUL"

    in_world(scenario)


def test_a_hook_that_is_not_done_is_asked_again_with_what_it_said(in_world):
    async def scenario(world):
        await steady(world, hooks=[hook("POST_SCALE_UP")])
        await deploying(world)
        await world.answer_hook("IN_PROGRESS", callBackDelay=7, hookDetails={"seen": 1})
        (run,) = world.attempts[-1].hooks
        assert (run.call, run.details) == (1, {"seen": 1})
        await world.pass_time(5)
        assert world.attempts[-1].hooks[0].call_at is not None
        await world.pass_time(3)
        (run,) = world.attempts[-1].hooks
        assert (run.call, run.call_at) == (2, None)
        await world.answer_hook("SUCCEEDED")
        assert stage(world) == "BAKE_TIME"

    in_world(scenario)


@pytest.mark.parametrize(
    ("action", "expected"), [("CONTINUE", "SUCCESSFUL"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL")]
)
def test_a_pause_waits_for_a_word(in_world, action, expected):
    async def scenario(world):
        await steady(world, hooks=[pause("POST_TEST_TRAFFIC_SHIFT")])
        await deploying(world)
        await world.pass_time(600, step=60)
        assert (stage(world), world.weights()) == ("POST_TEST_TRAFFIC_SHIFT", [100, 0])
        assert world.weights(TEST_LISTENER) == [0, 100]
        async with world.store.transaction(SCOPE) as change:
            attempt = change.get(ServiceDeployment, world.service.service_deployment_arn)
            change.put(replace(attempt, hooks=(decided(attempt.hooks[0], action),)))
        await world.settle()
        await world.pass_time(2 * MINUTE)
        assert status(world) == expected

    in_world(scenario)


@pytest.mark.parametrize(
    ("action", "expected"), [("CONTINUE", "SUCCESSFUL"), (None, "ROLLBACK_SUCCESSFUL")]
)
def test_a_pause_that_nobody_ends_does_what_was_configured(in_world, action, expected):
    async def scenario(world):
        timeout = {"timeoutInMinutes": 5} | ({"action": action} if action else {})
        await steady(world, hooks=[pause("PRE_SCALE_UP", timeoutConfiguration=timeout)])
        await deploying(world)
        await world.pass_time(4 * MINUTE, step=10)
        assert (stage(world), len(world.live(2))) == ("PRE_SCALE_UP", 0)
        await world.pass_time(4 * MINUTE, step=10)
        assert status(world) == expected

    in_world(scenario)


def test_green_that_cannot_start_is_rolled_back_by_the_breaker(in_world):
    async def scenario(world):
        await steady(world, circuit_breaker={"enable": True, "rollback": True})
        world.fails_to_start.add("web:2")
        await deploying(world)
        await world.pass_time(60)
        assert status(world) == "ROLLBACK_SUCCESSFUL"
        assert (world.weights(), len(world.live(1))) == ([100, 0], 2)

    in_world(scenario)


def test_a_newer_deployment_in_the_middle_first_gives_all_back_to_blue(in_world):
    async def scenario(world):
        await steady(world, bake_time_in_minutes=10)
        await deploying(world)
        assert world.weights() == [0, 100]
        await world.deploy(3)
        healthy_blue = []
        world.watched.append(lambda one: healthy_blue.append(len(one.live(1))))
        await world.settle()
        await world.pass_time(20)
        assert [one.status for one in world.attempts[-2:]] == ["STOPPED", "IN_PROGRESS"]
        assert (len(world.live(2)), len(world.live(3))) == (0, 2)
        assert set(healthy_blue) == {2}
        await world.pass_time(11 * MINUTE, step=5)
        assert (status(world), world.weights()) == ("SUCCESSFUL", [0, 100])
        assert (len(world.live(1)), len(world.live(3))) == (0, 2)

    in_world(scenario)


def test_while_blue_is_cleaned_up_a_newer_deployment_waits_until_it_is_whole_again(in_world):
    async def scenario(world):
        await steady(world)
        await deploying(world)
        await world.pass_time(MINUTE + 2)
        assert stage(world) == "CLEAN_UP"
        world.obedient = False
        await deploying(world, 3)
        assert (stage(world), world.weights()) == ("RECONCILE_SERVICE", [0, 100])
        assert len(world.live(2)) == 2  # it goes on serving
        world.obedient = True
        await world.settle()
        await world.pass_time(3 * MINUTE)
        assert (status(world), len(world.live(3))) == ("SUCCESSFUL", 2)

    in_world(scenario)


def test_without_both_groups_in_its_rule_a_deployment_is_rolled_back(in_world):
    async def scenario(world):
        await steady(world)
        async with world.store.transaction(SCOPE) as change:
            listener = change.get(Listener, TEST_LISTENER)
            change.put(replace(listener, default_actions=()))
        await deploying(world)
        await world.pass_time(10)
        assert status(world) == "ROLLBACK_SUCCESSFUL"
        assert "invalid networking configuration" in world.attempts[-1].status_reason

    in_world(scenario)


def test_a_shift_waits_until_the_balancer_has_it_in_force(in_world):
    async def scenario(world):
        await steady(world)
        world.deaf_balancer = True
        await deploying(world)
        await world.pass_time(5 * MINUTE, step=10)
        # Test traffic is first to move, and did not.
        assert (stage(world), len(world.live(1))) == ("TEST_TRAFFIC_SHIFT", 2)
        assert world.weights() == [100, 0]
        world.deaf_balancer = False
        await world.settle()
        assert stage(world) == "BAKE_TIME"

    in_world(scenario)


def test_a_blue_task_that_dies_meanwhile_is_replaced(in_world):
    async def scenario(world):
        await steady(world, hooks=[pause("PRE_PRODUCTION_TRAFFIC_SHIFT")])
        await deploying(world)
        dying = world.live(1)[0]
        world.report(dying, "STOPPED", exit_code=1, stop_code="EssentialContainerExited")
        await world.settle()
        assert len(world.live(1)) == 2
        assert dying.task_arn not in {one.task_arn for one in world.live(1)}

    in_world(scenario)
