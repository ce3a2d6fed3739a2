"""The history of a service: each attempt ends as what became of it."""

import pytest
from msgspec.structs import replace

from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task_end import TaskEnd
from tests.controllers.conftest import SCOPE, SHOWN

BREAKER = {"enable": True, "rollback": True}


async def steady(world, desired=2, **configuration):
    await world.found()
    await world.create_service(desired, configuration=configuration)
    await world.settle()
    assert world.service.steady


async def rolled_to(world, number):
    await world.deploy(number)
    await world.settle()


def statuses(world):
    return [one.status for one in world.attempts]


def test_a_rollout_goes_on_until_the_old_tasks_are_gone_and_is_successful(in_world):
    async def scenario(world):
        await steady(world)
        (first,) = world.attempts
        assert (first.status, first.source_revision_arns) == ("SUCCESSFUL", ())
        old = world.service.revision_arn
        await rolled_to(world, 2)
        _, second = world.attempts
        assert (second.status, second.source_revision_arns) == ("IN_PROGRESS", (old,))
        assert second.target_revision_arn == world.service.revision_arn
        await world.pass_time(60)
        _, second = world.attempts
        assert second.status == "SUCCESSFUL"
        assert second.created_at <= second.started_at < second.finished_at

    in_world(scenario)


def test_a_newer_deployment_stops_the_one_that_goes_on(in_world):
    async def scenario(world):
        await steady(world)
        await rolled_to(world, 2)
        await rolled_to(world, 3)
        assert statuses(world) == ["SUCCESSFUL", "STOPPED", "IN_PROGRESS"]
        assert "newer" in world.attempts[1].status_reason
        await world.pass_time(60)
        assert statuses(world) == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]

    in_world(scenario)


def test_the_breaker_rolls_back_and_says_so(in_world):
    async def scenario(world):
        await steady(world, circuit_breaker=BREAKER)
        good = world.service.revision_arn
        world.fails_to_start.add("web:2")
        await rolled_to(world, 2)
        await world.pass_time(30)
        attempt = world.attempts[-1]
        assert attempt.status == "ROLLBACK_SUCCESSFUL"
        assert attempt.status_reason == (
            "Service deployment rolled back because the circuit breaker threshold was exceeded."
        )
        assert (attempt.rollback_revision_arn, attempt.failure_count) == (
            good,
            4,
        )  # two were launched at a time
        assert attempt.breaker_triggered
        assert world.service.revision_arn == good

    in_world(scenario)


def test_with_nothing_to_go_back_to_a_failed_deployment_stops(in_world):
    async def scenario(world):
        await world.found()
        world.fails_to_start.add("web:1")
        await world.create_service(2, configuration={"circuit_breaker": BREAKER})
        await world.settle()
        await world.pass_time(60)
        assert statuses(world) == ["STOPPED"]
        assert world.service.deployments[0].rollout_state == "FAILED"
        assert world.live() == []

    in_world(scenario)


def test_a_way_back_that_fails_too_is_told(in_world):
    async def scenario(world):
        await steady(world, circuit_breaker=BREAKER)
        world.fails_to_start.add("web:2")
        await world.deploy(2)
        world.crashes.add("web:1")
        world.unhealthy_targets.add("web:1")
        world.fails_to_start.add("web:1")
        await world.settle()
        await world.pass_time(200, step=5)
        assert world.attempts[-1].status == "ROLLBACK_FAILED"
        assert world.service.deployments[0].rollout_state == "FAILED"

    in_world(scenario)


def test_one_that_is_to_stop_goes_back(in_world):
    async def scenario(world):
        await steady(world)
        before = {one.task_arn for one in world.live()}
        world.obedient = False
        await rolled_to(world, 2)
        async with world.store.transaction(SCOPE) as change:
            attempt = change.get(ServiceDeployment, world.service.service_deployment_arn)
            change.put(replace(attempt, status="ROLLBACK_REQUESTED"))
        world.obedient = True
        await world.settle()
        await world.pass_time(60)
        assert statuses(world) == ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]
        assert {one.task_arn for one in world.live()} == before
        assert world.revision.task_definition == "web:1"

    in_world(scenario)


@pytest.mark.parametrize("cleanup", ["DEFERRED", "BLOCKING"])
def test_a_deployment_may_count_as_successful_early(in_world, cleanup):
    async def scenario(world):
        criteria = {
            "enable": True,
            "healthyPercent": 50,
            "sourceServiceRevisionCleanup": cleanup,
        }
        await steady(world, 4, minimum_healthy_percent=50, early_success=criteria)
        await rolled_to(world, 2)
        deferred = cleanup == "DEFERRED"
        # The old tasks still drain.
        assert len(world.service.deployments) == 2
        assert (statuses(world)[-1] == "SUCCESSFUL") is deferred
        assert (world.service.deployments[0].rollout_state == "COMPLETED") is deferred
        assert not world.service.steady
        await world.pass_time(60)
        assert statuses(world)[-1] == "SUCCESSFUL"
        assert world.service.steady
        assert len(world.live(2)) == 4
        completed = [one for one in world.events if "deployment completed" in one]
        assert len(completed) == 2

    in_world(scenario)


def test_history_is_forgotten_after_ninety_days_but_not_what_is_deployed(in_world):
    async def scenario(world):
        await steady(world)
        await rolled_to(world, 2)
        await world.pass_time(60)
        day = 24 * 3600.0
        await world.pass_time(89 * day, step=day)
        assert len(world.attempts) == 2
        await world.pass_time(2 * day, step=day)
        (kept,) = world.attempts
        assert kept.target_revision_arn == world.service.revision_arn
        # What a rollback would go to is kept, however long ago it was.
        world.obedient = False
        await rolled_to(world, 3)
        await world.pass_time(100 * day, step=day)
        assert world.view.get(ServiceRevision, kept.target_revision_arn) is not None
        world.obedient = True
        await world.settle()
        await world.pass_time(60)
        assert statuses(world)[-1] == "SUCCESSFUL"

    in_world(scenario)


def test_stopped_tasks_are_shown_as_long_as_was_asked_for(in_world):
    async def scenario(world):
        await steady(world)
        await rolled_to(world, 2)
        await world.pass_time(60)
        ended = {one.task_arn for one in world.tasks if one.last_status == "STOPPED"}
        assert ended
        await world.pass_time(SHOWN.total_seconds() - 120, step=60)
        assert ended <= {one.task_arn for one in world.tasks}
        await world.pass_time(180, step=60)
        assert not ended & {one.task_arn for one in world.tasks}
        # How they ended is known for longer.
        assert ended <= {one.task_arn for one in world.view.select(TaskEnd)}

    in_world(scenario)
