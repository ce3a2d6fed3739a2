"""The endpoint as a bare ASGI application, for uvicorn with ``lifespan="off"``.

uvicorn holds the socket: keep-alive, chunked bodies, ``Expect: 100-continue``, back-pressure.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from ecsd.errors import AwsError, StoreError
from ecsd.gateway.dispatch import Dispatcher, GatewayParts, with_body
from ecsd.gateway.own_pages import JSON, OwnPages
from ecsd.gateway.registry_front import RegistryFront
from ecsd.gateway.request_body import ClientGoneError, Message, Receive, RequestBody, read_body
from ecsd.gateway.s3_address import as_s3
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.store.finders.s3 import find_bucket

AsgiScope = Mapping[str, Any]
log = logging.getLogger(__name__)
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

OTHER_SITE = HttpResponse(
    403, JSON, b'{"message":"Requests that another web site makes in a browser are refused."}'
)


def make_app(parts: GatewayParts) -> AsgiApp:
    """Return the ASGI application."""
    dispatcher = Dispatcher(parts)
    pages = OwnPages(parts, dispatcher)
    registry = RegistryFront(parts)

    async def app(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = _head(scope)
        try:
            response = await _respond(request, receive)
        except ClientGoneError:
            return  # nobody is there to read an answer
        await _send(response, receive, send, with_body=request.method != "HEAD")

    async def _respond(request: HttpRequest, receive: Receive) -> HttpResponse:
        if request.headers.get("sec-fetch-site") == "cross-site":
            return OTHER_SITE
        s3 = as_s3(request, lambda name: find_bucket(parts.store, name) is not None)
        if s3 is not None:
            return await dispatcher.answer_s3(request, s3, RequestBody(receive))
        try:
            page = pages.answer(request)
            if page is not None:
                return page
            body = await read_body(receive)
        except AwsError as error:
            return dispatcher.refuse(request, error)
        whole = with_body(request, body)
        answer = await registry.answer(whole)
        return await dispatcher.answer(whole) if answer is None else answer

    return app


def _head(scope: AsgiScope) -> HttpRequest:
    path = scope.get("raw_path") or scope["path"].encode()
    return HttpRequest(
        method=scope["method"],
        path=path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=_headers(scope["headers"]),
        body=b"",
        peer=(scope.get("client") or ("",))[0],
        secure=scope.get("scheme") == "https",
    )


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _send(response: HttpResponse, receive: Receive, send: Send, *, with_body: bool) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers.items()]
    if "content-length" not in response.headers:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = response.body if with_body else b""
    if response.pieces is not None and not await _send_pieces(response.pieces, receive, send):
        return
    await send({"type": "http.response.body", "body": body})


async def _gone(receive: Receive) -> None:
    """Return when the client has left: its request was read, nothing else can come."""
    await receive()


async def _send_pieces(pieces: AsyncGenerator[bytes, None], receive: Receive, send: Send) -> bool:
    """Send a body as it comes; return whether all of it was sent, and to somebody."""
    async with aclosing(pieces), asyncio.TaskGroup() as group:
        leaving = group.create_task(_gone(receive))
        try:
            async for piece in pieces:
                if leaving.done():
                    return False
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except StoreError as error:  # the connection ends early: the client sees what lacks
            log.error("an answer was cut off", extra={"cause": str(error)})  # noqa: TRY400 - the text is the whole reason
            return False
        finally:
            leaving.cancel()
    return True
