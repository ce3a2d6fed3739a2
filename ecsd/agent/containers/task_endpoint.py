"""What a task's containers ask at 169.254.170.2: metadata, credentials, protection, faults.

A path holds an unguessable id, and counts only from the address of the task that it belongs to.
Source: Amazon ECS Developer Guide, task metadata endpoint, task IAM role, task scale-in protection
endpoint; ecs_semantics 8.2.
"""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from ecsd.agent.api_client import ApiClient, ApiError, Keys
from ecsd.agent.containers.network_faults import NetworkFaults
from ecsd.agent.drivers.link_local import Answered, Asked
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import Clock
from ecsd.decisions.containers.task_endpoint import container_id, credentials_document
from ecsd.decisions.request_rate import Bucket, Rate, take
from ecsd.decisions.tasks.task_metadata import Measured, TaskSeen, container_document, task_document
from ecsd.decisions.tasks.task_roles import TASK
from ecsd.errors import EngineError

log = logging.getLogger(__name__)

METADATA_VERSIONS = {"v3": 3, "v4": 4}
MOST_CALLERS = 10_000  # whose rates are remembered
ECS = "AmazonEC2ContainerServiceV20141113"


class Measures(Protocol):
    """What is measured of a task."""

    async def stats(
        self, seen: TaskSeen, runtime_ids: list[str], *, rates: bool
    ) -> dict[str, dict[str, Any]]:
        """Return the stats of containers of a task, by id. Raises EngineError."""
        ...

    async def storage(self, seen: TaskSeen) -> dict[str, int] | None:
        """Return EphemeralStorageMetrics; None where they are not to be had."""
        ...

    def clock(self, seen: TaskSeen) -> dict[str, Any] | None:
        """Return ClockDrift; None where it is not known."""
        ...


class Tasks(Protocol):
    """What is known of this host's tasks."""

    def seen_at(self, vpc_id: str, address: str) -> TaskSeen | None:
        """Return the task that has an address of a VPC."""
        ...

    @property
    def measures(self) -> Measures:
        """What is measured of them."""
        ...


