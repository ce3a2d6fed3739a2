"""Secrets, files of variables and registry logins, asked for when a task starts.

The host asks the public API in the name of the task's execution role, everything at once, and keeps
the answers in memory. Each start asks anew, so a new task has what was rotated.
Source: Amazon ECS Developer Guide, Specifying sensitive data; captured stoppedReasons of Fargate.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ecsd.agent.api_client import ApiClient, ApiError, Keys
from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.clock import Clock
from ecsd.decisions.containers.environment_file import parse_file, parse_place
from ecsd.decisions.containers.secret_reference import (
    SSM,
    Reference,
    json_value,
    parse_credentials,
    parse_reference,
)
from ecsd.decisions.containers.startup_values import (
    Login,
    Values,
    file_failure,
    missing_parameters,
    no_credentials,
    parameter_failure,
    registry_failure,
    secret_failure,
    secret_refusal,
    unusable,
    wanted,
)
from ecsd.errors import EcsdError
from ecsd.records.plan import RoleCredentials, TaskPlan

T = TypeVar("T")
ATTEMPTS = 5
FIRST_PAUSE = 0.25  # seconds; doubles
LARGEST_FILE = 1 << 20  # bytes of a file of variables
MOST_NAMES = 10  # of one GetParameters


class StartupValuesError(EcsdError):
    """A value could not be had; the text is the task's reason, in AWS's words."""


class _Asker(NamedTuple):
    """In whose name, and where. region: the task's."""

    keys: Keys
    endpoint: str
    region: str


class _RefusedError(EcsdError):
    """What ApiError said in the end. attempts: how often it was asked."""

    def __init__(self, words: str, attempts: int) -> None:
        super().__init__(words)
        self.attempts = attempts


