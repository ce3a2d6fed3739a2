"""Another registry, as pull through caches read it: manifests, and layers in pieces.

Source: Distribution, HTTP API V2 and token authentication specification; OCI Distribution
Specification, pull.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from ecsd.clock import Clock
from ecsd.decisions.ecr.manifest import MANY, MOST_BYTES, SINGLE, digest_of
from ecsd.decisions.ecr.names import is_digest
from ecsd.decisions.ecr.upstream_auth import basic, read_challenge, token_url
from ecsd.errors import UpstreamError

if TYPE_CHECKING:  # loaded at first use
    import aiohttp

ANSWER_SECONDS = 30.0  # until an answer begins, and between pieces of a layer
PIECE = 8 << 20  # bytes
MOST_TOKEN_BYTES = 1 << 20
OK, UNAUTHORIZED, NOT_FOUND = 200, 401, 404


class Source(NamedTuple):
    """A repository of another registry. credentials: user and password, where it wants some."""

    base: str  # URL, such as https://quay.io
    repository: str
    credentials: tuple[str, str] | None = None


class UpstreamRegistry:
    """One repository elsewhere. Everything raises UpstreamError, with words for people."""

    def __init__(self, source: Source, clock: Clock, session: "aiohttp.ClientSession") -> None:
        self._source = source
        self._clock = clock
        self._session = session
        self._authorization = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls, source: Source, clock: Clock) -> AsyncIterator[Self]:
        """Connect as long as the block lasts."""
        import aiohttp

        endless = aiohttp.ClientTimeout(total=None)  # the clock's deadlines bound it
        async with aiohttp.ClientSession(timeout=endless, trust_env=True) as session:
            yield cls(source, clock, session)

    async def ping(self) -> None:
        """Return if it lets us in."""
        async with self._asked("/v2/") as answer:
            if answer.status != OK:
                raise UpstreamError(f"{self._source.base} is no registry: {answer.status}")

    async def manifest(self, reference: str) -> tuple[bytes, str] | None:
        """Return a manifest and its type; None if it has none such."""
        accept = ", ".join((*MANY, *SINGLE))
        path = f"/v2/{self._source.repository}/manifests/{reference}"
        async with self._asked(path, accept) as answer:
            if answer.status == NOT_FOUND:
                return None
            content = await self._limited(answer, MOST_BYTES)
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if is_digest(reference) and digest_of(content) != reference:
            raise UpstreamError(f"{self._source.base} has another manifest under {reference}")
        return content, kind

    async def blob(self, digest: str, size: int) -> AsyncGenerator[bytes, None]:
        """Yield a layer in pieces. size: how many bytes it has; more are refused."""
        left = size
        async with self._asked(f"/v2/{self._source.repository}/blobs/{digest}") as answer:
            if answer.status == NOT_FOUND:
                raise UpstreamError(f"{self._source.base} lacks the layer {digest}")
            while piece := await self._piece(answer):
                left -= len(piece)
                if left < 0:
                    raise UpstreamError(f"the layer {digest} is larger than {size} bytes")
                yield piece

    async def _piece(self, answer: "aiohttp.ClientResponse") -> bytes:
        """Return the next PIECE bytes, or what is left: the registry takes few large parts best."""
        piece = bytearray()
        while len(piece) < PIECE:
            async with self._clock.deadline(ANSWER_SECONDS):
                more = await answer.content.read(PIECE - len(piece))
            if not more:
                break
            piece += more
        return bytes(piece)

    async def _limited(self, answer: "aiohttp.ClientResponse", most: int) -> bytes:
        content = b""
        while piece := await self._piece(answer):
            content += piece
            if len(content) > most:
                raise UpstreamError(f"{answer.url} answers more than {most} bytes")
        return content

    @asynccontextmanager
    async def _asked(
        self, path: str, accept: str = "*/*"
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """Yield an answer, 200 or 404; a challenge is answered once."""
        import aiohttp

        try:
            answer = await self._get(path, accept)
            if answer.status == UNAUTHORIZED:
                header = answer.headers.get("www-authenticate", "")
                answer.release()
                self._authorization = await self._authorized(header)
                answer = await self._get(path, accept)
            async with answer:
                if answer.status not in (OK, NOT_FOUND):
                    said = (await self._limited(answer, MOST_TOKEN_BYTES)).decode(errors="replace")
                    words = f"{self._source.base} answered {answer.status} {said[:300]}"
                    raise UpstreamError(words.strip())
                yield answer
        except TimeoutError as error:
            raise UpstreamError(f"{self._source.base} did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(f"{self._source.base} did not answer: {error}") from error

    async def _get(self, path: str, accept: str) -> "aiohttp.ClientResponse":
        headers = {"accept": accept, "accept-encoding": "identity"}
        if self._authorization:
            headers["authorization"] = self._authorization
        async with self._clock.deadline(ANSWER_SECONDS):
            return await self._session.get(f"{self._source.base}{path}", headers=headers)

    async def _authorized(self, header: str) -> str:
        """Return the header that a challenge asks for."""
        challenge, source = read_challenge(header), self._source
        own = {"authorization": basic(*source.credentials)} if source.credentials else {}
        if challenge.scheme == "basic" and own:
            return own["authorization"]
        url = token_url(challenge, source.base, source.repository)
        if challenge.scheme != "bearer" or url is None:
            raise UpstreamError(f"{source.base} does not let us in: {header[:200]}")
        async with self._clock.deadline(ANSWER_SECONDS):
            answer = await self._session.get(url, headers=own)
        async with answer:
            content = await self._limited(answer, MOST_TOKEN_BYTES)
            if answer.status != OK:
                raise UpstreamError(f"{source.base} gave no token: {answer.status}")
        return f"Bearer {_token_in(content, source.base)}"


def _token_in(content: bytes, base: str) -> str:
    import msgspec

    try:
        said = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise UpstreamError(f"{base} gave no token: {error}") from error
    token = said.get("token") or said.get("access_token") if isinstance(said, dict) else None
    if not isinstance(token, str):
        raise UpstreamError(f"{base} gave no token")
    return token
