"""Deployments that shift the traffic of names: who answers, who is tested, and what waits."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.connect.service_connect_plan import Logs, compile_proxy
from ecsd.link.messages import PlanApplied
from ecsd.records.ecs.service import DeploymentConfiguration
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.data_plane import proxy_parts
from tests.controllers.conftest import SCOPE, SERVICE
from tests.controllers.test_service_connect import offer
from tests.controllers.test_traffic_shift import MINUTE, hook, stage, status

LOGS = Logs("http://logs", "0", "us-east-1")


async def steady(world, strategy="BLUE_GREEN", *, hooks=(), balanced=False, **configuration):
    """A service of two tasks with a name, whose first deployment is over."""
    await world.found(delay=5)
    await world.found_registry()
    world.registries = ()
    world.connect = offer(discoveryName="front")
    defaults = {"strategy": strategy, "bake_time_in_minutes": 5}
    await world.create_service(2, balanced=balanced, configuration=defaults | configuration)
    await world.settle()
    await world.pass_time(10 * MINUTE, step=5)
    assert world.service.steady
    configured = replace(world.service.deployment_configuration, lifecycle_hooks=tuple(hooks))
    await world.change_service(lambda one: replace(one, deployment_configuration=configured))


async def deploy(world, number=2, *, balanced=False):
    """Begin a deployment; its tasks count once they have run for a while."""
    await world.deploy(number, balanced=balanced)
    await world.settle()
    await world.pass_time(MINUTE, step=5)


def percents(world, task=None):
    """Return what blue's and green's tasks (web:1, web:2) get, by a client's proxy."""
    plan = compile_proxy(proxy_parts(world.view, (task or world.live()[0]).task_arn), {}, LOGS)
    revisions = {one.task_id: one.task_definition for one in world.tasks}
    weights = {"web:1": 0, "web:2": 0}
    for one in plan.names[0].endpoints:
        weights[revisions[one.instance_id]] += one.weight
    return tuple(round(100 * one / sum(weights.values())) for one in weights.values())


def under_test(world):
    """Return the revisions that test traffic goes to."""
    plan = compile_proxy(proxy_parts(world.view, world.live()[0].task_arn), {}, LOGS)
    revisions = {one.task_id: one.task_definition for one in world.tasks}
    return {revisions[one.instance_id] for one in plan.names[0].endpoints if one.tested}


def shares(world):
    (one,) = world.view.select(DiscoveryService, ecs_service_arn=SERVICE)
    return one.shares


@pytest.mark.parametrize("balanced", [False, True])
def test_green_answers_to_the_names_after_the_shift_and_alone_in_the_end(in_world, balanced):
    async def scenario(world):
        await steady(world, balanced=balanced)
        seen = []
        world.watched.append(lambda one: seen.append((stage(one), percents(one))))
        await deploy(world, balanced=balanced)
        assert stage(world) == "BAKE_TIME"
        assert (percents(world), under_test(world)) == ((0, 100), {"web:2"})
        if balanced:
            assert world.weights() == [0, 100]
        before = ("PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT")
        early = {found for at, found in seen if at in before}
        assert early == {(100, 0)}
        await world.pass_time(5 * MINUTE, step=5)
        assert (status(world), shares(world)) == ("SUCCESSFUL", None)
        assert {one.task_definition for one in world.live()} == {"web:2"}

    in_world(scenario)


def test_a_canary_has_its_percent_and_steps_are_linear(in_world):
    async def scenario(world):
        await steady(world, "LINEAR", linear={"stepPercent": 40.0, "stepBakeTimeInMinutes": 1})
        seen = []
        world.watched.append(lambda one: seen.append(percents(one)[1]))
        await deploy(world)
        await world.pass_time(9 * MINUTE, step=5)
        assert list(dict.fromkeys(seen)) == [0, 40, 80, 100]
        assert status(world) == "SUCCESSFUL"

    in_world(scenario)


