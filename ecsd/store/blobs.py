"""Blobs: files by checksum, such as image layers. The document that names one has its digest."""

from collections.abc import AsyncIterator
from typing import Protocol


class Blobs(Protocol):
    """Keep and return files by the SHA-256 of their bytes. Every method may raise StoreError."""

    async def put(self, content: AsyncIterator[bytes], expected: str | None = None) -> str:
        """Keep a file; returns its digest, ``sha256:…``, when it is durable.

        Refused with StoreError when ``expected`` is another digest; nothing is kept then.
        """
        ...

    async def size(self, digest: str) -> int | None:
        """Return a file's bytes, or None when it is not here."""
        ...

    def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return a file's bytes ``start <= position < end``, in pieces."""
        ...

    async def remove(self, digest: str) -> None:
        """Forget a file."""
        ...
