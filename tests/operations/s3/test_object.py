"""Objects: put, read, copied, listed, deleted; versions; damage."""

import base64
import hashlib
from datetime import timedelta

import pytest

from ecsd.protocol.checksums import checksum_of
from tests.operations.s3.conftest import Body

BIG = bytes(range(256)) * 12_000  # three blocks


async def test_an_object_is_read_as_it_was_put(ask, read, bucket):
    md5 = hashlib.md5(BIG)
    put = await ask(
        "PutObject",
        Bucket=bucket,
        Key="a/b c.txt",
        Body=BIG,
        ContentMD5=base64.b64encode(md5.digest()).decode(),
        ContentType="text/plain",
        ContentEncoding="gzip,aws-chunked",
        Metadata={"who": "me"},
        Tagging="a=b&c=d%20e",
    )
    assert put["ETag"] == f'"{md5.hexdigest()}"'
    assert put["ChecksumCRC64NVME"] == checksum_of("CRC64NVME", BIG)
    found = await read(bucket, "a/b c.txt")
    assert found["Body"] == BIG
    assert (found["ContentType"], found["ContentEncoding"]) == ("text/plain", "gzip")
    assert (found["Metadata"], found["TagCount"]) == ({"who": "me"}, 2)
    tags = await ask("GetObjectTagging", Bucket=bucket, Key="a/b c.txt")
    assert tags["TagSet"] == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d e"}]
    await ask("DeleteObjectTagging", Bucket=bucket, Key="a/b c.txt")
    assert (await ask("GetObjectTagging", Bucket=bucket, Key="a/b c.txt"))["TagSet"] == []
    head = await ask("HeadObject", Bucket=bucket, Key="a/b c.txt", ChecksumMode="ENABLED")
    assert head["ContentLength"] == len(BIG)
    assert head["ChecksumCRC64NVME"] == put["ChecksumCRC64NVME"]


async def test_ranges_and_overrides(read, ask, bucket, refused):
    await ask("PutObject", Bucket=bucket, Key="k", Body=BIG)
    edge = 1 << 20
    found = await read(bucket, "k", Range=f"bytes={edge - 3}-{edge + 3}", ResponseContentType="x/y")
    assert found["Body"] == BIG[edge - 3 : edge + 4]
    assert found["ContentRange"] == f"bytes {edge - 3}-{edge + 3}/{len(BIG)}"
    assert found["ContentType"] == "x/y"
    assert (await read(bucket, "k", Range="bytes=-5"))["Body"] == BIG[-5:]
    assert (await read(bucket, "k", Range="lines=1-2"))["Body"] == BIG
    beyond = await refused("HeadObject", Bucket=bucket, Key="k", Range=f"bytes={len(BIG)}-")
    assert (beyond.code, beyond.status) == ("InvalidRange", 416)
    await ask("PutObject", Bucket=bucket, Key="empty", Body=b"")
    assert (await read(bucket, "empty"))["Body"] == b""


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
async def test_checksums_are_kept_and_wrong_ones_refused(ask, refused, bucket, algorithm):
    where = {"Bucket": bucket, "Key": "k", "Body": b"123456789"}
    right = checksum_of(algorithm, b"123456789")
    put = await ask("PutObject", **where, **{f"Checksum{algorithm}": right})
    assert put[f"Checksum{algorithm}"] == right
    wrong = checksum_of(algorithm, b"something else")
    assert (await refused("PutObject", **where, **{f"Checksum{algorithm}": wrong})).code == (
        "BadDigest"
    )
    garbled = await refused("PutObject", **where, **{f"Checksum{algorithm}": "AAAA"})
    assert garbled.code == "InvalidRequest"
    trailer = {f"x-amz-checksum-{algorithm.lower()}": wrong}
    late = Body(b"123456789", trailers=trailer)
    where = {**where, "Body": late, "ChecksumAlgorithm": algorithm}
    assert (await refused("PutObject", **where)).code == "BadDigest"


def test_checksums_are_those_of_the_catalogue():
    """The check values of the catalogue of parametrised CRC algorithms, for 123456789."""
    known = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}
    for algorithm, value in known.items():
        right = base64.b64encode(bytes.fromhex(value)).decode()
        assert checksum_of(algorithm, b"123456789") == right


