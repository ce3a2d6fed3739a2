"""Whether named parts make an object. Source: S3 API Reference, CompleteMultipartUpload."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ecsd.records.s3.stored_object import Piece

LEAST_BYTES = 5 << 20  # of every part but the last


class Named(NamedTuple):
    """A part as the client names it: number, entity tag, checksums by algorithm."""

    number: int | None
    etag: str
    checksums: Mapping[str, str]


class Problem(NamedTuple):
    """Why there is no object."""

    code: str
    message: str
    details: Mapping[str, str]


def judge_parts(named: Sequence[Named], stored: Sequence[Piece]) -> list[Piece] | Problem:
    """Return the pieces of the object in their order, or what is wrong."""
    known = {piece.number: piece for piece in stored}
    if not named:
        return Problem("MalformedXML", "You must specify at least one part", {})
    numbers = [one.number or 0 for one in named]
    if any(second <= first for first, second in pairwise(numbers)):
        return Problem(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            {},
        )
    chosen = []
    for one in named:
        piece = known.get(one.number or 0)
        if piece is None or one.etag.strip('"') != piece.md5 or _differs(one, piece):
            return Problem(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have "
                "been uploaded, or the specified entity tag may not match the part's entity tag.",
                {"PartNumber": str(one.number), "ETag": one.etag[:64]},
            )
        chosen.append(piece)
    for piece in chosen[:-1]:
        if piece.size < LEAST_BYTES:
            return Problem(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                {"PartNumber": str(piece.number), "ProposedSize": str(piece.size)},
            )
    return chosen


def etag_of(md5s: Sequence[str]) -> str:
    """Return the entity tag of an object of parts: MD5 of their MD5s, and how many they are."""
    joined = b"".join(bytes.fromhex(one) for one in md5s)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(md5s)}"


def _differs(named: Named, piece: Piece) -> bool:
    own = piece.checksum
    return any(
        own is None or (name, value) != (own.algorithm, own.value)
        for name, value in named.checksums.items()
    )
