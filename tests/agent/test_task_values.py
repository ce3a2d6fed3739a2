"""A task's containers get their values at start, and nobody else does."""

import logging

import pytest
from msgspec.structs import replace

from ecsd.agent.containers.startup_values import StartupValuesError
from ecsd.decisions.containers.startup_values import Login, Values
from ecsd.records.plan import RolesPlan
from tests.agent.task_world import ARN, plan
from tests.agent.test_startup_values import ROLE

CONTAINER = {
    "name": "app",
    "environment": [{"name": "A", "value": "1"}],
    "secrets": [{"name": "PASSWORD", "valueFrom": "p"}],
}
ROLES = RolesPlan(task_arn=ARN, endpoint_key="k", execution=ROLE)


class Source:
    """Gives values, refuses with words, or waits; ``asked``: with which credentials."""

    def __init__(self, values):
        self.values, self.words, self.asked = values, None, []

    async def resolve(self, asked, execution):
        self.asked.append(execution)
        if self.words:
            raise StartupValuesError(self.words)
        return self.values


@pytest.fixture
def source():
    return Source(Values({"p": "hunter2"}))


@pytest.fixture
def acting(live, source):
    """Run a scenario whose tasks have an execution role and values."""

    def run(scenario):
        async def prepared(world):
            world.tasks._host.startup_values = source
            await world.roles.apply(ROLES)
            await scenario(world)

        live(prepared)

    return run


def wanted(*containers, **more):
    return plan(*(containers or (CONTAINER,)), execution_role=True, **more)


def test_values_are_in_the_environment_and_nowhere_else(acting, source, caplog):
    caplog.set_level(logging.DEBUG)

    async def scenario(world):
        asked = wanted()
        await world.apply(asked)
        assert world.last().phase == "RUNNING"
        [body] = [one for name, one in world.engine.bodies.items() if name.endswith("app")]
        assert {"A=1", "PASSWORD=hunter2"} <= set(body["Env"])
        assert "hunter2" not in str({**body, "Env": None})
        assert source.asked == [ROLE]
        assert "hunter2" not in str(asked) + str(world.heard) + caplog.text

    acting(scenario)


def test_a_value_that_cannot_be_had_stops_the_task(acting, source):
    async def scenario(world):
        source.words = "ResourceInitializationError: unable to pull secrets"
        await world.apply(wanted())
        last = world.last()
        assert (last.phase, last.stop_code) == ("STOPPED", "TaskFailedToStart")
        assert last.stopped_reason == source.words
        assert ("create", "app") not in world.engine.calls

    acting(scenario)


def test_a_task_waits_for_its_credentials_and_can_be_stopped_meanwhile(live, source):
    async def scenario(world):
        world.tasks._host.startup_values = source
        await world.apply(wanted())
        assert source.asked == []
        await world.apply(wanted(desired_status="STOPPED"))
        assert world.last().phase == "STOPPED"

    live(scenario)


def test_each_start_asks_anew(acting, source):
    async def scenario(world):
        await world.apply(wanted())
        source.values = Values({"p": "hunter3"})
        other = f"{ARN}4"
        await world.roles.apply(replace(ROLES, task_arn=other))
        await world.apply(wanted(task_arn=other))
        found = [line for one in world.engine.bodies.values() for line in one.get("Env", ())]
        assert [one for one in found if one.startswith("PASSWORD")] == [
            "PASSWORD=hunter2",
            "PASSWORD=hunter3",
        ]

    acting(scenario)


def test_values_are_forgotten_when_every_container_is_made(acting, source):
    async def scenario(world):
        await world.apply(wanted(CONTAINER, {**CONTAINER, "name": "side"}))
        assert world.last().phase == "RUNNING"
        assert world.tasks._runners[ARN]._containers._values == Values()

    acting(scenario)


def test_a_launch_that_begins_anew_asks_anew(acting, source):
    async def scenario(world):
        await world.tasks.apply(wanted())
        await world.clock.advance(0.25)  # the container is made, its pause is not up
        world.engine.hang_up()
        await world.clock.advance(1)
        source.values = Values({"p": "hunter3"})
        world.engine.away = False
        await world.clock.advance(5)
        assert world.last().phase == "RUNNING"
        [body] = [one for name, one in world.engine.bodies.items() if name.endswith("app")]
        assert "PASSWORD=hunter3" in body["Env"]
        assert len(source.asked) == 2

    acting(scenario)


def test_a_private_image_is_pulled_with_its_login(acting, source):
    async def scenario(world):
        source.values = Values(registries={"r": Login("u", "p")})
        world.engine.registry.add("far:1")
        world.engine.private["far:1"] = Login("u", "p")
        far = {"name": "app", "image": "far:1"}
        await world.apply(
            wanted({**far, "repositoryCredentials": {"credentialsParameter": "r"}}), 5
        )
        assert world.last().phase == "RUNNING"

    acting(scenario)


def test_a_private_image_without_login_is_refused(acting):
    async def scenario(world):
        world.engine.registry.add("far:1")
        world.engine.private["far:1"] = Login("u", "p")
        await world.apply(wanted({"name": "app", "image": "far:1"}), 5)
        assert "pull access denied" in world.last().stopped_reason

    acting(scenario)
