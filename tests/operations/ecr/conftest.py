import json
from datetime import timedelta
from hashlib import sha256

import pytest

from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.store.image_memory import MemoryImages


class SetClock(SystemClock):
    """Stands until it is moved."""

    moment = VIRTUAL_START

    def now(self):
        return self.moment

    def move(self, **span):
        self.moment += timedelta(**span)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def images(clock):
    return MemoryImages(clock)


@pytest.fixture
def ask(client, images, clock):
    return client("ecr", images=images, clock=clock)


def digest_of(content):
    return f"sha256:{sha256(content).hexdigest()}"


@pytest.fixture
def push(ask):
    """Push an image whose one layer is ``text``, and return its digest."""

    async def blob(name, content):
        upload = (await ask("InitiateLayerUpload", repositoryName=name))["uploadId"]
        await ask(
            "UploadLayerPart",
            repositoryName=name,
            uploadId=upload,
            partFirstByte=0,
            partLastByte=len(content) - 1,
            layerPartBlob=content,
        )
        digests = [digest_of(content)]
        held = await ask("BatchCheckLayerAvailability", repositoryName=name, layerDigests=digests)
        if held["layers"][0]["layerAvailability"] == "UNAVAILABLE":
            await ask(
                "CompleteLayerUpload", repositoryName=name, uploadId=upload, layerDigests=digests
            )
        return {"digest": digests[0], "size": len(content), "mediaType": "application/x"}

    async def one(name, text, tag=None):
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": await blob(name, b"{}"),
            "layers": [await blob(name, text.encode())],
        }
        tagged = {"imageTag": tag} if tag else {}
        answer = await ask(
            "PutImage", repositoryName=name, imageManifest=json.dumps(manifest), **tagged
        )
        return answer["image"]["imageId"]["imageDigest"]

    return one
