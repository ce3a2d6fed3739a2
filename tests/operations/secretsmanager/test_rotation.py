"""Rotation as clients see it: configured, begun, shown, cancelled, refused."""

from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.secretsmanager import rotation
from ecsd.records.secretsmanager.rotation import TEST
from ecsd.records.secretsmanager.secret import Secret
from ecsd.settings import Settings
from ecsd.store.findings import all_findings
from tests.conftest import SCOPE

TOKENS = [f"{number:032}" for number in range(10)]
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:rotate"
DAILY = {"AutomaticallyAfterDays": 1}
ROTATE = {"SecretId": "app/db", "RotationLambdaARN": FUNCTION, "RotationRules": DAILY}


@pytest.fixture
def secrets(client, moment):
    settings = Settings(lambda_endpoint="http://functions")
    return client("secretsmanager", clock=moment, settings=settings)


@pytest.fixture
def attempt(store):
    """Returns the attempt that the store holds."""

    def held():
        return next(iter(store.view(SCOPE).select(Secret))).rotation.attempt

    return held


@pytest.fixture
def end(store, secrets, moment):
    """Does what a function's last step does, and has the rotation ended."""

    async def end_rotation(token):
        shown = await secrets("DescribeSecret", SecretId="app/db")
        stages = {label: one for one, held in shown["VersionIdsToStages"].items() for label in held}
        await secrets(
            "UpdateSecretVersionStage",
            SecretId="app/db",
            VersionStage="AWSCURRENT",
            MoveToVersionId=token,
            RemoveFromVersionId=stages["AWSCURRENT"],
        )
        async with store.transaction(SCOPE) as change:
            [secret] = change.select(Secret)
            for _ in rotation.STEPS:
                secret = rotation.after_step(secret, moment.now())
            change.put(secret)

    return end_rotation


async def put_pending(secrets, token, **more):
    return await secrets(
        "PutSecretValue",
        SecretId="app/db",
        SecretString="two",
        ClientRequestToken=token,
        VersionStages=["AWSPENDING"],
        **more,
    )


async def test_a_secret_without_rotation_tells_of_none(secrets, secret, refused):
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert not [name for name in shown if "Rotat" in name]
    error = await refused("RotateSecret", SecretId=secret)
    assert error.code == "InvalidRequestException"
    assert error.message == "No Lambda rotation function ARN is associated with this secret."
    cancelled = await secrets("CancelRotateSecret", SecretId=secret)
    assert cancelled == {"ARN": secret, "Name": "app/db"}


async def test_a_rotation_begins_with_a_pending_version_that_has_no_value(
    secrets, secret, refused, attempt, store
):
    asked = await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    assert asked == {"ARN": secret, "Name": "app/db", "VersionId": TOKENS[0]}
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["RotationEnabled"] is True
    assert (shown["RotationLambdaARN"], shown["RotationRules"]) == (FUNCTION, DAILY)
    assert "LastRotatedDate" not in shown
    assert shown["NextRotationDate"] == VIRTUAL_START + timedelta(days=2, seconds=-1)
    assert shown["VersionIdsToStages"][TOKENS[0]] == ["AWSPENDING"]
    [listed] = (await secrets("ListSecrets"))["SecretList"]
    assert listed["NextRotationDate"] == shown["NextRotationDate"]
    error = await refused("GetSecretValue", SecretId=secret, VersionStage="AWSPENDING")
    assert error.code == "ResourceNotFoundException"
    assert (attempt().step, attempt().kind) == ("createSecret", "asked")
    assert list(all_findings(store)) == []


async def test_a_rotation_that_went_well_shows_its_date(secrets, secret, moment, end):
    rules = {"ScheduleExpression": "cron(0 8 ? * MON *)", "Duration": "2h"}
    await secrets(
        "RotateSecret", **{**ROTATE, "RotationRules": rules}, ClientRequestToken=TOKENS[0]
    )
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["RotationRules"] == rules
    await put_pending(secrets, TOKENS[0])
    moment.pass_by(minutes=1)
    await end(TOKENS[0])
    assert (await secrets("GetSecretValue", SecretId=secret))["SecretString"] == "two"
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["LastRotatedDate"] == moment.now()
    assert shown["RotationRules"] == {**rules, "AutomaticallyAfterDays": 7}
    assert shown["VersionIdsToStages"][TOKENS[0]] == ["AWSCURRENT", "AWSPENDING"]
    again = await secrets("RotateSecret", SecretId=secret, ClientRequestToken=TOKENS[0])
    assert again["VersionId"] == TOKENS[0]  # the same request, answered once more
    assert await secrets("DescribeSecret", SecretId=secret) == shown
    await secrets("RotateSecret", SecretId=secret, ClientRequestToken=TOKENS[1])
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["VersionIdsToStages"][TOKENS[1]] == ["AWSPENDING"]


async def test_a_rotation_in_progress_is_not_overtaken(
    secrets, secret, refused, attempt, store, moment
):
    await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    first = attempt()
    same = await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    assert (same["VersionId"], attempt()) == (TOKENS[0], first)
    async with store.transaction(SCOPE) as change:
        [held] = change.select(Secret)
        change.put(rotation.after_failure(held, moment.now()))
    assert attempt().retry_at is not None
    other = {**ROTATE, "RotationRules": {"AutomaticallyAfterDays": 9}}
    error = await refused("RotateSecret", **other, ClientRequestToken=TOKENS[1])
    assert error.code == "InvalidRequestException"
    assert error.message == "A previous rotation isn't complete. That rotation will be reattempted."
    assert (attempt().token, attempt().retry_at) == (TOKENS[0], None)  # and it is, at once
    assert (await secrets("DescribeSecret", SecretId=secret))["RotationRules"] == DAILY


