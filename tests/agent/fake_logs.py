"""A Logs service of one line: answers what it is told to, remembers what it was asked."""

import asyncio
import json
from contextlib import asynccontextmanager


class FakeLogs:
    """``groups`` exist; ``asked`` is (operation, members, access key id) in order."""

    def __init__(self, *groups):
        self.groups = set(groups)
        self.asked = []
        self.said = asyncio.Event()
        self.endpoint = ""
        self._writers = []

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            try:
                yield self
            finally:
                for writer in self._writers:
                    writer.transport.abort()

    def events(self):
        found = [members for operation, members, _ in self.asked if operation == "PutLogEvents"]
        return [event["message"] for members in found for event in members["logEvents"]]

    def _answer(self, operation, members):
        group = members["logGroupName"]
        if operation == "CreateLogGroup":
            known = group in self.groups
            self.groups.add(group)
            return (400, {"__type": "ResourceAlreadyExistsException"}) if known else (200, {})
        if group not in self.groups:
            words = "The specified log group does not exist."
            return 400, {"__type": "ResourceNotFoundException", "message": words}
        return 200, {}

    async def _converse(self, reader, writer):
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = [line.partition(": ") for line in head[1:] if line]
                headers = {name.lower(): value for name, _, value in pairs}
                members = json.loads(await reader.readexactly(int(headers["content-length"])))
                operation = headers["x-amz-target"].partition(".")[2]
                key = headers["authorization"].partition("Credential=")[2].partition("/")[0]
                self.asked.append((operation, members, key))
                self.said.set()
                status, answer = self._answer(operation, members)
                body = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {headers['content-type']}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()  # the client has gone
