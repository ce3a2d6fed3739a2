"""What makes one container of a task definition wrong, in ECS's words where they are known.

Source: ecs_semantics 2.1 and 2.4; API Reference, ContainerDefinition.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.task_definitions.container_linux_checks import check_linux
from ecsd.decisions.task_definitions.container_logging_checks import check_logging
from ecsd.decisions.task_definitions.container_port_checks import check_ports
from ecsd.decisions.task_definitions.startup_value_checks import check_values

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
IMAGE = re.compile(r"[A-Za-z0-9_.:/#-]{1,255}(@sha256:[0-9a-f]{64})?")
LEAST_MEMORY = 6  # MiB, the Engine's own minimum
AWSVPC_REFUSES = ("links", "hostname", "dnsServers", "dnsSearchDomains", "extraHosts")
ULIMITS = frozenset(
    {
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
        *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    }
)
USER = re.compile(r"\w[\w.-]*(:\w[\w.-]*)?")
HEALTH_RANGES = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10)}
HEALTH_RANGES |= {"startPeriod": (0, 300)}
SHORTEST_ATTEMPT, LONGEST_ATTEMPT = 60, 1800  # seconds of restartAttemptPeriod
MOST_IGNORED = 50
SECURITY_OPTION = re.compile(r"no-new-privileges(:true|:false)?|(apparmor|label)[:=].+")


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
    yield from check_memory(container, task)
    yield from check_ports(container, task)
    where = f"Container '{name}': "
    for problem in (
        *check_environment(container),
        *_health(container),
        *_restart(container),
        *_limits(container),
        *_user(container),
        *_security(container),
        *check_linux(container, task),
    ):
        yield where + problem
    yield from check_logging(container)
    yield from check_values(container, task)
    yield from _names(container, task)


def check_memory(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with cpu, memory and memoryReservation (units, MiB)."""
    name = container["name"]
    hard, soft = container.get("memory"), container.get("memoryReservation")
    if not hard and not soft and task.get("memory") is None:
        yield (
            f"Invalid setting for container '{name}'. At least one of 'memory' or "
            "'memoryReservation' must be specified."
        )
    for member, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < LEAST_MEMORY:
            yield f"Container '{name}': {member} must be at least {LEAST_MEMORY} MiB."
    if (container.get("cpu") or 0) < 0:
        yield f"Container '{name}': cpu must not be negative."
    if hard is not None and soft is not None and soft > hard:
        yield (
            f"Invalid setting for container '{name}'. 'memory' must be greater than "
            "or equal to 'memoryReservation'."
        )


def check_environment(container: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a container's, or an override's, environment."""
    for one in container.get("environment") or ():
        name = one.get("name") or ""
        if not name or "=" in name or "\0" in name + (one.get("value") or ""):
            yield f"environment: a variable needs a name without '=', got {name!r}."


def _health(container: Mapping[str, Any]) -> Iterator[str]:
    check = container.get("healthCheck")
    if check is None:
        return
    command = check.get("command") or []
    if not command or command[0] not in {"CMD", "CMD-SHELL"} or len(command) == 1:
        yield "healthCheck.command must begin with CMD or CMD-SHELL and name a command."
    for member, (least, most) in HEALTH_RANGES.items():
        value = check.get(member)
        if value is not None and not least <= value <= most:
            yield f"healthCheck.{member} must be between {least} and {most}, got {value}."


def _restart(container: Mapping[str, Any]) -> Iterator[str]:
    policy = container.get("restartPolicy") or {}
    period = policy.get("restartAttemptPeriod")
    if period is not None and not SHORTEST_ATTEMPT <= period <= LONGEST_ATTEMPT:
        yield (
            f"restartPolicy.restartAttemptPeriod must be between {SHORTEST_ATTEMPT} and "
            f"{LONGEST_ATTEMPT}, got {period}."
        )
    if len(policy.get("ignoredExitCodes") or ()) > MOST_IGNORED:
        yield f"restartPolicy.ignoredExitCodes: at most {MOST_IGNORED} are allowed."


def _limits(container: Mapping[str, Any]) -> Iterator[str]:
    names = [one.get("name") for one in container.get("ulimits") or ()]
    if len(set(names)) < len(names):
        yield "ulimits: each may be given once."
    for limit in container.get("ulimits") or ():
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if limit.get("name") not in ULIMITS:
            yield f"unknown ulimit {limit.get('name')!r}."
        elif soft < -1 or hard < -1:
            yield f"ulimit {limit['name']}: a limit is a number, or -1 for none."
        elif hard >= 0 and (soft > hard or soft < 0):
            yield "ulimit softLimit exceeds hardLimit."
    for member in ("startTimeout", "stopTimeout"):
        if (container.get(member) or 0) < 0:
            yield f"{member} must not be negative."


def _user(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("user") and not USER.fullmatch(container["user"]):
        yield f"user must be USER or USER:GROUP, names or numbers, got {container['user']!r}."
    directory = container.get("workingDirectory")
    if directory and not directory.startswith("/"):
        yield f"workingDirectory must be an absolute path, got {directory!r}."


def _security(container: Mapping[str, Any]) -> Iterator[str]:
    for option in container.get("dockerSecurityOptions") or ():
        if option.startswith("credentialspec"):
            yield "dockerSecurityOptions: credentialspec is not supported by ecsd yet."
        elif not SECURITY_OPTION.fullmatch(option):
            yield (
                f"dockerSecurityOptions: {option!r} is none of no-new-privileges, "
                "apparmor:PROFILE, label:value."
            )


def _names(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    mode = task.get("networkMode") or "bridge"
    for member in AWSVPC_REFUSES:
        if mode == "awsvpc" and container.get(member):
            yield f"{member} is not supported on container when networkMode=awsvpc."
    if container.get("links") and mode not in {"bridge", "awsvpc"}:
        yield f"links are not supported on container when networkMode={mode}."
    if container.get("hostname") and mode == "host":
        yield "hostname is not supported on container when networkMode=host."
    for one in container.get("extraHosts") or ():
        if not one.get("hostname") or not one.get("ipAddress"):
            yield f"Container '{container['name']}': extraHosts need hostname and ipAddress."
