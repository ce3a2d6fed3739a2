"""``ecsd logs SERVICE -f``: what a service's (or a task's) containers write, as it comes."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.find import find_service_or_task
from ecsd.cli.screen import failed, paint
from ecsd.clock import SystemClock
from ecsd.settings import Settings

POLL_SECONDS = 0.5
LATE_MILLISECONDS = 60_000  # events may come in this much after a newer one of another stream


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("logs", help="what a service's or task's containers write")
    parser.add_argument("name", help="a service's name, or a task's id or ARN")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print events in order of time; with --follow until interrupted."""
    found = find_service_or_task(settings, arguments.name)
    if found is None:
        failed(f"no service or task is called {arguments.name}")
        return 1
    api, definition = found.api, found.definition
    streams = _streams(api, definition)
    if not streams:
        failed(
            f"the containers of {arguments.name} have no awslogs log configuration; "
            "docker logs shows their output"
        )
        return 1
    reading = Reading(api, streams)
    clock = SystemClock()
    while True:
        for event in reading.new_events(found.task_ids()):
            print(json.dumps(event) if arguments.json else _line(event), flush=True)
        if not arguments.follow:
            return 0
        clock.pause(POLL_SECONDS)


def _streams(api: Api, definition: str) -> list[tuple[str, str]]:
    """Return (group, stream prefix) of each container that logs to CloudWatch Logs."""
    answer = api.ask("ecs", "DescribeTaskDefinition", taskDefinition=definition)
    found = []
    for container in answer["taskDefinition"]["containerDefinitions"]:
        logging = container.get("logConfiguration") or {}
        options = logging.get("options") or {}
        if logging.get("logDriver") == "awslogs" and options.get("awslogs-stream-prefix"):
            prefix = f"{options['awslogs-stream-prefix']}/{container['name']}/"
            found.append((options["awslogs-group"], prefix))
    return found


class Reading:
    """How far the streams were read."""

    def __init__(self, api: Api, streams: list[tuple[str, str]]) -> None:
        self._api = api
        self._streams = streams
        self._since = 0  # milliseconds: a poll reads from a little before the newest event on
        self._seen: dict[str, int] = {}  # event id → its timestamp, of what the next poll rereads

    def new_events(self, task_ids: set[str]) -> list[dict[str, Any]]:
        """Return what the tasks wrote since the last call, in order of time."""
        fresh = []
        for group, prefix in self._streams:
            for event in self._events(group, prefix):
                task = event["logStreamName"].rpartition("/")[2]
                if event["eventId"] not in self._seen and task in task_ids:
                    self._seen[event["eventId"]] = event["timestamp"]
                    fresh.append(event)
        newest = max(self._seen.values(), default=0)
        self._since = max(0, newest - LATE_MILLISECONDS)
        self._seen = {one: at for one, at in self._seen.items() if at >= self._since}
        return sorted(fresh, key=lambda one: (one["timestamp"], one["eventId"]))

    def _events(self, group: str, prefix: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            try:
                page = self._api.ask(
                    "logs",
                    "FilterLogEvents",
                    logGroupName=group,
                    logStreamNamePrefix=prefix,
                    startTime=self._since,
                    **more,
                )
            except ApiError as error:
                if error.code == "ResourceNotFoundException":
                    return
                raise
            yield from page["events"]
            if "nextToken" not in page:
                return
            more = {"nextToken": page["nextToken"]}


def _line(event: dict[str, Any]) -> str:
    _, container, task = event["logStreamName"].rsplit("/", 2)
    return f"{paint(f'{container}/{task[:8]}', 'dim')} {event['message']}"
