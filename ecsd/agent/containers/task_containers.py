"""A task's containers on the Engine: made, started, stopped, seen. Its runner decides when.

Failures of the Engine or the network end in a container's reason or the task's ``failure``, in
AWS's words; only an absent Engine is raised, for the runner to wait and look again.
"""

import logging
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ecsd.agent.containers.log_streams import LogStreamError
from ecsd.agent.containers.registry_access import RegistryAuthError
from ecsd.agent.containers.startup_values import StartupValuesError
from ecsd.agent.containers.task_host import TaskHost
from ecsd.agent.drivers.cgroups import CgroupError
from ecsd.agent.drivers.disk import free_gib
from ecsd.agent.drivers.engine import (
    NOT_FOUND,
    WORK_SECONDS,
    EngineAwayError,
    EngineRefusalError,
    EngineSilentError,
)
from ecsd.agent.drivers.engine_answers import EngineEvent, Inspected
from ecsd.agent.rooms import Place
from ecsd.agent.turns import BEGIN, FINISH
from ecsd.decisions.containers import container_config, container_names, startup_values
from ecsd.decisions.containers.container_order import NOTHING, Seen
from ecsd.decisions.containers.container_volumes import volumes
from ecsd.decisions.containers.startup_values import Login
from ecsd.decisions.tasks import stop_cause
from ecsd.errors import BalancerError, EngineError, FileSystemError, NetworkError
from ecsd.records.plan import TaskPlan

log = logging.getLogger(__name__)

PROXY = "service-connect"  # its cgroup, inside the task's
GONE = Seen(status="GONE")
ATTACH_SECONDS = 10.0  # until an interface that cannot be attached ends the task
FIRST_ATTACH_PAUSE = 0.02  # seconds; doubles
LAST_LINES, LONGEST_LINE = 10, 400  # of a failed container; characters
REFUSED_PAUSE = 1.0  # seconds until a refused stop is tried again


