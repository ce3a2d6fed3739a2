"""Pull through cache rules: who is known upstream, whose credentials count, who is let in."""

import json

import pytest

from ecsd.settings import Settings
from tests.store.fake_upstream import Upstream, serving

HUB = {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}
QUAY = {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}
ME = {"username": "me", "accessToken": "secret"}


@pytest.fixture
def secret(client, clock):
    """Keep a secret; return its ARN, and a caller of Secrets Manager."""
    ask = client("secretsmanager", clock=clock)

    async def kept(value, name="ecr-pullthroughcache/hub"):
        text = value if isinstance(value, str) else json.dumps(value)
        return (await ask("CreateSecret", Name=name, SecretString=text))["ARN"]

    return kept, ask


async def test_a_rule_is_made_shown_changed_and_removed(ask, refused, clock, secret):
    kept, _ = secret
    first, second = await kept(ME), await kept(ME, "ecr-pullthroughcache/new")
    made = await ask("CreatePullThroughCacheRule", **HUB, credentialArn=first)
    assert made == {
        "ecrRepositoryPrefix": "hub",
        "upstreamRegistryUrl": "registry-1.docker.io",
        "upstreamRegistry": "docker-hub",
        "credentialArn": first,
        "registryId": "000000000000",
        "createdAt": clock.now(),
    }
    again = await refused("CreatePullThroughCacheRule", **HUB, credentialArn=first)
    assert again.code == "PullThroughCacheRuleAlreadyExistsException"
    clock.move(hours=1)
    named = {"ecrRepositoryPrefix": "hub"}
    changed = await ask("UpdatePullThroughCacheRule", **named, credentialArn=second)
    assert (changed["credentialArn"], changed["updatedAt"]) == (second, clock.now())
    (shown,) = (await ask("DescribePullThroughCacheRules"))["pullThroughCacheRules"]
    assert shown == {**made, "credentialArn": second, "updatedAt": clock.now()}
    assert "createdAt" in await ask("DeletePullThroughCacheRule", **named)
    for name in ("Delete", "Validate"):
        gone = await refused(f"{name}PullThroughCacheRule", **named)
        assert gone.code == "PullThroughCacheRuleNotFoundException"
    gone = await refused("DescribePullThroughCacheRules", ecrRepositoryPrefixes=["hub"])
    assert gone.code == "PullThroughCacheRuleNotFoundException"


async def test_rules_are_listed_in_pages_and_by_prefix(ask, refused):
    for number in range(50):
        await ask("CreatePullThroughCacheRule", **QUAY | {"ecrRepositoryPrefix": f"q{number:02}"})
    over = await refused("CreatePullThroughCacheRule", **QUAY)
    assert over.code == "LimitExceededException"
    first = await ask("DescribePullThroughCacheRules", maxResults=30)
    rest = await ask("DescribePullThroughCacheRules", nextToken=first["nextToken"])
    pages = first["pullThroughCacheRules"], rest["pullThroughCacheRules"]
    assert [len(one) for one in pages] == [30, 20]
    named = await ask("DescribePullThroughCacheRules", ecrRepositoryPrefixes=["q07", "q03/"])
    found = [one["ecrRepositoryPrefix"] for one in named["pullThroughCacheRules"]]
    assert found == ["q07", "q03"]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"upstreamRegistryUrl": "example.com"}, "UnsupportedUpstreamRegistry", "example.com"),
        (
            {"upstreamRegistryUrl": "1.dkr.ecr.us-east-1.amazonaws.com"},
            "UnsupportedUpstreamRegistry",
            "isn't supported",
        ),
        ({"upstreamRegistry": "docker-hub"}, "InvalidParameter", "quay.io is quay"),
        ({"upstreamRegistryUrl": "ghcr.io"}, "InvalidParameter", "credentialArn"),
        ({"customRoleArn": "arn:aws:iam::0:role/x"}, "InvalidParameter", "customRoleArn"),
        ({"registryId": "1" * 12}, "InvalidParameter", "registryId"),
    ],
)
async def test_what_a_rule_cannot_be(ask, refused, more, code, words):
    error = await refused("CreatePullThroughCacheRule", **QUAY | more)
    assert error.code == f"{code}Exception"
    assert words in error.message
    assert (await ask("DescribePullThroughCacheRules"))["pullThroughCacheRules"] == []


