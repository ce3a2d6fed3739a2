"""Strict mode beside local mode, signatures, policy decisions, credentials of tasks; in process.

CPU time, in turns: the same requests through the same gateway, signed once by botocore.
"""

import asyncio
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.table import Group, Row, interleaved, share
from ecsd.agent.containers.task_endpoint import TaskEndpoint
from ecsd.agent.drivers.link_local import LinkLocal
from ecsd.agent.task_roles import TaskRoles
from ecsd.certificates.authority import Authority
from ecsd.clock import SystemClock
from ecsd.decisions.containers.task_endpoint import credentials_id
from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.request_rate import Rate
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.gateway.app import make_app
from ecsd.gateway.dispatch import GatewayParts
from ecsd.gateway.sigv4 import Verifier
from ecsd.ids import SeededIds
from ecsd.operations.load import load_operations
from ecsd.processes.keys import find_key
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.wire import Wire
from ecsd.records.plan import RoleCredentials, RolesPlan
from ecsd.settings import Settings
from ecsd.store.image_memory import MemoryImages
from ecsd.store.store import Store
from ecsd.store.stream_memory import MemoryLogStreams
from tests.agent.task_world import plan
from tests.gateway.gateway_client import new_blobs

ROOT = ("AKROOT", "root-secret")
ROUNDS, COUNT = 9, 300  # requests of a round
URL, HOST = "http://localhost:4566/", "localhost:4566"
TARGETS = {"ecs": "AmazonEC2ContainerServiceV20141113"}
STATEMENTS = [
    {"Effect": "Allow", "Action": ["ecs:Describe*", "ecs:List*"], "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": "arn:aws:ecs:*:*:task-definition/web:*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
    },
    {"Effect": "Deny", "Action": "ecs:Delete*", "Resource": "*"},
]
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS})
USERS = 20  # of the account


class Place:
    """A gateway of its own over a store in memory."""

    def __init__(self, mode):
        settings = Settings(mode=mode, access_key_id=ROOT[0], secret_access_key=ROOT[1])
        self.store = Store.in_memory()
        ids, authority = SeededIds(3), Authority(None)
        self.find_key = find_key(self.store, settings, authority)
        self.app = make_app(
            GatewayParts(
                operations=load_operations(),
                store=self.store,
                streams=MemoryLogStreams(),
                blobs=new_blobs(),
                images=MemoryImages(SystemClock()),
                clock=SystemClock(),
                ids=ids,
                settings=settings,
                authority=authority,
                find_key=self.find_key,
                wire=Wire(ids.uuid),
            )
        )

    async def ask(self, headers, body):
        """Return status and body of an answer; headers as ASGI has them."""
        told = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": headers,
        }

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            told.append(message)

        await self.app(scope, receive, send)
        return told[0]["status"], told[1]["body"]

    async def iam(self, operation, **members):
        """Ask IAM as root; return the whole answer."""
        words = {"Action": operation, "Version": "2010-05-08", **members}
        body = "&".join(f"{key}={_quoted(value)}" for key, value in words.items())
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, answer = await self.ask(_asgi(signed(ROOT, "iam", kind, body)), body.encode())
        assert status == 200, answer
        return answer.decode()


def _quoted(text):
    return "".join(f"%{one:02X}" for one in text.encode())


