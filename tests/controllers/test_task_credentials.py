"""Sessions of tasks' roles, in virtual time: opened, told to the host, renewed, ended."""

import asyncio
import json
from datetime import timedelta

from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.task_credentials import TaskCredentialsController
from ecsd.decisions.tasks.task_roles import cannot_assume
from ecsd.ids import SeededIds
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.iam.role import Role
from ecsd.records.iam.session import Session
from ecsd.settings import Settings
from ecsd.store import service_events
from ecsd.store.store import Store
from tests.conftest import SCOPE
from tests.controllers.hub import Published

HOUR = 3600
HOME = SCOPE.globally()
AUTHORITY = Authority(None)
ARN = "arn:aws:ecs:us-east-1:000000000000:task/prod/1"
SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/prod/web"
APP, PULLS = (f"arn:aws:iam::000000000000:role/{name}" for name in ("app", "pulls"))
TASK = Task(
    task_arn=ARN,
    task_id="1",
    cluster="prod",
    cluster_arn="arn:c",
    task_definition="web:1",
    task_definition_arn="arn:d",
    group="service:web",
    service_arn=SERVICE,
    containers=(),
    endpoint_key="k",
    created_at=VIRTUAL_START,
)
DEFINITION = TaskDefinition(
    name="web:1",
    arn="arn:d",
    family="web",
    revision=1,
    container_definitions=({"name": "app", "image": "i"},),
    task_role_arn=APP,
    execution_role_arn=PULLS,
    registered_at=VIRTUAL_START,
    registered_by="me",
)


def role(name, service="ecs-tasks.amazonaws.com"):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return Role(
        role_name=name,
        role_id=f"AROA{name}",
        path="/",
        arn=f"arn:aws:iam::000000000000:role/{name}",
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": statement}),
        created_at=VIRTUAL_START,
    )


class World:
    """A store, the controller and the one that publishes plans."""

    def __init__(self, **settings):
        self.store = Store.in_memory()
        self.clock = VirtualClock()
        self.published = Published()
        self.settings = Settings(**settings)
        controllers = [
            TaskCredentialsController(
                self.store, self.clock, SeededIds(1), AUTHORITY, self.settings
            ),
            DataPlaneController(self.store, self.published, self.settings, AUTHORITY, self.clock),
        ]
        self.controllers = Controllers(self.store, self.clock, controllers)

    async def put(self, *records, scope=SCOPE):
        async with self.store.transaction(scope) as change:
            change.put(*records)
        await self.controllers.settle()

    @property
    def sessions(self):
        return self.store.view(HOME).select(Session, task_arn=ARN)

    @property
    def plan(self):
        return self.published.get(f"roles/{ARN}")

    def run(self, run_virtual, scenario):
        async def wrapped():
            running = asyncio.create_task(self.controllers.run())
            await asyncio.sleep(0)
            try:
                await scenario()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        run_virtual(wrapped())


def test_a_task_has_a_session_of_each_role_until_it_stops(run_virtual):
    world = World()

    async def scenario():
        await world.put(role("app"), role("pulls"), scope=HOME)
        await world.put(DEFINITION, TASK)
        assert world.plan is None  # no host yet
        await world.put(replace(TASK, host="h"))
        by_purpose = {one.purpose: one for one in world.sessions}
        assert {name: one.arn for name, one in by_purpose.items()} == {
            "task": "arn:aws:sts::000000000000:assumed-role/app/1",
            "execution": "arn:aws:sts::000000000000:assumed-role/pulls/1",
        }
        assert {one.user_id for one in world.sessions} == {"AROAapp:1", "AROApulls:1"}
        assert all(one.is_judged for one in world.sessions)
        given = world.plan.task
        assert given.role_arn == APP
        assert given.expires_at - VIRTUAL_START >= timedelta(hours=6)
        assert given.secret_access_key not in by_purpose["task"].sealed_secret
        assert given.token not in by_purpose["task"].sealed_token
        await world.put(replace(TASK, host="h", last_status="STOPPED"))
        assert (world.sessions, world.plan) == ([], None)

    world.run(run_virtual, scenario)


def test_sessions_are_renewed_an_hour_before_their_end(run_virtual):
    world = World()

    async def scenario():
        await world.put(DEFINITION, replace(TASK, host="h"))
        first = world.plan
        await world.clock.advance(5 * HOUR - 60)
        assert world.plan == first
        await world.clock.advance(120)
        await world.controllers.settle()
        renewed = world.plan
        assert renewed.task.access_key_id != first.task.access_key_id
        assert renewed.task.expires_at > first.task.expires_at
        assert {one.access_key_id for one in world.sessions} >= {
            first.task.access_key_id,
            renewed.task.access_key_id,
        }

    world.run(run_virtual, scenario)


def test_a_role_that_is_not_known_is_not_judged_and_one_that_does_not_trust_ends_the_task(
    run_virtual,
):
    world = World()

    async def scenario():
        service = Service(
            arn=SERVICE,
            name="web",
            cluster="prod",
            cluster_arn="arn:c",
            desired_count=1,
            deployments=(),
            created_at=VIRTUAL_START,
            created_by="me",
        )
        await world.put(DEFINITION, service, replace(TASK, host="h"))
        assert [one.is_judged for one in world.sessions] == [False, False]
        second = replace(TASK, task_arn=f"{ARN}2", task_id="12", host="h")
        await world.put(role("app", "ec2.amazonaws.com"), scope=HOME)
        await world.put(second)
        ended = world.store.view(SCOPE).get(Task, f"{ARN}2")
        assert (ended.desired_status, ended.stop_code) == ("STOPPED", "TaskFailedToStart")
        assert ended.stopped_reason == cannot_assume(APP)
        (event,) = service_events.newest_first(world.store.view(SCOPE), SERVICE)
        words = cannot_assume(APP)
        assert event.message == f"(service web) failed to launch a task with (error {words})."
        assert world.store.view(HOME).select(Session, task_arn=f"{ARN}2") == []
        assert len(world.sessions) == 2  # a task that runs keeps what it has

    world.run(run_virtual, scenario)


def test_strict_mode_wants_every_role_and_iam_off_none(run_virtual):
    strict = World(mode="strict", access_key_id="a", secret_access_key="b")

    async def refused():
        await strict.put(DEFINITION, replace(TASK, host="h"))
        assert strict.store.view(SCOPE).get(Task, ARN).stopped_reason == cannot_assume(APP)

    strict.run(run_virtual, refused)
    off = World(iam="off")

    async def let_go():
        await off.put(role("app", "ec2.amazonaws.com"), scope=HOME)
        await off.put(DEFINITION, replace(TASK, host="h"))
        assert [one.is_judged for one in off.sessions] == [False, False]
        assert off.plan.task.role_arn == APP

    off.run(run_virtual, let_go)


def test_a_task_without_roles_has_no_sessions(run_virtual):
    world = World()

    async def scenario():
        plain = replace(DEFINITION, task_role_arn=None, execution_role_arn=None)
        await world.put(plain, replace(TASK, host="h"))
        assert (world.sessions, world.plan) == ([], None)

    world.run(run_virtual, scenario)
