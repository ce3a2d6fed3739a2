"""Another registry on loopback, as small as it can be: it asks for a token before it gives."""

import base64
from contextlib import asynccontextmanager

from aiohttp import web

from tests.store.image_contract import OCI, digest_of, manifest

INDEX = "application/vnd.oci.image.index.v1+json"


class Upstream:
    """What it has, and what it was asked. account: user and password; None: all are let in.

    wants: bearer, basic, or nothing. fault: a status that it answers instead of what it has.
    """

    def __init__(self, wants="bearer", account=None):
        self.base = ""
        self.wants, self.account = wants, account
        self.manifests, self.blobs = {}, {}
        self.asked = []
        self.fault = 0

    def image(self, repository, tag, text):
        """Have an image of one layer; return its digest."""
        parts = [self.blob(content) for content in (b"{}", text.encode())]
        return self.manifest(repository, tag, manifest(*parts))

    def blob(self, content):
        self.blobs[digest_of(content)] = content
        return {"digest": digest_of(content), "size": len(content), "mediaType": "application/x"}

    def manifest(self, repository, tag, content, kind=OCI):
        for reference in (tag, digest_of(content)):
            self.manifests[repository, reference] = content, kind
        return digest_of(content)

    async def answer(self, request):
        path = request.path
        self.asked.append(path)
        if path == "/token":
            return self._token(request)
        if self.fault:
            return web.Response(status=self.fault, text="not now")
        if self.wants and request.headers.get("authorization") != self._expected():
            challenge = f'Bearer realm="{self.base}/token",service="fake"'
            headers = {
                "www-authenticate": 'Basic realm="x"' if self.wants == "basic" else challenge
            }
            return web.Response(status=401, headers=headers)
        repository, _, rest = path.removeprefix("/v2/").partition("/manifests/")
        if rest:
            content, kind = self.manifests.get((repository, rest), (None, ""))
        else:
            content, kind = self.blobs.get(path.rpartition("/")[2]), "application/octet-stream"
        if path == "/v2/":
            content = b""
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content, headers={"content-type": kind})

    def _token(self, request):
        given = request.headers.get("authorization")
        if self.account is not None and given != _basic(self.account):
            return web.Response(status=403, text="wrong password")
        self.asked[-1] += f"?{request.query_string}"
        return web.json_response({"token": "let-me-in"})

    def _expected(self):
        return _basic(self.account) if self.wants == "basic" else "Bearer let-me-in"


def _basic(account):
    return "Basic " + base64.b64encode(":".join(account).encode()).decode()


@asynccontextmanager
async def serving(upstream):
    """Let it listen as long as the block lasts."""
    app = web.Application()
    app.router.add_get("/{rest:.*}", upstream.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        upstream.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield upstream
    finally:
        await runner.cleanup()
