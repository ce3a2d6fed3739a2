"""Answers on their way out: whole ones, and those that go on until the client leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from ecsd.errors import StoreError
from ecsd.gateway.request_body import Message, Receive
from ecsd.protocol.message import HttpResponse

log = logging.getLogger(__name__)

Send = Callable[[Message], Awaitable[None]]

# RFC 9110, 15.3.5 and 15.4.5: these end with their heads. Bytes after one would be read as the
# head of the connection's next answer.
BODYLESS = frozenset({204, 304})
OF_BODIES = frozenset({"content-length", "content-type"})


async def send_response(
    response: HttpResponse, receive: Receive, send: Send, *, with_body: bool
) -> None:
    """Send an answer."""
    bodyless = response.status in BODYLESS
    headers = [
        (name.encode(), value.encode())
        for name, value in response.headers.items()
        if not (bodyless and name in OF_BODIES)
    ]
    if response.pieces is None and not bodyless and "content-length" not in response.headers:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.pieces is None:
        body = response.body if with_body and not bodyless else b""
        await send({"type": "http.response.body", "body": body})
        return
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_send_pieces(response, send))
        leaving = group.create_task(_left(receive))
        sending.add_done_callback(lambda _: leaving.cancel())
        leaving.add_done_callback(lambda _: sending.cancel())


async def _send_pieces(response: HttpResponse, send: Send) -> None:
    assert response.pieces is not None
    try:
        async with aclosing(response.pieces) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    except StoreError as error:
        # The answer has begun: without an end to it the client sees what lacks.
        log.error("an answer was cut off", extra={"cause": str(error)})  # noqa: TRY400 - the text is the whole reason
        return
    except Exception:
        # The answer has begun: without an end to it the client sees that something broke.
        log.exception("an answer that goes on failed: a bug")
        return
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
