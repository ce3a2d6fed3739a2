"""ECR in virtual time: images expire, what is left is freed, blobs are collected in quiet hours."""

import asyncio
import json

import pytest

from ecsd.certificates.authority import Authority
from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.image_lifecycle import ImageLifecycleController
from ecsd.controllers.image_registry import ImageRegistryController
from ecsd.records.ecr.image import Image, ManifestToFree
from ecsd.records.ecr.repository import Registry, Repository
from ecsd.records.host import Host
from ecsd.records.plan import RegistryPlan
from ecsd.settings import Settings
from ecsd.store.image_memory import MemoryImages
from ecsd.store.scope import HOSTS
from ecsd.store.store import Store
from tests.conftest import SCOPE

PATH = "000000000000/us-east-1/app"
ARN = "arn:aws:ecr:us-east-1:000000000000:repository/app"
MINUTE, HOUR, DAY = 60, 3600, 86400
AUTHORITY = Authority(None)


class Hosts:
    """Stands for the hub."""

    def __init__(self):
        self.plans = {}

    def publish(self, key, plan, host=None):
        self.plans[key] = plan, host

    def withdraw(self, key):
        self.plans.pop(key, None)


class World:
    """A store and the controllers of images."""

    def __init__(self):
        self.store, self.clock, self.hosts = Store.in_memory(), VirtualClock(), Hosts()
        self.images = MemoryImages(self.clock)
        self.controllers = Controllers(
            self.store,
            self.clock,
            [
                ImageLifecycleController(self.store, self.clock),
                ImageRegistryController(self.store, self.images, self.clock),
                DataPlaneController(self.store, self.hosts, Settings(), AUTHORITY, self.clock),
            ],
        )

    async def put(self, *records, scope=SCOPE):
        async with self.store.transaction(scope) as change:
            change.put(*records)
        await self.controllers.settle()

    async def repository(self, *rules):
        policy = json.dumps({"rules": rules}) if rules else None
        await self.put(
            Repository(
                arn=ARN,
                repository_name="app",
                created_at=self.clock.now(),
                lifecycle_policy=policy,
            )
        )

    async def push(self, number, *tags):
        digest = f"sha256:{number:064x}"
        await self.put(
            Image(
                repository_arn=ARN,
                digest=digest,
                media_type="x",
                size=1,
                image_tags=tags,
                pushed_at=self.clock.now(),
            )
        )
        return digest

    async def wait(self, seconds):
        await self.clock.advance(seconds)
        await self.controllers.settle()

    def left(self):
        return {one.digest for one in self.store.view(SCOPE).select(Image)}

    def registry(self):
        return self.store.view(HOSTS).get(Registry, "registry")


@pytest.fixture
def in_world():
    def run(scenario):
        async def main():
            world = World()
            async with asyncio.TaskGroup() as group:
                running = group.create_task(world.controllers.run())
                await asyncio.sleep(0)
                await scenario(world)
                assert world.controllers.errors() == {}
                running.cancel()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return run


def rule(count_type, number, status="any"):
    unit = {"countUnit": "days"} if count_type != "imageCountMoreThan" else {}
    selection = {"tagStatus": status, "countType": count_type, "countNumber": number, **unit}
    return {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}


def test_images_beyond_a_count_go_some_minutes_after_their_push(in_world):
    async def scenario(world):
        await world.repository(rule("imageCountMoreThan", 1, "untagged"))
        await world.push(1)
        await world.wait(1)
        new = await world.push(2)
        assert len(world.left()) == 2  # a list that names them may be on its way
        await world.wait(5 * MINUTE)
        assert world.left() == {new}
        repository = world.store.view(SCOPE).get(Repository, ARN)
        assert repository.lifecycle_evaluated_at is not None
        assert world.images.freed == [(PATH, f"sha256:{1:064x}")]
        assert world.store.view(SCOPE).select(ManifestToFree) == []

    in_world(scenario)


def test_images_go_when_their_days_are_over(in_world):
    async def scenario(world):
        await world.repository(rule("sinceImagePushed", 2))
        await world.push(1)
        await world.wait(DAY)
        second = await world.push(2)
        await world.wait(DAY - 1)
        assert len(world.left()) == 2
        await world.wait(1)
        assert world.left() == {second}
        await world.wait(DAY)
        assert world.left() == set()

    in_world(scenario)


def test_without_a_policy_nothing_goes(in_world):
    async def scenario(world):
        await world.repository()
        await world.push(1)
        await world.wait(400 * DAY)
        assert len(world.left()) == 1

    in_world(scenario)


def test_what_is_pushed_again_meanwhile_is_not_freed(in_world):
    async def scenario(world):
        await world.repository()
        digest = await world.push(1)
        await world.put(ManifestToFree(path=PATH, digest=digest))
        assert world.images.freed == []
        assert world.store.view(SCOPE).select(ManifestToFree) == []

    in_world(scenario)


def test_blobs_are_collected_once_nobody_can_have_pushed_for_an_hour(in_world):
    async def scenario(world):
        await world.put(Registry(), scope=HOSTS)
        await world.wait(2 * HOUR)
        assert world.registry().collection == 0  # nothing was freed
        await world.put(ManifestToFree(path=PATH, digest=f"sha256:{1:064x}"))
        await world.wait(HOUR - 1)
        world.images.active_at = world.clock.now()
        await world.wait(HOUR - 1)
        assert world.registry().collection == 0
        await world.wait(2)
        assert world.registry().collection == 1
        await world.wait(9 * HOUR)
        assert world.registry().collection == 1

    in_world(scenario)


def test_one_host_has_the_registry_once_somebody_has_asked_for_one(in_world):
    async def scenario(world):
        await world.put(*(Host(name=one, boot_id="1", connected=True) for one in "ba"), scope=HOSTS)
        assert world.hosts.plans == {}
        await world.put(Registry(collection=3), scope=HOSTS)
        plan, host = world.hosts.plans["registry/registry"]
        assert host == "a"
        assert isinstance(plan, RegistryPlan)
        assert plan.collection == 3
        assert "BEGIN CERTIFICATE" in plan.certificate

    in_world(scenario)