async def test_conditions_of_reads_and_writes(ask, read, refused, bucket, moment):
    async def put(**more):
        return await ask("PutObject", Bucket=bucket, Key="k", Body=b"1", **more)

    error = await refused("PutObject", Bucket=bucket, Key="k", Body=b"1", IfMatch="x")
    assert error.code == "NoSuchKey"
    etag = (await put(IfNoneMatch="*"))["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": "other"}):
        error = await refused("PutObject", Bucket=bucket, Key="k", Body=b"2", **condition)
        assert (error.code, error.status) == ("PreconditionFailed", 412)
    await put(IfMatch=etag)
    assert (await read(bucket, "k", IfMatch=etag))["Body"] == b"1"
    later = moment.now() + timedelta(hours=1)
    for condition, status in (
        ({"IfNoneMatch": etag}, 304),
        ({"IfModifiedSince": later}, 304),
        ({"IfMatch": "other"}, 412),
        ({"IfUnmodifiedSince": moment.now() - timedelta(hours=1)}, 412),
    ):
        assert (await refused("HeadObject", Bucket=bucket, Key="k", **condition)).status == status
    gone = await refused("DeleteObject", Bucket=bucket, Key="k", IfMatch="other")
    assert gone.status == 412
    await ask("DeleteObject", Bucket=bucket, Key="k", IfMatch=etag)


async def test_an_object_is_copied_with_its_metadata_or_without(ask, read, refused, bucket):
    await ask("PutObject", Bucket=bucket, Key="a b", Body=BIG, Metadata={"x": "1"}, Tagging="t=1")
    copied = await ask("CopyObject", Bucket=bucket, Key="c", CopySource=f"{bucket}/a%20b")
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(BIG).hexdigest()}"'
    found = await read(bucket, "c")
    assert (found["Body"], found["Metadata"], found["TagCount"]) == (BIG, {"x": "1"}, 1)
    more = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE", "Metadata": {"y": "2"}}
    await ask("CopyObject", Bucket=bucket, Key="c", CopySource=f"{bucket}/c", **more)
    found = await read(bucket, "c")
    assert (found["Metadata"], "TagCount" in found) == ({"y": "2"}, False)
    for source, code in ((f"{bucket}/c", "InvalidRequest"), (f"{bucket}/no", "NoSuchKey")):
        error = await refused("CopyObject", Bucket=bucket, Key="c", CopySource=source)
        assert error.code == code