@pytest.mark.parametrize(
    ("at", "wanted", "test"),
    [
        ("POST_SCALE_UP", (100, 0), set()),
        ("TEST_TRAFFIC_SHIFT", (100, 0), {"web:2"}),
        ("POST_TEST_TRAFFIC_SHIFT", (100, 0), {"web:2"}),
        ("PRE_PRODUCTION_TRAFFIC_SHIFT", (100, 0), {"web:2"}),
        ("PRODUCTION_TRAFFIC_SHIFT", (0, 100), {"web:2"}),
        ("POST_PRODUCTION_TRAFFIC_SHIFT", (0, 100), {"web:2"}),
    ],
)
def test_at_each_stage_names_lead_where_it_says_and_a_rollback_leads_all_to_blue(
    in_world, at, wanted, test
):
    async def scenario(world):
        await steady(world, hooks=[hook(at)])
        before = {one.task_arn for one in world.live()}
        await deploy(world)
        assert (stage(world), percents(world), under_test(world)) == (at, wanted, test)
        seen = []
        world.watched.append(lambda one: seen.append((percents(one), under_test(one))))
        await world.answer_hook("FAILED")
        if at in {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"}:
            await world.answer_hook("SUCCEEDED")  # it hears of the way back
        await world.pass_time(20)
        assert (status(world), shares(world)) == ("ROLLBACK_SUCCESSFUL", None)
        assert {one.task_arn for one in world.live()} == before
        assert all(one in ((wanted, test), ((100, 0), set())) for one in seen)

    in_world(scenario)


def test_a_deployment_that_is_stopped_on_request_gives_all_back(in_world):
    async def scenario(world):
        await steady(world, "CANARY", canary={"canaryPercent": 25.0, "canaryBakeTimeInMinutes": 9})
        await deploy(world)
        assert percents(world) == (75, 25)
        async with world.store.transaction(SCOPE) as change:
            attempt = change.get(ServiceDeployment, world.service.service_deployment_arn)
            change.put(replace(attempt, status="ROLLBACK_REQUESTED"))
        await world.settle()
        await world.pass_time(30)
        assert (status(world), shares(world)) == ("ROLLBACK_SUCCESSFUL", None)
        assert {one.task_definition for one in world.live()} == {"web:1"}

    in_world(scenario)


def test_a_shift_that_is_given_up_without_a_rollback_leaves_traffic_with_blue(in_world):
    async def scenario(world):
        breaker = {"enable": True, "rollback": False}
        await steady(world, hooks=[hook("POST_SCALE_UP")], circuit_breaker=breaker)
        await deploy(world)
        assert len(world.live(2)) == 2
        world.fails_to_start.add("web:2")
        for one in world.live(2)[1:]:
            world.report(one, "STOPPED", exit_code=1, stop_code="EssentialContainerExited")
        await world.settle()
        await world.pass_time(MINUTE)
        assert status(world) == "STOPPED"
        assert len(world.live(2)) == 1
        assert percents(world, world.live(1)[0]) == (100, 0)
        await world.change_service(
            lambda one: replace(one, deployment_configuration=DeploymentConfiguration())
        )
        await deploy(world, 3)
        await world.pass_time(10 * MINUTE, step=5)
        assert (status(world), shares(world)) == ("SUCCESSFUL", None)

    in_world(scenario)


def test_a_shift_waits_until_every_proxy_was_seen_to_follow_and_says_what_keeps_one(in_world):
    async def scenario(world):
        await steady(world)
        world.deaf_proxies = True
        await deploy(world)
        await world.pass_time(5 * MINUTE, step=10)
        assert (stage(world), len(world.live(2))) == ("PRE_SCALE_UP", 0)  # blue's share is first
        (first, _) = world.live(1)
        told = PlanApplied(key=f"connect/{first.task_arn}", fault="HAProxy is gone")
        world.observations.receive("host-1", told)
        await world.settle()
        words = f"Reason: the proxy of task {first.task_id}: HAProxy is gone."
        assert any(words in one for one in world.events)
        world.deaf_proxies = False
        await world.settle()
        await world.pass_time(MINUTE, step=5)
        assert stage(world) == "BAKE_TIME"

    in_world(scenario)


def test_a_third_revision_gets_nothing_while_blue_and_green_go_on(in_world):
    async def scenario(world):
        await steady(world)
        await deploy(world)
        assert percents(world) == (0, 100)
        await world.deploy(3, balanced=False)
        third = []

        def look(one):
            if stage(one) not in {None, "RECONCILE_SERVICE"} and one.live(1):
                third.append(percents_of(one, "web:2"))

        world.watched.append(look)
        await world.settle()
        await world.pass_time(MINUTE, step=5)
        assert third
        assert set(third) == {0}
        assert len(world.live(3)) == 2

    in_world(scenario)


def percents_of(world, definition):
    plan = compile_proxy(proxy_parts(world.view, world.live(1)[0].task_arn), {}, LOGS)
    revisions = {one.task_id: one.task_definition for one in world.tasks}
    endpoints = plan.names[0].endpoints
    return sum(one.weight for one in endpoints if revisions[one.instance_id] == definition)


def test_where_blue_has_no_endpoint_left_green_answers(in_world):
    async def scenario(world):
        await steady(world, hooks=[hook("POST_SCALE_UP")])
        await deploy(world)
        world.obedient = False
        for one in world.live(1):
            world.report(one, "STOPPED", exit_code=1, stop_code="EssentialContainerExited")
        await world.settle()
        assert percents(world, world.live(2)[0]) == (0, 100)

    in_world(scenario)


def test_unchanged_shares_are_not_stored_anew(in_world):
    async def scenario(world):
        await steady(world, hooks=[hook("POST_PRODUCTION_TRAFFIC_SHIFT")])
        await deploy(world)
        assert stage(world) == "POST_PRODUCTION_TRAFFIC_SHIFT"
        stored = []
        world.store.watch((DiscoveryService,), stored.extend)
        await world.pass_time(30)
        assert stored == []

    in_world(scenario)
