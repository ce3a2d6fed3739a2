"""Uploads in parts."""

import hashlib

from ecsd.protocol.checksums import checksum_of

FIRST, LAST = b"a" * (5 << 20), b"end"


async def begun(ask, bucket, **more):
    made = await ask("CreateMultipartUpload", Bucket=bucket, Key="k", **more)
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


async def parts(ask, where, *contents, **more):
    named = []
    for number, content in enumerate(contents, 1):
        put = await ask("UploadPart", **where, PartNumber=number, Body=content, **more)
        sums = {name: value for name, value in put.items() if name.startswith("Checksum")}
        named.append({"PartNumber": number, "ETag": put["ETag"], **sums})
    return {"Parts": named}


async def test_parts_make_an_object(ask, read, bucket):
    where = await begun(ask, bucket, Metadata={"x": "1"}, Tagging="a=b")
    await ask("UploadPart", **where, PartNumber=1, Body=b"replaced")
    named = await parts(ask, where, FIRST, LAST)
    await ask("UploadPart", **where, PartNumber=7, Body=b"left out")
    listed = await ask("ListParts", **where, MaxParts=2)
    assert [one["PartNumber"] for one in listed["Parts"]] == [1, 2]
    assert listed["IsTruncated"]
    (upload,) = (await ask("ListMultipartUploads", Bucket=bucket))["Uploads"]
    assert upload["UploadId"] == where["UploadId"]
    made = await ask("CompleteMultipartUpload", **where, MultipartUpload=named)
    sums = b"".join(hashlib.md5(one).digest() for one in (FIRST, LAST))
    assert made["ETag"] == f'"{hashlib.md5(sums).hexdigest()}-2"'
    assert made["ChecksumCRC64NVME"] == checksum_of("CRC64NVME", FIRST + LAST)
    found = await read(bucket, "k", Range=f"bytes={len(FIRST) - 2}-")
    assert found["Body"] == b"aa" + LAST
    assert found["Metadata"] == {"x": "1"}
    second = await read(bucket, "k", PartNumber=2)
    assert (second["Body"], second["PartsCount"]) == (LAST, 2)
    wanted = ["ObjectParts", "ETag", "ObjectSize"]
    told = await ask("GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert [one["Size"] for one in told["ObjectParts"]["Parts"]] == [len(FIRST), len(LAST)]


async def test_a_composite_checksum_is_that_of_the_parts(ask, refused, bucket):
    where = await begun(ask, bucket, ChecksumAlgorithm="SHA256")
    named = await parts(ask, where, FIRST, LAST, ChecksumAlgorithm="SHA256")
    other = {"MultipartUpload": named, "ChecksumType": "FULL_OBJECT"}
    assert (await refused("CompleteMultipartUpload", **where, **other)).code == "InvalidRequest"
    crc = {"PartNumber": 3, "Body": b"", "ChecksumAlgorithm": "CRC32"}
    assert (await refused("UploadPart", **where, **crc)).code == "InvalidRequest"
    made = await ask("CompleteMultipartUpload", **where, MultipartUpload=named)
    sums = b"".join(hashlib.sha256(one).digest() for one in (FIRST, LAST))
    assert made["ChecksumSHA256"] == f"{checksum_of('SHA256', sums)}-2"
    assert made["ChecksumType"] == "COMPOSITE"


async def test_parts_that_make_no_object(ask, refused, bucket):
    where = await begun(ask, bucket)
    named = (await parts(ask, where, b"small", LAST))["Parts"]

    async def code(*chosen):
        wanted = {"MultipartUpload": {"Parts": list(chosen)}}
        return (await refused("CompleteMultipartUpload", **where, **wanted)).code

    assert await code(*named) == "EntityTooSmall"
    assert await code(*reversed(named)) == "InvalidPartOrder"
    assert await code({"PartNumber": 3, "ETag": "x"}) == "InvalidPart"
    assert await code({**named[0], "ETag": "x"}) == "InvalidPart"
    assert await code() == "MalformedXML"
    error = await refused("UploadPart", **where, PartNumber=10_001, Body=b"")
    assert error.code == "InvalidArgument"
    await ask("AbortMultipartUpload", **where)
    assert (await refused("ListParts", **where)).code == "NoSuchUpload"
    assert (await refused("UploadPart", **where, PartNumber=1, Body=b"")).code == "NoSuchUpload"


async def test_parts_are_copied(ask, read, refused, bucket):
    await ask("PutObject", Bucket=bucket, Key="source", Body=FIRST + LAST)
    where = await begun(ask, bucket)
    source = {"CopySource": f"{bucket}/source"}
    named = []
    for number, span in enumerate((f"bytes=0-{len(FIRST) - 1}", f"bytes={len(FIRST)}-5242881"), 1):
        put = await ask(
            "UploadPartCopy", **where, **source, PartNumber=number, CopySourceRange=span
        )
        named.append({"PartNumber": number, "ETag": put["CopyPartResult"]["ETag"]})
    beyond = {"PartNumber": 3, "CopySourceRange": "bytes=0-99999999"}
    assert (await refused("UploadPartCopy", **where, **source, **beyond)).code == "InvalidArgument"
    await ask("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named})
    assert (await read(bucket, "k"))["Body"] == FIRST + LAST[:2]


async def test_a_checksum_type_has_to_fit_its_algorithm(refused, bucket):
    for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        more = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        error = await refused("CreateMultipartUpload", Bucket=bucket, Key="k", **more)
        assert error.code == "InvalidRequest"
