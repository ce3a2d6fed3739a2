"""``ecsd logs SERVICE -f``: what a service's (or a task's) containers write, as it comes."""

import argparse
import json
from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.find import find_service_or_task
from ecsd.cli.screen import failed, paint
from ecsd.clock import SystemClock
from ecsd.settings import Settings

POLL_SECONDS = 0.5
LOOK_BACK = 1000  # events shown at the beginning


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
    seen: set[str] = set()
    clock = SystemClock()
    while True:
        for event in _new_events(api, streams, found.task_ids(), seen):
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


def _new_events(
    api: Api, streams: list[tuple[str, str]], task_ids: set[str], seen: set[str]
) -> list[dict[str, Any]]:
    events = []
    for group, prefix in streams:
        try:
            answer = api.ask(
                "logs",
                "FilterLogEvents",
                logGroupName=group,
                logStreamNamePrefix=prefix,
                limit=LOOK_BACK,
                startTime=0,
            )
        except ApiError as error:
            if error.code == "ResourceNotFoundException":
                continue
            raise
        events += answer["events"]
    fresh = [
        one
        for one in events
        if one["eventId"] not in seen and one["logStreamName"].rpartition("/")[2] in task_ids
    ]
    seen |= {one["eventId"] for one in fresh}
    return sorted(fresh, key=lambda one: (one["timestamp"], one["eventId"]))


def _line(event: dict[str, Any]) -> str:
    _, container, task = event["logStreamName"].rsplit("/", 2)
    return f"{paint(f'{container}/{task[:8]}', 'dim')} {event['message']}"