class TaskEndpoint:
    """Answers tasks."""

    def __init__(self, clock: Clock, tasks: Tasks, roles: TaskRoles, rate: Rate) -> None:
        self._clock = clock
        self._tasks = tasks
        self._measures = tasks.measures
        self._faults = NetworkFaults(clock)
        self._roles = roles
        self._rate = rate
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._api = ApiClient(clock)

    async def answer(self, asked: Asked) -> Answered:
        """Return what a task is told."""
        if not self._is_in_time(asked):
            return Answered(HTTPStatus.TOO_MANY_REQUESTS, b"", "text/plain")
        seen = self._tasks.seen_at(asked.vpc_id, asked.peer)
        parts = asked.path.strip("/").split("/")
        if parts[:2] == ["v2", "credentials"]:
            return self._credentials(seen, parts[2:], asked)
        if seen is None:
            return _unfound(f"no task has the address {asked.peer}")
        if parts[0] == "api":
            return await self._agent(seen, parts[1:], asked)
        if asked.method != "GET":
            return Answered(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain")
        try:
            return await self._metadata(seen, parts)
        except EngineError as error:
            log.info("a task's stats are not to be had", extra={"cause": str(error)})
            return Answered(HTTPStatus.INTERNAL_SERVER_ERROR, _json(f"no stats: {error}"))

    def _is_in_time(self, asked: Asked) -> bool:
        caller = (asked.vpc_id, asked.peer)
        if len(self._buckets) >= MOST_CALLERS:
            self._buckets.clear()
        self._buckets[caller], answered = take(
            self._buckets.get(caller), self._rate, self._clock.now().timestamp()
        )
        return answered

    # ------------------------------------------------------------------ credentials

    def _credentials(self, seen: TaskSeen | None, rest: list[str], asked: Asked) -> Answered:
        """Return a role's credentials to the task whose role it is."""
        if not rest or not rest[0]:
            return _refused("NoIdInRequest", "No Credential ID in the request")
        holder = self._roles.holder(rest[0])
        own = seen is not None and holder is not None and holder.task_arn == seen.plan.task_arn
        if holder is None or not own or holder.purpose != TASK:
            log.warning("credentials were asked for by a stranger", extra={"peer": asked.peer})
            return _refused("InvalidIdInRequest", "Credentials not found")
        if asked.method != "GET":
            return Answered(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain")
        return Answered(HTTPStatus.OK, _json(credentials_document(holder.credentials)))

    # ------------------------------------------------------------------ metadata

    async def _metadata(self, seen: TaskSeen, parts: list[str]) -> Answered:
        match parts:
            case ["v2", "metadata"]:
                return _found(task_document(seen, 2))
            case ["v2", "metadata", key] if name := _by(seen, _is_runtime(seen, key)):
                return _found(container_document(seen, name, 2))
            case ["v2", "stats"]:
                return _found(await self._all_stats(seen, 2))
            case ["v2", "stats", key] if _by(seen, _is_runtime(seen, key)):
                return _found((await self._stats(seen, [key], 2))[key])
            case [("v3" | "v4") as version, key, *rest] if name := _by(seen, _is_own(seen, key)):
                return await self._of_container(seen, name, METADATA_VERSIONS[version], rest)
            case _:
                return _unfound(f"unable to find what {'/'.join(parts)} is about")

    async def _of_container(
        self, seen: TaskSeen, name: str, version: int, rest: list[str]
    ) -> Answered:
        match rest:
            case []:
                return _found(container_document(seen, name, version))
            case ["task"]:
                return _found(task_document(seen, version, measured=await self._measured(seen)))
            case ["taskWithTags"]:
                measured = await self._measured(seen)
                return _found(task_document(seen, version, tags=True, measured=measured))
            case ["stats"]:
                known = seen.view.get(name)
                runtime_id = known.runtime_id if known else None
                if not runtime_id:
                    return _found(None)
                return _found((await self._stats(seen, [runtime_id], version))[runtime_id])
            case ["task", "stats"]:
                return _found(await self._all_stats(seen, version))
            case _:
                return _unfound(f"there is no /{'/'.join(rest)}")

    async def _all_stats(self, seen: TaskSeen, version: int) -> dict[str, Any]:
        running = [one.runtime_id for one in seen.view.values() if one.status == "RUNNING"]
        return await self._stats(seen, [key for key in running if key], version)

    async def _stats(
        self, seen: TaskSeen, runtime_ids: list[str], version: int
    ) -> dict[str, dict[str, Any]]:
        rates = version >= METADATA_VERSIONS["v4"]
        return await self._measures.stats(seen, runtime_ids, rates=rates)

    async def _measured(self, seen: TaskSeen) -> Measured:
        return Measured(self._measures.clock(seen), await self._measures.storage(seen))

    # ------------------------------------------------------------------ the agent's API

    async def _agent(self, seen: TaskSeen, parts: list[str], asked: Asked) -> Answered:
        """Answer what a container asks its agent to do."""
        match parts:
            case [key, "task-protection", "v1", "state"] if _by(seen, _is_own(seen, key)):
                return await self._protection(seen, asked)
            case [key, "fault", "v1", *rest] if _by(seen, _is_own(seen, key)):
                return await self._faults.answer(seen, key, rest, asked)
            case _:
                return _unfound(f"unable to find what {asked.path} is about")

    async def _protection(self, seen: TaskSeen, asked: Asked) -> Answered:
        """Show or set protection from scale-in, in the task's role's name."""
        plan = seen.plan
        role = self._roles.task(plan.task_arn)
        if role is None:
            words = "Invalid Request: no task IAM role credentials available for task"
            return _protection_error(HTTPStatus.FORBIDDEN, plan.task_arn, "AccessDenied", words)
        members: dict[str, Any] = {"cluster": plan.cluster, "tasks": [plan.task_arn]}
        operation = "GetTaskProtection"
        if asked.method == "PUT":
            operation = "UpdateTaskProtection"
            try:
                members |= _wanted_protection(asked.body)
            except ValueError as error:
                words = f"UpdateTaskProtection: {error}"
                return _protection_error(
                    HTTPStatus.BAD_REQUEST, plan.task_arn, "InvalidParameterException", words
                )
        elif asked.method != "GET":
            return Answered(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain")
        try:
            answer = await self._api.ask(
                (plan.logs_endpoint, plan.region),
                Keys.of(role),
                ("ecs", f"{ECS}.{operation}"),
                members,
            )
        except ApiError as error:
            status = HTTPStatus.BAD_REQUEST if error.code else HTTPStatus.GATEWAY_TIMEOUT
            code = error.code or "RequestCanceled"
            return _protection_error(status, plan.task_arn, code, error.message)
        for failure in answer.get("failures", ()):
            told = {"Arn": plan.task_arn, "Reason": failure.get("reason")}
            return _found({"failure": told})
        return _found({"protection": _shown_protection(answer["protectedTasks"][0])})


def _wanted_protection(body: bytes) -> dict[str, Any]:
    """Return UpdateTaskProtection's members. Raises ValueError, with what is wrong."""
    try:
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise ValueError("failed to decode request") from error
    if not isinstance(given, dict) or not isinstance(given.get("ProtectionEnabled"), bool):
        raise ValueError("Invalid request: does not contain 'ProtectionEnabled' field")  # noqa: TRY004 - of a body, not of a type
    members: dict[str, Any] = {"protectionEnabled": given["ProtectionEnabled"]}
    if given.get("ExpiresInMinutes") is not None:
        if type(given["ExpiresInMinutes"]) is not int:
            raise ValueError("Invalid request: 'ExpiresInMinutes' must be a number")
        members["expiresInMinutes"] = given["ExpiresInMinutes"]
    return members


def _shown_protection(task: dict[str, Any]) -> dict[str, Any]:
    shown = {"ProtectionEnabled": task["protectionEnabled"], "TaskArn": task["taskArn"]}
    if task.get("expirationDate") is not None:
        shown["ExpirationDate"] = task["expirationDate"]
    return shown


def _protection_error(status: HTTPStatus, arn: str, code: str, message: str) -> Answered:
    return Answered(status, _json({"error": {"Arn": arn, "Code": code, "Message": message}}))


def _is_own(seen: TaskSeen, key: str) -> Callable[[str], bool]:
    return lambda name: container_id(seen.plan.endpoint_key, name) == key


def _is_runtime(seen: TaskSeen, key: str) -> Callable[[str], bool]:
    return lambda name: name in seen.view and seen.view[name].runtime_id == key


def _by(seen: TaskSeen, matches: Callable[[str], bool]) -> str | None:
    """Return the container that is meant."""
    return next((one["name"] for one in seen.plan.containers if matches(one["name"])), None)


def _found(document: dict[str, Any] | None) -> Answered:
    return Answered(HTTPStatus.OK, _json(document))


def _unfound(words: str) -> Answered:
    return Answered(HTTPStatus.NOT_FOUND, _json(words))


def _refused(code: str, words: str) -> Answered:
    status = HTTPStatus.BAD_REQUEST
    told = {"code": code, "message": f"CredentialsV2Request: {words}", "HTTPErrorCode": status}
    return Answered(status, _json(told))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
