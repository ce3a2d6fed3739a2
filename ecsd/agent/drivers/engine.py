"""Docker Engine, as much of it as tasks need. Every call is idempotent and bounded in time.

Only containers and volumes with our owner label are listed, watched or removed. One stream of
events tells what happens; nothing polls.
Source: Docker Engine API 1.41; shared reference dataplane 0, 6.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiodocker
import aiohttp
from msgspec import Struct

from ecsd.agent.drivers import pause
from ecsd.agent.drivers.engine_answers import (
    Digests,
    EngineEvent,
    Host,
    Inspected,
    Owned,
    event,
    host,
    inspected,
    owned,
)
from ecsd.agent.drivers.exec_stream import ExecStream
from ecsd.clock import Clock
from ecsd.decisions.containers.container_names import OWNER, TASK
from ecsd.decisions.containers.container_volumes import Volume
from ecsd.decisions.containers.startup_values import Login
from ecsd.decisions.tasks.task_measures import Footprint
from ecsd.errors import EngineError

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_SECONDS = 30  # a list, an inspect
WORK_SECONDS = 60  # create, start, remove: what Fargate gives a container to start
PROBE_SECONDS = 5
PULL_SECONDS = 3600
NOT_FOUND, CONFLICT, AWAY = 404, 409, 900
STREAM_LIMIT = 1 << 20  # bytes of one event


class EngineAwayError(EngineError):
    """The Engine cannot be reached now; the call may be repeated when it is back."""


class EngineSilentError(EngineError):
    """The Engine took a call and did not answer in time."""


class EngineRefusalError(EngineError):
    """The Engine said no. status: HTTP's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Session(Struct):
    """A connection to the Engine and what it said of itself."""

    docker: aiodocker.Docker
    http: aiohttp.ClientSession


