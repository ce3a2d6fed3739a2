"""A container's log stream, made before the container: a group that is missing ends the task.

The Engine's driver in non-blocking mode makes its stream in the background, and a container whose
logs go nowhere would run unnoticed. Fargate makes the stream first and says why it could not.
Source: captured stoppedReasons of Fargate 1.4.0.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from ecsd.agent.api_client import ApiClient, ApiError
from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.clock import Clock
from ecsd.decisions.containers.container_logging import log_config
from ecsd.errors import EcsdError
from ecsd.records.plan import TaskPlan

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_PAUSE = 0.25  # seconds; doubles
EXISTS = "ResourceAlreadyExistsException"


class LogStreamError(EcsdError):
    """The stream could not be made; the text ends with the service's code and message."""


class Place(NamedTuple):
    """Whose Logs, and where they are. task_arn: in whose execution role's name; empty: nobody's."""

    endpoint: str
    account: str
    region: str
    task_arn: str = ""


class LogStreams:
    """Log streams at a plan's own Logs endpoint."""

    def __init__(self, credentials: LogCredentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._api = ApiClient(clock)

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
        region = options["awslogs-region"]
        place = Place(plan.logs_endpoint, plan.account, region, plan.task_arn)
        if options.get("awslogs-create-group", "").lower() in {"true", "1", "t"}:
            group = {"logGroupName": stream["logGroupName"]}
            await self._insist(place, "CreateLogGroup", group)
        await self._insist(place, "CreateLogStream", stream)

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
        if create_group:
            await self._insist(place, "CreateLogGroup", {"logGroupName": group})
        await self._insist(place, "CreateLogStream", target)
        if events:
            await self._insist(place, "PutLogEvents", {**target, "logEvents": events})

    async def _insist(self, place: Place, operation: str, members: Mapping[str, Any]) -> None:
        pause, words = FIRST_PAUSE, ""
        keys = self._credentials.keys(place.account, place.task_arn)
        target = ("logs", f"Logs_20140328.{operation}")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._api.ask((place.endpoint, place.region), keys, target, members)
            except ApiError as error:
                if error.code == EXISTS:
                    return
                if error.code:
                    raise LogStreamError(_sentence(1, str(error))) from error
                words = str(error)
            else:
                return
            if attempt < ATTEMPTS:
                await self._clock.sleep(pause)
                pause *= 2
        raise LogStreamError(_sentence(ATTEMPTS, words))


def _sentence(times: int, cause: str) -> str:
    return (
        f"ResourceInitializationError: failed to validate logger args: create stream has been "
        f"retried {times} times: failed to create Cloudwatch log stream: {cause} : exit status 1"
    )