async def test_a_secret_must_be_there_and_open(refused, secret, client):
    kept, ask = secret
    arn = await kept(ME)
    cases = [(f"{arn[:-6]}xxxxxx", "SecretNotFoundException")]
    lost = await kept(ME, "ecr-pullthroughcache/lost")
    await ask("DeleteSecret", SecretId=lost)
    cases.append((lost, "SecretNotFoundException"))
    kms = client("kms")
    key = (await kms("CreateKey"))["KeyMetadata"]["KeyId"]
    sealed = await kept(ME, "ecr-pullthroughcache/sealed")
    await ask("UpdateSecret", SecretId=sealed, KmsKeyId=key, SecretString=json.dumps(ME))
    await kms("DisableKey", KeyId=key)
    cases.append((sealed, "UnableToDecryptSecretValueException"))
    for one, code in cases:
        error = await refused("CreatePullThroughCacheRule", **HUB, credentialArn=one)
        assert error.code == code, one


async def test_what_a_secret_holds_may_come_later(ask, secret):
    _, ask_secrets = secret
    named = {"ecrRepositoryPrefix": "hub"}
    arn = (await ask_secrets("CreateSecret", Name="ecr-pullthroughcache/hub"))["ARN"]
    await ask("CreatePullThroughCacheRule", **HUB, credentialArn=arn)
    words = f"The secret {arn} must be JSON with the keys username and accessToken."
    for value in (None, "text", "[]", '{"username": "me"}'):
        if value is not None:
            await ask_secrets("PutSecretValue", SecretId=arn, SecretString=value)
        said = await ask("ValidatePullThroughCacheRule", **named)
        assert (said["isValid"], said["failure"]) == (False, words)


async def test_the_upstreams_prefix_is_shown_as_it_was_given(ask):
    for number, (given, shown) in enumerate((("ROOT", "ROOT"), ("team/", "team"))):
        own = QUAY | {"ecrRepositoryPrefix": f"q{number}", "upstreamRepositoryPrefix": given}
        made = await ask("CreatePullThroughCacheRule", **own)
        assert made["upstreamRepositoryPrefix"] == shown


async def test_an_update_needs_credentials_that_are_there(ask, refused, secret):
    arn = await secret[0](ME)
    await ask("CreatePullThroughCacheRule", **HUB, credentialArn=arn)
    none = await refused("UpdatePullThroughCacheRule", ecrRepositoryPrefix="hub")
    assert none.code == "InvalidParameterException"
    other = {"ecrRepositoryPrefix": "hub", "credentialArn": f"{arn[:-6]}xxxxxx"}
    assert (await refused("UpdatePullThroughCacheRule", **other)).code == "SecretNotFoundException"
    (shown,) = (await ask("DescribePullThroughCacheRules"))["pullThroughCacheRules"]
    assert shown["credentialArn"] == arn


async def test_validating_asks_the_upstream_itself(client, images, clock, secret):
    kept, ask_secrets = secret
    arn = await kept(ME)
    upstream = Upstream("bearer", tuple(ME.values()))
    async with serving(upstream):
        settings = Settings(ecr_upstreams=f"registry-1.docker.io={upstream.base}")
        ask = client("ecr", images=images, clock=clock, settings=settings)
        await ask("CreatePullThroughCacheRule", **HUB, credentialArn=arn)

        async def validated():
            said = await ask("ValidatePullThroughCacheRule", ecrRepositoryPrefix="hub")
            return said["isValid"], said.get("failure")

        assert await validated() == (True, None)
        wrong = json.dumps(ME | {"accessToken": "old"})
        await ask_secrets("PutSecretValue", SecretId=arn, SecretString=wrong)
        assert await validated() == (False, f"{upstream.base} gave no token: 403")
        await ask_secrets("DeleteSecret", SecretId=arn)
        valid, failure = await validated()
        assert not valid
        assert f"not found: {arn}" in failure
