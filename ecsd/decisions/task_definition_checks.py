"""What makes a task definition wrong, in ECS's words where they are known.

Each check yields messages; the first refuses the registration (ClientException). Source:
ecs_semantics 2.1 and 2.4.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
IMAGE = re.compile(r"[A-Za-z0-9_.:/#-]{1,255}(@sha256:[0-9a-f]{64})?")
PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
MOST_CONTAINERS = 10
LEAST_MEMORY = 6  # MiB, the Engine's own minimum
AWSVPC_REFUSES = ("links", "hostname", "dnsServers", "dnsSearchDomains", "extraHosts")
ULIMITS = frozenset(
    {
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
        *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    }
)
LARGEST_PORT = 65535


def check_task(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the whole; ``task`` is the request, cpu and memory as numbers."""
    containers: Sequence[Mapping[str, Any]] = task["containerDefinitions"]
    if not NAME.fullmatch(task["family"]):
        yield (
            "Family contains invalid characters: up to 255 letters, numbers, hyphens and "
            "underscores are allowed."
        )
    if not containers:
        yield "Container list cannot be empty."
    if len(containers) > MOST_CONTAINERS:
        yield f"A task definition may hold at most {MOST_CONTAINERS} containers."
    names = [one.get("name") for one in containers]
    if len(set(names)) < len(names):
        yield "Container definitions must have unique names."
    for container in containers:
        yield from check_container(container, task)
    if containers and not any(one.get("essential", True) for one in containers):
        yield "At least one container in a task definition must be essential."
    yield from _sums(containers, task)
    yield from _dependencies(containers)
    yield from _mounts(containers, task)


def check_container(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one container."""
    name = container.get("name")
    if not name:
        yield "Container.name should not be null or empty."
        return
    if not NAME.fullmatch(name):
        yield f"Container.name {name!r} contains invalid characters."
    if not container.get("image"):
        yield "Container.image should not be null or empty."
    elif not IMAGE.fullmatch(container["image"]):
        yield "Container.image contains invalid characters."
    yield from _memory(container, task)
    yield from _ports(container, task)
    yield from _health(container)
    yield from _logging(container)
    yield from _limits(container)
    if task.get("networkMode") == "awsvpc":
        for member in AWSVPC_REFUSES:
            if container.get(member):
                yield f"{member} is not supported on container when networkMode=awsvpc."


def _memory(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    hard, soft = container.get("memory"), container.get("memoryReservation")
    if hard is None and soft is None and task.get("memory") is None:
        yield (
            f"Invalid setting for container '{container['name']}'. At least one of 'memory' or "
            "'memoryReservation' must be specified."
        )
    if hard is not None and hard < LEAST_MEMORY:
        yield f"Container '{container['name']}': memory must be at least {LEAST_MEMORY} MiB."
    if hard is not None and soft is not None and soft > hard:
        yield (
            f"Invalid setting for container '{container['name']}'. 'memory' must be greater than "
            "or equal to 'memoryReservation'."
        )


def _ports(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    mode = task.get("networkMode")
    if container.get("portMappings") and mode == "none":
        yield "Port mappings are not supported when networkMode=none."
    for port in container.get("portMappings") or ():
        inside, outside = port.get("containerPort"), port.get("hostPort")
        if inside is None and not port.get("containerPortRange"):
            yield f"Container '{container['name']}': a port mapping needs containerPort."
            continue
        for number in (inside, outside):
            if number is not None and not 0 <= number <= LARGEST_PORT:
                yield f"Container '{container['name']}': invalid port number {number}."
        if mode in {"awsvpc", "host"} and outside and inside != outside:
            yield (
                f"When networkMode={mode}, the host ports and container ports in port mappings "
                "must match."
            )
        if port.get("name") and not PORT_NAME.fullmatch(port["name"]):
            yield f"Container '{container['name']}': invalid port mapping name {port['name']!r}."


def _health(container: Mapping[str, Any]) -> Iterator[str]:
    check = container.get("healthCheck")
    if check is None:
        return
    command = check.get("command") or []
    if not command or command[0] not in {"CMD", "CMD-SHELL"} or len(command) == 1:
        yield (
            f"Container '{container['name']}': healthCheck.command must begin with CMD or "
            "CMD-SHELL and name a command."
        )
    ranges = {
        "interval": (5, 300),
        "timeout": (2, 60),
        "retries": (1, 10),
        "startPeriod": (0, 300),
    }
    for member, (least, most) in ranges.items():
        value = check.get(member)
        if value is not None and not least <= value <= most:
            yield (
                f"Container '{container['name']}': healthCheck.{member} must be between {least} "
                f"and {most}, got {value}."
            )


def _logging(container: Mapping[str, Any]) -> Iterator[str]:
    logging = container.get("logConfiguration") or {}
    if logging.get("logDriver") != "awslogs":
        return
    options = logging.get("options") or {}
    missing = [one for one in ("awslogs-region", "awslogs-group") if not options.get(one)]
    if missing:
        yield f"Log driver awslogs requires options: {', '.join(missing)}"
    if options.get("awslogs-datetime-format") and options.get("awslogs-multiline-pattern"):
        yield (
            "Log driver awslogs: awslogs-datetime-format and awslogs-multiline-pattern cannot "
            "both be given."
        )


def _limits(container: Mapping[str, Any]) -> Iterator[str]:
    for limit in container.get("ulimits") or ():
        if limit.get("name") not in ULIMITS:
            yield f"Container '{container['name']}': unknown ulimit {limit.get('name')!r}."
        elif limit["softLimit"] > limit["hardLimit"] >= 0:
            yield f"Container '{container['name']}': ulimit softLimit exceeds hardLimit."


def _sums(containers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> Iterator[str]:
    for member, limit in (("cpu", task.get("cpu")), ("memory", task.get("memory"))):
        total = sum(one.get(member) or 0 for one in containers)
        if limit is not None and total > limit:
            yield (
                f"The sum of all container '{member}' values cannot be greater than the value of "
                f"the task '{member}'."
            )


def _dependencies(containers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    by_name = {one.get("name"): one for one in containers}
    for container in containers:
        for needed in container.get("dependsOn") or ():
            other = by_name.get(needed["containerName"])
            condition = needed["condition"]
            if other is None:
                yield (
                    f"Cannot depend on container + '{needed['containerName']}' because it does "
                    "not exist"
                )
            elif condition in {"SUCCESS", "COMPLETE"} and other.get("essential", True):
                yield (
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an "
                    "essential container"
                )
            elif condition == "HEALTHY" and not other.get("healthCheck"):
                yield (
                    f"Container '{other['name']}' is depended on as HEALTHY but has no health "
                    "check."
                )
        for source in container.get("volumesFrom") or ():
            if source.get("sourceContainer") not in by_name:
                yield (
                    "Invalid 'volumesFrom' setting. Unknown container: "
                    f"'{source.get('sourceContainer')}'."
                )
    if _has_cycle({name: _needs(one) for name, one in by_name.items()}):
        yield "Container definitions have a cyclic dependency."


def _needs(container: Mapping[str, Any]) -> list[Any]:
    needed = [one["containerName"] for one in container.get("dependsOn") or ()]
    return needed + [one.get("sourceContainer") for one in container.get("volumesFrom") or ()]


def _has_cycle(needs: Mapping[Any, Iterable[Any]]) -> bool:
    done: set[Any] = set()
    while True:
        ready = {
            name
            for name, needed in needs.items()
            if name not in done and all(one in done or one not in needs for one in needed)
        }
        if not ready:
            return len(done) < len(needs)
        done |= ready


def _mounts(containers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> Iterator[str]:
    volumes = [one.get("name") for one in task.get("volumes") or ()]
    for name in volumes:
        if not name or not NAME.fullmatch(name):
            yield f"Invalid volume name: {name!r}."
    if len(set(volumes)) < len(volumes):
        yield "Volume names must be unique."
    for container in containers:
        for mount in container.get("mountPoints") or ():
            if mount.get("sourceVolume") not in volumes:
                yield f"Unknown volume '{mount.get('sourceVolume')}'."
            if not mount.get("containerPath"):
                yield f"Container '{container.get('name')}': mountPoints need a containerPath."
