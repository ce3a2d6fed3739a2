"""An Engine of plain records that obeys, refuses, is slow, or is away, in virtual time."""

import asyncio
from contextlib import asynccontextmanager

from msgspec.structs import replace

from ecsd.agent.drivers.engine import EngineAwayError, EngineRefusalError, EngineSilentError
from ecsd.agent.drivers.engine_answers import Digests, EngineEvent, Host, Inspected, Owned
from ecsd.decisions.containers import container_names
from ecsd.decisions.containers.container_order import Seen

HOST = Host("20.10.24", "amd64", "cgroupfs", True, storage="/")


class FakeEngine:
    """Containers live until ``exit``; each call takes ``seconds`` of virtual time."""

    def __init__(self, clock, images=("app:1", "ecsd/pause:1")):
        self.clock = clock
        self.images = set(images)
        self.registry = set()
        self.private = {}  # image → the login that its registry asks for
        self.logins = []  # of each pull
        self.refusals = {}  # (call, container) → words
        self.seen = {}  # id → Seen
        self.labels = {}
        self.bodies = {}  # name → body
        self.short_of_memory = set()
        self.said = {}  # container → lines
        self.calls = []
        self.away = False
        self.seconds = 0.1
        self.deaf = set()  # containers that only SIGKILL ends
        self.volumes_made = {}
        self.silence = asyncio.Event()
        self.hangs = False
        self._listeners = []

    async def _call(self, call, container):
        self.calls.append((call, container))
        await self.clock.sleep(self.seconds)
        if self.away:
            raise EngineAwayError("connection refused")
        if self.hangs and call in {"start", "remove"}:
            await self.clock.sleep(60)
            self.silence.set()
            raise EngineSilentError("no answer within 60 s")
        words = self.refusals.get((call, container))
        if words:
            raise EngineRefusalError(500, words)

    def _name(self, key):
        return self.labels[key][container_names.NAME]

    def say(self, action, key, **more):
        labels = self.labels[key]
        event = EngineEvent(
            action=action,
            id=key,
            task_arn=labels[container_names.TASK],
            container=labels[container_names.NAME],
            role=labels[container_names.ROLE],
            at=self.clock.now(),
            **more,
        )
        for listener in self._listeners:
            listener.put_nowait(event)

    def key(self, container):
        return next(key for key in self.labels if self._name(key) == container)

    def exit(self, container, code=0, *, oom=False):
        """Let a container end, as if by itself."""
        key = self.key(container)
        if oom:
            self.short_of_memory.add(key)
            self.say("oom", key)
        self.seen[key] = replace(
            self.seen[key], status="STOPPED", exit_code=code, finished_at=self.clock.now()
        )
        self.say("die", key, exit_code=code)

    def become(self, container, health):
        """Let a container's health change."""
        key = self.key(container)
        self.seen[key] = replace(self.seen[key], health=health)
        self.say("health_status", key, health=health)

    def hang_up(self):
        """End every stream of events: the Engine goes away."""
        self.away = True
        for listener in self._listeners:
            listener.put_nowait(None)

    async def close(self):
        self.calls.append(("close", ""))

    async def host(self):
        await self._call("host", "")
        return HOST

    async def answers(self):
        return not self.hangs

    async def provide_pause_image(self, architecture):
        await self._call("pause image", architecture)
        self.images.add("ecsd/pause:1")

    async def remove_image(self, image):
        self.images.discard(image)

    async def create(self, name, body):
        container = body["Labels"][container_names.NAME]
        await self._call("create", container)
        if name in self.bodies:
            return f"id-{name}"
        if body["Image"] not in self.images:
            raise EngineRefusalError(404, f"No such image: {body['Image']}")
        key = f"id-{name}"
        self.bodies[name] = body
        self.labels[key] = body["Labels"]
        self.seen[key] = Seen(status="CREATED", runtime_id=key)
        return key

    async def start(self, container):
        await self._call("start", self._name(container))
        if self.seen[container].status != "RUNNING":
            now = self.clock.now()
            self.seen[container] = Seen(status="RUNNING", runtime_id=container, started_at=now)
            self.say("start", container)

    async def stop(self, container, seconds):
        name = self._name(container)
        await self._call("stop", name)
        if self.seen[container].status != "RUNNING":
            return
        if name in self.deaf:
            await self.clock.sleep(seconds)
        self.exit(name, 137 if name in self.deaf else 0)

    async def remove(self, container):
        await self._call("remove", self._name(container) if container in self.labels else "")
        if self.seen.pop(container, None) is not None:
            del self.labels[container]
            self.bodies.pop(container.removeprefix("id-"))

    async def inspect(self, container):
        await self._call("inspect", container)
        if container not in self.seen:
            return None
        oom = container in self.short_of_memory
        return Inspected(self.seen[container], oom, "/sandbox", "")

    async def last_lines(self, container, count):
        await self._call("last lines", self._name(container))
        return self.said.get(self._name(container), [])[-count:]

    async def owned(self, task_arn=None):
        await self._call("owned", "")
        return [
            Owned(
                key,
                labels[container_names.TASK],
                labels[container_names.NAME],
                labels[container_names.ROLE],
            )
            for key, labels in self.labels.items()
            if task_arn in {None, labels[container_names.TASK]}
        ]

    async def pull(self, image, platform=None, login=None):
        self.logins.append(login)
        await self._call("pull", image)
        if image in self.private and login != self.private[image]:
            raise EngineRefusalError(404, f"pull access denied for {image}")
        if image not in self.registry:
            raise EngineRefusalError(404, f"manifest for {image} not found: manifest unknown")
        self.images.add(image)

    async def digests(self, image):
        await self._call("digests", image)
        if image not in self.images:
            return None
        return Digests((f"{image.partition(':')[0]}@sha256:feed",), "amd64")

    async def provide_volume(self, volume):
        await self._call("volume", volume.name)
        if volume.must_exist and volume.name not in self.volumes_made:
            raise EngineRefusalError(404, f"get {volume.name}: no such volume")
        self.volumes_made[volume.name] = volume

    async def volumes(self):
        return {
            name: one.body["Labels"].get(container_names.TASK, "")
            for name, one in self.volumes_made.items()
            if one.of_task
        }

    async def remove_volume(self, name):
        self.volumes_made.pop(name, None)

    @asynccontextmanager
    async def events(self):
        if self.away:
            raise EngineAwayError("connection refused")
        queue = asyncio.Queue()
        self._listeners.append(queue)
        try:
            yield self._read(queue)
        finally:
            self._listeners.remove(queue)

    async def _read(self, queue):
        while (event := await queue.get()) is not None:
            yield event
        raise EngineAwayError("the stream ended")
