"""Request bodies: read whole, bounded, decompressed; those of objects as they come."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from ecsd.errors import AwsError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MOST_BYTES = 64 << 20  # of a body, as sent and decompressed
GZIP = 31  # zlib's wbits for a gzip header


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class RequestBody:
    """A body that is read as it comes, once."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what is left of the body. Raises ClientGoneError."""
        while not self.complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.complete = not message.get("more_body")
            piece = message.get("body", b"")
            if piece:
                yield piece

    async def drain(self) -> None:
        """Read what is left and forget it, so that the client gets to see the answer."""
        async for _ in self.pieces():
            pass


async def read_body(receive: Receive, limit: int = MOST_BYTES) -> bytes:
    """Return the body as sent. Raises AwsError beyond the limit, ClientGoneError."""
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        return _within(message.get("body", b""), limit)
    pieces = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        else:
            pieces.clear()  # read on, so that the client gets to see the answer
        if not message.get("more_body"):
            break
        message = await receive()
    return b"".join(pieces) if size <= limit else _within(None, limit)


def decompress(body: bytes, encoding: str, limit: int = MOST_BYTES) -> bytes:
    """Return the body without its Content-Encoding. Raises AwsError."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise AwsError("UnsupportedMediaType", f"Content-Encoding {encoding[:40]!r} is not known.")
    inflate = zlib.decompressobj(GZIP)
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error as error:
        raise AwsError("SerializationException", f"The body is not valid gzip: {error}") from error
    if len(plain) <= limit and not inflate.eof:
        raise AwsError("SerializationException", "The body is not valid gzip: it ends early.")
    return _within(plain, limit)


def _within(body: bytes | None, limit: int) -> bytes:
    if body is None or len(body) > limit:
        message = f"The request's body is larger than {limit} bytes."
        raise AwsError("RequestEntityTooLargeException", message, status=413)
    return body