def _asgi(headers):
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def signed(key, service, headers, body):
    """Return a POST's headers, signed as SDKs do."""
    request = AWSRequest("POST", URL, data=body, headers=headers)
    SigV4Auth(Credentials(*key), service, "us-east-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()} | {"host": HOST}


class Scene:
    """Both modes with the same users; ``body`` asks for clusters."""

    body = b'{"clusters":["default"]}'

    def __init__(self):
        self.strict, self.local = Place("strict"), Place("local")
        asyncio.run(self._fill())

    async def _fill(self):
        made = ""
        for number in range(USERS):
            name = f"bob{number}"
            await self.strict.iam("CreateUser", UserName=name)
            named = {"UserName": name, "PolicyName": "p", "PolicyDocument": DOCUMENT}
            await self.strict.iam("PutUserPolicy", **named)
            made = await self.strict.iam("CreateAccessKey", UserName=name)
        self.key = _inside(made, "AccessKeyId"), _inside(made, "SecretAccessKey")
        self.headers = signed(self.key, "ecs", _json_1_1("DescribeClusters"), self.body)

    def seconds(self, place):
        """Return the CPU seconds of a request."""

        async def many():
            headers = _asgi(self.headers)
            status, answer = await place.ask(headers, self.body)
            assert status == 200, answer
            began = time.process_time()
            for _ in range(COUNT):
                await place.ask(headers, self.body)
            return (time.process_time() - began) / COUNT

        return asyncio.run(many())

    def verifying(self):
        """Return the CPU seconds of a signature."""
        verifier, now = Verifier(self.strict.find_key), datetime.now(UTC)
        request = HttpRequest("POST", "/", "", self.headers, self.body)
        verifier.verify(request, self.body, now)
        began = time.process_time()
        for _ in range(COUNT):
            verifier.verify(request, self.body, now)
        return (time.process_time() - began) / COUNT


def _json_1_1(operation):
    return {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"{TARGETS['ecs']}.{operation}",
        "user-agent": "aws-cli/2.15 md/awscrt#0.19 ua/2.0 os/linux#6.1 md/arch#x86_64",
    }


def _inside(text, name):
    return text.partition(f"<{name}>")[2].partition("<")[0]


@contextmanager
def opened():
    yield Scene()


def modes(scene):
    strict, local = interleaved(
        lambda: scene.seconds(scene.strict), lambda: scene.seconds(scene.local), rounds=ROUNDS
    )
    return share(1 / strict, 1 / local, " requests/s")


def signatures(scene):
    (taken,) = interleaved(scene.verifying, rounds=ROUNDS)
    return f"{taken * 1e6:.0f} us"


def decisions(_):
    (taken,) = interleaved(_deciding, rounds=ROUNDS)
    return f"{1 / taken:,.0f}"


def _deciding():
    policies = Policies((Source(compile_policy(DOCUMENT), "p"),))
    bob = Principal(PrincipalKind.USER, "arn:aws:iam::000000000000:user/bob", "000000000000")
    context = {"aws:requestedregion": ("us-east-1",), "aws:username": ("bob",)}
    names = [f"arn:aws:ecs:us-east-1:000000000000:task-definition/web:{one}" for one in range(10)]
    asked = [Request(bob, "ecs:RunTask", one, context) for one in names]
    assert all(decide(one, policies).allowed for one in asked)
    began = time.process_time()
    for _ in range(COUNT):
        for one in asked:
            decide(one, policies)
    return (time.process_time() - began) / COUNT / len(asked)


# ---------------------------------------------------------------- a task's credentials

PEER = "127.0.0.1"
PATH = f"/v2/credentials/{credentials_id('k', 'task')}"
CONNECTIONS = 8
UNLIMITED = Rate(1e9, 10**9)


class _Tasks:
    """One task."""

    own = TaskSeen(plan(vpc_id="vpc-1", address=PEER, endpoint_key="k", task_role=True), {}, "")
    measures = None  # nobody asks for any

    def seen_at(self, vpc_id, address):
        return self.own if address == PEER else None


def credentials(_):
    """Answers a second of a core, and of a bare aiohttp server that says as much."""
    endpoint, bare = interleaved(
        lambda: asyncio.run(_told(_endpoint)), lambda: asyncio.run(_told(_bare)), rounds=5
    )
    return share(1 / endpoint, 1 / bare, " a bare server's")


async def _endpoint():
    roles = TaskRoles()
    given = RoleCredentials(
        role_arn="arn:aws:iam::000000000000:role/app",
        access_key_id="ASIAAPP",
        secret_access_key="s" * 40,
        token="t" * 356,
        expires_at=datetime.now(UTC) + timedelta(hours=6),
    )
    own = _Tasks.own.plan
    await roles.apply(RolesPlan(task_arn=own.task_arn, endpoint_key="k", task=given))
    answer = TaskEndpoint(SystemClock(), _Tasks(), roles, UNLIMITED).answer
    door = LinkLocal(SystemClock(), None, ("127.0.0.1", 1))
    door.answer_with(answer)
    return door.server("vpc-1")


async def _bare():
    body = b"x" * 600

    async def answer(_):
        return web.Response(body=body, content_type="application/json")

    return web.Server(answer, access_log=None)


async def _told(made):
    """Return the CPU seconds of an answer: kept-alive connections, each with one question."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(await made(), "127.0.0.1", 0)
    place = listening.sockets[0].getsockname()
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{CONNECTIONS}", "-d1", f"http://127.0.0.1:{place[1]}{PATH}"),
        stdout=asyncio.subprocess.PIPE,
    )
    began = time.process_time()
    said, _ = await process.communicate()
    used = time.process_time() - began
    listening.close()
    lines = said.decode()
    assert "Non-2xx" not in lines, lines
    return used / int(lines.partition(" requests in")[0].rpartition("\n")[2])


GROUP = Group(
    opened,
    (
        Row("requests/s of strict mode against local mode, in process", "≥ 0.6", modes),
        Row("a signature verified", "≤ 60 us", signatures),
        Row("policy decisions/s", "≥ 50,000", decisions),
        Row("a task's credentials, answers/s of a core", "≥ 5,000", credentials),
    ),
)
