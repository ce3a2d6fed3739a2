"""Bodies in chunks of S3's own: each with its length, perhaps signed, and checksums at the end.

Sans-IO: bytes in, the object's bytes out. Forms: STREAMING-UNSIGNED-PAYLOAD-TRAILER,
STREAMING-AWS4-HMAC-SHA256-PAYLOAD and the same with -TRAILER.
Source: S3 API Reference, Signature calculations for the Authorization header: transferring payload
in multiple chunks; Including trailing headers.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import NamedTuple

from ecsd.errors import AwsError

LINE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
LONGEST_LINE = 1024  # bytes: of a chunk's head, and of a trailing header
MOST_TRAILERS = 20
EMPTY = hashlib.sha256(b"").hexdigest()


class ChunkSigner:
    """Verifies the signatures of chunks, each of which covers the one before it.

    Args:
        key: the derived signing key.
        moment: X-Amz-Date.
        scope: date, region, service and ``aws4_request``, with slashes.
        seed: the signature of the request's headers.
    """

    def __init__(self, key: bytes, moment: str, scope: str, seed: str) -> None:
        self._key = key
        self._where = f"{moment}\n{scope}"
        self._previous = seed

    def check_chunk(self, digest: str, signature: str) -> None:
        """Refuse a chunk whose signature is not right."""
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{self._where}\n{self._previous}\n{EMPTY}\n{digest}"
        self._check(text, signature)

    def check_trailer(self, lines: bytes, signature: str) -> None:
        """Refuse trailing headers whose signature is not right."""
        digest = hashlib.sha256(lines).hexdigest()
        text = f"AWS4-HMAC-SHA256-TRAILER\n{self._where}\n{self._previous}\n{digest}"
        self._check(text, signature)

    def _check(self, text: str, signature: str) -> None:
        right = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise AwsError(
                "SignatureDoesNotMatch",
                "The signature of a chunk does not match what we calculated.",
                status=403,
            )
        self._previous = right


class Form(NamedTuple):
    """Which of the forms it is."""

    signed: bool
    trailer: bool


def form_of(content_sha256: str) -> Form | None:
    """Return the form that ``x-amz-content-sha256`` names, or None: the body is as it is."""
    if not content_sha256.startswith("STREAMING-"):
        return None
    match content_sha256.removeprefix("STREAMING-"):
        case "UNSIGNED-PAYLOAD-TRAILER":
            return Form(signed=False, trailer=True)
        case "AWS4-HMAC-SHA256-PAYLOAD":
            return Form(signed=True, trailer=False)
        case "AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
            return Form(signed=True, trailer=True)
        case _:
            raise AwsError(
                "NotImplemented",
                f"x-amz-content-sha256: {content_sha256[:64]} is not supported by ecsd",
                status=501,
            )


class ChunkedReader:
    """Takes such a body apart. ``trailers`` is complete when ``done`` is."""

    def __init__(self, form: Form, signer: ChunkSigner | None) -> None:
        """signer: None: signatures are not verified, as in local mode."""
        self._form = form
        self._signer = signer if form.signed else None
        self._waiting = bytearray()
        self._left = -1  # bytes of the present chunk; -1: its head is to come
        self._digest = hashlib.sha256()
        self._signature = ""
        self._ended = False  # the last chunk was there: trailers follow
        self._lines: list[bytes] = []
        self.trailers: dict[str, str] = {}
        self.done = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the object's bytes in what arrived. Raises AwsError: the form is wrong."""
        self._waiting += piece
        while self._waiting and not self.done:
            if self._ended:
                if not self._read_trailer():
                    return
            elif self._left > 0:
                yield self._take()
            elif self._left == 0:
                if not self._end_chunk():
                    return
            elif not self._read_head():
                return
        if self.done and self._waiting.strip(b"\r\n"):
            raise _malformed("bytes follow its end")

    def finish(self) -> None:
        """Refuse a body that ended too early."""
        if not self.done and self._ended and not self._waiting:
            self._complete()  # clients leave out the last empty line
        if not self.done:
            raise _malformed("it ends too early")

    def _read_head(self) -> bool:
        line = self._line()
        if line is None:
            return False
        found = LINE.fullmatch(line)
        if found is None or (self._form.signed and found[2] is None):
            raise _malformed("a chunk's head is not LENGTH or LENGTH;chunk-signature=SIGNATURE")
        self._left = int(found[1], 16)
        self._signature = (found[2] or b"").decode()
        self._digest = hashlib.sha256()
        if self._left == 0:
            self._check()
            self._left = -1
            self._ended = True
        return True

    def _take(self) -> bytes:
        piece = bytes(self._waiting[: self._left])
        del self._waiting[: self._left]
        self._left -= len(piece)
        if self._signer is not None:
            self._digest.update(piece)
        return piece

    def _end_chunk(self) -> bool:
        if len(self._waiting) < 2:  # noqa: PLR2004 - CR and LF
            if self._waiting[:1] != b"\r":
                raise _malformed("a chunk is longer than its head says")
            return False
        if self._waiting[:2] != b"\r\n":
            raise _malformed("a chunk is longer than its head says")
        del self._waiting[:2]
        self._check()
        self._left = -1
        return True

    def _check(self) -> None:
        if self._signer is not None:
            self._signer.check_chunk(self._digest.hexdigest(), self._signature)

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self._complete()
            return True
        name, colon, value = line.partition(b":")
        if not colon or not self._form.trailer or len(self._lines) >= MOST_TRAILERS:
            raise _malformed("its trailing headers are not NAME:VALUE")
        key = name.strip().lower().decode("latin-1")
        self.trailers[key] = value.strip().decode("latin-1")
        if key != "x-amz-trailer-signature":
            self._lines.append(key.encode("latin-1") + b":" + value.strip() + b"\n")
        return True

    def _complete(self) -> None:
        self.done = True
        if self._signer is not None and self._form.trailer:
            signature = self.trailers.get("x-amz-trailer-signature", "")
            self._signer.check_trailer(b"".join(self._lines), signature)

    def _line(self) -> bytes | None:
        """Take a line, without its end; None while it is not complete."""
        end = self._waiting.find(b"\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._waiting) >= LONGEST_LINE:
                raise _malformed("a line is too long")
            return None
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        return line.removesuffix(b"\r")


def _malformed(words: str) -> AwsError:
    return AwsError("InvalidRequest", f"The body is not aws-chunked: {words}.")
