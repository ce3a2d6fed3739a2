"""The body of a request to S3: taken out of its chunks, compared with what the headers say."""

import hashlib
from collections.abc import AsyncIterator, Mapping

from ecsd.errors import AwsError
from ecsd.gateway.request_body import MOST_BYTES, RequestBody
from ecsd.protocol.aws_chunked import ChunkedReader, ChunkSigner, form_of

UNSIGNED = "UNSIGNED-PAYLOAD"


class S3Body:
    """An object on its way in. Implements ``protocol.streamed.StreamedBody``."""

    def __init__(
        self, body: RequestBody, headers: Mapping[str, str], signer: ChunkSigner | None
    ) -> None:
        """signer: of chunks; None where signatures are not verified."""
        self._body = body
        claimed = headers.get("x-amz-content-sha256", UNSIGNED)
        form = form_of(claimed)
        self._chunks = None if form is None else ChunkedReader(form, signer)
        self._sha256 = claimed if form is None and claimed != UNSIGNED else None
        length = headers.get("x-amz-decoded-content-length" if form else "content-length")
        self.declared_size = _size(length)

    @property
    def trailers(self) -> Mapping[str, str]:
        """Headers that came after the body."""
        return self._chunks.trailers if self._chunks is not None else {}

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the object's bytes.

        Raises:
            AwsError: IncompleteBody, XAmzContentSHA256Mismatch, or the chunks are wrong.
        """
        digest, size = hashlib.sha256(), 0
        async for raw in self._body.pieces():
            for piece in (raw,) if self._chunks is None else self._chunks.feed(raw):
                size += len(piece)
                if self._sha256 is not None:
                    digest.update(piece)
                yield piece
        if self._chunks is not None:
            self._chunks.finish()
        if self.declared_size is not None and size != self.declared_size:
            raise AwsError(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP "
                f"header: {self.declared_size}, but {size}.",
            )
        if self._sha256 is not None and digest.hexdigest() != self._sha256.lower():
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )

    async def whole(self) -> bytes:
        """Return a body that is no object: a document. Raises AwsError beyond the limit."""
        found = bytearray()
        async for piece in self.pieces():
            if len(found) <= MOST_BYTES:  # read on, so that the client gets to see the answer
                found += piece
        if len(found) > MOST_BYTES:
            raise AwsError("EntityTooLarge", f"The body is larger than {MOST_BYTES} bytes.")
        return bytes(found)


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):  # noqa: PLR2004 - digits
        raise AwsError("InvalidArgument", "The length of the body is not a number.")
    return int(text)
