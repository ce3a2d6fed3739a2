"""Streams are made before containers; a group that is missing is told in Fargate's words."""

import pytest
from msgspec.structs import replace

from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.agent.containers.log_streams import LogStreamError, LogStreams
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import SystemClock
from ecsd.records.plan import TaskPlan
from ecsd.settings import Settings
from tests.agent.fake_logs import FakeLogs

PLAN = TaskPlan(
    task_arn="arn:aws:ecs:us-east-1:111122223333:task/c/ab",
    task_id="ab",
    cluster="c",
    account="111122223333",
    region="us-east-1",
    family="f",
    revision=1,
    desired_status="RUNNING",
    launch_type="FARGATE",
    containers=(),
)
STRICT = Settings(mode="strict", access_key_id="AKROOT", secret_access_key="hidden")


def container(driver="awslogs", **options):
    options = {name.replace("_", "-"): value for name, value in options.items()}
    return {"name": "app", "logConfiguration": {"logDriver": driver, "options": options}}


def streams(settings=None, roles=None):
    clock = SystemClock()
    return LogStreams(LogCredentials(settings or Settings(), clock, roles or TaskRoles()), clock)


async def test_a_stream_is_made_in_the_accounts_name():
    async with FakeLogs("g").listening() as logs:
        plan = replace(PLAN, logs_endpoint=logs.endpoint)
        await streams().provide(plan, container(awslogs_group="g", awslogs_stream_prefix="p"), "id")
        await streams().provide(plan, container(awslogs_group="g"), "id")
    made = [members["logStreamName"] for _, members, _ in logs.asked]
    assert made == ["p/app/ab", "id"]
    assert {key for _, _, key in logs.asked} == {"111122223333"}


async def test_a_missing_group_is_told_and_made_only_if_asked():
    async with FakeLogs().listening() as logs:
        plan = replace(PLAN, logs_endpoint=logs.endpoint)
        with pytest.raises(LogStreamError) as caught:
            await streams().provide(plan, container(awslogs_group="g"), "id")
        assert str(caught.value) == (
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: "
            "The specified log group does not exist. : exit status 1"
        )
        asking = container(awslogs_group="g", awslogs_create_group="true")
        await streams().provide(plan, asking, "id")
        await streams().provide(plan, asking, "id")  # exists already: good


async def test_what_goes_elsewhere_is_not_asked_about():
    async with FakeLogs().listening() as logs:
        plan = replace(PLAN, logs_endpoint=logs.endpoint)
        await streams().provide(plan, {"name": "app"}, "id")
        await streams().provide(plan, container("syslog"), "id")
        away = container(awslogs_group="g", awslogs_endpoint="https://logs.example.com")
        await streams().provide(plan, away, "id")
    assert logs.asked == []


async def test_a_service_that_does_not_answer_is_told():
    plan = replace(PLAN, logs_endpoint="http://127.0.0.1:9")
    with pytest.raises(LogStreamError, match=r"retried 4 times.*RequestError: send request failed"):
        await streams().provide(plan, container(awslogs_group="g"), "id")


def test_the_drivers_question_is_answered_with_the_account():
    credentials = LogCredentials(Settings(), SystemClock(), TaskRoles())
    path = credentials.endpoint(PLAN).partition("51679")[2]
    status, body = credentials.answer(path)
    assert (status, body["AccessKeyId"]) == (200, "111122223333")


@pytest.mark.parametrize("path", ["", "/", "/v2/credentials", "/v2/credentials/111122223333/x"])
def test_other_questions_are_refused(path):
    status, body = LogCredentials(Settings(), SystemClock(), TaskRoles()).answer(path)
    assert (status, body["code"]) == (400, "InvalidIdInRequest")


def test_strict_mode_gives_the_root_keys_to_the_root_account_alone():
    credentials = LogCredentials(STRICT, SystemClock(), TaskRoles())
    own = credentials.endpoint(replace(PLAN, account="000000000000"))
    assert "hidden" not in own
    status, body = credentials.answer(own.partition("51679")[2])
    assert (status, body["SecretAccessKey"]) == (200, "hidden")
    status, body = credentials.answer(credentials.endpoint(PLAN).partition("51679")[2])
    assert (status, body["code"]) == (403, "NoCredentialsAssociated")
    guessed = LogCredentials(Settings(), SystemClock(), TaskRoles()).endpoint(
        replace(PLAN, account="0" * 12)
    )
    assert credentials.answer(guessed.partition("51679")[2])[0] == 400
