"""Services move to what is wanted, within their limits, and tell how."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.task import Task
from ecsd.records.elbv2.target_group import Target
from tests.controllers.conftest import SCOPE

BREAKER = {"enable": True, "rollback": True}


async def steady(world, desired=2, **members):
    """A service in its steady state."""
    await world.found()
    await world.create_service(desired, **members)
    await world.settle()
    assert world.service.steady


async def roll_to(world, revision, *, balanced=True):
    await world.deploy(revision, balanced=balanced)
    await world.settle()


def test_a_new_service_starts_registers_and_becomes_steady(in_world):
    async def scenario(world):
        await steady(world)
        assert [one.last_status for one in world.tasks] == ["RUNNING", "RUNNING"]
        assert {one.availability_zone for one in world.tasks} == {"us-east-1a", "us-east-1b"}
        assert len(world.view.select(Target)) == 2
        (first,) = world.service.deployments
        assert first.rollout_state == "COMPLETED"
        tasks = " ".join(f"(task {one.task_id})" for one in world.tasks)
        assert world.events[0] == f"(service web) has started 2 tasks: {tasks}."
        assert world.events.count("(service web) has reached a steady state.") == 1
        assert world.events[-2].endswith("deployment completed.")

    in_world(scenario)


def test_a_task_counts_only_when_its_target_is_healthy(in_world):
    async def scenario(world):
        await world.found()
        world.unhealthy_targets.add("web:1")
        await world.create_service(2, health_check_grace_period_seconds=3600)
        await world.settle()
        assert [one.last_status for one in world.tasks] == ["RUNNING", "RUNNING"]
        assert not world.service.steady
        assert world.service.deployments[0].rollout_state == "IN_PROGRESS"

    in_world(scenario)


def test_old_tasks_are_drained_for_the_whole_delay_before_they_are_signalled(in_world):
    async def scenario(world):
        await steady(world)
        old = [one.task_arn for one in world.tasks]
        await roll_to(world, 2)
        leaving = [one for one in world.tasks if one.task_arn in old]
        assert {one.last_status for one in leaving} == {"DEACTIVATING"}
        await world.pass_time(29)
        leaving = [one for one in world.tasks if one.task_arn in old]
        assert {one.last_status for one in leaving} == {"DEACTIVATING"}
        await world.pass_time(2)
        leaving = [one for one in world.tasks if one.task_arn in old]
        assert {one.last_status for one in leaving} == {"STOPPED"}
        assert {one.stop_code for one in leaving} == {"ServiceSchedulerInitiated"}
        (only,) = world.service.deployments
        assert world.revision.task_definition == "web:2"
        assert only.rollout_state == "COMPLETED"

    in_world(scenario)


@pytest.mark.parametrize(
    ("minimum", "maximum"), [(100, 200), (50, 100), (0, 100), (75, 150), (50, 200)]
)
@pytest.mark.parametrize("desired", [1, 2, 5])
def test_the_percentages_hold_in_every_state_of_a_rollout(in_world, desired, minimum, maximum):
    async def scenario(world):
        await world.found(delay=5)
        await world.create_service(
            desired,
            configuration={"minimum_healthy_percent": minimum, "maximum_percent": maximum},
        )
        await world.settle()
        floor = -(-desired * minimum // 100)
        ceiling = desired * maximum // 100
        seen = []

        def watch(world):
            counted = [
                one
                for one in world.tasks
                if one.last_status in {"PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"}
            ]
            healthy = [one for one in counted if one.healthy_at and one.desired_status == "RUNNING"]
            seen.append((len(healthy), len(counted)))

        world.watched.append(watch)
        await roll_to(world, 2)
        await world.pass_time(60)
        assert min(healthy for healthy, _ in seen) >= floor
        assert max(counted for _, counted in seen) <= ceiling
        if floor < ceiling:
            assert len(world.live(2)) == desired
            assert world.live(1) == []

    in_world(scenario)


def test_a_dead_task_is_replaced_at_once_and_the_event_tells_why(in_world):
    async def scenario(world):
        await steady(world)
        victim = world.tasks[0]
        world.report(
            victim,
            "STOPPED",
            exit_code=137,
            stop_code="EssentialContainerExited",
            stopped_reason="Essential container in task exited",
        )
        await world.settle()
        assert len(world.live()) == 2
        assert world.service.steady
        told = next(one for one in world.events if "has stopped due to" in one)
        assert f"(task {victim.task_id})" in told
        assert "container app exited with code 137" in told
        assert world.service.deployments[0].failed_tasks == 0

    in_world(scenario)


def test_an_unhealthy_target_is_replaced_first_and_stopped_when_its_replacement_is_well(in_world):
    async def scenario(world):
        await steady(world)
        victim = world.tasks[0]
        (target,) = world.view.select(Target, task_arn=victim.task_arn)
        world.obedient = False
        world.report_target(target, "unhealthy", "Health checks failed with these codes: [503]")
        await world.settle()
        assert len(world.live()) == 3
        assert victim.task_arn in [one.task_arn for one in world.live()]
        world.obedient = True
        await world.settle()
        await world.pass_time(31)
        ended = next(one for one in world.tasks if one.task_arn == victim.task_arn)
        assert ended.last_status == "STOPPED"
        assert ended.stopped_reason.startswith("Task failed ELB health checks in (target-group arn")
        assert any(
            "is unhealthy in (target-group" in one
            and "due to (reason Health checks failed with these codes: [503])." in one
            for one in world.events
        )
        assert len(world.live()) == 2

    in_world(scenario)


def test_an_unhealthy_container_is_left_alone_until_its_grace_period_ends(in_world):
    async def scenario(world):
        await world.found(health_check=True)
        world.obedient = False
        await world.create_service(1, balanced=False, health_check_grace_period_seconds=60)
        await world.settle()
        (task,) = world.tasks
        world.report(task, "RUNNING", health="UNHEALTHY")
        await world.settle()
        await world.pass_time(59)
        assert len(world.tasks) == 1
        await world.pass_time(2)
        assert len(world.tasks) == 2
        world.report(world.tasks[1], "RUNNING", health="HEALTHY")
        await world.settle()
        ended = world.view.get(type(task), task.task_arn)
        assert ended.stopped_reason == "Task failed container health checks"

    in_world(scenario)


def test_the_breaker_fails_a_deployment_that_cannot_start_and_rolls_back(in_world):
    async def scenario(world):
        await steady(world, configuration={"circuit_breaker": BREAKER})
        good = world.service.deployments[0].deployment_id
        before = {one.task_arn for one in world.live()}
        world.fails_to_start.add("web:2")
        await roll_to(world, 2)
        await world.pass_time(30)
        bad = next(
            one for one in world.events if "deployment failed: tasks failed to start." in one
        )
        assert f"(service web) rolling back to deployment {good}." in world.events
        assert world.events.index(bad) < world.events.index(
            f"(service web) rolling back to deployment {good}."
        )
        assert {one.task_arn for one in world.live()} == before
        (only,) = world.service.deployments
        assert (only.deployment_id, only.rollout_state) == (good, "COMPLETED")
        assert world.revision.task_definition == "web:1"
        assert any("was unable to place a task. Reason: CannotPull" in one for one in world.events)

    in_world(scenario)


def test_the_breaker_fails_a_deployment_whose_tasks_crash(in_world):
    async def scenario(world):
        await steady(world, configuration={"circuit_breaker": BREAKER})
        world.crashes.add("web:2")
        # Its tasks die before a check has passed.
        world.unhealthy_targets.add("web:2")
        await roll_to(world, 2)
        await world.pass_time(70)
        assert len(world.live(1)) == 2
        assert world.live(2) == []
        assert world.service.deployments[0].rollout_state == "COMPLETED"

    in_world(scenario)


def test_without_rollback_a_failed_deployment_stays_failed_and_starts_nothing(in_world):
    async def scenario(world):
        await steady(world, configuration={"circuit_breaker": {"enable": True, "rollback": False}})
        world.fails_to_start.add("web:2")
        await roll_to(world, 2)
        await world.pass_time(30)
        started = len(world.tasks)
        await world.pass_time(600, step=30)
        assert len(world.tasks) <= started
        first = world.service.deployments[0]
        assert first.rollout_state == "FAILED"
        assert len(world.live(1)) == 2

    in_world(scenario)


def test_tasks_that_never_start_are_tried_ever_more_rarely(in_world):
    async def scenario(world):
        await world.found()
        world.fails_to_start.add("web:1")
        await world.create_service(1)
        await world.settle()
        await world.pass_time(200)
        tries = len(world.tasks)
        assert 5 <= tries <= 12
        assert "(service web) is unable to consistently start tasks successfully." in world.events
        await world.pass_time(200)
        assert len(world.tasks) - tries <= 2

    in_world(scenario)


def test_scaling_in_and_out_keeps_the_deployment(in_world):
    async def scenario(world):
        await steady(world)
        await world.change_service(lambda one: replace(one, desired_count=4, steady=False))
        await world.settle()
        assert len(world.live()) == 4
        await world.change_service(lambda one: replace(one, desired_count=1, steady=False))
        await world.settle()
        await world.pass_time(31)
        assert len(world.live()) == 1
        assert world.service.steady
        assert len(world.view.select(NetworkInterface)) == 1
        stopped = [one for one in world.tasks if one.last_status == "STOPPED"]
        deployment = world.service.deployments[0].deployment_id
        assert {one.stopped_reason for one in stopped} == {
            f"Scaling activity initiated by (deployment {deployment})"
        }

    in_world(scenario)


def test_a_deleted_service_drains_its_tasks_and_becomes_inactive(in_world):
    async def scenario(world):
        await steady(world)
        await world.change_service(
            lambda one: replace(
                one, status="DRAINING", desired_count=0, deleted_at=world.clock.now()
            )
        )
        await world.settle()
        assert world.service.status == "DRAINING"
        await world.pass_time(31)
        assert world.service.status == "INACTIVE"
        assert world.view.select(NetworkInterface) == []
        assert world.view.select(Target) == []
        await world.pass_time(3700, step=600)
        assert world.service is None
        assert world.tasks == []

    in_world(scenario)


def test_a_task_without_any_check_is_healthy_only_after_it_has_run_a_while(in_world):
    async def scenario(world):
        await world.found()
        await world.create_service(1, balanced=False)
        await world.settle()
        assert not world.service.steady
        await world.pass_time(3)
        assert world.service.steady

    in_world(scenario)


def test_tasks_whose_health_is_asked_anew_in_the_middle_of_a_rollout_go_on_serving(in_world):
    """An agent that lost what it knew reports its targets as initial until it has asked them."""

    async def scenario(world):
        await steady(world)
        old = {one.task_arn for one in world.tasks}
        world.obedient = False
        for target in world.view.select(Target):
            world.report_target(target, "initial")
        await world.settle()
        await roll_to(world, 2)
        assert {one.task_arn for one in world.tasks if one.desired_status == "RUNNING"} > old
        world.obedient = True
        await world.pass_time(60)
        assert world.service.steady
        assert {one.task_definition for one in world.live()} == {"web:2"}

    in_world(scenario)


@pytest.mark.parametrize("restarted", [False, True])
def test_while_no_host_is_connected_tasks_wait_and_start_when_one_comes(in_world, restarted):
    async def scenario(world):
        await world.found()
        if restarted:  # a new server: no agent has connected to it yet
            await world.observations.begin()
        else:
            await world.observations.host_went("host-1")
        await world.create_service(1)
        await world.settle()
        (task,) = world.tasks
        assert (task.host, task.last_status) == (None, "PROVISIONING")
        await world.pass_time(5)
        await world.observations.host_came("host-1", "boot-1")
        await world.settle()
        assert world.service.steady

    in_world(scenario)


def test_doubled_and_late_reports_change_nothing(in_world):
    async def scenario(world):
        await steady(world)
        before = world.tasks
        for task in before:
            world.report(task, "PENDING")
            world.report(task, "RUNNING")
            world.report(task, "RUNNING")
        await world.settle()
        assert world.tasks == before
        await world.pass_time(timedelta(minutes=5).total_seconds(), step=60)
        assert world.tasks == before

    in_world(scenario)


async def protect(world, tasks, seconds):
    until = world.clock.now() + timedelta(seconds=seconds)
    async with world.store.transaction(SCOPE) as change:
        for task in tasks:
            change.put(replace(change.get(Task, task.task_arn), protected_until=until))
    await world.settle()


def test_a_protected_task_outlives_a_scale_in_until_its_time_is_over(in_world):
    async def scenario(world):
        await steady(world, 3)
        await protect(world, world.live(), 120)
        await world.change_service(lambda service: replace(service, desired_count=1))
        await world.pass_time(100, step=10)
        assert len(world.live()) == 3
        blocked = "2 tasks under protection"
        assert sum(blocked in words for words in world.events) == 1
        await world.pass_time(60)
        assert len(world.live()) == 1
        assert world.service.steady

    in_world(scenario)


def test_a_protected_task_blocks_a_deployment_but_not_the_others(in_world):
    async def scenario(world):
        await steady(world)
        kept, other = world.live()
        await protect(world, [kept], 120)
        await roll_to(world, 2)
        await world.pass_time(60)
        assert {one.task_arn for one in world.live(1)} == {kept.task_arn}
        assert len(world.live(2)) == 2
        assert len(world.service.deployments) == 2
        deployment = world.service.deployments[0].deployment_id
        assert (
            f"(service web) was unable to reach steady state because (taskSet {deployment}) was "
            "unable to scale in due to (reason 1 tasks under protection)" in world.events
        )
        await world.pass_time(120)
        assert world.live(1) == []
        assert world.service.steady
        assert other.task_arn not in {one.task_arn for one in world.live()}

    in_world(scenario)


def test_protection_does_not_keep_a_failing_task(in_world):
    async def scenario(world):
        await steady(world)
        sick = world.live()[0]
        await protect(world, [sick], 3600)
        (target,) = world.view.select(Target, task_arn=sick.task_arn)
        world.report_target(target, "unhealthy", "Health checks failed")
        await world.settle()
        await world.pass_time(60)
        assert sick.task_arn not in {one.task_arn for one in world.live()}
        assert len(world.live()) == 2

    in_world(scenario)


def test_what_the_first_task_runs_the_others_run_too_until_a_new_deployment(in_world):
    async def scenario(world):
        await steady(world, 1)
        assert world.revision.image_digests == {"app": "sha256:1"}
        world.digest = "sha256:2"  # the tag moves
        await world.change_service(lambda service: replace(service, desired_count=2))
        await world.settle()
        first, second = sorted(world.live(), key=lambda one: one.created_at)
        assert first.image_references == {}
        assert second.image_references == {"app": "app@sha256:1"}
        await roll_to(world, 1)  # the same definition again
        await world.pass_time(60)
        assert world.revision.image_digests == {"app": "sha256:2"}

    in_world(scenario)
