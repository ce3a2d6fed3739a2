"""A server of the public API: answers what it was given, remembers what it was asked."""

import asyncio
import json
from contextlib import asynccontextmanager


class FakeApi:
    """``answers``: operation or ``/bucket/key`` → (status, body), one that is callable asked.

    ``asked``: (operation or path, members, access key id, region, token).
    """

    def __init__(self, **answers):
        self.answers = dict(answers)
        self.asked = []
        self.headers = []  # of each request, names in lower case
        self.endpoint = ""
        self.at_once = self.most_at_once = 0

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _converse(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = [line.partition(": ") for line in head[1:] if line]
            headers = {name.lower(): value for name, _, value in pairs}
            self.headers.append(headers)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split()[1]
            name = headers.get("x-amz-target", "").partition(".")[2] or path
            scope = headers["authorization"].partition("Credential=")[2].split("/")
            members = json.loads(body) if body else {}
            token = headers.get("x-amz-security-token", "")
            self.asked.append((name, members, scope[0], scope[2], token))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            answer = self.answers.get(name, (404, b"<Error><Code>NoSuchKey</Code></Error>"))
            status, content = answer(members) if callable(answer) else answer
            await asyncio.sleep(0)  # others may come meanwhile
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\n"
                f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
            self.at_once -= 1
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass  # the client has gone
        finally:
            writer.close()


def refused(code, message):
    return 400, {"__type": code, "message": message}
