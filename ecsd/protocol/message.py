"""HTTP as the codecs see it: plain values, no socket."""

from collections.abc import AsyncGenerator, Mapping

import msgspec

from ecsd.protocol.through import Through


class HttpRequest(msgspec.Struct, frozen=True):
    """One request, whole.

    Attributes:
        method: upper case.
        path: as sent, percent-encoding kept.
        query: as sent, without the question mark.
        headers: names in lower case; repeated ones joined with commas.
        body: decompressed.
        peer: the address that it came from, where it is known.
        secure: whether it came over TLS.
        through: the VPC endpoint through which it came, if it did.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str = ""
    secure: bool = False
    through: Through | None = None


class HttpResponse(msgspec.Struct, frozen=True):
    """One answer. Content-Length is the server's business where the headers do not have it.

    Attributes:
        pieces: a body that is not held whole, as it comes, in place of ``body``.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: AsyncGenerator[bytes, None] | None = None
