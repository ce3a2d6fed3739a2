"""docker login, push and pull as the server sees them: tokens judged by IAM, tags that stay."""

import json
from datetime import timedelta
from hashlib import sha256

import jwt
import pytest
from signed_client import ROOT_KEY, SignedClient

from ecsd.clock import SystemClock
from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import needs_of
from ecsd.settings import Settings
from ecsd.store.scope import Scope

NAME = "000000000000/us-east-1/app"
REPOSITORY = "arn:aws:ecr:us-east-1:000000000000:repository/app"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
PUSH = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
]
ENTER = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
OCI = "application/vnd.oci.image.manifest.v1+json"


class Moved(SystemClock):
    """The machine's time, and more."""

    more = timedelta(0)

    def now(self):
        return super().now() + self.more


class Docker:
    """What dockerd asks of the registry's front."""

    def __init__(self, signed):
        self.signed = signed
        self.images = signed.client.parts.images

    async def login(self, key):
        answer = await self.signed.ask(key, "ecr", "GetAuthorizationToken")
        assert answer.status == 200, answer
        return answer.output["authorizationData"][0]["authorizationToken"]

    async def ask(self, method, path, authorization="", body=b"", query="", **headers):
        sent = {"authorization": authorization, **headers} if authorization else headers
        return await self.signed.client.raw(
            method, f"/_ecsd/registry{path}", sent, body, query=query
        )

    async def token(self, login, *scopes):
        query = "&".join(["service=ecsd-registry", *(f"scope=repository:{one}" for one in scopes)])
        return await self.ask("GET", "/token", f"Basic {login}", query=query)

    async def bearer(self, login, *scopes):
        answer = await self.token(login, *scopes)
        assert answer.status == 200, answer.body
        return f"Bearer {answer.json()['token']}"

    async def push(self, bearer, reference, text, name=NAME):
        """Push an image of one layer."""
        parts = []
        for content in (b"{}", text.encode()):
            digest = f"sha256:{sha256(content).hexdigest()}"
            url = await self.images.begin_upload(name)
            await self.images.append(url, content)
            await self.images.finish(url, digest)
            parts.append({"digest": digest, "size": len(content), "mediaType": "application/x"})
        config, layer = parts
        manifest = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer]}
        body = json.dumps(manifest).encode()
        path = f"/v2/{name}/manifests/{reference}"
        headers = {"content-type": OCI}
        return await self.ask("PUT", path, bearer, body, **headers)


def message(answer):
    (error,) = answer.json()["errors"]
    return error["code"], error["message"]


def granted(answer):
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return {one["name"]: sorted(one["actions"]) for one in claims["access"]}, claims["reads"]


def allow(actions, resource=REPOSITORY):
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


@pytest.fixture
def clock():
    return Moved()


@pytest.fixture
async def docker(store, clock):
    signed = SignedClient(store, clock=clock)
    await signed.ask(ROOT_KEY, "ecr", "CreateRepository", repositoryName="app")
    return Docker(signed)


async def test_root_pushes_and_pulls(docker, clock):
    login = await docker.login(ROOT_KEY)
    bearer = await docker.bearer(login, f"{NAME}:push,pull")
    pushed = await docker.push(bearer, "v1", "one")
    assert pushed.status == 201
    digest = pushed.headers["docker-content-digest"]
    for reference in ("v1", digest):
        path = f"/v2/{NAME}/manifests/{reference}"
        head = await docker.ask("HEAD", path, bearer)
        assert (head.status, head.body) == (200, b"")
        got = await docker.ask("GET", path, bearer)
        assert got.headers["docker-content-digest"] == digest
        assert got.headers["content-length"] == head.headers["content-length"]
        assert f"sha256:{sha256(got.body).hexdigest()}" == digest
    tags = await docker.ask("GET", f"/v2/{NAME}/tags/list", bearer)
    assert tags.json() == {"name": NAME, "tags": ["v1"]}
    missing = await docker.ask("GET", f"/v2/{NAME}/manifests/v2", bearer)
    assert (missing.status, message(missing)[0]) == (404, "MANIFEST_UNKNOWN")
    shown = await docker.signed.ask(ROOT_KEY, "ecr", "DescribeImages", repositoryName="app")
    (detail,) = shown.output["imageDetails"]
    assert "lastRecordedPullTime" in detail


@pytest.mark.parametrize("login", ["", "Basic !", "Basic QVdTOng=", "Basic Qk9COng=", "Bearer x"])
async def test_nobody_gets_a_token_without_authorization(docker, login):
    answer = await docker.ask("GET", "/token", login, query=f"scope=repository:{NAME}:pull")
    assert answer.status == 401


