"""Objects read and written as any client of S3 does, by whoever's credentials are given.

ecsd's own S3 answers, or the server that ``ECSD_S3_ENDPOINT`` names, with its own keys then:
credentials that ecsd gave out mean nothing there.
"""

import hashlib
import re
from html import unescape
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from ecsd.agent.api_client import ApiError, Keys
from ecsd.clock import Clock
from ecsd.protocol.signing import Signer
from ecsd.settings import Settings

ANSWER_SECONDS = 30
ELEMENT = "<{0}>(.*?)</{0}>"
OK = 200
PIECE = 1 << 16  # bytes
LARGEST_WORDS = 1 << 20  # bytes of an answer that says nothing else


class S3Objects:
    """Reads and writes objects."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._other = settings.s3_endpoint.rstrip("/")
        self._others = Keys(settings.s3_access_key_id, settings.s3_secret_access_key)

    async def read(
        self, place: tuple[str, str], keys: Keys, at: tuple[str, str], most: int
    ) -> bytes:
        """Return an object of at most ``most`` bytes.

        Args:
            place: the endpoint's URL, where no other is set, and the region.
            keys: that sign, where no other endpoint is set.
            at: bucket and name.
            most: bytes that it may have.

        Raises:
            ApiError: S3 refuses, nobody answers within 30 s, or the object is larger.
        """
        url, headers = self._signed("GET", place, keys, at, b"")
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                return await _asked("GET", url, headers, b"", most)
        except (aiohttp.ClientError, TimeoutError) as error:
            words = str(error) or "no answer"
            raise ApiError("", f"RequestError: send request failed caused by: {words}") from error

    async def write(
        self, place: tuple[str, str], keys: Keys, at: tuple[str, str], content: bytes
    ) -> None:
        """Keep an object; arguments and errors as of ``read``."""
        url, headers = self._signed("PUT", place, keys, at, content)
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                await _asked("PUT", url, headers, content, LARGEST_WORDS)
        except (aiohttp.ClientError, TimeoutError) as error:
            words = str(error) or "no answer"
            raise ApiError("", f"RequestError: send request failed caused by: {words}") from error

    def _signed(
        self, method: str, place: tuple[str, str], keys: Keys, at: tuple[str, str], body: bytes
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the headers of a request."""
        endpoint, region = place
        if self._other:
            endpoint, keys = self._other, self._others
        path = f"/{quote('/'.join(at), safe='/-_.~')}"
        headers = {
            "host": urlsplit(endpoint).netloc,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
        }
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        signer = Signer(keys.access_key_id, keys.secret_access_key, region, "s3")
        headers["authorization"] = signer.authorization(method, path, headers, body)
        return f"{endpoint}{path}", headers


async def _asked(method: str, url: str, headers: dict[str, str], body: bytes, most: int) -> bytes:
    endless = aiohttp.ClientTimeout(total=None)
    signed = URL(url, encoded=True)  # what is signed is what is sent
    async with (
        aiohttp.ClientSession(timeout=endless) as session,
        session.request(
            method, signed, headers=headers, data=body or None, allow_redirects=False
        ) as response,
    ):
        found = bytearray()
        async for piece in response.content.iter_chunked(PIECE):
            found += piece
            if len(found) > most:
                raise ApiError("EntityTooLarge", f"the object is larger than {most} bytes")
        if response.status == OK:
            return bytes(found)
        code, message = (_element(bytes(found), name) for name in ("Code", "Message"))
        raise ApiError(
            code or str(response.status), f"{message} status code: {response.status}".strip()
        )


def _element(body: bytes, name: str) -> str:
    """Return the text of an element of S3's errors."""
    found = re.search(ELEMENT.format(name), body.decode(errors="replace"))
    return unescape(found[1]) if found else ""
