"""What RunTask changes of a definition is checked against it, then applied."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.tasks.task_overrides import (
    check_overrides,
    normalise_overrides,
    storage_size,
    with_overrides,
)
from ecsd.records.ecs.task_definition import TaskDefinition

ROLE = "arn:aws:iam::000000000000:role/other"
DEFINITION = TaskDefinition(
    name="web:1",
    arn="arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
    family="web",
    revision=1,
    cpu="256",
    memory="512",
    container_definitions=(
        {
            "name": "app",
            "image": "i",
            "command": ["a"],
            "memory": 128,
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        },
        {"name": "side", "image": "i"},
    ),
    registered_at=datetime(2026, 1, 1, tzinfo=UTC),
    registered_by="me",
)


def of_app(**members):
    return {"containerOverrides": [{"name": "app"} | members]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cpu": "much"}, "Invalid 'cpu' setting for task."),
        ({"cpu": "512", "memory": "512"}, "No Fargate configuration exists for given values."),
        ({"memory": "4GB"}, "No Fargate configuration exists for given values."),
        ({"taskRoleArn": "arn:aws:s3:::x"}, "taskRoleArn must be the ARN or the name of a role"),
        ({"executionRoleArn": "a b"}, "executionRoleArn must be the ARN or the name of a role"),
        ({"ephemeralStorage": {"sizeInGiB": 20}}, "EphemeralStorage size should be at least 21"),
        (of_app(name="x"), "Override for container named x is not a container in the"),
        ({"containerOverrides": [{"name": "app"}] * 2}, "a container may be named once"),
        (of_app(environment=[{"name": "A=B", "value": ""}]), "a name without '='"),
        (of_app(memory=3), "memory must be at least 6 MiB"),
        (of_app(memoryReservation=200), "greater than or equal to 'memoryReservation'"),
        (of_app(memory=1024), "'memory' setting for container 'app' is greater than for the task."),
        (of_app(cpu=512), "The sum of all container 'cpu' values cannot be greater"),
        (of_app(cpu=-1), "cpu must not be negative"),
    ],
)
def test_wrong_overrides_are_found(given, words):
    found = list(check_overrides(normalise_overrides(given), DEFINITION))
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    "given",
    [
        None,
        {"cpu": "", "memory": "", "containerOverrides": [{"name": "app", "environment": []}]},
        {"cpu": "1 vCPU", "memory": "2GB", **of_app(memory=2048, cpu=1024)},
        {"taskRoleArn": ROLE, "executionRoleArn": ROLE, "ephemeralStorage": {"sizeInGiB": 200}},
    ],
)
def test_right_overrides_pass(given):
    assert list(check_overrides(normalise_overrides(given), DEFINITION)) == []


def test_sizes_in_words_become_numbers():
    assert normalise_overrides({"cpu": "much", "memory": ""}) == {"cpu": "much"}
    assert normalise_overrides({"cpu": "0.5 vCPU", "memory": "1 GB"}) == {
        "cpu": "512",
        "memory": "1024",
    }


def test_environment_is_merged_and_the_rest_replaced():
    changes = of_app(command=["b"], memoryReservation=64, environment=[{"name": "B", "value": "3"}])
    app, side = with_overrides(DEFINITION, changes)
    assert app["environment"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]
    assert (app["command"], app["memory"], app["memoryReservation"]) == (["b"], 128, 64)
    assert side == {"name": "side", "image": "i"}
    assert DEFINITION.container_definitions[0]["command"] == ["a"]


def test_storage_is_the_overrides_or_the_definitions():
    assert storage_size(DEFINITION, {}) is None
    assert storage_size(DEFINITION, {"ephemeralStorage": {"sizeInGiB": 30}}) == 30


def test_environment_files_replace_the_definitions():
    files = [{"value": "arn:aws:s3:::bucket/other.env", "type": "s3"}]
    [app, _] = with_overrides(DEFINITION, of_app(environmentFiles=files))
    assert app["environmentFiles"] == files
    wrong = of_app(environmentFiles=[{"value": "arn:aws:s3:::bucket/k", "type": "s3"}])
    assert "*.env" in next(check_overrides(wrong, DEFINITION))


def test_an_overriding_variable_may_not_have_a_secrets_name():
    app, side = DEFINITION.container_definitions
    hidden = {**app, "secrets": [{"name": "SECRET", "valueFrom": "p"}]}
    definition = replace(DEFINITION, container_definitions=(hidden, side))
    taken = of_app(environment=[{"name": "SECRET", "value": "x"}])
    assert "The secret name must be unique" in next(check_overrides(taken, definition))
    assert list(check_overrides(of_app(environment=[{"name": "X"}]), definition)) == []