async def test_a_cancelled_rotation_leaves_its_label(secrets, secret, refused):
    await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    cancelled = await secrets("CancelRotateSecret", SecretId=secret)
    assert cancelled == {"ARN": secret, "Name": "app/db", "VersionId": TOKENS[0]}
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["RotationEnabled"] is False
    assert (shown["RotationLambdaARN"], shown["RotationRules"]) == (FUNCTION, DAILY)
    assert "NextRotationDate" not in shown
    assert shown["VersionIdsToStages"][TOKENS[0]] == ["AWSPENDING"]
    error = await refused("RotateSecret", SecretId=secret, ClientRequestToken=TOKENS[1])
    assert error.message.startswith("A previous rotation isn't complete.")
    await secrets(
        "UpdateSecretVersionStage",
        SecretId=secret,
        VersionStage="AWSPENDING",
        RemoveFromVersionId=TOKENS[0],
    )
    await secrets("RotateSecret", SecretId=secret, ClientRequestToken=TOKENS[1])
    assert (await secrets("DescribeSecret", SecretId=secret))["RotationEnabled"] is True


async def test_a_configuration_is_tested_with_a_copy_of_the_value(
    secrets, secret, attempt, store, refused
):
    asked = {**ROTATE, "RotateImmediately": False, "ClientRequestToken": TOKENS[0]}
    await secrets("RotateSecret", **asked)
    assert (attempt().step, attempt().kind) == ("testSecret", TEST)
    pending = await secrets("GetSecretValue", SecretId=secret, VersionStage="AWSPENDING")
    assert (pending["SecretString"], pending["VersionId"]) == ("one", TOKENS[0])
    await secrets("CancelRotateSecret", SecretId=secret)
    error = await refused("GetSecretValue", SecretId=secret, VersionId=TOKENS[0])
    assert error.code == "ResourceNotFoundException"
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert list(shown["VersionIdsToStages"].values()) == [["AWSCURRENT"]]
    assert list(all_findings(store)) == []


async def test_without_a_schedule_a_secret_is_rotated_when_somebody_asks(secrets, secret, attempt):
    await secrets("RotateSecret", SecretId=secret, RotationLambdaARN=FUNCTION)
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["RotationEnabled"] is True
    assert not {"RotationRules", "NextRotationDate"} & shown.keys()
    assert attempt() is not None


async def test_a_value_put_by_hand_moves_the_next_date(secrets, secret, moment, end):
    await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    await put_pending(secrets, TOKENS[0])
    await end(TOKENS[0])
    moment.pass_by(hours=30)
    await secrets("PutSecretValue", SecretId=secret, SecretString="by hand")
    shown = await secrets("DescribeSecret", SecretId=secret)
    assert shown["NextRotationDate"] == VIRTUAL_START + timedelta(days=3, seconds=-1)
    assert shown["LastRotatedDate"] == VIRTUAL_START


async def test_a_rotations_token_is_good_while_it_lasts(secrets, secret, attempt, end, refused):
    await secrets("RotateSecret", **ROTATE, ClientRequestToken=TOKENS[0])
    token = attempt().rotation_token
    put = {"SecretId": secret, "SecretString": "two", "ClientRequestToken": TOKENS[0]}
    error = await refused("PutSecretValue", **put, RotationToken=TOKENS[9] + "0000")
    assert error.message == "RotationToken is not that of a rotation in progress."
    await put_pending(secrets, TOKENS[0], RotationToken=token)
    await end(TOKENS[0])
    error = await refused("PutSecretValue", **put, RotationToken=token)
    assert error.code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RotationRules": {"ScheduleExpression": "rate(3 hours)"}}, "ScheduleExpression rate(3"),
        ({"RotationRules": {"Duration": "3h"}}, "Duration needs"),
        (
            {"RotationRules": {**DAILY, "ScheduleExpression": "rate(1 day)"}},
            "both AutomaticallyAfterDays and ScheduleExpression",
        ),
        ({"RotationLambdaARN": "rotate"}, "RotationLambdaARN rotate is no function's ARN"),
        (
            {"RotationLambdaARN": FUNCTION.replace("000000000000", "1" * 12)},
            "RotationLambdaARN must be a function of this account",
        ),
        (
            {"ExternalSecretRotationMetadata": [{"Key": "a", "Value": "b"}]},
            "ExternalSecretRotationMetadata is not supported",
        ),
        ({"ExternalSecretRotationRoleArn": FUNCTION}, "ExternalSecretRotationRoleArn is not"),
    ],
)
async def test_what_cannot_be_is_refused(secret, refused, attempt, change, words):
    error = await refused("RotateSecret", **{**ROTATE, **change})
    assert error.code == "InvalidParameterException"
    assert words in error.message


async def test_a_token_in_use_and_a_secret_on_its_way_out_are_refused(secrets, secret, refused):
    current = (await secrets("GetSecretValue", SecretId=secret))["VersionId"]
    error = await refused("RotateSecret", **ROTATE, ClientRequestToken=current)
    assert (error.code, current in error.message) == ("InvalidParameterException", True)
    await secrets("DeleteSecret", SecretId=secret)
    for name, request in (("RotateSecret", ROTATE), ("CancelRotateSecret", {"SecretId": secret})):
        error = await refused(name, **request)
        assert "marked for deletion" in error.message


async def test_without_functions_rotation_is_refused_with_the_settings_name(client, secret):
    alone = client("secretsmanager")
    with pytest.raises(Exception, match="RotationLambdaARN: .*ECSD_LAMBDA_ENDPOINT"):
        await alone("RotateSecret", **ROTATE)
