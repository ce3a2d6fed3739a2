"""Where scenes are played: on Fargate through a whole ecsd, or by an agent's tasks alone.

What Fargate refuses is registered through the same ecsd and run one layer down: the plan is given
to the rooms of an agent that has no container instances above it yet.
"""

import asyncio
import json
import socket
import subprocess
import threading
import time
import zlib
from concurrent.futures import Future

import msgspec

from ecsd.records.observed import TaskObserved
from tests.integration.task_world import World

SECONDS = 60.0
CLUSTER = "fields"


def docker(*words):
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


class There:
    """A scene's task, to be looked at."""

    task_id: str
    definition: dict
    docker = staticmethod(docker)

    def container(self, name):
        return next(one for one in self.task["containers"] if one["name"] == name)

    def run(self, *words, container="app"):
        return docker("exec", self.runtime_id(container), *words)

    def pid(self, container):
        return self.inspect(container)["State"]["Pid"]

    def inspect(self, container):
        return json.loads(docker("inspect", self.runtime_id(container)))[0]

    def runtime_id(self, name):
        return self.container(name)["runtimeId"]

    @staticmethod
    def eventually(look, wanted, seconds=30.0):
        deadline = time.monotonic() + seconds
        while (seen := look()) != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return seen


class OnFargate(There):
    """A task that RunTask started."""

    def __init__(self, account, scene, definition):
        self._account, self._scene, self.definition = account, scene, definition
        network = {"subnets": account.private, "securityGroups": [account.task_group]}
        answer = account.ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=definition["taskDefinitionArn"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            **scene.run,
        )
        assert answer["failures"] == []
        self._arn = answer["tasks"][0]["taskArn"]
        self.task_id = self._arn.rpartition("/")[2]
        self._asked_to_stop = False

    @property
    def task(self):
        answer = self._account.ecs.describe_tasks(
            cluster=CLUSTER, tasks=[self._arn], include=["TAGS"]
        )
        return answer["tasks"][0]

    @property
    def address(self):
        return self._account.address(self.task)

    def ready(self):
        """Wait until the scene is as it wants to be; one that ends is asked to."""
        if self._scene.stopped_by_user and not self._asked_to_stop:
            self._until("RUNNING")
            self._account.ecs.stop_task(cluster=CLUSTER, task=self._arn)
            self._asked_to_stop = True
        self._until(self._scene.until)
        return self

    def log(self, group, stream):
        """Return the messages of a log stream, once there are any."""

        def look():
            answer = self._account.logs.get_log_events(logGroupName=group, logStreamName=stream)
            return [one["message"] for one in answer["events"]]

        deadline = time.monotonic() + SECONDS / 2
        while not (messages := look()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return messages

    def _until(self, wanted):
        deadline = time.monotonic() + SECONDS
        while (task := self.task)["lastStatus"] != wanted:
            assert task["lastStatus"] != "STOPPED", (task["stoppedReason"], task["containers"])
            assert time.monotonic() < deadline, task["lastStatus"]
            time.sleep(0.1)


class OnInstance(There):
    """A task of an agent's rooms."""

    def __init__(self, room, scene, definition):
        self._room, self._scene, self.definition = room, scene, definition
        self.plan = room.apply(definition)
        self.task_id = self.plan.task_id

    def heard(self, port):
        """Return what came in at a port of the stage, in one text."""
        return self._room.heard(port)

    def ready(self):
        self._room.phase(self.plan, self._scene.until)
        return self

    @property
    def task(self):
        """Return what was last observed, in the API's words."""
        seen = self._room.last(self.plan)
        members = {"runtime_id": "runtimeId", "exit_code": "exitCode", "health": "healthStatus"}
        containers = [
            {members.get(name, name): value for name, value in msgspec.structs.asdict(one).items()}
            for one in seen.containers
        ]
        return {
            "containers": containers,
            "lastStatus": seen.phase,
            "stopCode": seen.stop_code,
            "stoppedReason": seen.stopped_reason,
        }


class Room:
    """An agent's tasks in a thread of their own; and ears at UDP ports of the host."""

    def __init__(self, folder, ports=()):
        self._folder, self._ports = folder, ports
        self._ears = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._life = self._ended = None

    def __enter__(self):
        for port in self._ports:
            self._ears[port] = socket.socket(type=socket.SOCK_DGRAM)
            self._ears[port].bind(("127.0.0.1", port))
            self._ears[port].settimeout(10)
        self._thread.start()
        begun = Future()
        self._life = asyncio.run_coroutine_threadsafe(self._live(begun), self._loop)
        begun.result(SECONDS)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._life.result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for ear in self._ears.values():
            ear.close()

    def heard(self, port):
        received = self._ears[port].recv(65536)
        return (zlib.decompress(received, 31) if received[:2] == b"\x1f\x8b" else received).decode()

    async def _live(self, begun):
        self._ended = asyncio.Event()
        self._world = World(self._folder)
        try:
            async with self._world.agent() as self._tasks:
                begun.set_result(None)
                await self._ended.wait()
        finally:
            await self._world.clean()

    def apply(self, definition):
        plan = self._world.plan(
            *definition["containerDefinitions"],
            launch_type="EC2",
            cpu=int(definition["cpu"]) if "cpu" in definition else None,
            memory=int(definition["memory"]) if "memory" in definition else None,
            volumes=tuple(definition["volumes"]),
            network_mode=definition["networkMode"],
            pid_mode=definition.get("pidMode"),
            ipc_mode=definition.get("ipcMode"),
        )
        self._ask(self._tasks.apply(plan))
        return plan

    def phase(self, plan, wanted):
        return self._ask(self._world.ear.phase(plan, wanted))

    def last(self, plan):
        heard = [one for one in self._world.ear.heard if isinstance(one, TaskObserved)]
        return [one for one in heard if one.task_arn == plan.task_arn][-1]

    def _ask(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)