async def test_each_action_is_asked_for_on_the_repository(docker):
    key = await docker.signed.user("bob", ENTER)
    login = await docker.login(key)
    for actions, scope in ((PULL, "pull"), (PUSH, "push,pull")):
        for number, action in enumerate(actions):
            await docker.signed.policy("bob", ENTER, *map(allow, actions[:number]))
            answer = await docker.token(login, f"{NAME}:{scope}")
            assert answer.status == 403
            code, words = message(answer)
            assert code == "DENIED"
            assert words == (
                "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: "
                f"{action} on resource: {REPOSITORY} because no identity-based policy allows the "
                f"{action} action"
            )
        await docker.signed.policy("bob", ENTER, allow(actions))
        assert (await docker.token(login, f"{NAME}:{scope}")).status == 200


async def test_whoever_may_only_push_reads_nothing(docker):
    key = await docker.signed.user("bob", ENTER, allow(PUSH))
    login = await docker.login(key)
    answer = await docker.token(login, f"{NAME}:push,pull")
    assert granted(answer) == ({NAME: ["pull", "push"]}, "no")
    bearer = f"Bearer {answer.json()['token']}"
    assert (await docker.push(bearer, "v1", "one")).status == 201
    for path in (f"/v2/{NAME}/manifests/v1", f"/v2/{NAME}/tags/list"):
        assert (await docker.ask("GET", path, bearer)).status == 403


async def test_whoever_may_only_pull_pushes_nothing(docker):
    key = await docker.signed.user("bob", ENTER, allow(PULL))
    login = await docker.login(key)
    answer = await docker.token(login, f"{NAME}:pull")
    assert granted(answer) == ({NAME: ["pull"]}, "yes")
    refused = await docker.push(f"Bearer {answer.json()['token']}", "v1", "one")
    assert refused.status == 401
    assert (
        'scope="repository:000000000000/us-east-1/app:pull,push"'
        in (refused.headers["www-authenticate"])
    )


async def test_a_token_is_for_its_own_repositories(docker):
    await docker.signed.ask(ROOT_KEY, "ecr", "CreateRepository", repositoryName="other")
    login = await docker.login(ROOT_KEY)
    bearer = await docker.bearer(login, f"{NAME}:push,pull")
    other = "000000000000/us-east-1/other"
    assert (await docker.push(bearer, "v1", "one", other)).status == 401
    for forged in ("Bearer x", f"{bearer}x", bearer.replace("Bearer", "Basic")):
        assert (await docker.ask("GET", f"/v2/{NAME}/tags/list", forged)).status == 401


async def test_a_layer_of_another_repository_is_no_reason_to_refuse(docker):
    await docker.signed.ask(ROOT_KEY, "ecr", "CreateRepository", repositoryName="other")
    key = await docker.signed.user("bob", ENTER, allow(PUSH + PULL))
    login = await docker.login(key)
    other = "000000000000/us-east-1/other"
    answer = await docker.token(login, f"{NAME}:push,pull", f"{other}:pull")
    assert granted(answer)[0] == {NAME: ["pull", "push"]}
    assert (await docker.token(login, f"{other}:pull", f"{NAME}:push,pull")).status == 403


