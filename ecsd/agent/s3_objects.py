"""Objects read as any client of S3 does, by whoever's credentials are given.

ecsd's own S3 answers, or the server that ``ECSD_S3_ENDPOINT`` names, with its own keys then:
credentials that ecsd gave out mean nothing there.
"""

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from ecsd.clock import Clock
from ecsd.errors import EcsdError
from ecsd.protocol.signing import Signer
from ecsd.settings import Settings

ANSWER_SECONDS = 30
CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
OK = 200
PIECE = 1 << 16  # bytes


class ObjectError(EcsdError):
    """The object could not be read; the text is S3's error code, or why nobody answered."""


class Keys(NamedTuple):
    """Credentials as a client has them; ``token`` of temporary ones."""

    access_key_id: str
    secret_access_key: str
    token: str = ""


class S3Objects:
    """Reads objects."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._endpoint = settings.s3_endpoint.rstrip("/")
        self._own = None
        if self._endpoint:
            self._own = Keys(settings.s3_access_key_id, settings.s3_secret_access_key)
        else:
            self._endpoint = f"http://{settings.host}:{settings.port}"

    async def read(self, bucket: str, name: str, keys: Keys, region: str, most: int) -> bytes:
        """Return an object of at most ``most`` bytes.

        Raises:
            ObjectError: S3 refuses, nobody answers within 30 s, or the object is larger.
        """
        path = f"/{bucket}/{quote(name, safe='/-_.~')}"
        headers = {
            "host": urlsplit(self._endpoint).netloc,
            "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-amz-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
        }
        access_key_id, secret, token = self._own or keys
        if token:
            headers["x-amz-security-token"] = token
        signer = Signer(access_key_id, secret, region, "s3")
        headers["authorization"] = signer.authorization("GET", path, headers, b"")
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                return await self._get(path, headers, most)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ObjectError(f"RequestError: {str(error) or 'no answer'}") from error

    async def _get(self, path: str, headers: dict[str, str], most: int) -> bytes:
        endless = aiohttp.ClientTimeout(total=None)
        url = URL(f"{self._endpoint}{path}", encoded=True)  # what is signed is what is sent
        async with (
            aiohttp.ClientSession(timeout=endless) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            found = bytearray()
            async for piece in response.content.iter_chunked(PIECE):
                found += piece
                if len(found) > most:
                    raise ObjectError(f"EntityTooLarge: the object is larger than {most} bytes")
            if response.status == OK:
                return bytes(found)
            code = CODE.search(found.decode(errors="replace"))
            raise ObjectError(code[1] if code else f"HTTP status {response.status}")