async def test_versions_are_kept_and_come_back(ask, read, refused, versioned):
    async def put(content):
        return (await ask("PutObject", Bucket=versioned, Key="k", Body=content))["VersionId"]

    first, second = await put(b"1"), await put(b"2")
    marker = await ask("DeleteObject", Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    assert (await refused("HeadObject", Bucket=versioned, Key="k")).code == "NoSuchKey"
    at = {"Bucket": versioned, "Key": "k", "VersionId": marker["VersionId"]}
    assert (await refused("HeadObject", **at)).code == "MethodNotAllowed"
    assert (await read(versioned, "k", VersionId=first))["Body"] == b"1"
    listed = await ask("ListObjectVersions", Bucket=versioned)
    assert [one["VersionId"] for one in listed["Versions"]] == [second, first]
    assert [one["IsLatest"] for one in listed["DeleteMarkers"]] == [True]
    assert (await ask("ListObjectsV2", Bucket=versioned))["KeyCount"] == 0
    await ask("DeleteObject", **at)
    assert (await read(versioned, "k"))["Body"] == b"2"
    await ask("DeleteObject", Bucket=versioned, Key="k", VersionId=second)
    assert (await read(versioned, "k"))["Body"] == b"1"
    off = {"Status": "Suspended"}
    await ask("PutBucketVersioning", Bucket=versioned, VersioningConfiguration=off)
    assert await put(b"3") == "null"
    assert await put(b"4") == "null"
    listed = await ask("ListObjectVersions", Bucket=versioned)
    assert [one["VersionId"] for one in listed["Versions"]] == ["null", first]
    gone = await refused("HeadObject", Bucket=versioned, Key="k", VersionId=second)
    assert gone.code == "NoSuchVersion"


async def test_versions_are_listed_page_by_page(ask, versioned):
    for name in ("a", "b/1", "b/2", "c"):
        for _ in range(3):
            await ask("PutObject", Bucket=versioned, Key=name, Body=b"")
    whole = await ask("ListObjectVersions", Bucket=versioned)
    wanted = [(one["Key"], one["VersionId"]) for one in whole["Versions"]]
    assert len(wanted) == 12
    found, marks = [], {}
    while True:
        page = await ask("ListObjectVersions", Bucket=versioned, MaxKeys=2, **marks)
        found += [(one["Key"], one["VersionId"]) for one in page["Versions"]]
        if not page["IsTruncated"]:
            break
        marks = {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page["NextVersionIdMarker"],
        }
    assert found == wanted
    short = await ask("ListObjectVersions", Bucket=versioned, Delimiter="/")
    assert [one["Prefix"] for one in short["CommonPrefixes"]] == ["b/"]
    assert len(short["Versions"]) == 6


async def test_many_are_deleted_at_once(ask, refused, bucket):
    for name in ("a", "b"):
        await ask("PutObject", Bucket=bucket, Key=name, Body=b"")
    wanted = [{"Key": "a"}, {"Key": "missing"}, {"Key": "b", "ETag": "other"}]
    told = await ask("DeleteObjects", Bucket=bucket, Delete={"Objects": wanted})
    assert [one["Key"] for one in told["Deleted"]] == ["a", "missing"]
    assert [(one["Key"], one["Code"]) for one in told["Errors"]] == [("b", "PreconditionFailed")]
    listed = await ask("ListObjectsV2", Bucket=bucket)
    assert [one["Key"] for one in listed["Contents"]] == ["b"]


async def test_lists_name_what_urls_cannot_hold(ask, bucket):
    await ask("PutObject", Bucket=bucket, Key="a b+ü\x02", Body=b"")
    listed = await ask("ListObjects", Bucket=bucket, EncodingType="url")
    assert [one["Key"] for one in listed["Contents"]] == ["a%20b%2B%C3%BC%02"]


async def test_a_name_may_be_1024_bytes_and_lead_nowhere(ask, read, refused, bucket, folder):
    for name in ("../../../etc/passwd", "/", "a//b", "é" * 512):
        await ask("PutObject", Bucket=bucket, Key=name, Body=b"x")
        assert (await read(bucket, name))["Body"] == b"x"
    assert all(path.parent.parent == folder for path in folder.glob("*/*"))
    long = await refused("PutObject", Bucket=bucket, Key="é" * 513, Body=b"x")
    assert long.code == "KeyTooLongError"


async def test_a_damaged_object_is_told_and_not_served(ask, read, refused, bucket, folder, blobs):
    await ask("PutObject", Bucket=bucket, Key="k", Body=BIG)
    (path,) = folder.glob("*/*")
    content = path.read_bytes()
    path.write_bytes(content[:5] + b"\0" + content[6:])
    with pytest.raises(Exception, match="InternalError"):
        await read(bucket, "k")
    assert path.name in blobs.damaged
    path.write_bytes(content[:-5] + b"\0" + content[-4:])  # in its last block
    copy = await refused("CopyObject", Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    assert (copy.code, copy.status) == ("InternalError", 500)
    path.write_bytes(content[:5] + b"\0" + content[6:])
    assert (await read(bucket, "k", Range=f"bytes={2 << 20}-"))["Body"] == BIG[2 << 20 :]
    await ask("DeleteObject", Bucket=bucket, Key="k")
    assert blobs.damaged == {}


async def test_what_breaks_off_leaves_nothing(ask, read, refused, bucket):
    class Broken(Body):
        async def pieces(self):
            yield BIG
            raise ConnectionError

    await ask("PutObject", Bucket=bucket, Key="k", Body=b"old")
    with pytest.raises(ConnectionError):
        await ask("PutObject", Bucket=bucket, Key="k", Body=Broken(BIG))
    assert (await read(bucket, "k"))["Body"] == b"old"


async def test_a_copy_is_read_though_it_is_deleted_meanwhile(ask, store, blobs, bucket, folder):
    await ask("PutObject", Bucket=bucket, Key="k", Body=BIG)
    (path,) = folder.glob("*/*")
    with blobs.hold([path.name]):
        await ask("DeleteObject", Bucket=bucket, Key="k")
        pieces = [piece async for piece in blobs.read(path.name, len(BIG), 0, len(BIG))]
        assert b"".join(pieces) == BIG
    assert not path.exists()
