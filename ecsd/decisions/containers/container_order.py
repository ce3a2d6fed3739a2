"""In which order a task's containers start and stop, out of what is seen of them at the moment.

Level-triggered: every function looks at the present and says what may be done now. Nothing here
remembers; a doubled or lost notice changes nothing.
Source: Amazon ECS API Reference, ContainerDependency; ecs_semantics 1.4, 2.4.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

Container = Mapping[str, Any]

RESTART_PERIOD = 300  # seconds; restartPolicy's default


class Seen(Struct, frozen=True, kw_only=True):
    """A container as its host knows it.

    status: ABSENT, CREATED, RUNNING, STOPPED. started_at: of its last start; None: never started.
    reason: an error of the Engine or a cause of death, in AWS's words. last_lines: what it said
    last, where it failed.
    """

    status: str = "ABSENT"
    health: str = "UNKNOWN"  # HEALTHY, UNHEALTHY, UNKNOWN
    runtime_id: str | None = None
    image_digest: str | None = None
    image_reference: str | None = None  # names exactly this image
    image_id: str | None = None  # the Engine's own
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    last_lines: tuple[str, ...] = ()


class Dependency(Struct, frozen=True):
    """Whom a container waits for, and how long for it. condition as in the API."""

    name: str
    condition: str


class Blockage(Struct, frozen=True):
    """A container that can never start, and why."""

    container: str
    words: str


View = Mapping[str, Seen]
NOTHING = Seen()


def dependencies(container: Container) -> list[Dependency]:
    """Return what a container waits for; links and volumesFrom count as START."""
    found = [
        Dependency(one["containerName"], one["condition"])
        for one in container.get("dependsOn") or ()
    ]
    sources = [one.get("sourceContainer") for one in container.get("volumesFrom") or ()]
    links = [link.partition(":")[0] for link in container.get("links") or ()]
    return found + [Dependency(name, "START") for name in [*sources, *links] if name]


def is_fulfilled(condition: str, seen: Seen) -> bool:
    """Tell whether a dependency is as a dependent needs it. HEALTHY matters at the start only."""
    match condition:
        case "HEALTHY":
            return seen.status == "RUNNING" and seen.health == "HEALTHY"
        case "COMPLETE":
            return seen.status == "STOPPED" and seen.started_at is not None
        case "SUCCESS":
            return seen.status == "STOPPED" and seen.exit_code == 0
        case _:
            return seen.started_at is not None


def creatable(containers: Sequence[Container], view: View) -> list[str]:
    """Return who may be created now: everybody whose volumesFrom sources exist."""
    return [
        one["name"]
        for one in containers
        if view.get(one["name"], NOTHING).status == "ABSENT"
        and all(_exists(view, source) for source in one.get("volumesFrom") or ())
    ]


def startable(containers: Sequence[Container], view: View) -> list[str]:
    """Return who may be started now, in the definition's order."""
    return [
        one["name"]
        for one in containers
        if view.get(one["name"], NOTHING).status == "CREATED"
        and all(
            is_fulfilled(dependency.condition, view.get(dependency.name, NOTHING))
            for dependency in dependencies(one)
        )
    ]


def stoppable(containers: Sequence[Container], view: View) -> list[str]:
    """Return who may be stopped now: those that run and that nobody running depends on."""
    running = {
        one["name"] for one in containers if view.get(one["name"], NOTHING).status == "RUNNING"
    }
    needed = {
        dependency.name
        for one in containers
        if one["name"] in running
        for dependency in dependencies(one)
        if dependency.name != one["name"]
    }
    return [one["name"] for one in containers if one["name"] in running - needed]


def blocked(containers: Sequence[Container], view: View, now: datetime) -> list[Blockage]:
    """Return who waits in vain: for a dependency that ended otherwise, or took too long.

    The dependency's own startTimeout bounds the wait; without one there is no bound.
    """
    by_name = {one["name"]: one for one in containers}
    found = []
    for one in containers:
        if view.get(one["name"], NOTHING).status in {"RUNNING", "STOPPED"}:
            continue
        for dependency in dependencies(one):
            words = _hopeless(
                by_name.get(dependency.name, {}),
                dependency,
                view.get(dependency.name, NOTHING),
                now,
            )
            if words:
                found.append(Blockage(one["name"], f"TaskDependencyError: {words}"))
                break
    return found


def look_again(containers: Sequence[Container], view: View) -> datetime | None:
    """Return when the next startTimeout of a dependency that is waited for ends."""
    by_name = {one["name"]: one for one in containers}
    moments = []
    for one in containers:
        if view.get(one["name"], NOTHING).status in {"RUNNING", "STOPPED"}:
            continue
        for dependency in dependencies(one):
            seen = view.get(dependency.name, NOTHING)
            if not is_fulfilled(dependency.condition, seen):
                moments.append(_deadline(by_name.get(dependency.name, {}), seen))
    return min((moment for moment in moments if moment is not None), default=None)


def is_up(containers: Sequence[Container], view: View) -> bool:
    """Tell whether everything that has to run does, or did and was allowed to end."""
    seen = [view.get(one["name"], NOTHING).status for one in containers]
    return bool(seen) and set(seen) <= {"RUNNING", "STOPPED"} and "RUNNING" in seen


def restarts(container: Container, seen: Seen) -> bool:
    """Tell whether a stopped container is started again.

    Only if it ran at least restartAttemptPeriod seconds, and its exit code is not an ignored one.
    Source: Amazon ECS API Reference, ContainerRestartPolicy.
    """
    policy = container.get("restartPolicy") or {}
    if not policy.get("enabled") or seen.status != "STOPPED":
        return False
    if seen.started_at is None or seen.finished_at is None or seen.exit_code is None:
        return False
    if seen.exit_code in (policy.get("ignoredExitCodes") or ()):
        return False
    period = policy.get("restartAttemptPeriod") or RESTART_PERIOD
    return seen.finished_at - seen.started_at >= timedelta(seconds=period)


def _exists(view: View, source: Mapping[str, Any]) -> bool:
    return view.get(source.get("sourceContainer", ""), NOTHING).status != "ABSENT"


def _deadline(container: Container, seen: Seen) -> datetime | None:
    seconds = container.get("startTimeout")
    if seconds is None or seen.started_at is None:
        return None
    return seen.started_at + timedelta(seconds=seconds)


def _hopeless(
    container: Container, dependency: Dependency, seen: Seen, now: datetime
) -> str | None:
    if is_fulfilled(dependency.condition, seen):
        return None
    if seen.status == "STOPPED" and not restarts(container, seen):
        wanted = {
            "SUCCESS": "did not exit successfully",
            "HEALTHY": "stopped before it was healthy",
        }
        words = wanted.get(dependency.condition, "did not start")
        return f"dependency container [{dependency.name}] {words}"
    deadline = _deadline(container, seen)
    if deadline is not None and now >= deadline:
        return f"dependency container [{dependency.name}] has timed out: {dependency.condition}"
    return None
