"""S3's callers, buckets, objects; the invariants hold after every test, files too."""

import pytest

from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.ids import SeededIds
from ecsd.operations.call import OPERATIONS
from ecsd.records.s3.stored_object import StoredObject, UploadPart
from ecsd.store.blobs import Blobs
from ecsd.store.findings import all_findings
from ecsd.store.object_versions import named_blobs
from tests.operations.conftest import make_call


class Body:
    """An object on its way in, in pieces."""

    read = None  # botocore takes what has it for a file

    def __init__(self, content, piece=1 << 18, trailers=None):
        self._content, self._piece = content, piece
        self.trailers = trailers or {}
        self.declared_size = len(content)

    async def pieces(self):
        for start in range(0, len(self._content), self._piece):
            yield self._content[start : start + self._piece]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "objects"


@pytest.fixture
def blobs(folder):
    kept = Blobs(folder, SeededIds(11), bytes(32))
    yield kept
    kept.close()


@pytest.fixture
def moment():
    """A clock that stands still until it is moved: ``moment.at += timedelta(...)``."""

    class Standing(VirtualClock):
        at = VIRTUAL_START

        def now(self):
            return self.at

    return Standing()


@pytest.fixture
def ask(client, blobs, moment):
    """Call an operation of S3; ``Body`` may be bytes."""
    call = client("s3", blobs=blobs, clock=moment)

    async def asked(name, /, **request):
        if isinstance(request.get("Body"), bytes):
            request["Body"] = Body(request["Body"])
        return await call(name, **request)

    return asked


@pytest.fixture
def read(store, blobs, moment, ids):
    """Return what GetObject answers, its body read: ``await read("b", "k")``."""

    async def get(bucket, key, **more):
        call = make_call(store, ids, blobs=blobs, clock=moment)
        answer = await OPERATIONS["s3", "GetObject"](call, {"Bucket": bucket, "Key": key, **more})
        content = b"".join([piece async for piece in answer["Body"]])
        assert len(content) == answer["ContentLength"]
        return answer | {"Body": content}

    return get


@pytest.fixture
async def bucket(ask):
    await ask("CreateBucket", Bucket="bucket")
    return "bucket"


@pytest.fixture
async def versioned(ask, bucket):
    await ask("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store, blobs, folder):
    """Check every record, and that files and what records name are the same, when a test ends."""
    yield
    assert list(all_findings(store, blobs.damaged)) == []
    objects = [one for _, one in store.everywhere(StoredObject)]
    parts = [one for _, one in store.everywhere(UploadPart)]
    assert {path.name for path in folder.glob("*/*")} == set(named_blobs(objects, parts))
