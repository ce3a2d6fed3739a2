"""What Docker Engine answers, read into plain records. Source: Docker Engine API 1.41."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from ecsd.decisions.containers import container_names
from ecsd.decisions.containers.container_order import Seen

SERIAL_BELOW = 23  # moby#46661: concurrent removal of network endpoints deadlocks older Engines
NEVER = "0001-01-01T00:00:00Z"
MICROSECOND_DIGITS = 6
HEALTH = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}
STATUS = {"created": "CREATED", "exited": "STOPPED", "dead": "STOPPED", "removing": "STOPPED"}


class Host(Struct, frozen=True):
    """What the Engine is. architecture in Go's words: ``amd64``, ``arm64``.

    storage: the folder in which containers write. lacks: what it would pass over in silence, of
    ``apparmor``, ``selinux``, ``maxSwap``, ``swappiness``.
    """

    version: str
    architecture: str
    cgroup_driver: str
    removes_serially: bool
    storage: str = "/var/lib/docker"
    lacks: frozenset[str] = frozenset()


class Digests(Struct, frozen=True):
    """An image: ``repository@sha256:…`` of the registries it came from; for which CPU it is."""

    repo_digests: tuple[str, ...]
    architecture: str = ""  # amd64, arm64
    id: str = ""  # the Engine's own, sha256:…

    def digest(self, repository: str = "") -> str | None:
        """Return the manifest's digest, if a registry ever told it: this repository's, or any."""
        found = self._known(repository)
        return found.partition("@")[2] if found else None

    def reference(self, repository: str = "") -> str:
        """Return what names exactly this image, for every host where there is such a name."""
        return self._known(repository) or self.id

    def _known(self, repository: str) -> str | None:
        own = [one for one in self.repo_digests if one.partition("@")[0] == repository]
        return next(iter([*own, *self.repo_digests]), None)


class Owned(Struct, frozen=True):
    """A container of ours in a list. role: pause or app."""

    id: str
    task_arn: str
    container: str
    role: str


class Inspected(Struct, frozen=True):
    """A container in full. sandbox: the path of its network namespace, if it runs."""

    seen: Seen
    oom_killed: bool
    sandbox: str
    error: str


class EngineEvent(Struct, frozen=True):
    """What happened to a container of ours: start, die, oom, health_status, destroy."""

    action: str
    id: str
    task_arn: str
    container: str
    role: str
    at: datetime
    exit_code: int | None = None
    health: str | None = None


def host(information: Mapping[str, Any]) -> Host:
    """Read ``GET /info``."""
    version = str(information["ServerVersion"])
    major = version.partition(".")[0]
    machine = str(information["Architecture"])
    return Host(
        version=version,
        architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        cgroup_driver=str(information["CgroupDriver"]),
        removes_serially=not major.isdigit() or int(major) < SERIAL_BELOW,
        storage=str(information["DockerRootDir"]),
        lacks=frozenset(_lacks(information)),
    )


def _lacks(information: Mapping[str, Any]) -> Iterator[str]:
    options = information.get("SecurityOptions") or ()
    modules = {option.removeprefix("name=").partition(",")[0] for option in options}
    yield from {"apparmor", "selinux"} - modules
    if not information.get("SwapLimit"):
        yield "maxSwap"
    if information.get("CgroupVersion") == "2":
        yield "swappiness"  # cgroup v2 has none


def owned(key: str, labels: Mapping[str, str]) -> Owned:
    """Read one element of ``GET /containers/json``: its id and labels."""
    return Owned(
        id=key,
        task_arn=labels.get(container_names.TASK, ""),
        container=labels.get(container_names.NAME, ""),
        role=labels.get(container_names.ROLE, ""),
    )


def inspected(found: dict[str, Any]) -> Inspected:
    """Read ``GET /containers/<id>/json``."""
    state = found["State"]
    status = STATUS.get(state["Status"], "RUNNING")
    started_at = moment(state["StartedAt"])
    failed = status == "CREATED" or started_at is None
    seen = Seen(
        status=status,
        health=HEALTH.get((state.get("Health") or {}).get("Status", ""), "UNKNOWN"),
        runtime_id=found["Id"],
        image_id=found.get("Image"),
        created_at=moment(found.get("Created") or ""),
        started_at=started_at,
        finished_at=None if status == "RUNNING" else moment(state["FinishedAt"]),
        exit_code=state["ExitCode"] if status == "STOPPED" and not failed else None,
    )
    return Inspected(
        seen=seen,
        oom_killed=bool(state.get("OOMKilled")),
        sandbox=(found.get("NetworkSettings") or {}).get("SandboxKey") or "",
        error=state.get("Error") or "",
    )


def event(found: dict[str, Any]) -> EngineEvent | None:
    """Read a line of ``GET /events``; None for one that does not concern tasks."""
    action, _, detail = str(found.get("Action", "")).partition(": ")
    actor = found.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if container_names.TASK not in attributes:
        return None
    exit_code = attributes.get("exitCode")
    return EngineEvent(
        action=action,
        id=actor["ID"],
        task_arn=attributes[container_names.TASK],
        container=attributes.get(container_names.NAME, ""),
        role=attributes.get(container_names.ROLE, ""),
        at=datetime.fromtimestamp(found["timeNano"] / 1e9, UTC),
        exit_code=int(exit_code) if action == "die" and exit_code is not None else None,
        health=HEALTH.get(detail, "UNKNOWN") if action == "health_status" else None,
    )


def moment(text: str) -> datetime | None:
    """Read a time of the Engine (nanoseconds, RFC 3339); None for never."""
    if not text or text == NEVER:
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    digits = (fraction + "0" * MICROSECOND_DIGITS)[:MICROSECOND_DIGITS]
    return datetime.fromisoformat(f"{whole}.{digits}").replace(tzinfo=UTC)
