"""Bytes of images: in a Distribution registry, behind a unix socket that only this host reaches.

What belongs to which repository, and which tag means what, is in documents; the registry holds
manifests by digest, and blobs. What documents no longer name is removed from its folder, where the
registry, which keeps no cache, misses it at once; blobs go when the agent has them collected.
Source: Distribution, HTTP API V2 and its filesystem layout.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakValueDictionary

from ecsd.clock import Clock
from ecsd.decisions.ecr.names import is_digest, place_of
from ecsd.decisions.ecr.registry_config import SERVICE
from ecsd.errors import AwsError

if TYPE_CHECKING:  # loaded at first use
    import aiohttp

log = logging.getLogger(__name__)

AWAKE_SECONDS, LOOK_SECONDS = 5.0, 0.05
AWAY = timedelta(seconds=15)  # while it is started again, or blobs are collected
ANSWER_SECONDS = 60.0  # a part of a layer is at most 64 MiB, which the registry hashes
TOKEN_LIFE = timedelta(minutes=5)
DOWNLOAD_LIFE = timedelta(hours=1)
REPOSITORIES = Path("docker/registry/v2/repositories")
PARTS = ("_manifests", "_layers", "_uploads")
OK, CREATED, ACCEPTED, NO_CONTENT, NOT_FOUND = 200, 201, 202, 204, 404


class TokenSigner(Protocol):
    """What signs for the registry: ``certificates/token_key.py``."""

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return a token that says so."""
        ...


class Images(Protocol):
    """The registry. path: what it calls a repository (``decisions/ecr/names.py``).

    Everything that waits for it raises AwsError (ServerException) where it does not answer.
    """

    active_at: datetime  # when somebody may have pushed last

    async def awake(self) -> None:
        """Return when clients reach the registry, or cannot for a while: it may be beginning."""
        ...

    def turn(self, path: str) -> asyncio.Lock:
        """Return whose holder alone pushes to a repository or frees something of it."""
        ...

    async def manifest(self, path: str, digest: str, media_type: str) -> bytes | None:
        """Return a manifest, None if it is not there."""
        ...

    async def put_manifest(self, path: str, content: bytes, media_type: str) -> str | None:
        """Keep a manifest; return why the registry refuses it, or None."""
        ...

    async def blob_size(self, path: str, digest: str) -> int | None:
        """Return how large a blob is in bytes, None if the repository has none such."""
        ...

    async def begin_upload(self, path: str) -> str:
        """Return the URL at which the registry awaits a blob."""
        ...

    async def append(self, url: str, content: bytes) -> str | None:
        """Add bytes to an upload; return the next URL, None if it knows no such upload."""
        ...

    async def finish(self, url: str, digest: str) -> str | None:
        """End an upload; return why the registry refuses it, or None."""
        ...

    def download_token(self, path: str, digest: str) -> str:
        """Return what lets somebody read a repository's blobs for an hour."""
        ...

    async def free(self, path: str, digest: str) -> None:
        """Forget a manifest, or with an empty digest all of a repository."""
        ...


class Access(NamedTuple):
    """What a token lets its holder do. reads: it may fetch bytes, not only ask for them.

    imports: it may have an upstream's images fetched.
    """

    path: str
    actions: tuple[str, ...]
    reads: bool = True
    imports: bool = False


def claims_of(
    access: Iterable[Access], subject: str, now: datetime, life: timedelta
) -> dict[str, object]:
    """Return what a token for the registry says."""
    granted = list(access)
    return {
        "iss": SERVICE,
        "aud": SERVICE,
        "sub": subject,
        "iat": int(now.timestamp()),
        "nbf": int((now - timedelta(minutes=1)).timestamp()),
        "exp": int((now + life).timestamp()),
        "jti": f"{now.timestamp():.6f}",
        "reads": "yes" if all(one.reads for one in granted) else "no",
        "access": [
            {"type": "repository", "name": one.path, "actions": list(one.actions)}
            for one in granted
        ],
        "imports": [one.path for one in granted if one.imports],
    }


class Where(NamedTuple):
    """Where a registry is: its socket, the folder of its blobs, host and port of its front."""

    socket: Path
    folder: Path
    front: tuple[str, int]


