"""What must always hold between buckets, objects, uploads, and the files that hold them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject, UploadPart


class Objects(NamedTuple):
    """Every bucket of one account and what lies in them.

    damaged: blob → what is wrong with it, as far as it was seen.
    """

    buckets: Sequence[Bucket] = ()
    objects: Sequence[StoredObject] = ()
    uploads: Sequence[MultipartUpload] = ()
    parts: Sequence[UploadPart] = ()
    damaged: Mapping[str, str] = {}


def check_objects(objects: Objects) -> Iterator[Finding]:
    """Yield what contradicts itself in one account."""
    yield from _files(objects)
    yield from _versions(objects)
    known = {one.name for one in objects.buckets}
    begun = {one.upload_id for one in objects.uploads}
    for upload in objects.uploads:
        if upload.bucket not in known:
            yield fatal(upload.upload_id, "is an upload to no bucket")
    for part in objects.parts:
        if part.upload_id not in begun:
            yield fatal(part.place, "is a part of no upload")


def _files(objects: Objects) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    holders = [(_subject(one), one.pieces) for one in objects.objects]
    holders += [(one.place, (one.piece,)) for one in objects.parts]
    for subject, pieces in holders:
        for piece in pieces:
            other = seen.setdefault(piece.blob, subject)
            if other != subject:
                yield fatal(subject, f"is held by the file of {other}")
            if piece.blob in objects.damaged:
                words = objects.damaged[piece.blob]
                yield fatal(subject, f"is damaged: its file {piece.blob} {words}")


def _versions(objects: Objects) -> Iterator[Finding]:
    known = {one.name for one in objects.buckets}
    newest: set[tuple[str, str]] = set()
    for one in sorted(objects.objects, key=lambda each: each.place):
        if one.bucket not in known:
            yield fatal(_subject(one), "lies in no bucket")
        if one.size != sum(piece.size for piece in one.pieces):
            yield fatal(_subject(one), "has another size than its files")
        first = (one.bucket, one.name) not in newest
        newest.add((one.bucket, one.name))
        if first and one.noncurrent_at is not None:
            yield fatal(_subject(one), "is the newest version and kept as an old one")
        if not first and one.noncurrent_at is None:
            yield fatal(_subject(one), "is an old version and kept as the newest")


def _subject(one: StoredObject) -> str:
    return f"arn:aws:s3:::{one.bucket}/{one.name} (version {one.version_id})"
