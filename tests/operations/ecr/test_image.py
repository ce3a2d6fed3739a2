"""Images and layers."""

import json

import pytest

from tests.operations.ecr.conftest import digest_of

PUT = {"repositoryName": "app", "imageManifest": "{}"}


@pytest.fixture
async def app(ask):
    await ask("CreateRepository", repositoryName="app")
    return "app"


async def tags(ask):
    listed = (await ask("ListImages", repositoryName="app"))["imageIds"]
    return sorted((one["imageDigest"], one.get("imageTag")) for one in listed)


async def test_an_image_is_put_and_shown(ask, push, app, clock):
    digest = await push(app, "layer", "v1")
    (shown,) = (await ask("DescribeImages", repositoryName=app))["imageDetails"]
    assert shown["imageDigest"] == digest
    assert shown["imageTags"] == ["v1"]
    assert shown["imageSizeInBytes"] == len(b"{}") + len(b"layer")
    assert shown["imagePushedAt"] == clock.now()
    assert "lastRecordedPullTime" not in shown
    (got,) = (await ask("BatchGetImage", repositoryName=app, imageIds=[{"imageTag": "v1"}]))[
        "images"
    ]
    assert digest_of(got["imageManifest"].encode()) == digest
    assert got["imageId"] == {"imageDigest": digest, "imageTag": "v1"}


async def test_a_tag_moves_unless_it_may_not(ask, push, app, refused):
    first = await push(app, "one", "latest")
    second = await push(app, "two", "latest")
    assert await tags(ask) == sorted([(first, None), (second, "latest")], key=str)
    await ask("PutImageTagMutability", repositoryName=app, imageTagMutability="IMMUTABLE")
    with pytest.raises(Exception, match="ImageTagAlreadyExistsException.*the tag is immutable"):
        await push(app, "three", "latest")
    assert (second, "latest") in await tags(ask)
    third = await push(app, "three", "v3")
    assert (third, "v3") in await tags(ask)


async def test_what_is_there_already_is_refused(ask, push, app):
    await push(app, "one", "v1")
    with pytest.raises(Exception, match="ImageAlreadyExistsException"):
        await push(app, "one", "v1")
    await push(app, "one", "v2")


async def test_an_image_whose_parts_are_not_there_is_refused(ask, app, refused):
    part = {"digest": f"sha256:{'1' * 64}", "size": 1, "mediaType": "application/x"}
    media = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": media, "config": part, "layers": [part]}
    )
    error = await refused("PutImage", **{**PUT, "imageManifest": manifest})
    assert error.code == "LayersNotFoundException"
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [part],
        }
    )
    error = await refused("PutImage", **{**PUT, "imageManifest": index})
    assert error.code == "ReferencedImagesNotFoundException"
    error = await refused("PutImage", **PUT)
    assert (error.code, "schemaVersion" in error.message) == ("InvalidParameterException", True)
    error = await refused("PutImage", **PUT, imageDigest="sha256:0")
    assert error.code == "ImageDigestDoesNotMatchException"
    error = await refused("PutImage", **{**PUT, "imageManifest": manifest}, imageTag="../x")
    assert error.code == "InvalidParameterException"
    error = await refused("PutImage", **{**PUT, "repositoryName": "other", "imageManifest": index})
    assert error.code == "RepositoryNotFoundException"


async def a_list(ask, *digests):
    manifests = [{"digest": one, "size": 1, "mediaType": "application/x"} for one in digests]
    media = "application/vnd.oci.image.index.v1+json"
    text = json.dumps({"schemaVersion": 2, "mediaType": media, "manifests": manifests})
    put = await ask("PutImage", repositoryName="app", imageManifest=text, imageTag="all")
    return put["image"]["imageId"]["imageDigest"]


async def test_the_images_of_a_list_go_after_it(ask, push, app):
    small, large = await push(app, "x"), await push(app, "x" * 100)
    several = await a_list(ask, small, large)
    details = (await ask("DescribeImages", repositoryName=app))["imageDetails"]
    sizes = {one["imageDigest"]: one["imageSizeInBytes"] for one in details}
    assert sizes[several] == sizes[large] == 102
    answer = await ask("BatchDeleteImage", repositoryName=app, imageIds=[{"imageDigest": small}])
    assert answer["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    wanted = [{"imageTag": "all"}, {"imageDigest": small}]
    answer = await ask("BatchDeleteImage", repositoryName=app, imageIds=wanted)
    assert [one["imageDigest"] for one in answer["imageIds"]] == [several, small]
    assert await tags(ask) == [(large, None)]


async def test_a_tag_goes_alone_and_an_image_with_its_last(ask, push, app, refused):
    digest = await push(app, "one", "a")
    await push(app, "one", "b")
    wanted = {"repositoryName": app, "imageIds": [{"imageTag": "a"}]}
    assert (await ask("BatchDeleteImage", **wanted))["imageIds"] == [
        {"imageDigest": digest, "imageTag": "a"}
    ]
    assert await tags(ask) == [(digest, "b")]
    full = await refused("DeleteRepository", repositoryName=app)
    assert full.code == "RepositoryNotEmptyException"
    wanted = {"repositoryName": app, "imageIds": [{"imageTag": "b"}]}
    await ask("BatchDeleteImage", **wanted)
    assert await tags(ask) == []
    await ask("DeleteRepository", repositoryName=app)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"imageTag": "no"}, "ImageNotFound"),
        ({"imageDigest": f"sha256:{'1' * 64}"}, "ImageNotFound"),
        ({"imageDigest": "nonsense"}, "InvalidImageDigest"),
        ({}, "MissingDigestAndTag"),
        ({"imageDigest": f"sha256:{'1' * 64}", "imageTag": "v1"}, "ImageTagDoesNotMatchDigest"),
    ],
)
async def test_what_is_not_there_is_told(ask, push, app, refused, wanted, code):
    await push(app, "one", "v1")
    for operation in ("BatchGetImage", "BatchDeleteImage"):
        answer = await ask(operation, repositoryName=app, imageIds=[wanted])
        assert [one["failureCode"] for one in answer["failures"]] == [code]
    error = await refused("DescribeImages", repositoryName=app, imageIds=[wanted])
    assert error.code == "ImageNotFoundException"
    assert len(await tags(ask)) == 1


