"""Images of other registries: fetched once, compared once a day, kept while upstream is away."""

import asyncio
import json

import pytest

from ecsd.decisions.ecr.names import Place
from ecsd.operations.ecr.upstream import fetch_if_due
from ecsd.records.ecr.pull_through import PullThroughCacheRule, UpstreamCheck
from ecsd.settings import Settings
from tests.operations.conftest import make_call
from tests.store.fake_upstream import INDEX, Upstream, serving
from tests.store.image_contract import OCI

NAME = "quay/team/app"
PLACE = Place("000000000000", "us-east-1", NAME)
CACHE = {"prefix": "quay", "appliedFor": ["PULL_THROUGH_CACHE"]}


@pytest.fixture
async def upstream(ask):
    """A registry behind the prefix quay, which has the image team/app:1."""
    one = Upstream("bearer")
    one.first = one.image("team/app", "1", "one")
    await ask(
        "CreatePullThroughCacheRule", ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io"
    )
    async with serving(one):
        yield one


@pytest.fixture
def fetch(store, images, clock, upstream):
    """Ask for an image as a pull does; return why there is none."""

    async def one(reference="1"):
        settings = Settings(ecr_upstreams=f"quay.io={upstream.base}")
        call = make_call(store, images=images, clock=clock, settings=settings)
        rule = call.view.get(PullThroughCacheRule, "quay")
        return await fetch_if_due(call, PLACE, rule, reference)

    return one


@pytest.fixture
def held(ask):
    """Return tag → digest of what is here; untagged ones under their digests."""

    async def all_of():
        found = (await ask("ListImages", repositoryName=NAME))["imageIds"]
        return {one.get("imageTag", one["imageDigest"]): one["imageDigest"] for one in found}

    return all_of


async def test_the_first_pull_makes_the_repository_and_the_next_asks_nobody(
    ask, upstream, fetch, held, images
):
    assert await fetch() is None
    assert await held() == {"1": upstream.first}
    (made,) = (await ask("DescribeRepositories"))["repositories"]
    assert (made["repositoryName"], made["imageTagMutability"]) == (NAME, "MUTABLE")
    assert await images.manifest(PLACE.path, upstream.first, OCI)
    asked = len(upstream.asked)
    assert await fetch() is None
    assert await fetch(upstream.first) is None
    assert len(upstream.asked) == asked


async def test_what_is_here_is_not_kept_waiting_by_what_is_being_fetched(fetch, images):
    await fetch()
    async with images.turn(f"upstream {PLACE.path}"), asyncio.timeout(5):
        assert await fetch() is None


async def test_of_pulls_at_once_one_fetches(upstream, fetch):
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(fetch()) for _ in range(5)]
    assert [one.result() for one in asked] == [None] * 5
    manifests = [path for path in upstream.asked if "/manifests/" in path]
    assert len(manifests) == 2  # refused once, then with a token


