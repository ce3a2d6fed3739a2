"""Secrets, files and logins are asked for in the execution role's name, or say why not."""

import re
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from ecsd.agent.containers.s3_objects import S3Objects
from ecsd.agent.containers.startup_values import StartupValues, StartupValuesError
from ecsd.clock import SystemClock
from ecsd.decisions.containers.startup_values import Login
from ecsd.records.plan import RoleCredentials
from ecsd.settings import Settings
from tests.agent.fake_api import FakeApi, refused
from tests.agent.task_world import plan

ROLE = RoleCredentials(
    role_arn="arn:aws:iam::000000000000:role/execution",
    access_key_id="ASIAEXECUTION",
    secret_access_key="s",
    token="token",
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"
FILE = "arn:aws:s3:::bucket/dir/a b.env"
FAILED = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: "
)
DENIED = (
    "User: arn:aws:sts::000000000000:assumed-role/execution/0123 is not authorized to perform: "
    "secretsmanager:GetSecretValue on resource: x because no identity-based policy allows the "
    "secretsmanager:GetSecretValue action"
)


class Hasty(SystemClock):
    """Real deadlines, no pauses."""

    async def sleep(self, seconds):
        self.slept = [*getattr(self, "slept", []), seconds]


def parameters(**held):
    """Return what GetParameters answers of the parameters that are there."""

    def answer(members):
        known = [one for one in members["Names"] if one.lstrip("/") in held]
        return 200, {
            "Parameters": [{"Name": one, "Value": held[one.lstrip("/")]} for one in known],
            "InvalidParameters": [one for one in members["Names"] if one not in known],
        }

    return answer


def secrets(*references, **more):
    given = [{"name": f"S{at}", "valueFrom": one} for at, one in enumerate(references)]
    return {"name": "app", "secrets": given} | more


async def resolved(api, *containers, execution=ROLE, clock=None):
    asked = replace(plan(*containers), logs_endpoint=api.endpoint)
    clock = clock or Hasty()
    values = StartupValues(clock, S3Objects(Settings(), clock))
    return await values.resolve(asked, execution)


async def words_of(api, *containers, **more):
    with pytest.raises(StartupValuesError) as caught:
        await resolved(api, *containers, **more)
    return str(caught.value)


async def test_every_store_is_asked_once_and_all_at_once():
    api = FakeApi(
        GetParameters=parameters(a="1", b="2"),
        GetSecretValue=(200, {"SecretString": '{"user": "app", "port": 5432}'}),
    )
    api.answers["/bucket/dir/a%20b.env"] = (200, b"A=1\n#B=2\n")
    files = {"environmentFiles": [{"value": FILE, "type": "s3"}]}
    async with api.listening():
        values = await resolved(
            api, secrets("a", "/b", f"{SECRET}:user::", f"{SECRET}:port:AWSPREVIOUS:v1", **files)
        )
    assert values.secrets == {
        "a": "1",
        "/b": "2",
        f"{SECRET}:user::": "app",
        f"{SECRET}:port:AWSPREVIOUS:v1": "5432",
    }
    assert values.files == {FILE: {"A": "1"}}
    asked = {name: [] for name, *_ in api.asked}
    for name, members, *_ in api.asked:
        asked[name].append(members)
    assert asked["GetParameters"] == [{"Names": ["a", "/b"], "WithDecryption": True}]
    assert {"SecretId": SECRET} in asked["GetSecretValue"]
    staged = {"SecretId": SECRET, "VersionStage": "AWSPREVIOUS", "VersionId": "v1"}
    assert staged in asked["GetSecretValue"]
    assert {one[2:] for one in api.asked} == {("ASIAEXECUTION", "us-east-1", "token")}
    assert api.most_at_once > 1


async def test_another_regions_values_are_asked_for_there():
    api = FakeApi(
        GetParameters=lambda members: (
            200,
            {"Parameters": [{"Value": "1"}] * len(members["Names"])},
        ),
        GetSecretValue=(200, {"SecretString": "whole"}),
    )
    arn = "arn:aws:ssm:eu-west-1:000000000000:parameter/a"
    async with api.listening():
        values = await resolved(api, secrets("a", arn, SECRET.replace("us-east-1", "ap-south-1")))
    assert set(values.secrets.values()) == {"1", "whole"}
    assert {(name, region) for name, _, _, region, _ in api.asked} == {
        ("GetParameters", "us-east-1"),
        ("GetParameters", "eu-west-1"),
        ("GetSecretValue", "ap-south-1"),
    }


async def test_more_than_ten_parameters_are_asked_for_in_parts():
    names = [f"p{number}" for number in range(23)]
    api = FakeApi(GetParameters=parameters(**{name: name for name in names}))
    async with api.listening():
        values = await resolved(api, secrets(*names))
    assert values.secrets == {name: name for name in names}
    assert sorted(len(members["Names"]) for _, members, *_ in api.asked) == [3, 10, 10]


