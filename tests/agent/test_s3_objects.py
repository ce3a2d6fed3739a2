"""Objects read from, and written to, a server that speaks S3's words."""

import hashlib

import pytest
from aiohttp import web

from ecsd.agent.api_client import ApiError, Keys
from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.clock import SystemClock
from ecsd.settings import Settings

MINE = Keys("AKIAMINE", "secret", "token")


class Bucket:
    """Answers with what is put in it; ``asked`` holds raw paths and headers."""

    def __init__(self):
        self.asked = []
        self.full = False
        self.content = {"/bucket/a%20b.env": b"A=1\n"}

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._answer)
        app.router.add_put("/{tail:.*}", self._put)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _put(self, request):
        if self.full:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        body = await request.read()
        digest = hashlib.sha256(body).hexdigest()
        assert request.headers["x-amz-content-sha256"] == digest
        self.content[request.raw_path] = body
        return web.Response()

    async def _answer(self, request):
        self.asked.append(
            (request.raw_path, {name.lower(): value for name, value in request.headers.items()})
        )
        body = self.content.get(request.raw_path)
        if body is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(body=body)


async def test_an_object_is_asked_for_in_the_callers_name():
    async with Bucket() as bucket:
        objects = S3Objects(Settings(), SystemClock())
        place = (f"http://127.0.0.1:{bucket.port}", "us-east-1")
        assert await objects.read(place, MINE, ("bucket", "a b.env"), 100) == b"A=1\n"
        ((_, headers),) = bucket.asked
        assert "Credential=AKIAMINE/" in headers["authorization"]
        assert headers["x-amz-security-token"] == "token"
        with pytest.raises(ApiError, match="EntityTooLarge"):
            await objects.read(place, MINE, ("bucket", "a b.env"), 3)
        with pytest.raises(ApiError, match="NoSuchKey"):
            await objects.read(place, MINE, ("bucket", "none"), 100)


async def test_an_object_is_written_in_the_callers_name():
    async with Bucket() as bucket:
        objects = S3Objects(Settings(), SystemClock())
        place = (f"http://127.0.0.1:{bucket.port}", "us-east-1")
        await objects.write(place, MINE, ("bucket", "c d"), b"text")
        assert await objects.read(place, MINE, ("bucket", "c d"), 100) == b"text"
        bucket.full = True
        with pytest.raises(ApiError, match="AccessDenied"):
            await objects.write(place, MINE, ("bucket", "e"), b"text")
        assert "/bucket/e" not in bucket.content


PLACE = ("http://127.0.0.1:9", "us-east-1")


async def test_another_s3_is_asked_with_its_own_keys():
    async with Bucket() as bucket:
        settings = Settings(
            s3_endpoint=f"http://127.0.0.1:{bucket.port}/",
            s3_access_key_id="other",
            s3_secret_access_key="hidden",
        )
        objects = S3Objects(settings, SystemClock())
        assert await objects.read(PLACE, MINE, ("bucket", "a b.env"), 100) == b"A=1\n"
        ((_, headers),) = bucket.asked
        assert "Credential=other/" in headers["authorization"]
        assert "x-amz-security-token" not in headers


async def test_nobody_there():
    objects = S3Objects(Settings(s3_endpoint="http://127.0.0.1:9"), SystemClock())
    with pytest.raises(ApiError, match="RequestError"):
        await objects.read(PLACE, MINE, ("bucket", "k"), 100)
