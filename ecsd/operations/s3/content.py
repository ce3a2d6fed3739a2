"""The bytes of objects: taken in to disk while they are summed up, and given out again."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from ecsd.decisions.s3.byte_range import Span, parts_of
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.protocol.checksums import (
    ALGORITHMS,
    DEFAULT,
    HEADER,
    check_md5,
    check_value,
    encoded,
    running,
    told_in,
)
from ecsd.protocol.streamed import StreamedBody
from ecsd.records.s3.stored_object import Checksum, Piece, StoredObject
from ecsd.store.blobs import BlobError

MOST_BYTES = 5 << 30  # of an object put at once, and of a part


class Expected(NamedTuple):
    """What a request says about its body.

    Attributes:
        algorithm: of the checksum that is kept.
        value: what it has to be; None: it comes in a trailer, or is not told.
        md5: Content-MD5.
    """

    algorithm: str = DEFAULT
    value: str | None = None
    md5: str | None = None


def expected(request: Mapping[str, Any], wanted: str = "") -> Expected:
    """Return what a request says. wanted: the algorithm of the upload that it is a part of."""
    told = {name: request[f"Checksum{name}"] for name in ALGORITHMS if f"Checksum{name}" in request}
    others = [
        name
        for name in request
        if name.startswith("Checksum")
        and name.removeprefix("Checksum") not in (*ALGORITHMS, "Algorithm", "Type", "Mode")
    ]
    if others:
        raise AwsError("NotImplemented", f"{others[0]} is not supported by ecsd", status=501)
    if len(told) > 1:
        raise AwsError("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    algorithm = next(iter(told), request.get("ChecksumAlgorithm") or wanted or DEFAULT)
    if algorithm not in ALGORITHMS:
        raise AwsError(
            "NotImplemented", f"ChecksumAlgorithm {algorithm} is not supported by ecsd", status=501
        )
    return Expected(algorithm, told.get(algorithm), request.get("ContentMD5"))


async def take(call: Call, body: StreamedBody, wanted: Expected, number: int = 0) -> Piece:
    """Return what holds the body, which is on disk then.

    Raises:
        AwsError: EntityTooLarge, BadDigest, InvalidDigest and what the body raises; nothing is
            kept then.
    """
    _check_size(body.declared_size or 0)
    writing = call.blobs.writing()
    sums = {wanted.algorithm: running(wanted.algorithm)}
    size = 0
    try:
        async for piece in body.pieces():
            size += len(piece)
            _check_size(size)
            for one in sums.values():
                one.update(piece)
            await writing.write(piece)
        await writing.finish()
        value = encoded(sums[wanted.algorithm].digest())
        _check(wanted, value, writing.md5, body.trailers)
    except BaseException:
        writing.abandon()
        raise
    checksum = Checksum(algorithm=wanted.algorithm, value=value)
    return Piece(
        blob=writing.name, size=size, md5=writing.md5.hex(), number=number, checksum=checksum
    )


async def opened(call: Call, one: StoredObject, span: Span) -> AsyncGenerator[bytes, None]:
    """Return a span of an object's bytes, in pieces; the first was read already.

    Raises:
        AwsError: InternalError: the object is damaged.
    """
    reading = _reading(call, one, span)
    try:
        first = await anext(reading, b"")
    except BlobError as error:
        raise damaged(one) from error
    return _with(first, reading)


def damaged(one: StoredObject) -> AwsError:
    """Return the error of an object whose bytes are not what was put."""
    return AwsError(
        "InternalError", f"The object {one.name} is damaged on disk: see the log.", status=500
    )


async def _reading(call: Call, one: StoredObject, span: Span) -> AsyncGenerator[bytes, None]:
    wanted = parts_of([piece.size for piece in one.pieces], span)
    with call.blobs.hold([one.pieces[number].blob for number, _ in wanted]):
        for number, own in wanted:
            piece = one.pieces[number]
            async for content in call.blobs.read(piece.blob, piece.size, own.start, own.end):
                yield content


async def _with(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if first:
            yield first
        async for piece in rest:
            yield piece


def _check(wanted: Expected, value: str, md5: bytes, trailers: Mapping[str, str]) -> None:
    if wanted.md5 is not None:
        check_md5(wanted.md5, md5)
    told = told_in(trailers)
    given = wanted.value if wanted.value is not None else told.get(wanted.algorithm)
    if given is not None:
        check_value(wanted.algorithm, given, value)
    unasked = [name for name in told if name != wanted.algorithm]
    if unasked:
        raise AwsError(
            "InvalidRequest", f"The trailer {HEADER}{unasked[0].lower()} was not announced."
        )


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise AwsError(
            "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", status=400
        )
