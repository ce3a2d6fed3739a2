"""Checksums that S3 knows, computed as bytes pass by.

Source: S3 User Guide, Checking object integrity. The CRCs are AWS's own library's (awscrt).
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ecsd.errors import AwsError

DEFAULT = "CRC64NVME"  # what S3 computes for an object that came without a checksum
CRC_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8}
HASHES = {"SHA1": "sha1", "SHA256": "sha256"}
ALGORITHMS = (*CRC_BYTES, *HASHES)
HEADER = "x-amz-checksum-"


class Running(NamedTuple):
    """A checksum in the making."""

    update: Callable[[bytes], None]
    digest: Callable[[], bytes]


def running(algorithm: str) -> Running:
    """Return a checksum over nothing yet; KeyError for an algorithm that is not known."""
    if algorithm in HASHES:
        state = hashlib.new(HASHES[algorithm])
        return Running(state.update, state.digest)
    size, function = CRC_BYTES[algorithm], _crc(algorithm)
    value = 0

    def update(piece: bytes) -> None:
        nonlocal value
        value = function(piece, value)

    return Running(update, lambda: value.to_bytes(size, "big"))


def checksum_of(algorithm: str, content: bytes) -> str:
    """Return a checksum in S3's form: base64."""
    own = running(algorithm)
    own.update(content)
    return encoded(own.digest())


def encoded(digest: bytes) -> str:
    """Return a digest as S3 writes it."""
    return base64.b64encode(digest).decode()


def composite(algorithm: str, values: Iterable[str]) -> str:
    """Return the checksum of parts' checksums: ``<base64>-<count>``."""
    parts = list(values)
    joined = b"".join(base64.b64decode(one) for one in parts)
    return f"{checksum_of(algorithm, joined)}-{len(parts)}"


def combined(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """Return the CRC of a whole from its parts' CRCs and sizes."""
    from awscrt import checksums  # type: ignore[import-untyped]

    join = {
        "CRC32": checksums.combine_crc32,
        "CRC32C": checksums.combine_crc32c,
        "CRC64NVME": checksums.combine_crc64nvme,
    }[algorithm]
    value = 0
    for own, size in parts:
        value = join(value, int.from_bytes(base64.b64decode(own), "big"), size)
    return encoded(value.to_bytes(CRC_BYTES[algorithm], "big"))


def told_in(headers: Mapping[str, str]) -> dict[str, str]:
    """Return algorithm → value of the checksums that headers tell; AwsError: not one of ours."""
    told = {}
    for name, value in headers.items():
        algorithm = name.removeprefix(HEADER).upper()
        if not name.startswith(HEADER) or algorithm in ("ALGORITHM", "TYPE", "MODE"):
            continue
        if algorithm not in ALGORITHMS:
            raise AwsError(
                "NotImplemented", f"The checksum {name} is not supported by ecsd", status=501
            )
        told[algorithm] = value
    if len(told) > 1:
        raise AwsError(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    return told


def check_whole(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse a body that is held whole and is not what its headers say of it."""
    md5 = headers.get("content-md5")
    if md5 is not None:
        check_md5(md5, hashlib.md5(body, usedforsecurity=False).digest())
    for algorithm, value in told_in(headers).items():
        check_value(algorithm, value, checksum_of(algorithm, body))


def check_md5(given: str, digest: bytes) -> None:
    """Refuse a Content-MD5 that is none, or another body's."""
    try:
        wanted = base64.b64decode(given, validate=True)
    except ValueError:
        wanted = b""
    if len(wanted) != hashlib.md5(usedforsecurity=False).digest_size:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified is not valid.")
    if wanted != digest:
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")


def check_value(algorithm: str, given: str, right: str) -> None:
    """Refuse a checksum that is none, or another body's."""
    if given == right:
        return
    try:
        size = len(base64.b64decode(given, validate=True))
    except ValueError:
        size = -1
    if size != len(base64.b64decode(right)):
        raise AwsError(
            "InvalidRequest", f"Value for {HEADER}{algorithm.lower()} header is invalid."
        )
    raise AwsError(
        "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
    )


def _crc(algorithm: str) -> Callable[[bytes, int], int]:
    if algorithm == "CRC32":
        from zlib import crc32

        return crc32
    from awscrt import checksums

    found: Callable[[bytes, int], int] = {
        "CRC32C": checksums.crc32c,
        "CRC64NVME": checksums.crc64nvme,
    }[algorithm]
    return found