async def test_a_repositorys_policy_lets_in_and_keeps_out(docker):
    key = await docker.signed.user("bob", ENTER)
    login = await docker.login(key)
    bob = {"AWS": "arn:aws:iam::000000000000:user/bob"}

    async def policy(effect):
        statement = {"Effect": effect, "Principal": bob, "Action": "ecr:*"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        done = await docker.signed.ask(
            ROOT_KEY, "ecr", "SetRepositoryPolicy", repositoryName="app", policyText=text
        )
        assert done.status == 200, done

    await policy("Allow")
    assert (await docker.token(login, f"{NAME}:pull")).status == 200
    await docker.signed.policy("bob", ENTER, allow(PULL))
    await policy("Deny")
    answer = await docker.token(login, f"{NAME}:pull")
    assert "explicit deny in a resource-based policy" in message(answer)[1]
    images = {"repositoryName": "app", "imageIds": [{"imageTag": "v1"}]}
    refused = await docker.signed.ask(key, "ecr", "BatchGetImage", **images)
    assert refused.code == "AccessDeniedException"


async def test_a_repository_that_is_not_there_is_told_to_whom_it_may_concern(docker):
    login = await docker.login(ROOT_KEY)
    answer = await docker.token(login, f"{NAME}x:push,pull")
    assert (answer.status, message(answer)) == (
        404,
        (
            "NAME_UNKNOWN",
            "The repository with name 'appx' does not exist in the registry with id '000000000000'",
        ),
    )
    key = await docker.signed.user("bob", ENTER)
    answer = await docker.token(await docker.login(key), f"{NAME}x:pull")
    assert message(answer)[0] == "DENIED"


async def test_a_tag_that_may_not_move_stays(docker):
    await docker.signed.ask(
        *(ROOT_KEY, "ecr", "PutImageTagMutability"),
        repositoryName="app",
        imageTagMutability="IMMUTABLE",
    )
    login = await docker.login(ROOT_KEY)
    bearer = await docker.bearer(login, f"{NAME}:push,pull")
    first = await docker.push(bearer, "v1", "one")
    assert (await docker.push(bearer, "v1", "one")).status == 201
    second = await docker.push(bearer, "v1", "two")
    assert (second.status, message(second)[0]) == (400, "TAG_INVALID")
    head = await docker.ask("HEAD", f"/v2/{NAME}/manifests/v1", bearer)
    assert head.headers["docker-content-digest"] == first.headers["docker-content-digest"]


async def test_a_manifest_under_a_wrong_digest_is_refused(docker):
    bearer = await docker.bearer(await docker.login(ROOT_KEY), f"{NAME}:push,pull")
    answer = await docker.push(bearer, f"sha256:{'0' * 64}", "one")
    assert message(answer)[0] == "DIGEST_INVALID"
    shown = await docker.signed.ask(ROOT_KEY, "ecr", "ListImages", repositoryName="app")
    assert shown.output["imageIds"] == []


async def test_tokens_end(docker, clock):
    key = await docker.signed.user("bob", ENTER, allow(PULL))
    login = await docker.login(key)
    bearer = await docker.bearer(login, f"{NAME}:pull")
    clock.more = timedelta(minutes=6)
    assert (await docker.ask("GET", f"/v2/{NAME}/tags/list", bearer)).status == 401
    assert (await docker.token(login, f"{NAME}:pull")).status == 200
    clock.more = timedelta(hours=12, seconds=1)
    answer = await docker.token(login, f"{NAME}:pull")
    assert message(answer)[1] == (
        "Your authorization token has expired. Reauthenticate and try again."
    )


async def test_a_key_that_is_gone_takes_its_tokens_with_it(docker):
    key = await docker.signed.user("bob", ENTER, allow(PULL))
    login = await docker.login(key)
    await docker.signed.ask(
        *(ROOT_KEY, "iam", "UpdateAccessKey"),
        UserName="bob",
        AccessKeyId=key[0],
        Status="Inactive",
    )
    assert (await docker.token(login, f"{NAME}:pull")).status == 403


async def test_whoever_knocks_is_told_where_tokens_are(docker):
    knocked = await docker.ask("GET", "/v2/")
    assert knocked.status == 401
    assert knocked.headers["www-authenticate"] == (
        'Bearer realm="http://localhost:4766/token",service="ecsd-registry"'
    )
    bearer = await docker.bearer(await docker.login(ROOT_KEY))
    assert (await docker.ask("GET", "/v2/", bearer)).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"/v2/{NAME}/manifests/v1"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/../manifests/v1"),
        ("GET", "/v2/000000000000/us-east-1/%2e%2e/manifests/v1"),
        ("GET", f"/v2/{NAME}/manifests/..%2f..%2fx"),
        ("GET", "/nothing"),
        ("POST", "/token"),
    ],
)
async def test_other_paths_lead_nowhere(docker, method, path):
    bearer = await docker.bearer(await docker.login(ROOT_KEY), f"{NAME}:push,pull")
    answer = await docker.ask(method, path, bearer)
    assert answer.status in (401, 404, 405)


async def test_local_mode_believes_whoever_has_asked_for_a_token(store, clock):
    signed = SignedClient(store, settings=Settings(), clock=clock)
    await signed.ask(("000000000000", "x", None), "ecr", "CreateRepository", repositoryName="app")
    docker = Docker(signed)
    login = await docker.login(("000000000000", "x", None))
    assert granted(await docker.token(login, f"{NAME}:push,pull"))[1] == "yes"
    elsewhere = await docker.login(("111111111111", "x", None))
    assert (await docker.token(elsewhere, f"{NAME}:pull")).status == 200


async def test_a_repository_of_another_account_asks_its_owner_too(docker):
    view = docker.signed.client.parts.store.view(Scope("1" * 12, "us-east-1"))
    members = {"repositoryName": "app", "registryId": "0" * 12}
    (need,) = needs_of("ecr", "ecr", Asked("BatchGetImage", members, view, "x"))
    assert (need.resource, need.owner, need.policy) == (REPOSITORY, "0" * 12, None)
