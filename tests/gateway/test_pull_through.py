"""docker pull of what is not here yet: who may have it fetched, and what is said if nobody can."""

import pytest
from msgspec.structs import replace
from signed_client import ROOT_KEY, STRICT, SignedClient
from test_registry_front import ENTER, PULL, Docker, Moved, allow, message

from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import needs_of
from ecsd.store.scope import Scope
from tests.store.fake_upstream import Upstream, serving
from tests.store.image_contract import digest_of

NAME = "000000000000/us-east-1/quay/app"
MANIFEST = f"/v2/{NAME}/manifests/1"
REPOSITORY = "arn:aws:ecr:us-east-1:000000000000:repository/quay/app"
IMPORT, CREATE, TAG = "ecr:BatchImportUpstreamImage", "ecr:CreateRepository", "ecr:TagResource"


@pytest.fixture
async def upstream():
    one = Upstream()
    one.first = one.image("app", "1", "one")
    async with serving(one):
        yield one


@pytest.fixture
async def docker(store, upstream):
    settings = replace(STRICT, ecr_upstreams=f"quay.io={upstream.base}")
    signed = SignedClient(store, settings=settings, clock=Moved())
    await signed.ask(
        *(ROOT_KEY, "ecr", "CreatePullThroughCacheRule"),
        ecrRepositoryPrefix="quay",
        upstreamRegistryUrl="quay.io",
    )
    return Docker(signed)


async def listed(docker):
    answer = await docker.signed.ask(ROOT_KEY, "ecr", "DescribeRepositories")
    return [one["repositoryName"] for one in answer.output["repositories"]]


async def test_a_pull_brings_the_image_and_the_next_needs_no_upstream(docker, upstream):
    bearer = await docker.bearer(await docker.login(ROOT_KEY), f"{NAME}:pull")
    assert await listed(docker) == []
    head = await docker.ask("HEAD", MANIFEST, bearer)
    assert (head.status, head.headers["docker-content-digest"]) == (200, upstream.first)
    assert await listed(docker) == ["quay/app"]
    upstream.fault = 503
    got = await docker.ask("GET", MANIFEST, bearer)
    assert digest_of(got.body) == upstream.first
    other = await docker.ask("GET", f"/v2/{NAME}/manifests/2", bearer)
    assert (other.status, message(other)) == (
        404,
        ("MANIFEST_UNKNOWN", f"{upstream.base} answered 503 not now"),
    )


async def test_where_nothing_is_here_and_upstream_is_away_its_words_are_told(docker, upstream):
    upstream.fault = 500
    bearer = await docker.bearer(await docker.login(ROOT_KEY), f"{NAME}:pull")
    answer = await docker.ask("GET", MANIFEST, bearer)
    assert message(answer) == ("MANIFEST_UNKNOWN", f"{upstream.base} answered 500 not now")
    assert await listed(docker) == []


async def test_a_first_pull_needs_every_permission_and_a_later_one_no_more_than_pulls(
    docker, upstream
):
    await docker.signed.ask(
        *(ROOT_KEY, "ecr", "CreateRepositoryCreationTemplate"),
        prefix="quay",
        appliedFor=["PULL_THROUGH_CACHE"],
        resourceTags=[{"Key": "team", "Value": "a"}],
    )
    login = await docker.login(await docker.signed.user("bob", ENTER))
    needed = [IMPORT, CREATE, TAG, *PULL]
    for number, action in enumerate(needed):
        await docker.signed.policy(
            "bob", ENTER, *(allow(one, REPOSITORY) for one in needed[:number])
        )
        answer = await docker.token(login, f"{NAME}:pull")
        assert answer.status == 403
        assert f"perform: {action} on resource: {REPOSITORY} " in message(answer)[1]
    await docker.signed.policy("bob", ENTER, allow(needed, REPOSITORY))
    bearer = await docker.bearer(login, f"{NAME}:pull")
    assert (await docker.ask("GET", MANIFEST, bearer)).status == 200

    upstream.image("app", "2", "two")
    second = f"/v2/{NAME}/manifests/2"
    await docker.signed.policy("bob", ENTER, allow(PULL, REPOSITORY))
    bearer = await docker.bearer(login, f"{NAME}:pull")
    assert (await docker.ask("GET", MANIFEST, bearer)).status == 200
    assert (await docker.ask("GET", second, bearer)).status == 404
    await docker.signed.policy("bob", ENTER, allow([IMPORT, *PULL], REPOSITORY))
    bearer = await docker.bearer(login, f"{NAME}:pull")
    assert (await docker.ask("GET", second, bearer)).status == 200


async def test_a_push_is_no_pull(docker, upstream):
    login = await docker.login(ROOT_KEY)
    answer = await docker.token(login, f"{NAME}:push,pull")
    assert (answer.status, message(answer)[0]) == (404, "NAME_UNKNOWN")
    await docker.signed.ask(ROOT_KEY, "ecr", "CreateRepository", repositoryName="quay/app")
    bearer = await docker.bearer(login, f"{NAME}:push,pull")
    assert (await docker.ask("HEAD", MANIFEST, bearer)).status == 404
    assert (await docker.push(bearer, "1", "own", NAME)).status == 201
    bearer = await docker.bearer(login, f"{NAME}:pull")
    got = await docker.ask("GET", MANIFEST, bearer)
    assert got.headers["docker-content-digest"] != upstream.first
    assert upstream.asked == []


async def test_without_a_rule_nothing_is_fetched(docker, upstream):
    bearer = await docker.bearer(await docker.login(ROOT_KEY), f"{NAME}:pull")
    named = {"ecrRepositoryPrefix": "quay"}
    await docker.signed.ask(ROOT_KEY, "ecr", "DeletePullThroughCacheRule", **named)
    answer = await docker.ask("GET", MANIFEST, bearer)
    assert (answer.status, message(answer)[0]) == (404, "NAME_UNKNOWN")
    assert upstream.asked == []


@pytest.mark.parametrize(
    "operation",
    [
        f"{verb}{noun}"
        for noun in ("PullThroughCacheRule", "RepositoryCreationTemplate")
        for verb in ("Create", "Update", "Delete")
    ]
    + [
        "DescribePullThroughCacheRules",
        "DescribeRepositoryCreationTemplates",
        "ValidatePullThroughCacheRule",
    ],
)
async def test_rules_and_templates_are_about_no_resource(store, operation):
    members = {"prefix": "quay", "ecrRepositoryPrefix": "quay", "registryId": "0" * 12}
    asked = Asked(operation, members, store.view(Scope("0" * 12, "us-east-1")), "x")
    (need,) = needs_of("ecr", "ecr", asked)
    assert (need.action, need.resource) == (f"ecr:{operation}", "*")