async def test_images_are_filtered_by_tags_and_come_in_pages(ask, push, app):
    digests = sorted([await push(app, "1", "a"), await push(app, "2"), await push(app, "3", "c")])
    for status, count in (("TAGGED", 2), ("UNTAGGED", 1), ("ANY", 3)):
        answer = await ask("ListImages", repositoryName=app, filter={"tagStatus": status})
        assert len(answer["imageIds"]) == count
    first = await ask("DescribeImages", repositoryName=app, maxResults=2)
    rest = await ask("DescribeImages", repositoryName=app, nextToken=first["nextToken"])
    shown = [one["imageDigest"] for one in first["imageDetails"] + rest["imageDetails"]]
    assert shown == digests


async def test_a_scan_that_was_wanted_is_told_to_have_failed(ask, push, app, refused):
    await push(app, "0", "before")
    scans = {"scanOnPush": True}
    await ask("PutImageScanningConfiguration", repositoryName=app, imageScanningConfiguration=scans)
    await push(app, "1", "a")
    shown = (await ask("DescribeImages", repositoryName=app))["imageDetails"]
    found = {one["imageTags"][0]: one.get("imageScanStatus") for one in shown}
    assert found["before"] is None
    assert found["a"]["status"] == "FAILED"
    image = {"repositoryName": app, "imageId": {"imageTag": "a"}}
    told = await ask("DescribeImageScanFindings", **image)
    assert (told["imageScanStatus"]["status"], told["imageId"]["imageTag"]) == ("FAILED", "a")


async def test_scans_are_refused(ask, push, app, refused):
    await push(app, "1", "a")
    image = {"repositoryName": app, "imageId": {"imageTag": "a"}}
    assert "scanning" in (await refused("StartImageScan", **image)).message
    assert (await refused("DescribeImageScanFindings", **image)).code == "ScanNotFoundException"


async def test_a_layer_comes_part_by_part(ask, app, refused):
    upload = (await ask("InitiateLayerUpload", repositoryName=app))["uploadId"]
    one = {"repositoryName": app, "uploadId": upload}
    done = {**one, "layerDigests": [digest_of(b"abcdef")]}
    assert (await refused("CompleteLayerUpload", **done)).code == "EmptyUploadException"
    part = {"partFirstByte": 0, "partLastByte": 2, "layerPartBlob": b"abc"}
    assert (await ask("UploadLayerPart", **one, **part))["lastByteReceived"] == 2
    wrong = await refused("UploadLayerPart", **one, **part)
    assert wrong.code == "InvalidLayerPartException"
    assert wrong.details["lastValidByteReceived"] == 2
    assert (await refused("CompleteLayerUpload", **done)).code == "InvalidLayerException"
    rest = {"partFirstByte": 3, "partLastByte": 5, "layerPartBlob": b"def"}
    await ask("UploadLayerPart", **one, **rest)
    assert (await ask("CompleteLayerUpload", **done))["layerDigest"] == done["layerDigests"][0]
    assert (await refused("UploadLayerPart", **one, **rest)).code == "UploadNotFoundException"

    layers = [*done["layerDigests"], f"sha256:{'2' * 64}", "md5:00"]
    held = await ask("BatchCheckLayerAvailability", repositoryName=app, layerDigests=layers)
    assert [one["layerAvailability"] for one in held["layers"]] == ["AVAILABLE", "UNAVAILABLE"]
    assert held["layers"][0]["layerSize"] == 6
    assert [one["failureCode"] for one in held["failures"]] == ["InvalidLayerDigest"]
    url = await ask("GetDownloadUrlForLayer", repositoryName=app, layerDigest=layers[0])
    assert url["downloadUrl"].startswith("http://localhost:4766/v2/000000000000/us-east-1/app/")
    missing = await refused("GetDownloadUrlForLayer", repositoryName=app, layerDigest=layers[1])
    assert missing.code == "LayersNotFoundException"


async def test_an_upload_is_of_one_repository(ask, app, refused):
    await ask("CreateRepository", repositoryName="other")
    upload = (await ask("InitiateLayerUpload", repositoryName=app))["uploadId"]
    part = {"partFirstByte": 0, "partLastByte": 0, "layerPartBlob": b"a"}
    error = await refused("UploadLayerPart", repositoryName="other", uploadId=upload, **part)
    assert error.code == "UploadNotFoundException"


async def test_another_accounts_repository_is_named_by_its_registry(client, ask, push, app, images):
    await push(app, "1", "a")
    other = client("ecr", account="1" * 12, images=images)
    there = {"repositoryName": app, "registryId": "0" * 12}
    assert len((await other("DescribeImages", **there))["imageDetails"]) == 1
    with pytest.raises(Exception, match="RepositoryNotFoundException"):
        await other("DescribeImages", repositoryName=app)
