"""The endpoint as a bare ASGI application, for uvicorn with ``lifespan="off"``.

uvicorn holds the socket: keep-alive, chunked bodies, ``Expect: 100-continue``, back-pressure.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ecsd.errors import AwsError
from ecsd.gateway.dispatch import Dispatcher, GatewayParts, with_body
from ecsd.gateway.entrance import STATE
from ecsd.gateway.own_pages import JSON, OwnPages
from ecsd.gateway.registry_front import RegistryFront
from ecsd.gateway.request_body import ClientGoneError, Receive, RequestBody, read_body
from ecsd.gateway.response import Send, send_response
from ecsd.gateway.s3_address import as_s3
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.store.finders.s3 import find_bucket

AsgiScope = Mapping[str, Any]
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
        await send_response(response, receive, send, with_body=request.method != "HEAD")

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
        through=(scope.get("state") or {}).get(STATE),
    )


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