async def test_a_template_says_what_the_repository_is_like(ask, fetch):
    policy = json.dumps(
        {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage"}]}
    )
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    lifecycle = json.dumps({"rules": [rule]})
    await ask(
        "CreateRepositoryCreationTemplate",
        **CACHE,
        imageTagMutability="IMMUTABLE",
        resourceTags=[{"Key": "team", "Value": "a"}],
        repositoryPolicy=policy,
        lifecyclePolicy=lifecycle,
    )
    assert await fetch() is None
    named = {"repositoryName": NAME}
    (made,) = (await ask("DescribeRepositories"))["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    tags = await ask("ListTagsForResource", resourceArn=PLACE.arn)
    assert tags["tags"] == [{"Key": "team", "Value": "a"}]
    assert json.loads((await ask("GetRepositoryPolicy", **named))["policyText"]) == json.loads(
        policy
    )
    kept = await ask("GetLifecyclePolicy", **named)
    assert json.loads(kept["lifecyclePolicyText"]) == json.loads(lifecycle)


async def test_a_tag_is_followed_after_a_day_unless_it_may_not_move(
    ask, upstream, fetch, held, clock
):
    await fetch()
    second = upstream.image("team/app", "1", "two")
    clock.move(hours=23, minutes=59)
    await fetch()
    assert await held() == {"1": upstream.first}
    clock.move(minutes=1)
    assert await fetch() is None
    assert await held() == {"1": second, upstream.first: upstream.first}
    await ask("PutImageTagMutability", repositoryName=NAME, imageTagMutability="IMMUTABLE")
    upstream.image("team/app", "1", "three")
    clock.move(days=2)
    assert await fetch() is None
    assert (await held())["1"] == second


async def test_what_is_here_stays_while_upstream_is_away(upstream, fetch, held, clock):
    await fetch()
    second = upstream.image("team/app", "1", "two")
    upstream.fault = 503
    clock.move(days=1)
    assert await fetch() == f"{upstream.base} answered 503 not now"
    assert await held() == {"1": upstream.first}
    upstream.fault = 0
    assert await fetch() is None  # who was away is let be for a while
    assert await held() == {"1": upstream.first}
    clock.move(minutes=5)
    await fetch()
    assert (await held())["1"] == second


async def test_what_somebody_pushed_is_never_compared(ask, push, upstream, fetch, held, clock):
    await ask("CreateRepository", repositoryName=NAME)
    own = await push(NAME, "own", "1")
    clock.move(days=9)
    assert await fetch() is None
    assert await held() == {"1": own}
    assert upstream.asked == []


async def test_a_tag_that_somebody_pushed_over_is_theirs(ask, push, fetch, held, clock):
    await fetch()
    own = await push(NAME, "own", "1")
    clock.move(days=9)
    assert await fetch() is None
    assert (await held())["1"] == own


async def test_of_a_list_every_image_is_kept_and_of_a_digest_one(upstream, fetch, held):
    children = [upstream.image("team/app", f"one-{name}", name) for name in ("amd64", "arm64")]
    listed = [{"digest": one, "size": 1, "mediaType": OCI} for one in children]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    whole = upstream.manifest("team/app", "many", json.dumps(document).encode(), INDEX)
    assert await fetch(children[1]) is None
    assert await held() == {children[1]: children[1]}
    upstream.asked.clear()
    assert await fetch("many") is None
    assert await held() == {"many": whole, **{one: one for one in children}}
    # what is here already is not fetched again: the second image, the first one's configuration
    gets = [path.partition("team/app/")[2] for path in upstream.asked]
    assert [one for one in gets if one.startswith("blobs")] == [
        "blobs/" + next(one for one, text in upstream.blobs.items() if text == b"amd64")
    ]


async def test_nothing_is_kept_of_an_image_that_is_not_whole(ask, upstream, fetch, held):
    layer = next(one for one, text in upstream.blobs.items() if text == b"one")
    upstream.blobs[layer] = b"two"
    words = await fetch()
    assert words.startswith(f"the layer {layer} is not what the upstream says: 400")
    assert await held() == {}
    upstream.blobs[layer] = b"one"
    assert await fetch() is None
    assert await held() == {"1": upstream.first}


async def test_what_upstream_lacks_is_told_and_makes_no_repository(ask, upstream, fetch):
    assert await fetch("2") == "quay.io has no team/app, 2"
    upstream.manifest("team/app", "2", b'{"schemaVersion": 1}')
    assert await fetch("2") == "the manifest's schemaVersion must be 2"
    assert (await ask("DescribeRepositories"))["repositories"] == []
    document = {"schemaVersion": 2, "manifests": [{"digest": f"sha256:{'0' * 64}", "size": 1}]}
    upstream.manifest("team/app", "2", json.dumps(document).encode(), INDEX)
    assert "which its list names" in await fetch("2")


async def test_no_note_outlives_its_repository_or_image(ask, store, scope, fetch):
    await fetch()
    assert len(store.view(scope).select(UpstreamCheck)) == 1
    await ask("DeleteRepository", repositoryName=NAME, force=True)
    assert store.view(scope).select(UpstreamCheck) == []
    assert await fetch() is None
    await ask("BatchDeleteImage", repositoryName=NAME, imageIds=[{"imageTag": "1"}])
    assert store.view(scope).select(UpstreamCheck) == []
    assert await fetch() is None
