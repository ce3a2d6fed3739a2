"""Identity providers' endpoints, asked over HTTP. Source: OpenID Connect Core 1.0, 3.1.3, 5.3."""

from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from ecsd.decisions.balancers.oidc import LARGEST_ANSWER

CALL_SECONDS = 10
CONNECT_SECONDS = 5


class Answer(NamedTuple):
    """What an endpoint has answered; not more of it than ``LARGEST_ANSWER`` and a byte."""

    status: int
    body: bytes


def identity_session() -> aiohttp.ClientSession:
    """Return a session for the calls below; whoever opens it closes it."""
    limits = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS)
    headers = {"Accept": "application/json", "User-Agent": "ecsd"}
    return aiohttp.ClientSession(
        timeout=limits, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
    )


async def ask_for_tokens(
    session: aiohttp.ClientSession, url: str, form: Mapping[str, str], authorization: str
) -> Answer:
    """Return a token endpoint's answer. authorization: the client's, the whole header.

    Raises:
        aiohttp.ClientError, OSError: nobody answers; TimeoutError, an OSError: not in time.
    """
    headers = {"Authorization": authorization}
    async with session.post(url, data=form, headers=headers, allow_redirects=False) as response:
        return await _read(response)


async def ask_for_claims(session: aiohttp.ClientSession, url: str, access_token: str) -> Answer:
    """Return a user info endpoint's answer; raises as ``ask_for_tokens``."""
    headers = {"Authorization": f"Bearer {access_token}"}
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > LARGEST_ANSWER:
            break
    return Answer(response.status, bytes(body[: LARGEST_ANSWER + 1]))
