"""One agent's tasks on a real Engine, and an ear for what it reports."""

import asyncio
import io
import os
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path

import aiodocker
from msgspec.structs import replace

from ecsd.agent.containers.tasks import HostTasks
from ecsd.agent.rooms import Ground
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import SystemClock
from ecsd.ids import IdSource
from ecsd.records.observed import TaskObserved
from ecsd.records.plan import TaskPlan
from ecsd.settings import Settings

SOCKET = os.environ.get("ECSD_DOCKER_SOCKET", "/var/run/docker.sock")
IMAGE = "ecst/busybox:1"
BUSYBOX = Path("/usr/bin/busybox")
STEADY = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]
DEAF = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]


def exists(path):
    return Path(path).exists()


def remove(path):
    Path(path).unlink(missing_ok=True)


def cgroups(plan):
    return list(Path("/sys/fs/cgroup").glob(f"**/ecsd/{plan.task_id}"))


class NoNetwork:
    """Tasks that reach nobody: attaching does nothing."""

    async def attach(self, plan, sandbox):
        assert exists(sandbox)


class NoProxies:
    """Tasks without Service Connect."""

    async def end(self, task_arn):
        assert task_arn


class NoVolumes:
    """Tasks without volumes of EFS and of EBS."""

    root = ""

    async def provide(self, plan):
        assert not plan.efs_mounts
        assert not plan.ebs_mounts

    async def release(self, task_arn):
        assert task_arn

    def present(self):
        return set()


GROUND = Ground(NoNetwork(), NoProxies(), TaskRoles(), NoVolumes(), NoVolumes())


class Ear:
    """Hears what is reported, and lets a test wait for it."""

    def __init__(self):
        self.heard = []
        self._news = asyncio.Event()

    def __call__(self, message):
        self.heard.append(message)
        self._news.set()

    async def until(self, wanted):
        """Return the first message that is as wanted, of all past and coming ones."""
        position = 0
        async with asyncio.timeout(40):
            while True:
                while position < len(self.heard):
                    position += 1
                    if wanted(self.heard[position - 1]):
                        return self.heard[position - 1]
                self._news.clear()
                await self._news.wait()

    async def phase(self, plan, phase):
        return await self.until(
            lambda one: (
                isinstance(one, TaskObserved)
                and one.task_arn == plan.task_arn
                and one.phase == phase
            )
        )

    def phases(self, plan):
        seen = []
        for one in self.heard:
            if isinstance(one, TaskObserved) and one.task_arn == plan.task_arn:
                seen += [one.phase] if one.phase not in seen[-1:] else []
        return seen


async def provide_image():
    """Make a small image with a shell out of the machine's own busybox; return its name."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for name in ("sh", "sleep", "true", "cat", "id", "dd", "test", "touch", "hostname"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)

    archive.seek(0)

    docker = aiodocker.Docker("unix://" + SOCKET)
    try:
        if any(IMAGE in (known["RepoTags"] or ()) for known in await docker.images.list()):
            return IMAGE
        parameters = [("fromSrc", "-"), ("repo", "ecst/busybox"), ("tag", "1")]
        parameters += [("changes", "ENV PATH=/bin")]
        async with docker.session.post(
            "unix://localhost/images/create", params=parameters, data=archive
        ) as response:
            assert response.status == 200, await response.text()
    finally:
        await docker.close()
    return IMAGE


class World:
    """One agent's tasks on the Engine, restartable."""

    def __init__(self, folder, socket=SOCKET, instance=0):
        self.settings = Settings(docker_socket=socket, data_dir=folder, instance=instance)
        self.ear = Ear()
        self.docker = aiodocker.Docker("unix://" + SOCKET)
        self.made = []

    @asynccontextmanager
    async def agent(self):
        tasks = HostTasks(self.settings, SystemClock(), GROUND, self.ear)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(tasks.run())
            try:
                yield tasks
            finally:
                running.cancel()

    def plan(self, *containers, **members):
        task_id = IdSource().task_id()
        members = {"launch_type": "FARGATE", "cpu": 512, "memory": 512} | members
        return TaskPlan(
            task_arn=f"arn:aws:ecs:us-east-1:000000000000:task/ecst/{task_id}",
            task_id=task_id,
            cluster="ecst",
            account="000000000000",
            region="us-east-1",
            family="ecst",
            revision=1,
            desired_status="RUNNING",
            containers=tuple({"image": IMAGE, "essential": True} | one for one in containers),
            **members,
        )

    async def container(self, plan, name="app"):
        return await self.docker.containers.get(f"ecsd-{plan.task_id}-{name}")

    async def clean(self):
        settings = replace(self.settings, docker_socket=SOCKET)
        tasks = HostTasks(settings, SystemClock(), GROUND, self.ear)
        await tasks.remove_everything()
        await self.docker.close()


def one(seen, name="app"):
    return next(container for container in seen.containers if container.name == name)


class Gate:
    """A door before the Engine's socket that can be shut: then the Engine is away."""

    def __init__(self, path):
        self.path = str(path)
        self._open = []
        self._server = None

    async def open(self):
        self._server = await asyncio.start_unix_server(self._carry, self.path)

    async def shut(self):
        self._server.close()
        remove(self.path)
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _carry(self, reader, writer):
        far_reader, far_writer = await asyncio.open_unix_connection(SOCKET)
        self._open += [writer, far_writer]

        async def pump(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass  # the door was shut
            sink.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, far_writer))
            group.create_task(pump(far_reader, writer))
