"""Lambda functions, invoked over HTTP. Source: AWS Lambda API Reference, Invoke."""

from io import BytesIO

import aiohttp

from ecsd.errors import FunctionError

CALL_SECONDS = 15 * 60  # a function's longest run
CONNECT_SECONDS = 10


def functions_session() -> aiohttp.ClientSession:
    """Return a session for ``invoke``; whoever opens it closes it."""
    limits = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS)
    return aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0))


async def invoke(session: aiohttp.ClientSession, url: str, payload: bytes, largest: int) -> bytes:
    """Return what a function answers to a JSON payload.

    Args:
        session: of ``functions_session``.
        url: of its Invoke.
        payload: JSON.
        largest: bytes that it may answer.

    Raises:
        FunctionError: an error of its own, of whoever runs it, or too much.
        aiohttp.ClientError, OSError: nobody answers; TimeoutError, an OSError: not in time.
    """
    headers = {"Content-Type": "application/json"}
    async with session.post(url, data=BytesIO(payload), headers=headers) as response:
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > largest:
                raise FunctionError(f"more than {largest} bytes")
        if response.status != 200 or "X-Amz-Function-Error" in response.headers:  # noqa: PLR2004
            text = body.decode(errors="replace")
            raise FunctionError(f"HTTP {response.status}: {text}")
    return bytes(body)