class TaskContainers:
    """What is seen of one task's containers, and the ways to change it."""

    def __init__(self, plan: TaskPlan, host: TaskHost, changed: Callable[[], None]) -> None:
        self.plan = plan
        self.view: dict[str, Seen] = {}
        self.pause: Seen = NOTHING
        self.sandbox = ""  # the path of the task's network namespace, once it runs
        self.ready = False  # the pause runs and has its interface
        self.volumes_ready = not plan.volumes
        self.disks_ready = False  # it has volumes of EBS, and they are mounted
        self.values_ready = self._needs_no_values()
        self.failure: str | None = None  # why the task as a whole cannot start
        self._stale = False  # something half made is to be cleared away first
        self._host = host
        self._changed = changed
        self._values = startup_values.Values()  # in memory, until every container is made
        self._short_of_memory: set[str] = set()
        self._kernel_kills = 0

    # ------------------------------------------------------------ seen

    def fail(self, name: str, words: str) -> None:
        """Note that a container will never run."""
        self.view[name] = replace(self.view.get(name, NOTHING), status="STOPPED", reason=words)
        log.warning("container failed", extra={"container": name, "cause": words})

    def fail_all(self, words: str) -> None:
        """Note why the task as a whole cannot start, where EC2 shows it: at its containers."""
        if self.plan.launch_type == "EC2":
            for one in self.plan.containers:
                if self.view.get(one["name"], NOTHING).status in {"ABSENT", "CREATED"}:
                    self.fail(one["name"], words)

    def event(self, event: EngineEvent) -> str | None:
        """Take in what happened; return a container that has to be looked at for its cause."""
        if event.id == self.pause.runtime_id:
            if event.action in {"die", "destroy"} and self.pause.status == "RUNNING":
                self.pause = replace(self.pause, status="STOPPED")
            return None
        seen = self.view.get(event.container, NOTHING)
        if seen.runtime_id != event.id:
            return None
        if event.action == "oom":
            self._short_of_memory.add(event.container)
        elif event.action == "die" and event.exit_code == stop_cause.SIGKILLED:
            return event.container
        self.view[event.container] = _after(seen, event)
        return None

    async def adopt(self) -> None:
        """Take over what an earlier agent left; what never ran is cleared away and made anew."""
        known = self._host.known(self.plan.task_arn)
        if not known:
            return
        found = {name: await self._host.engine.inspect(key) for name, key in known.items()}
        pause = found.pop("", None)
        self.view = {
            name: self._seen(name, NOTHING, one) for name, one in found.items() if one is not None
        }
        self.pause = pause.seen if pause is not None else GONE
        ran = self.plan.started or any(seen.started_at for seen in self.view.values())
        if self.pause.status == "RUNNING" and pause is not None:
            self.sandbox = pause.sandbox
            self.volumes_ready = self.volumes_ready or bool(self.view)
            self.disks_ready = self.volumes_ready and bool(self.plan.ebs_mounts)
            if ran:
                self.ready = True  # containers start only after the interface is there
                if self.plan.proxied:
                    self._host.proxies.adopt(self.plan.task_arn, self._place(pause.sandbox))
            else:
                await self._attach(pause.sandbox)
        elif ran:
            self.pause = replace(self.pause, status="STOPPED")
        else:
            await self.erase()
            self.view, self.pause = {}, NOTHING

    async def refresh(self) -> None:
        """Look at everything that may have changed unseen."""
        if self.pause.runtime_id and self.pause.status == "RUNNING":
            pause = await self._host.engine.inspect(self.pause.runtime_id)
            if pause is None or pause.seen.status != "RUNNING":
                self.pause = replace(self.pause, status="STOPPED")
        for name, seen in list(self.view.items()):
            if seen.status in {"CREATED", "RUNNING"}:
                await self.examine(name)

    async def examine(self, name: str) -> None:
        """Look at one container: its state, and what it died of."""
        seen = self.view[name]
        if seen.runtime_id is None:
            return
        found = await self._host.engine.inspect(seen.runtime_id)
        if found is None:
            self.view[name] = replace(seen, status="STOPPED", reason=stop_cause.VANISHED)
        else:
            self.view[name] = self._seen(name, self.view[name], found)

    def _seen(self, name: str, before: Seen, found: Inspected) -> Seen:
        seen = replace(
            found.seen,
            image_digest=before.image_digest,
            image_reference=before.image_reference,
            reason=before.reason,
        )
        if seen.started_at is None and found.error:
            words = stop_cause.start_failure(found.error, self.plan.launch_type)
            return replace(seen, status="STOPPED", reason=words)
        if seen.exit_code is not None:
            kills = self._host.cgroups.oom_kills(self.plan.task_id)
            short = found.oom_killed or name in self._short_of_memory
            reason = stop_cause.exit_reason(seen.exit_code, short, kills - self._kernel_kills)
            self._kernel_kills = kills
            seen = replace(seen, reason=reason or seen.reason)
        return seen

    # ------------------------------------------------------------ made

    def start_over(self) -> None:
        """Forget a launch that the Engine died in: its half-started pause cannot be used."""
        self.view, self.pause, self._stale = {}, NOTHING, True
        self.values_ready = self._needs_no_values()  # they may be forgotten already

    async def provide_sandbox(self) -> None:
        """Create and start the pause, then attach the interface. Filter first: see Networks."""
        plan, engine = self.plan, self._host.engine
        if self._stale:
            await self.erase()
            self._stale = False
        if plan.ephemeral_storage is not None:
            self.failure = self._short_of_storage(plan.ephemeral_storage)
            if self.failure:
                return
        facts = self._host.facts_for(plan)
        limits = container_config.task_limits(plan)
        try:
            async with self._host.starts.turn(BEGIN):
                self._host.cgroups.provide(plan.task_id, limits)
                body = container_config.pause_body(plan, facts)
                name = await self._host.create_pause(container_names.pause_name(plan), body)
                self.pause = Seen(status="CREATED", runtime_id=name)
                self._changed()  # containers can be created while this starts
                await engine.start(name)
            self._host.cgroups.limit(plan.task_id, limits)
            found = await engine.inspect(name)
        except (EngineRefusalError, EngineSilentError, CgroupError) as error:
            self.failure = f"CannotStartContainerError: {error}"
            return
        if found is None or found.seen.status != "RUNNING":
            self.failure = "CannotStartContainerError: the task's pause container ended at once"
            return
        self.pause, self.sandbox = found.seen, found.sandbox
        await self._attach(found.sandbox)

    def _short_of_storage(self, wanted: int) -> str | None:
        """Return why a task cannot have what it asks for, in GiB; None if it can."""
        try:
            free = free_gib(self._host.storage)
        except OSError as error:
            return stop_cause.storage_failure(f"the Engine's folder cannot be looked at: {error}")
        if free >= wanted:
            return None
        return stop_cause.storage_failure(
            f"{wanted} GiB are wanted, {free} GiB are free in {self._host.storage}"
        )

    async def _attach(self, sandbox: str) -> None:
        """Attach the interface; its VPC may still be on its way to this host."""
        pause, spent = FIRST_ATTACH_PAUSE, 0.0
        while self.plan.network_mode == "awsvpc":
            try:
                await self._host.networks.attach(self.plan, sandbox)
                break
            except NetworkError as error:
                if spent >= ATTACH_SECONDS:
                    self.failure = stop_cause.network_failure(str(error))
                    return
                log.info("interface is not attached yet", extra={"cause": str(error)})
            await self._host.clock.sleep(pause)
            spent += pause
            pause = min(1.0, pause * 2)
        if self.plan.proxied:
            try:
                await self._host.proxies.provide(self.plan.task_arn, self._place(sandbox))
            except (BalancerError, CgroupError, NetworkError) as error:
                self.failure = stop_cause.proxy_failure(str(error))
                return
            except LogStreamError as error:
                self.failure = str(error)
                return
        self.ready = True

    def _place(self, sandbox: str) -> Place:
        """Return where the task's proxy lives: under the limits that the task has."""
        return Place(sandbox, self._host.cgroups.seat(self.plan.task_id, PROXY))

    async def provide_volumes(self) -> None:
        """Have every volume of the task ready."""
        for volume in volumes(self.plan, self._host.facts_for(self.plan).owner):
            try:
                await self._host.engine.provide_volume(volume)
            except (EngineRefusalError, EngineSilentError) as error:
                self.failure = stop_cause.volume_failure(str(error))
                return
        try:
            await self._host.volumes.provide(self.plan)
        except FileSystemError as error:
            self.failure = stop_cause.efs_failure(str(error))
            return
        try:
            await self._host.disks.provide(self.plan)
        except FileSystemError as error:
            self.failure = stop_cause.ebs_failure(str(error))
            return
        self.disks_ready = bool(self.plan.ebs_mounts)
        self.volumes_ready = True

    async def provide_values(self) -> None:
        """Ask for what the containers get at start: secrets, files, logins at registries."""
        await self._host.roles.known(self.plan)
        execution = self._host.roles.execution(self.plan.task_arn)
        try:
            self._values = await self._host.startup_values.resolve(self.plan, execution)
        except StartupValuesError as error:
            self.failure = str(error)
            return
        self.values_ready = True

    async def create(self, container: dict[str, Any]) -> None:
        """Create a container; its image is pulled only if it is not here."""
        login = self._values.registries.get(startup_values.registry_of(container))
        container = startup_values.with_values(container, self._values)
        name, engine = container["name"], self._host.engine
        image = container_config.image(self.plan, container)
        holder = self.pause.runtime_id
        body = container_config.container_body(
            self.plan, container, holder or "", self._host.facts_for(self.plan)
        )
        full_name = container_names.container_name(self.plan, name)
        # The Engine would run what is here: for whatever CPU, and whoever may have it.
        asked = self.plan.platform or name in self.plan.ecr_images
        if asked and not await self._pull(container, image, login):
            return
        try:
            try:
                key = await engine.create(full_name, body)
            except EngineRefusalError as error:
                if error.status != NOT_FOUND or "image" not in error.words.lower():
                    raise
                if not await self._pull(container, image, login):
                    return
                key = await engine.create(full_name, body)
            await self._host.roles.known(self.plan)
            await self._host.log_streams.provide(self.plan, container, key)
        except (EngineRefusalError, EngineSilentError) as error:
            self.fail(name, stop_cause.create_failure(str(error)))
            return
        except LogStreamError as error:
            self.fail(name, str(error))
            return
        if self.pause.runtime_id != holder:
            await engine.remove(key)  # the launch began anew meanwhile
            return
        digests = await engine.digests(image)
        repository = container_names.repository(image)
        self.view[name] = Seen(
            status="CREATED",
            runtime_id=key,
            image_digest=image.partition("@")[2]
            or (digests.digest(repository) if digests else None),
            image_reference=digests.reference(repository) if digests else None,
            image_id=digests.id if digests else None,
            created_at=self._host.clock.now(),
        )
        if all(one["name"] in self.view for one in self.plan.containers):
            self._values = startup_values.Values()  # the Engine has them

    def _needs_no_values(self) -> bool:
        return not any(startup_values.wanted(self.plan.containers))

    async def _pull(self, container: dict[str, Any], image: str, login: Login | None) -> bool:
        name = container["name"]
        if name in self.plan.ecr_images:
            return await self._fetch(container, image)
        try:
            await self._host.pulls.provide(image, self.plan.platform, login)
        except EngineAwayError:
            raise
        except EngineError as error:
            self.fail(name, stop_cause.pull_failure(image, str(error)))
            return False
        return True

    async def _fetch(self, container: dict[str, Any], image: str) -> bool:
        """Have an image of ECR here as its tag is now, if the task's execution role may."""
        name = container["name"]
        await self._host.roles.known(self.plan)
        try:
            login = await self._host.registry.login(self.plan, image)
            await self._host.pulls.fetch(image, self.plan.platform, login)
        except EngineAwayError:
            raise
        except RegistryAuthError as error:
            self.fail(name, str(error))
            return False
        except EngineError as error:
            self.fail(name, stop_cause.ecr_pull_failure(str(container["image"]), str(error)))
            return False
        return True

    async def start(self, container: dict[str, Any]) -> None:
        """Start a container; events may have told of its end before this returns."""
        name = container["name"]
        try:
            async with self._host.starts.turn(FINISH):
                await self._host.engine.start(self._id(name))
        except EngineRefusalError as error:
            self.fail(name, stop_cause.start_failure(error.words, self.plan.launch_type))
        except EngineSilentError:
            kind = self.plan.launch_type
            self.fail(name, stop_cause.timed_out("running", WORK_SECONDS, kind))
        else:
            seen = self.view[name]
            if seen.status == "CREATED":
                now = self._host.clock.now()
                self.view[name] = replace(seen, status="RUNNING", started_at=now)

    async def restart(self, container: dict[str, Any]) -> None:
        """Start a container that ended, as its policy wants."""
        name = container["name"]
        log.info("container is restarted by its policy", extra={"container": name})
        self._short_of_memory.discard(name)
        self.view[name] = replace(
            self.view[name], status="CREATED", health="UNKNOWN", exit_code=None, reason=None
        )
        await self.start(container)

    async def stop(self, container: dict[str, Any]) -> None:
        """Send the stop signal, and SIGKILL after stopTimeout."""
        name = container["name"]
        try:
            seconds = container_config.stop_seconds(container)
            await self._host.engine.stop(self._id(name), seconds)
            if self.view[name].status == "RUNNING":
                await self.examine(name)
        except (EngineRefusalError, EngineSilentError) as error:
            log.warning("container did not stop", extra={"container": name, "cause": str(error)})
            await self._host.clock.sleep(REFUSED_PAUSE)

    # ------------------------------------------------------------ removed

    async def end(self) -> None:
        """Note what failed containers said last, then let the task's namespaces go."""
        for name, seen in list(self.view.items()):
            failed = seen.exit_code not in {0, None} or seen.health == "UNHEALTHY"
            if failed and seen.runtime_id and not seen.last_lines:
                lines = await self._host.engine.last_lines(seen.runtime_id, LAST_LINES)
                shown = tuple(line[:LONGEST_LINE] for line in lines)
                self.view[name] = replace(self.view[name], last_lines=shown)
        await self._remove_pause()

    async def _remove_pause(self) -> None:
        """Let the task's namespaces go, and with them its interface."""
        try:
            # One at a time: Engine < 23 deadlocks on concurrent endpoint removal (moby#46661).
            async with self._host.removals.turn():
                if self.plan.proxied:
                    await self._host.proxies.end(self.plan.task_arn)
                if self.pause.runtime_id:
                    await self._host.engine.remove(self.pause.runtime_id)
            await self._host.volumes.release(self.plan.task_arn)
            await self._host.disks.release(self.plan.task_arn)
        except (BalancerError, EngineRefusalError, EngineSilentError, FileSystemError) as error:
            log.warning("pause is left", extra={"task": self.plan.task_arn, "cause": str(error)})
            await self._host.clock.sleep(REFUSED_PAUSE)
            return
        self.pause, self.ready = GONE, False
        self._host.cgroups.remove(self.plan.task_id)

    async def erase(self) -> None:
        """Remove everything that the task has on this host. Raises EngineError."""
        await erase_task(self._host, self.plan.task_arn)

    def _id(self, name: str) -> str:
        return self.view[name].runtime_id or ""


