"""The gateway in process: ASGI messages in, an answer out."""

import asyncio
import atexit
import json
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from ecsd.certificates.authority import Authority
from ecsd.clock import SystemClock
from ecsd.gateway.app import make_app
from ecsd.gateway.dispatch import GatewayParts
from ecsd.gateway.keys import configured_key
from ecsd.ids import SeededIds
from ecsd.operations.load import load_operations
from ecsd.protocol.wire import Wire
from ecsd.settings import Settings
from ecsd.store.blobs import Blobs
from ecsd.store.image_memory import MemoryImages
from ecsd.store.stream_memory import MemoryLogStreams

OPERATIONS = load_operations()
WIRE = Wire(SeededIds(4).uuid)  # shared: tables are read once
FOLDER = Path(tempfile.mkdtemp(prefix="ecsd-objects-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
EVENTS = b"application/vnd.amazon.eventstream"
SIGNING = {"elbv2": "elasticloadbalancing"}


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Client:
    """Sends requests to an application of its own."""

    def __init__(self, store, *, settings=None, find_key=None, clock=None, **more):
        settings = settings or Settings()
        ids = SeededIds(3)
        self.parts = GatewayParts(
            operations=more.pop("operations", OPERATIONS),
            store=store,
            streams=MemoryLogStreams(),
            blobs=new_blobs(),
            clock=clock or SystemClock(),
            ids=ids,
            settings=settings,
            authority=Authority(None),
            images=MemoryImages(clock or SystemClock()),
            find_key=find_key or configured_key(settings),
            wire=WIRE,
            **more,
        )
        self.app = make_app(self.parts)
        self.state = {}  # of the connection
        self.leaves = None  # an event: the client goes

    async def raw(self, method, path, headers, body, *, query="", pieces=None):
        sent = []
        waiting = list(pieces if pieces is not None else [body])
        enough = asyncio.Event()  # of an answer that goes on for ever

        async def receive():
            if not waiting:
                await (self.leaves or enough).wait()
                return {"type": "http.disconnect"}
            piece = waiting.pop(0)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

        async def send(message):
            sent.append(message)
            if (b"content-type", EVENTS) in sent[0]["headers"] and len(sent) > 1:
                enough.set()
            await asyncio.sleep(0)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [
                (n.lower().encode(), v.encode("latin-1", "replace")) for n, v in headers.items()
            ],
            "state": self.state,
        }
        await self.app(scope, receive, send)
        if not sent:
            return None
        start, *rest = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(part["body"] for part in rest))

    async def aws(self, service, operation, body=b"{}", *, key="AKID", region="us-east-1", **extra):
        """Send a body in the service's protocol, signed by name only."""
        table = self.parts.wire.table(service)
        headers = {"host": "localhost:4566", "authorization": authorization(service, key, region)}
        if table.identity.target_prefix:
            headers["x-amz-target"] = f"{table.identity.target_prefix}.{operation}"
            headers["content-type"] = "application/x-amz-json-1.1"
        else:
            headers["content-type"] = "application/x-www-form-urlencoded"
            version = table.identity.api_version
            body = f"Action={operation}&Version={version}&".encode() + body
        return await self.raw("POST", "/", {**headers, **extra}, body)


def new_blobs(ids=None):
    """Blobs in a folder of their own, which goes when the tests end."""
    return Blobs(Path(tempfile.mkdtemp(dir=FOLDER)), ids or SeededIds(5), bytes(32))


def authorization(service, key="AKID", region="us-east-1"):
    signing = SIGNING.get(service, service)
    return (
        f"AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{signing}/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )
