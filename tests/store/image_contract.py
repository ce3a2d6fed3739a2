"""What every registry of images does, the real one and that of other tests."""

import json
from hashlib import sha256

OCI = "application/vnd.oci.image.manifest.v1+json"
PATH = "000000000000/us-east-1/team/app"
OTHER = "000000000000/us-east-1/team"


def digest_of(content):
    return f"sha256:{sha256(content).hexdigest()}"


async def upload(images, path, *parts):
    """Upload a blob in parts; return its descriptor."""
    url = await images.begin_upload(path)
    for part in parts:
        url = await images.append(url, part)
    content = b"".join(parts)
    assert await images.finish(url, digest_of(content)) is None
    return {"digest": digest_of(content), "size": len(content), "mediaType": "application/x"}


def manifest(config, *layers):
    parts = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": list(layers)}
    return json.dumps(parts).encode()


async def keeps_what_it_is_given(images):
    layer = await upload(images, PATH, b"first ", b"second")
    config = await upload(images, PATH, b"{}")
    assert await images.blob_size(PATH, layer["digest"]) == len(b"first second")
    assert await images.blob_size(OTHER, layer["digest"]) is None
    content = manifest(config, layer)
    assert await images.manifest(PATH, digest_of(content), OCI) is None
    assert await images.put_manifest(PATH, content, OCI) is None
    assert await images.manifest(PATH, digest_of(content), OCI) == content
    assert await images.manifest(OTHER, digest_of(content), OCI) is None


async def refuses_what_does_not_fit(images):
    url = await images.begin_upload(PATH)
    url = await images.append(url, b"something")
    assert "DIGEST_INVALID" in await images.finish(url, digest_of(b"else"))
    missing = {"digest": digest_of(b"nowhere"), "size": 7, "mediaType": "application/x"}
    assert "BLOB_UNKNOWN" in await images.put_manifest(PATH, manifest(missing), OCI)
    gone = f"/v2/{PATH}/blobs/uploads/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f?_state=x"
    assert await images.append(gone, b"x") is None


async def forgets_what_is_freed(images):
    config = await upload(images, PATH, b"{}")
    first = manifest(config, await upload(images, PATH, b"1"))
    second = manifest(config, await upload(images, PATH, b"2"))
    inner = manifest(await upload(images, OTHER, b"{}"))
    for path, content in ((PATH, first), (PATH, second), (OTHER, inner)):
        assert await images.put_manifest(path, content, OCI) is None
    await images.free(PATH, digest_of(first))
    await images.free(PATH, digest_of(first))
    assert await images.manifest(PATH, digest_of(first), OCI) is None
    assert await images.manifest(PATH, digest_of(second), OCI) == second
    await images.free(OTHER, "")  # the folder that the other repository lies in
    assert await images.manifest(OTHER, digest_of(inner), OCI) is None
    assert await images.blob_size(OTHER, config["digest"]) is None
    assert await images.manifest(PATH, digest_of(second), OCI) == second


CONTRACT = (keeps_what_it_is_given, refuses_what_does_not_fit, forgets_what_is_freed)