async def erase_task(host: TaskHost, task_arn: str) -> None:
    """Remove a task's containers, its proxy, its pause, then its volumes and cgroup.

    Raises:
        EngineError: the Engine is away or refuses.
        BalancerError: the proxy cannot be ended.
        FileSystemError: a volume cannot be unmounted.
    """
    found = await host.engine.owned(task_arn)
    for one in found:
        if one.role != container_names.PAUSE:
            await host.engine.remove(one.id)
    await host.proxies.end(task_arn)
    for one in found:
        if one.role == container_names.PAUSE:
            async with host.removals.turn():
                await host.engine.remove(one.id)
    for name, owner in (await host.engine.volumes()).items():
        if owner == task_arn:
            await host.engine.remove_volume(name)
    await host.volumes.release(task_arn)
    await host.disks.release(task_arn)
    host.cgroups.remove(task_arn.rpartition("/")[2])


def _after(seen: Seen, event: EngineEvent) -> Seen:
    """Return a container as an event leaves it."""
    match event.action:
        case "start" if seen.status in {"CREATED", "RUNNING"}:
            return replace(seen, status="RUNNING", started_at=event.at)
        case "health_status":
            return replace(seen, health=event.health or "UNKNOWN")
        case "die":
            return replace(
                seen,
                status="STOPPED",
                exit_code=event.exit_code,
                finished_at=event.at,
                started_at=seen.started_at or event.at,
            )
        case "destroy" if seen.status == "RUNNING":
            return replace(seen, status="STOPPED", reason=stop_cause.VANISHED)
        case _:
            return seen