class Engine:
    """The Engine behind a unix socket. Errors: EngineAwayError, -SilentError, -RefusalError."""

    def __init__(self, socket_path: str, owner: str, clock: Clock) -> None:
        self._path = socket_path
        self._owner = owner
        self._clock = clock
        self._session: Session | None = None
        self.silence = asyncio.Event()  # set when a call got no answer in time

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.docker.close()
            await session.http.close()

    async def host(self) -> Host:
        """Return what the Engine is, asked anew: it may have been upgraded meanwhile."""
        docker = self._docker()
        docker.api_version = "auto"

        async def ask() -> Host:
            information = await docker.system.info()
            return host(information)

        return await self._call(ask, ANSWER_SECONDS)

    async def answers(self) -> bool:
        """Tell whether the Engine's network part lives; a deadlocked one still lists containers.

        Source: moby#46661; shared reference dataplane 0.
        """
        try:
            await self._call(self._docker().networks.list, PROBE_SECONDS)
        except EngineSilentError:
            return False
        return True

    async def provide_pause_image(self, architecture: str) -> None:
        """Make the pause image out of the program in this package, unless it is there."""

        async def provide() -> None:
            try:
                await self._docker().images.inspect(pause.IMAGE)
            except aiodocker.DockerError as error:
                if error.status != NOT_FOUND:
                    raise
                await self._import(pause.IMAGE, pause.layer(architecture), pause.CHANGES)

        await self._call(provide, WORK_SECONDS)

    async def remove_image(self, image: str) -> None:
        """Remove an image; one that is away, or in use, is left."""
        await self._quietly(lambda: self._docker().images.delete(image), {NOT_FOUND, CONFLICT})

    async def create(self, name: str, body: dict[str, Any]) -> str:
        """Create a container, or find the one that we made under that name. Returns its id."""

        async def create() -> str:
            try:
                container = await self._docker().containers.create(body, name=name)
            except aiodocker.DockerError as error:
                if error.status != CONFLICT:
                    raise
                return await self._ours(name, error)
            return str(container.id)

        return await self._call(create, WORK_SECONDS)

    async def start(self, container: str) -> None:
        """Start a container; one that runs is left alone."""
        await self._call(lambda: self._container(container).start(), WORK_SECONDS)

    async def stop(self, container: str, seconds: int) -> None:
        """Send the stop signal, SIGKILL after ``seconds``; returns when it ended."""
        handle = self._container(container)
        await self._quietly(lambda: handle.stop(t=seconds), {NOT_FOUND}, seconds + ANSWER_SECONDS)

    async def remove(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes."""
        handle = self._container(container)
        while True:
            try:
                return await self._quietly(
                    lambda: handle.delete(force=True, v=True), {NOT_FOUND}, WORK_SECONDS
                )
            except EngineRefusalError as error:
                if error.status != CONFLICT or "already in progress" not in error.words:
                    raise
            await self._clock.sleep(0.05)  # somebody else removes it; the end has no event of ours

    async def inspect(self, container: str) -> Inspected | None:
        """Return a container as it is; None if it is gone."""

        async def show() -> Inspected | None:
            try:
                return inspected(await self._container(container).show())
            except aiodocker.DockerError as error:
                if error.status != NOT_FOUND:
                    raise
                return None

        return await self._call(show, ANSWER_SECONDS)

    async def stats(self, container: str) -> dict[str, Any]:
        """Return what the Engine measures of a container: two samples, a second apart."""

        async def ask() -> dict[str, Any]:
            found: list[dict[str, Any]] = await self._container(container).stats(stream=False)
            return found[0] if found else {}

        return await self._call(ask, ANSWER_SECONDS)

    async def footprint(self, container: str) -> Footprint:
        """Return what a container takes on disk; the Engine goes through what it wrote."""

        async def ask() -> Footprint:
            found = await self._container(container).show(size="true")
            sizes = (int(found.get("SizeRw") or 0), int(found.get("SizeRootFs") or 0))
            return Footprint(str(found.get("Image", "")), *sizes)

        return await self._call(ask, ANSWER_SECONDS)

    async def volume_folders(self, task_arn: str) -> list[str]:
        """Return where a task's own volumes are."""

        async def ask() -> list[str]:
            filters = {"label": [f"{OWNER}={self._owner}", f"{TASK}={task_arn}"]}
            volumes: Any = self._docker().volumes
            found = await volumes.list(filters=filters)
            return [one["Mountpoint"] for one in found.get("Volumes") or ()]

        return await self._call(ask, ANSWER_SECONDS)

    async def last_lines(self, container: str, count: int) -> list[str]:
        """Return what a container said last; nothing where its log driver cannot be read.

        Nobody waits for this: an Engine that does not answer in time is no failure of the task.
        """

        async def ask() -> list[str]:
            said = await self._container(container).log(stdout=True, stderr=True, tail=count)
            return [line.rstrip("\r\n") for line in said]

        try:
            return await self._call(ask, ANSWER_SECONDS)
        except (EngineRefusalError, EngineSilentError) as error:
            log.info("no last lines", extra={"container": container, "cause": str(error)})
            return []

    async def command(
        self, container: str, words: list[str], environment: dict[str, str]
    ) -> ExecStream:
        """Return a command that is to run in a container, as root, on a terminal."""

        async def prepare() -> ExecStream:
            handle = await self._container(container).exec(
                words, stdin=True, tty=True, user="0", environment=environment
            )
            return ExecStream(handle)

        return await self._call(prepare, ANSWER_SECONDS)

    async def owned(self, task_arn: str | None = None) -> list[Owned]:
        """Return every container of ours, or of one task, in whatever state."""
        labels = [f"{OWNER}={self._owner}"] + ([f"{TASK}={task_arn}"] if task_arn else [])
        filters = json.dumps({"label": labels})

        async def ask() -> list[Owned]:
            found = await self._docker().containers.list(all="true", filters=filters)
            return [owned(one["Id"], one["Labels"]) for one in found]

        return await self._call(ask, ANSWER_SECONDS)

    async def pull(
        self, image: str, platform: str | None = None, login: Login | None = None
    ) -> None:
        """Fetch an image from its registry; platform: linux/arm64, where it has to be another.

        login: where the registry asks for one.
        """
        auth = login._asdict() if login is not None else None
        if auth is not None and "/" not in image:
            image = f"docker.io/library/{image}"  # aiodocker wants to know whose login it is
        images = self._docker().images
        await self._call(lambda: images.pull(image, auth=auth, platform=platform), PULL_SECONDS)

    async def digests(self, image: str) -> Digests | None:
        """Return what an image is known by, and for which CPU it is; None if it is not here."""

        async def ask() -> Digests | None:
            try:
                found = await self._docker().images.inspect(image)
            except aiodocker.DockerError as error:
                if error.status != NOT_FOUND:
                    raise
                return None
            return Digests(
                tuple(found.get("RepoDigests") or ()), found["Architecture"], found["Id"]
            )

        return await self._call(ask, ANSWER_SECONDS)

    async def provide_volume(self, volume: Volume) -> None:
        """Create a volume, or check that it is there."""

        async def provide() -> None:
            volumes: Any = self._docker().volumes
            if volume.must_exist:
                await volumes.get(volume.name)
            else:
                await volumes.create(volume.body)

        await self._call(provide, WORK_SECONDS)

    async def volumes(self) -> dict[str, str]:
        """Return our volumes: name → task ARN."""

        async def ask() -> dict[str, str]:
            filters = {"label": [f"{OWNER}={self._owner}"]}
            volumes: Any = self._docker().volumes
            found = await volumes.list(filters=filters)
            return {
                one["Name"]: (one.get("Labels") or {}).get(TASK, "")
                for one in found.get("Volumes") or ()
            }

        return await self._call(ask, ANSWER_SECONDS)

    async def remove_volume(self, name: str) -> None:
        """Remove a volume; gone is good."""

        async def remove() -> None:
            volumes: Any = self._docker().volumes
            await (await volumes.get(name)).delete()

        await self._quietly(remove, {NOT_FOUND})

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[EngineEvent]]:
        """Listen to our containers: entered once the Engine listens, so nothing later is lost.

        Raises:
            EngineAwayError: on entry, or out of the iterator when the stream ends.
        """
        filters = {
            "type": ["container"],
            "label": [f"{OWNER}={self._owner}"],
            "event": ["start", "die", "oom", "health_status", "destroy"],
        }
        docker = self._docker()
        endless = aiohttp.ClientTimeout(total=None, sock_read=None)
        try:
            async with docker.session.get(
                "unix://localhost/events", params={"filters": json.dumps(filters)}, timeout=endless
            ) as response:
                if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                    raise EngineAwayError(f"no events: {await response.text()}")
                yield self._read(response)
        except aiohttp.ClientError as error:
            raise EngineAwayError(_words(error)) from error

    async def _read(self, response: aiohttp.ClientResponse) -> AsyncIterator[EngineEvent]:
        try:
            while line := await response.content.readuntil(b"\n"):
                found = event(json.loads(line))
                if found is not None:
                    yield found
        except aiohttp.ClientError as error:
            raise EngineAwayError(_words(error)) from error
        raise EngineAwayError("the Engine closed its stream of events")

    def _docker(self) -> aiodocker.Docker:
        if self._session is None:
            # No limit: a stop holds its connection up to stopTimeout. Callers bound their work.
            connector = aiohttp.UnixConnector(self._path, limit=0)
            endless = aiohttp.ClientTimeout(total=None)
            http = aiohttp.ClientSession(
                connector=connector, timeout=endless, read_bufsize=STREAM_LIMIT
            )
            docker = aiodocker.Docker("unix://localhost", connector=connector, session=http)
            self._session = Session(docker, http)
        return self._session.docker

    def _container(self, container: str) -> aiodocker.containers.DockerContainer:
        return self._docker().containers.container(container)

    async def _import(self, image: str, archive: bytes, changes: tuple[str, ...]) -> None:
        repository, _, tag = image.rpartition(":")
        parameters = [("fromSrc", "-"), ("repo", repository), ("tag", tag)]
        parameters += [("changes", change) for change in changes]
        async with self._docker().session.post(
            "unix://localhost/images/create", params=parameters, data=archive
        ) as response:
            text = await response.text()
            if response.status != 200 or '"error"' in text:  # noqa: PLR2004 - HTTP's OK
                raise EngineRefusalError(response.status, f"pause image refused: {text.strip()}")

    async def _ours(self, name: str, refusal: aiodocker.DockerError) -> str:
        found = await self._docker().containers.get(name)
        labels = found["Config"].get("Labels") or {}
        if labels.get(OWNER) != self._owner:
            raise refusal
        return str(found["Id"])

    async def _quietly(
        self,
        work: Callable[[], Awaitable[Any]],
        accepted: set[int],
        seconds: float = WORK_SECONDS,
    ) -> None:
        """Do work of which some refusals mean that it is done already."""
        try:
            await self._call(work, seconds)
        except EngineRefusalError as error:
            if error.status not in accepted:
                raise

    async def _call(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        try:
            async with self._clock.deadline(seconds):
                return await work()
        except aiodocker.DockerError as error:
            if error.status == AWAY:
                raise EngineAwayError(_words(error)) from error
            raise EngineRefusalError(error.status, error.message) from error
        except aiohttp.ClientError as error:
            raise EngineAwayError(_words(error)) from error
        except TimeoutError as error:
            self.silence.set()
            raise EngineSilentError(f"no answer within {seconds:.0f} s") from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
