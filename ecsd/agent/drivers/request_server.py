"""An HTTP server on a unix socket, for HAProxies that hand requests on.

Source: RFC 9110, 10.1.1 (Expect).
"""

import os
import pwd
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from ecsd.decisions.balancers.function_event import Answered, Asked

LARGEST_HEAD = 1 << 16  # bytes; HAProxy lets less through
SERVER = "awselb/2.0"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
Answer = Callable[[Asked], Awaitable[Answered]]


class Bodies(NamedTuple):
    """What is read of bodies: ``largest`` bytes; what has more is answered by ``too_large``.

    unread: headers (lower case) of requests that are answered whatever their body.
    """

    largest: int
    too_large: Answered
    unread: frozenset[str]


class RequestServer:
    """Answers on a socket that root, and one user, may connect to.

    user: that HAProxy's workers run as; empty: root.
    """

    def __init__(self, path: Path, user: str, answer: Answer, bodies: Bodies) -> None:
        self._path = path
        self._user = user
        self._answer = answer
        self._bodies = bodies
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen; what an earlier agent left of the socket goes."""
        server = web.Server(
            self._handle,
            max_line_size=LARGEST_HEAD,
            max_field_size=LARGEST_HEAD,
            access_log=None,
        )
        self._runner = web.ServerRunner(server, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        self._path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        await web.UnixSite(self._runner, str(self._path)).start()
        if self._user:
            os.chown(self._path, pwd.getpwnam(self._user).pw_uid, -1)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """End what is being answered, and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await self._body(request)
        if body is None:
            answered = self._bodies.too_large
        else:
            told = [(name, _text(value)) for name, value in request.headers.items()]
            answered = await self._answer(Asked(request.method, _target(request), told, body))
        response = web.Response(status=answered.status, reason=answered.reason, body=answered.body)
        response.headers.extend(answered.headers)
        response.headers.setdefault("Server", SERVER)
        return response

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """Return a request's body; None: it is too large."""
        if any(one in request.headers for one in self._bodies.unread):
            return b""
        if (request.content_length or 0) > self._bodies.largest:
            return None
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(CONTINUE)
        body = bytearray()
        async for part in request.content.iter_any():
            body += part
            if len(body) > self._bodies.largest:
                return None
        return bytes(body)


def _target(request: web.BaseRequest) -> str:
    """Return path and query as sent, also from a request that names the whole URL."""
    target = _text(request.raw_path)
    scheme, is_whole, rest = target.partition("://")
    if is_whole and scheme.isalpha():
        return f"/{rest.partition('/')[2]}"
    return target


def _text(value: str) -> str:
    """Return text whose bytes, where they are not UTF-8, stand for Latin-1."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
