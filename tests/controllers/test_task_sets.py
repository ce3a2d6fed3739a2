"""Task sets run their shares, become steady, and go when they are deleted."""

from msgspec.structs import replace

from ecsd.decisions.services.deployment import new_deployment
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task_set import TaskSet
from tests.controllers.conftest import CLUSTER, SCOPE, SERVICE


async def external(world, desired=4):
    await world.found(delay=5)
    async with world.store.transaction(SCOPE) as change:
        change.put(
            Service(
                arn=SERVICE,
                name="web",
                cluster="prod",
                cluster_arn=CLUSTER,
                desired_count=desired,
                deployments=(),
                deployment_controller="EXTERNAL",
                launch_type="FARGATE",
                created_by="me",
                created_at=world.clock.now(),
            )
        )


async def add_set(world, number, percent):
    """Add a task set of a revision, as CreateTaskSet does; returns its ARN."""
    now = world.clock.now()
    async with world.store.transaction(SCOPE) as change:
        service = change.get(Service, SERVICE)
        revision = world.new_revision(number, True, service)
        first = replace(new_deployment(revision, now), status="ACTIVE")
        task_set = TaskSet(
            arn=f"arn:aws:ecs:us-east-1:000000000000:task-set/prod/web/{first.deployment_id}",
            task_set_id=first.deployment_id,
            service_arn=SERVICE,
            cluster_arn=CLUSTER,
            revision_arn=revision.arn,
            percent=percent,
            stable_at=now,
            created_at=now,
            updated_at=now,
        )
        deployments = (*service.deployments, first)
        change.put(revision, task_set, replace(service, deployments=deployments))
    await world.settle()
    return task_set.arn


async def change_set(world, arn, **members):
    async with world.store.transaction(SCOPE) as change:
        change.put(replace(change.get(TaskSet, arn), **members))
    await world.settle()


def test_each_set_runs_its_share_and_becomes_steady(in_world):
    async def scenario(world):
        await external(world)
        blue = await add_set(world, 1, 100)
        green = await add_set(world, 2, 30)
        assert (len(world.live(1)), len(world.live(2))) == (4, 2)
        assert all(world.view.get(TaskSet, one).stable for one in (blue, green))
        name = green.rpartition("/web/")[2]
        assert f"(service web, taskSet {name}) has reached a steady state." in world.events
        assert {one.started_by for one in world.live(2)} == {name}
        await change_set(world, green, percent=100.0)
        assert len(world.live(2)) == 4
        await change_set(world, blue, percent=0.0)
        await world.pass_time(30)
        assert (len(world.live(1)), len(world.live(2))) == (0, 4)
        assert world.view.get(TaskSet, blue).stable

    in_world(scenario)


def test_a_set_whose_targets_fail_is_not_steady_and_its_tasks_are_replaced(in_world):
    async def scenario(world):
        await external(world, 2)
        world.unhealthy_targets.add("web:1")
        arn = await add_set(world, 1, 100)
        await world.pass_time(20)
        assert not world.view.get(TaskSet, arn).stable
        assert any("failed ELB health checks" in (one.stopped_reason or "") for one in world.tasks)

    in_world(scenario)


def test_a_deleted_set_drains_and_goes_with_its_deployment(in_world):
    async def scenario(world):
        await external(world)
        arn = await add_set(world, 1, 100)
        await add_set(world, 2, 50)
        await change_set(world, arn, status="DRAINING")
        assert world.view.get(TaskSet, arn) is not None
        await world.pass_time(30)
        assert world.view.get(TaskSet, arn) is None
        assert len(world.service.deployments) == 1
        assert (len(world.live(1)), len(world.live(2))) == (0, 2)

    in_world(scenario)


def test_a_deleted_service_ends_every_set(in_world):
    async def scenario(world):
        await external(world)
        await add_set(world, 1, 100)
        await world.change_service(
            lambda one: replace(
                one, status="DRAINING", desired_count=0, deleted_at=world.clock.now()
            )
        )
        await world.pass_time(30)
        assert world.service.status == "INACTIVE"
        assert world.view.select(TaskSet) == []
        await world.pass_time(3700, step=600)
        assert world.service is None

    in_world(scenario)