class StartupValues:
    """Asks the API for what tasks get at start."""

    def __init__(self, clock: Clock, objects: S3Objects) -> None:
        self._clock = clock
        self._api = ApiClient(clock)
        self._objects = objects

    async def resolve(self, plan: TaskPlan, execution: RoleCredentials | None) -> Values:
        """Return everything that a task's containers ask for.

        Raises:
            StartupValuesError: something could not be had; the first in the definition's order.
        """
        asked = wanted(plan.containers)
        if execution is None:
            raise StartupValuesError(no_credentials())
        asker = _Asker(Keys.of(execution), plan.logs_endpoint, plan.region)
        references = {one: _reference(one, plan.region) for one in asked.secrets}
        parameters = [one for one, reference in references.items() if reference.store == SSM]
        jobs: list[Awaitable[dict[str, Any]]] = []
        for region in dict.fromkeys(references[one].region for one in parameters):
            names = [one for one in parameters if references[one].region == region]
            for start in range(0, len(names), MOST_NAMES):
                part = names[start : start + MOST_NAMES]
                jobs.append(self._parameters(asker._replace(region=region), part))
        jobs += [
            self._secret(asker, one, reference)
            for one, reference in references.items()
            if reference.store != SSM
        ]
        secrets, files, registries = await _together(
            jobs,
            [self._file(asker, one) for one in asked.files],
            [self._login(asker, one) for one in asked.registries],
        )
        values = Values(secrets, files, registries)
        for words in unusable(values):
            raise StartupValuesError(words)
        return values

    async def _parameters(self, asker: _Asker, names: list[str]) -> dict[str, str]:
        target = (SSM, "AmazonSSM.GetParameters")
        try:
            answer = await self._insist(asker, target, {"Names": names, "WithDecryption": True})
        except _RefusedError as error:
            raise StartupValuesError(parameter_failure(str(error), error.attempts)) from error
        missing = answer.get("InvalidParameters") or []
        if missing:
            raise StartupValuesError(missing_parameters(missing))
        return {
            name: str(one["Value"]) for name, one in zip(names, answer["Parameters"], strict=True)
        }

    async def _secret(self, asker: _Asker, value_from: str, reference: Reference) -> dict[str, str]:
        try:
            text = await self._secret_text(asker, reference)
        except _RefusedError as error:
            words = secret_failure(reference.identifier, str(error), error.attempts)
            raise StartupValuesError(words) from error
        if not reference.json_key:
            return {value_from: text}
        try:
            value = json_value(text, reference.json_key)
        except ValueError as error:
            raise StartupValuesError(secret_refusal(f"{reference.identifier}: {error}")) from error
        if value is None:
            words = "retrieved secret from Secrets Manager did not contain json key "
            raise StartupValuesError(secret_refusal(words + reference.json_key))
        return {value_from: value}

    async def _login(self, asker: _Asker, parameter: str) -> dict[str, Login]:
        reference = parse_credentials(parameter, asker.region)
        if reference is None:
            raise StartupValuesError(registry_failure(parameter, "no secret is called so"))
        try:
            given = json.loads(await self._secret_text(asker, reference))
        except _RefusedError as error:
            words = registry_failure(parameter, str(error), error.attempts)
            raise StartupValuesError(words) from error
        except ValueError:
            given = None
        if not isinstance(given, dict):
            words = "unable to unmarshal secret value, invalid schema"
            raise StartupValuesError(registry_failure(parameter, words))
        login = Login(str(given.get("username") or ""), str(given.get("password") or ""))
        if not all(login):
            words = "AuthorizationData is malformed, empty field"
            raise StartupValuesError(registry_failure(parameter, words))
        return {parameter: login}

    async def _file(self, asker: _Asker, arn: str) -> dict[str, dict[str, str]]:
        place = parse_place(arn)
        if place is None:
            raise StartupValuesError(file_failure(f"{arn} is no ARN of an object"))
        try:
            content = await self._again(
                lambda: self._objects.read(
                    (asker.endpoint, asker.region), asker.keys, place, LARGEST_FILE
                )
            )
        except _RefusedError as error:
            raise StartupValuesError(file_failure(str(error))) from error
        return {arn: parse_file(content)}

    async def _secret_text(self, asker: _Asker, reference: Reference) -> str:
        members = {
            "SecretId": reference.identifier,
            "VersionStage": reference.stage,
            "VersionId": reference.version,
        }
        answer = await self._insist(
            asker._replace(region=reference.region),
            ("secretsmanager", "secretsmanager.GetSecretValue"),
            {name: value for name, value in members.items() if value},
        )
        return str(answer.get("SecretString") or "")

    async def _insist(
        self, asker: _Asker, target: tuple[str, str], members: dict[str, Any]
    ) -> dict[str, Any]:
        place = (asker.endpoint, asker.region)
        return await self._again(lambda: self._api.ask(place, asker.keys, target, members))

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until somebody answers, a few times."""
        pause, attempt = FIRST_PAUSE, 1
        while True:
            try:
                return await ask()
            except ApiError as error:
                if error.code or attempt == ATTEMPTS:
                    raise _RefusedError(str(error), attempt) from error
            await self._clock.sleep(pause)
            pause, attempt = pause * 2, attempt + 1


async def _together(
    *kinds: Sequence[Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Return the answers of each kind of jobs, put together; all jobs run at once.

    Raises:
        StartupValuesError: of the first job, in their order, that failed.
    """
    async with asyncio.TaskGroup() as group:
        running = [[group.create_task(_outcome(job)) for job in jobs] for jobs in kinds]
    found: list[dict[str, Any]] = []
    for tasks in running:
        found.append({})
        for outcome in [one.result() for one in tasks]:
            if isinstance(outcome, StartupValuesError):
                raise outcome
            found[-1].update(outcome)
    return found


async def _outcome(job: Awaitable[dict[str, Any]]) -> dict[str, Any] | StartupValuesError:
    """Return a job's failure, so that it cancels no other: the first in order is to be told."""
    try:
        return await job
    except StartupValuesError as error:
        return error


def _reference(value_from: str, region: str) -> Reference:
    found = parse_reference(value_from, region)
    if found is None:  # checked when it was registered
        raise StartupValuesError(secret_refusal(f"{value_from} is no name and no ARN"))
    return found
