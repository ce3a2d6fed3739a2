"""A container's log stream, made before the container: a group that is missing ends the task.

The Engine's driver in non-blocking mode makes its stream in the background, and a container whose
logs go nowhere would run unnoticed. Fargate makes the stream first and says why it could not.
Source: captured stoppedReasons of Fargate 1.4.0.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from ecsd.agent.log_credentials import LogCredentials
from ecsd.clock import Clock
from ecsd.decisions.container_logging import log_config
from ecsd.errors import EcsdError
from ecsd.protocol.signing import Signer
from ecsd.records.plan import TaskPlan

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_PAUSE = 0.25  # seconds; doubles
ANSWER_SECONDS = 5
CONTENT_TYPE = "application/x-amz-json-1.1"
EXISTS = "ResourceAlreadyExistsException"


class LogStreamError(EcsdError):
    """The stream could not be made; the text ends with the service's code and message."""


class Place(NamedTuple):
    """Whose Logs, and where they are."""

    endpoint: str
    account: str
    region: str


class LogStreams:
    """Log streams at a plan's own Logs endpoint."""

    def __init__(self, credentials: LogCredentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock

    async def provide(self, plan: TaskPlan, container: Mapping[str, Any], runtime_id: str) -> None:
        """Make the stream of a container, and its group if it may be made.

        Raises:
            LogStreamError: no such group, or no answer.
        """
        wanted = log_config(plan, dict(container), "")
        options: dict[str, str] = wanted["Config"]
        if wanted["Type"] != "awslogs" or options["awslogs-endpoint"] != plan.logs_endpoint:
            return  # logs that go elsewhere are elsewhere's to judge
        stream = {
            "logGroupName": options.get("awslogs-group", ""),
            "logStreamName": options.get("awslogs-stream", runtime_id),
        }
        place = Place(plan.logs_endpoint, plan.account, options["awslogs-region"])
        endless = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=endless) as session:
            if options.get("awslogs-create-group", "").lower() in {"true", "1", "t"}:
                group = {"logGroupName": stream["logGroupName"]}
                await self._insist(session, place, "CreateLogGroup", group)
            await self._insist(session, place, "CreateLogStream", stream)

    async def keep(
        self,
        place: Place,
        group: str,
        stream: str,
        texts: list[str],
        *,
        create_group: bool = False,
    ) -> None:
        """Put texts into a stream, made if it is not there, one event each.

        Raises:
            LogStreamError: no such group, or no answer.
        """
        target = {"logGroupName": group, "logStreamName": stream}
        now = int(self._clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": one} for one in texts if one]
        endless = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=endless) as session:
            if create_group:
                await self._insist(session, place, "CreateLogGroup", {"logGroupName": group})
            await self._insist(session, place, "CreateLogStream", target)
            if events:
                members = {**target, "logEvents": events}
                await self._insist(session, place, "PutLogEvents", members)

    async def _insist(
        self,
        session: aiohttp.ClientSession,
        place: Place,
        operation: str,
        members: Mapping[str, Any],
    ) -> None:
        pause, words = FIRST_PAUSE, ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._clock.deadline(ANSWER_SECONDS):
                    refusal = await self._ask(session, place, operation, members)
            except (aiohttp.ClientError, TimeoutError) as error:
                words = f"RequestError: send request failed caused by: {str(error) or 'no answer'}"
            else:
                if refusal is None:
                    return
                raise LogStreamError(_sentence(1, refusal))
            if attempt < ATTEMPTS:
                await self._clock.sleep(pause)
                pause *= 2
        raise LogStreamError(_sentence(ATTEMPTS, words))

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        place: Place,
        operation: str,
        members: Mapping[str, Any],
    ) -> str | None:
        """Return the service's refusal, None when it is done."""
        body = json.dumps(members).encode()
        headers = {
            "content-type": CONTENT_TYPE,
            "host": urlsplit(place.endpoint).netloc,
            "x-amz-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": f"Logs_20140328.{operation}",
        }
        key, secret = self._credentials.keys(place.account)
        signer = Signer(key, secret, place.region, "logs")
        headers["authorization"] = signer.authorization("POST", "/", headers, body)
        async with session.post(f"{place.endpoint}/", data=body, headers=headers) as response:
            if response.status == 200:  # noqa: PLR2004 - HTTP's OK
                return None
            answer = json.loads(await response.text() or "{}")
        code = str(answer.get("__type", response.status)).rpartition("#")[2]
        return None if code == EXISTS else f"{code}: {answer.get('message', '')}"


def _sentence(times: int, cause: str) -> str:
    return (
        f"ResourceInitializationError: failed to validate logger args: create stream has been "
        f"retried {times} times: failed to create Cloudwatch log stream: {cause} : exit status 1"
    )