class RegistryImages:
    """The registry behind a socket. Implements ``Images``."""

    def __init__(self, where: Where, signer: TokenSigner, clock: Clock) -> None:
        self._where = where
        self._folder = where.folder / REPOSITORIES
        self._signer = signer
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._session: aiohttp.ClientSession | None = None
        self.active_at = clock.now()  # a push may have begun before this process

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def awake(self) -> None:
        """Return when clients reach the registry, or cannot for a while: it may be beginning."""
        host, port = self._where.front
        try:
            async with self._clock.deadline(AWAKE_SECONDS):
                while not await _listens(host, port):
                    await self._clock.sleep(LOOK_SECONDS)
        except TimeoutError:
            log.warning("the registry of images does not listen yet", extra={"port": port})

    def turn(self, path: str) -> asyncio.Lock:
        """Return whose holder alone pushes to a repository or frees something of it."""
        return self._turns.setdefault(path, asyncio.Lock())

    async def manifest(self, path: str, digest: str, media_type: str) -> bytes | None:
        """Return a manifest, None if it is not there."""
        headers = {"accept": media_type}
        async with self._ask("GET", path, f"/manifests/{digest}", headers=headers) as answer:
            if answer.status == NOT_FOUND:
                return None
            await _expect(answer, OK)
            content: bytes = await answer.read()
            return content

    async def put_manifest(self, path: str, content: bytes, media_type: str) -> str | None:
        """Keep a manifest; return why the registry refuses it, or None."""
        from ecsd.decisions.ecr.manifest import digest_of

        place = f"/manifests/{digest_of(content)}"
        headers = {"content-type": media_type}
        async with self._ask("PUT", path, place, headers=headers, body=content) as answer:
            return None if answer.status == CREATED else await _fault(answer)

    async def blob_size(self, path: str, digest: str) -> int | None:
        """Return how large a blob is in bytes, None if the repository has none such."""
        async with self._ask("HEAD", path, f"/blobs/{digest}") as answer:
            if answer.status == NOT_FOUND:
                return None
            await _expect(answer, OK)
            return int(answer.headers["content-length"])

    async def begin_upload(self, path: str) -> str:
        """Return the URL at which the registry awaits a blob."""
        self.active_at = self._clock.now()
        async with self._ask("POST", path, "/blobs/uploads/") as answer:
            await _expect(answer, ACCEPTED)
            return str(answer.headers["location"])

    async def append(self, url: str, content: bytes) -> str | None:
        """Add bytes to an upload; return the next URL, None if it knows no such upload."""
        self.active_at = self._clock.now()
        path, rest = _split(url)
        headers = {"content-type": "application/octet-stream"}
        async with self._ask("PATCH", path, rest, headers=headers, body=content) as answer:
            if answer.status == NOT_FOUND:
                return None
            await _expect(answer, ACCEPTED)
            return str(answer.headers["location"])

    async def finish(self, url: str, digest: str) -> str | None:
        """End an upload; return why the registry refuses it, or None."""
        self.active_at = self._clock.now()
        path, rest = _split(url)
        async with self._ask("PUT", path, f"{rest}&digest={digest}") as answer:
            return None if answer.status == CREATED else await _fault(answer)

    def download_token(self, path: str, digest: str) -> str:
        """Return what lets somebody read a repository's blobs for an hour."""
        claims = claims_of([Access(path, ("pull",))], digest, self._clock.now(), DOWNLOAD_LIFE)
        return self._signer.sign(claims)

    async def free(self, path: str, digest: str) -> None:
        """Forget a manifest, or with an empty digest all of a repository.

        Raises:
            OSError: the disk refuses.
        """
        if place_of(path) is None or (digest and not is_digest(digest)):
            raise ValueError(f"{path}@{digest} is nothing that a registry holds")
        own = self._folder / path
        revision = own / "_manifests" / "revisions" / "sha256" / digest.partition(":")[2]
        gone = [revision] if digest else [own / part for part in PARTS]
        for one in gone:
            await asyncio.to_thread(_remove, one)

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        rest: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        import aiohttp
        from yarl import URL

        if self._session is None:
            connector = aiohttp.UnixConnector(str(self._where.socket))
            endless = aiohttp.ClientTimeout(total=None)  # the clock's deadline bounds it
            self._session = aiohttp.ClientSession(connector=connector, timeout=endless)
        claims = claims_of([Access(path, ("pull", "push"))], "ecsd", self._clock.now(), TOKEN_LIFE)
        token = self._signer.sign(claims)
        url = URL(f"http://registry/v2/{path}{rest}", encoded=True)
        every = {"authorization": f"Bearer {token}", **(headers or {})}
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                await self._back()
                async with self._session.request(method, url, headers=every, data=body) as answer:
                    yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = str(error) or "no answer in time"
            raise _unreachable(words) from error

    async def _back(self) -> None:
        """Return when the registry listens, or is away for longer than it takes to come back."""
        until = self._clock.now() + AWAY
        while not await _hears(str(self._where.socket)) and self._clock.now() < until:
            await self._clock.sleep(LOOK_SECONDS)


async def _hears(socket: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def _split(url: str) -> tuple[str, str]:
    """Return the repository of an upload's URL, and what follows."""
    path, mark, rest = url.removeprefix("/v2/").partition("/blobs/uploads/")
    return path, f"{mark}{rest}"


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return  # it is gone


async def _expect(answer: "aiohttp.ClientResponse", status: int) -> None:
    if answer.status != status:
        raise _unreachable(await _fault(answer))


async def _fault(answer: "aiohttp.ClientResponse") -> str:
    """Return the registry's own words."""
    text = (await answer.text()).strip()
    return f"{answer.status} {text[:600]}".strip()


def _unreachable(words: str) -> AwsError:
    return AwsError("ServerException", f"The registry of images refused: {words}", status=500)