@pytest.mark.parametrize(
    ("reference", "answers", "words"),
    [
        (
            SECRET,
            {"GetSecretValue": refused("AccessDeniedException", DENIED)},
            "unable to retrieve secret from asm: service call has been retried 1 time(s): failed "
            f"to fetch secret {SECRET} from secrets manager: AccessDeniedException: {DENIED}",
        ),
        (
            f"{SECRET}:key::",
            {"GetSecretValue": (200, {"SecretString": '{"other": "hunter2"}'})},
            "unable to retrieve secret from asm: service call has been retried 1 time(s): "
            "retrieved secret from Secrets Manager did not contain json key key",
        ),
        (
            f"{SECRET}:key::",
            {"GetSecretValue": (200, {"SecretString": "hunter2"})},
            "unable to retrieve secret from asm: service call has been retried 1 time(s): "
            f"{SECRET}: the secret is no JSON object",
        ),
        (
            "a",
            {"GetParameters": refused("AccessDeniedException", "no")},
            "unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            "AccessDeniedException: no",
        ),
        (
            "a",
            {"GetParameters": parameters()},
            "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid "
            "ssm parameters: a",
        ),
        (
            SECRET,
            {"GetSecretValue": (200, {"SecretString": "hunter\0"})},
            "unable to retrieve secret from asm: service call has been retried 1 time(s): the "
            f"value of {SECRET} holds a null byte",
        ),
    ],
)
async def test_what_cannot_be_had_is_told_in_awss_words(reference, answers, words):
    async with FakeApi(**answers).listening() as api:
        said = await words_of(api, secrets(reference))
    assert said == FAILED + words
    assert "hunter" not in said


async def test_a_file_is_asked_for_as_s3s_clients_ask():
    api = FakeApi()
    path = "/bucket/dir/a%20b%2B%C3%A4.env"
    api.answers[path] = (200, b"")
    files = [{"value": "arn:aws:s3:::bucket/dir/a b+\u00e4.env", "type": "s3"}]
    async with api.listening():
        await resolved(api, {"name": "app", "environmentFiles": files})
    sent = dict(api.headers[0])
    given = sent.pop("authorization")
    names = re.search("SignedHeaders=([^,]*)", given)[1].split(";")
    signer = S3SigV4Auth(Credentials("ASIAEXECUTION", "s", "token"), "s3", "us-east-1")
    signed = {name: sent[name] for name in names}
    request = AWSRequest("GET", f"{api.endpoint}{path}", headers=signed)
    request.context["timestamp"] = sent["x-amz-date"]
    canonical = signer.canonical_request(request)
    assert canonical.split("\n")[1] == path  # encoded once
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert given.endswith(f"Signature={signature}")


async def test_a_file_that_cannot_be_had_is_told():
    api = FakeApi()
    api.answers["/bucket/dir/a%20b.env"] = (
        403,
        b"<Error><Code>AccessDenied</Code><Message>Access &lt;Denied&gt;</Message></Error>",
    )
    container = {"name": "app", "environmentFiles": [{"value": FILE, "type": "s3"}]}
    async with api.listening():
        said = await words_of(api, container)
    assert said == (
        "ResourceInitializationError: failed to download env files: file download command: non "
        "empty error stream: AccessDenied: Access <Denied> status code: 403"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"username": "u", "password": "p"}', None),
        ("hunter2", "unable to unmarshal secret value, invalid schema"),
        ('{"username": "u"}', "AuthorizationData is malformed, empty field"),
    ],
)
async def test_a_registrys_login_is_read_from_its_secret(text, words):
    container = {"name": "app", "repositoryCredentials": {"credentialsParameter": "registry"}}
    async with FakeApi(GetSecretValue=(200, {"SecretString": text})).listening() as api:
        if words is None:
            values = await resolved(api, container)
            assert values.registries == {"registry": Login("u", "p")}
            return
        said = await words_of(api, container)
    assert said == (
        f"{FAILED}unable to get registry auth from asm: service call has been retried 1 time(s): "
        f"asm fetching secret from the service for registry: {words}"
    )


async def test_the_first_of_several_failures_is_told():
    answers = {
        "GetParameters": parameters(),
        "GetSecretValue": refused("ResourceNotFoundException", "not there"),
    }
    async with FakeApi(**answers).listening() as api:
        said = await words_of(api, secrets("a", SECRET))
    assert "invalid ssm parameters: a" in said


async def test_nobody_who_answers_is_asked_five_times():
    async with FakeApi().listening() as api:
        pass  # it has gone
    clock = Hasty()
    said = await words_of(api, secrets("a"), clock=clock)
    assert re.search(r"retried 5 time\(s\): RequestError: send request failed caused by: ", said)
    assert clock.slept == [0.25, 0.5, 1, 2]


async def test_a_task_without_execution_role_has_nobody_to_ask_as():
    said = await words_of(FakeApi(), secrets("a"), execution=None)
    assert said.startswith(f"{FAILED}unable to get credentials")
