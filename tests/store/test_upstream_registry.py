"""Another registry is read over a real socket, whatever it does."""

import asyncio
import re

import pytest

from ecsd.clock import SystemClock
from ecsd.errors import UpstreamError
from ecsd.store import upstream_registry
from ecsd.store.upstream_registry import Source, UpstreamRegistry
from tests.store.fake_upstream import Upstream, serving
from tests.store.image_contract import OCI, digest_of

ME = ("me", "secret")


class Hasty(SystemClock):
    """Does not wait for anybody."""

    def deadline(self, seconds):
        return super().deadline(0)


def opened(upstream, credentials=None, clock=None):
    source = Source(upstream.base, "team/app", credentials)
    return UpstreamRegistry.opened(source, clock or SystemClock())


async def gathered(pieces):
    return [one async for one in pieces]


@pytest.mark.parametrize(
    ("wants", "account"), [("", None), ("bearer", None), ("bearer", ME), ("basic", ME)]
)
async def test_manifests_and_layers_are_read_however_it_lets_in(wants, account, monkeypatch):
    monkeypatch.setattr(upstream_registry, "PIECE", 200_000)  # more than comes at once
    upstream = Upstream(wants, account)
    text = "layer" * 100_000
    digest = upstream.image("team/app", "1", text)
    async with serving(upstream), opened(upstream, account) as one:
        await one.ping()
        for reference in ("1", digest):
            content, kind = await one.manifest(reference)
            assert (digest_of(content), kind) == (digest, OCI)
        assert await one.manifest("2") is None
        pieces = await gathered(one.blob(digest_of(text.encode()), len(text)))
    assert b"".join(pieces).decode() == text
    assert [len(one) for one in pieces] == [200_000, 200_000, 100_000]
    tokens = [path for path in upstream.asked if path.startswith("/token")]
    scope = "/token?scope=repository:team/app:pull&service=fake"
    assert tokens == ([scope] if wants == "bearer" else [])


@pytest.mark.parametrize(
    ("wants", "account", "words"),
    [
        ("bearer", ("me", "wrong"), "gave no token: 403"),
        ("bearer", None, "gave no token: 403"),
        ("basic", ("me", "wrong"), "answered 401"),
        ("basic", None, 'does not let us in: Basic realm="x"'),
    ],
)
async def test_whoever_is_not_let_in_is_told(wants, account, words):
    upstream = Upstream(wants, ME)
    async with serving(upstream), opened(upstream, account) as one:
        with pytest.raises(UpstreamError, match=re.escape(f"{upstream.base} {words}")):
            await one.ping()


async def test_what_is_not_what_was_asked_for_is_refused():
    upstream = Upstream("")
    digest = upstream.image("team/app", "1", "right")
    upstream.manifests["team/app", digest] = upstream.manifests["team/app", "1"][0] + b" ", OCI
    layer = digest_of(b"right")
    async with serving(upstream), opened(upstream) as one:
        with pytest.raises(UpstreamError, match="another manifest under sha256"):
            await one.manifest(digest)
        with pytest.raises(UpstreamError, match="is larger than 4 bytes"):
            await gathered(one.blob(layer, 4))
        with pytest.raises(UpstreamError, match="lacks the layer"):
            await gathered(one.blob(digest_of(b"none"), 4))
        upstream.manifests["team/app", "1"] = b"x" * (upstream_registry.MOST_BYTES + 1), OCI
        with pytest.raises(UpstreamError, match="answers more than"):
            await one.manifest("1")
        upstream.fault = 429
        with pytest.raises(UpstreamError, match="answered 429 not now"):
            await one.manifest("1")
        upstream.fault = 404
        with pytest.raises(UpstreamError, match="is no registry: 404"):
            await one.ping()


@pytest.mark.parametrize("token", ['"text"', "[", "{}", '{"token": 7}'])
async def test_a_token_that_is_none_is_told(token, monkeypatch):
    upstream = Upstream()
    answer = upstream_registry._token_in
    monkeypatch.setattr(
        upstream_registry, "_token_in", lambda _, base: answer(token.encode(), base)
    )
    async with serving(upstream), opened(upstream) as one:
        with pytest.raises(UpstreamError, match="gave no token"):
            await one.ping()


async def test_one_that_is_away_or_silent_is_not_waited_for():
    upstream = Upstream("")
    async with serving(upstream), opened(upstream, clock=Hasty()) as one:
        with pytest.raises(UpstreamError, match="did not answer in time"):
            await one.manifest("1")
    async with opened(upstream) as one:
        with pytest.raises(UpstreamError, match="did not answer: "):
            await one.manifest("1")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    upstream.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, opened(upstream) as one:
        with pytest.raises(UpstreamError, match="did not answer: "):
            await one.manifest("1")
