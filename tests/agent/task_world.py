"""A host's tasks in virtual time, everything below them faked."""

import asyncio
from contextlib import asynccontextmanager

from ecsd.agent.containers.tasks import HostTasks
from ecsd.agent.rooms import Ground
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import VirtualClock
from ecsd.errors import BalancerError, FileSystemError, NetworkError
from ecsd.records.observed import TaskObserved
from ecsd.records.plan import TaskPlan
from ecsd.settings import Settings
from tests.agent.fake_engine import FakeEngine

ARN = "arn:aws:ecs:us-east-1:000000000000:task/c/0123"
PAUSE = "~internal~ecs~pause"


def plan(*containers, **members):
    containers = containers or ({"name": "app"},)
    members = {"launch_type": "FARGATE", "desired_status": "RUNNING", "task_arn": ARN} | members
    return TaskPlan(
        task_id=members["task_arn"].rpartition("/")[2],
        cluster="c",
        account="000000000000",
        region="us-east-1",
        family="f",
        revision=1,
        containers=tuple({"image": "app:1"} | one for one in containers),
        **members,
    )


class Networks:
    """Attaches, or refuses with words."""

    def __init__(self):
        self.words = None
        self.attached = []

    async def attach(self, plan, sandbox):
        if self.words:
            raise NetworkError(self.words)
        self.attached.append((plan.task_arn, sandbox))


class Proxies:
    """Provides, or refuses with words; ``calls`` in order."""

    def __init__(self):
        self.words = None
        self.calls = []

    async def provide(self, task_arn, place):
        if self.words:
            raise BalancerError(self.words)
        self.seat = place.seat
        self.calls.append(("provide", task_arn, place.sandbox))

    def adopt(self, task_arn, place):
        self.calls.append(("adopt", task_arn, place.sandbox))

    async def end(self, task_arn):
        self.calls.append(("end", task_arn))


class Volumes:
    """Mounts, or refuses with words; ``calls`` in order."""

    root = "/efs"

    def __init__(self):
        self.words = None
        self.calls = []

    async def provide(self, plan):
        if self.words:
            raise FileSystemError(self.words)
        self.calls.append(("provide", plan.task_arn))

    async def release(self, task_arn):
        self.calls.append(("release", task_arn))

    def present(self):
        return set()


class Disks(Volumes):
    """Of EBS."""

    root = "/ebs"

    def devices(self, task_id):
        return {"data": "/dev/loop7"}


class World:
    """A host's tasks, everything below them faked."""

    def __init__(self, folder, engine=None):
        self.clock = VirtualClock()
        self.engine = engine or FakeEngine(self.clock)
        self.networks = Networks()
        self.proxies = Proxies()
        self.roles = TaskRoles()
        self.volumes = Volumes()
        self.disks = Disks()
        self.heard = []
        self.settings = Settings(data_dir=folder, docker_socket=str(folder / "none.sock"))

    @asynccontextmanager
    async def agent(self):
        self.tasks = HostTasks(
            *(self.settings, self.clock, self._ground()),
            *(self.heard.append, self.engine),
            cgroups=self.settings.data_dir,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.tasks.run())
            await self.clock.advance(1)
            try:
                yield self
            finally:
                running.cancel()

    def _ground(self):
        return Ground(self.networks, self.proxies, self.roles, self.volumes, self.disks)

    async def apply(self, wanted, seconds=2):
        await self.tasks.apply(wanted)
        await self.clock.advance(seconds)

    def last(self, task_arn=ARN):
        return [one for one in self.heard if getattr(one, "task_arn", "") == task_arn][-1]

    def one(self, name="app"):
        return next(one for one in self.last().containers if one.name == name)

    def started(self):
        return [name for call, name in self.engine.calls if call == "start"]

    def stopped(self):
        return [name for call, name in self.engine.calls if call == "stop"]

    def phases(self):
        seen = [one.phase for one in self.heard if isinstance(one, TaskObserved)]
        return [phase for before, phase in zip(["", *seen], seen, strict=False) if phase != before]
