"""The registry of images in memory: tests, and whatever needs no real one."""

import asyncio
from hashlib import sha256
from weakref import WeakValueDictionary

from ecsd.clock import Clock
from ecsd.decisions.ecr.manifest import Manifest, digest_of, read_manifest


class MemoryImages:
    """Implements ``Images``; it refuses what a registry would. freed: what was, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._manifests: dict[tuple[str, str], bytes] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._uploads: dict[str, bytes] = {}
        self._begun = 0
        self.freed: list[tuple[str, str]] = []
        self.active_at = clock.now()

    async def awake(self) -> None:
        """Return at once."""

    def turn(self, path: str) -> asyncio.Lock:
        """Return whose holder alone pushes to a repository or frees something of it."""
        return self._turns.setdefault(path, asyncio.Lock())

    async def manifest(self, path: str, digest: str, _media_type: str) -> bytes | None:
        """Return a manifest, None if it is not there."""
        return self._manifests.get((path, digest))

    async def put_manifest(self, path: str, content: bytes, media_type: str) -> str | None:
        """Keep a manifest; return why the registry refuses it, or None."""
        read = read_manifest(content, media_type)
        if not isinstance(read, Manifest):
            return f"400 MANIFEST_INVALID {read}"
        if any((path, one) not in self._blobs for one in read.blobs):
            return "404 MANIFEST_BLOB_UNKNOWN"
        self._manifests[path, digest_of(content)] = content
        return None

    async def blob_size(self, path: str, digest: str) -> int | None:
        """Return how large a blob is in bytes, None if the repository has none such."""
        found = self._blobs.get((path, digest))
        return None if found is None else len(found)

    async def begin_upload(self, path: str) -> str:
        """Return the URL at which the registry awaits a blob."""
        self.active_at = self._clock.now()
        self._begun += 1
        url = f"/v2/{path}/blobs/uploads/{self._begun}?_state=s"
        self._uploads[url] = b""
        return url

    async def append(self, url: str, content: bytes) -> str | None:
        """Add bytes to an upload; return the next URL, None if it knows no such upload."""
        self.active_at = self._clock.now()
        if url not in self._uploads:
            return None
        self._uploads[url] += content
        return url

    async def finish(self, url: str, digest: str) -> str | None:
        """End an upload; return why the registry refuses it, or None."""
        content = self._uploads.get(url)
        if content is None:
            return "404 BLOB_UPLOAD_UNKNOWN"
        if f"sha256:{sha256(content).hexdigest()}" != digest:
            return "400 DIGEST_INVALID"
        del self._uploads[url]
        path = url.removeprefix("/v2/").partition("/blobs/uploads/")[0]
        self._blobs[path, digest] = content
        return None

    def download_token(self, path: str, digest: str) -> str:
        """Return what lets somebody read a repository's blobs for an hour."""
        return f"{path}@{digest}"

    async def free(self, path: str, digest: str) -> None:
        """Forget a manifest, or with an empty digest all of a repository."""
        self.freed.append((path, digest))
        kept = {one: text for one, text in self._manifests.items() if one[0] != path}
        own = {one: text for one, text in self._manifests.items() if one[0] == path}
        if digest:
            own.pop((path, digest), None)
            self._manifests = kept | own
        else:
            self._manifests = kept
            self._blobs = {one: text for one, text in self._blobs.items() if one[0] != path}
