"""The checker sees each way in which buckets, objects and files can contradict themselves."""

import pytest
from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.invariants.objects import Objects, check_objects
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import MultipartUpload, Piece, StoredObject, UploadPart

BUCKET = Bucket(name="b", region="r", created_at=VIRTUAL_START)
PIECE = Piece(blob="f1", size=3, md5="")
ONE = StoredObject(
    place="b/k\x001", bucket="b", name="k", modified_at=VIRTUAL_START, size=3, pieces=(PIECE,)
)
OLD = replace(ONE, place="b/k\x002", pieces=(), size=0, noncurrent_at=VIRTUAL_START)
UPLOAD = MultipartUpload(
    upload_id="u", bucket="b", name="k", initiated_at=VIRTUAL_START, initiator=""
)
PART = UploadPart(
    place="u/00001", upload_id="u", piece=replace(PIECE, blob="f2"), modified_at=VIRTUAL_START
)
GOOD = Objects([BUCKET], [ONE, OLD], [UPLOAD], [PART])


def test_what_is_right_is_not_complained_of():
    assert list(check_objects(GOOD)) == []


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        (GOOD._replace(buckets=[]), "in no bucket"),
        (GOOD._replace(buckets=[], objects=[]), "to no bucket"),
        (GOOD._replace(uploads=[]), "of no upload"),
        (GOOD._replace(objects=[replace(ONE, size=4)]), "another size"),
        (GOOD._replace(parts=[replace(PART, piece=PIECE)]), "held by the file of"),
        (GOOD._replace(objects=[OLD]), "kept as an old one"),
        (GOOD._replace(objects=[ONE, replace(OLD, noncurrent_at=None)]), "kept as the newest"),
        (GOOD._replace(damaged={"f1": "is not there"}), "f1 is not there"),
        (GOOD._replace(damaged={"f2": "is not there"}), "f2 is not there"),
    ],
)
def test_contradictions_are_told(objects, words):
    found = list(check_objects(objects))
    assert any(words in one.words for one in found), found
    assert {one.severity for one in found} == {"fatal"}
