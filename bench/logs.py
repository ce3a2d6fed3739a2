"""Logs: containers that write all they can, and one page out of ten million events."""

import asyncio
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from bench import machine
from bench.scene import prepared
from bench.table import Group, Row, interleaved, milliseconds, share
from tests.integration.sample import ASSUME, Account, eventually
from tests.integration.task_world import IMAGE, provide_image

GROUP_NAME = "/bench"
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
LINE = "a line as long as those of most programs are, with a word or two to look for in it"
CHATTY, ROUNDS = 200_000, 3  # lines of the chatty container
CROWD, EACH = 20, 20_000  # containers, and lines of each
EVENTS, BATCH, WRITERS = 10_000_000, 10_000, 2
LAST = "it has said all"
PAGES = 9


def _chatter(lines):
    return ["sh", "-c", f"yes '{LINE}' | head -n {lines}; echo {LAST}"]


class Logged(NamedTuple):
    """An account whose tasks log to a group."""

    account: Account
    execution: str

    def start(self, lines, count=1):
        """Start tasks that write these many lines each; return their ARNs."""
        log = {"awslogs-group": GROUP_NAME, "awslogs-region": "us-east-1", "mode": "blocking"}
        definition = self.account.ecs.register_task_definition(
            family="chatty",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="2048",
            memory="4096",
            executionRoleArn=self.execution,
            containerDefinitions=[
                {
                    "name": "app",
                    "image": IMAGE,
                    "command": _chatter(lines),
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": log | {"awslogs-stream-prefix": "bench"},
                    },
                }
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        started = []
        while len(started) < count:
            told = self.account.ecs.run_task(
                cluster="prod",
                taskDefinition=definition,
                launchType="FARGATE",
                count=min(10, count - len(started)),
                networkConfiguration={"awsvpcConfiguration": {"subnets": self.account.private}},
            )
            assert not told["failures"], told["failures"]
            started += [one["taskArn"] for one in told["tasks"]]
        return started

    def seconds(self, tasks):
        """Return the seconds from the first container's start until the last line can be read."""
        streams = [f"bench/app/{one.rpartition('/')[2]}" for one in tasks]
        for one in streams:
            eventually(lambda stream=one: self._last_line(stream) == LAST, 120, 0.01)
        ended = time.time()
        seen = self.account.ecs.describe_tasks(cluster="prod", tasks=tasks)["tasks"]
        return ended - min(one["startedAt"].timestamp() for one in seen)

    def _last_line(self, stream):
        try:
            told = self.account.logs.get_log_events(
                logGroupName=GROUP_NAME, logStreamName=stream, limit=1
            )
        except self.account.logs.exceptions.ResourceNotFoundException:
            return None  # its container has not started
        return told["events"][-1]["message"] if told["events"] else None


@contextmanager
def opened():
    asyncio.run(provide_image())
    with prepared() as scene:
        scene.account.network()
        scene.account.ecs.create_cluster(clusterName="prod")
        scene.account.logs.create_log_group(logGroupName=GROUP_NAME)
        iam = scene.account.iam
        role = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=ASSUME)["Role"]
        iam.attach_role_policy(RoleName="execution", PolicyArn=EXECUTION)
        yield Logged(scene.account, role["Arn"])


def chatty(logged):
    def ours():
        return logged.seconds(logged.start(CHATTY))

    taken, engine = interleaved(ours, _by_engine, rounds=ROUNDS)
    return share(CHATTY / taken, CHATTY / engine, " lines/s")


def _by_engine():
    """Return the seconds of the same container from start to end; the Engine logs to a file."""
    words = (
        "docker",
        "run",
        "-d",
        "--net=none",
        "--log-driver=json-file",
        IMAGE,
        *_chatter(CHATTY),
    )
    own = machine.run(*words).strip()
    try:
        machine.run("docker", "wait", own)
        (seen,) = json.loads(machine.run("docker", "inspect", own))
        began, ended = (_moment(seen["State"][one]) for one in ("StartedAt", "FinishedAt"))
        return ended - began
    finally:
        subprocess.run(["docker", "rm", own], check=True, capture_output=True)


def _moment(text):
    return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00").timestamp()


def crowd(logged):
    taken = logged.seconds(logged.start(EACH, CROWD))
    return f"{CROWD * EACH / taken:,.0f}"


def first_page(logged):
    """Milliseconds to a page of a hundred events and to AWS's default, out of all."""
    logs, streams = logged.account.logs, [f"s{number}" for number in range(WRITERS)]
    logs.create_log_group(logGroupName="/all")
    for one in streams:
        logs.create_log_stream(logGroupName="/all", logStreamName=one)
    began = int(time.time() * 1000) - EVENTS // WRITERS // 10

    def write(stream):
        for first in range(0, EVENTS // WRITERS, BATCH):
            events = [
                {"timestamp": began + number // 10, "message": f"{number} {LINE[:50]}"}
                for number in range(first, first + BATCH)
            ]
            logs.put_log_events(logGroupName="/all", logStreamName=stream, logEvents=events)

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, streams))
    middle = began + EVENTS // WRITERS // 20

    def page(**more):
        asked = time.perf_counter()
        told = logs.filter_log_events(
            logGroupName="/all", startTime=middle, endTime=middle + 60_000, **more
        )
        taken = time.perf_counter() - asked
        assert told["events"][0]["timestamp"] == middle, told["events"][:1]
        return taken

    short, whole = interleaved(lambda: page(limit=100), page, rounds=PAGES)
    return f"{milliseconds(short)} of 100 events, {milliseconds(whole)} of 10,000"


GROUP = Group(
    opened,
    (
        Row("a chatty container's lines/s, against the Engine's json-file", "≥ 1.0", chatty),
        Row(f"lines/s of {CROWD} containers together", "—", crowd),
        Row("FilterLogEvents by time in 10,000,000 events, first page", "≤ 50 ms", first_page),
    ),
)
