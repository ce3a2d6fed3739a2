"""Values that containers get at start: checked, asked for once, put where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.containers.startup_values import (
    Login,
    Values,
    Wanted,
    unusable,
    wanted,
    with_values,
)
from ecsd.decisions.task_definitions.startup_value_checks import check_values

FILE = "arn:aws:s3:::bucket/a.env"
ROLE = {"executionRoleArn": "role"}
LOGIN = {"credentialsParameter": "registry"}
UNIQUE = (
    "The secret name must be unique and not shared with any new or existing environment variables "
    "set on the container, such as 'A'."
)
variables = st.dictionaries(st.sampled_from("ABCDE"), st.text("xyz", max_size=3))


def secret(name, value_from="p"):
    return {"name": name, "valueFrom": value_from}


def listed(members):
    return [{"name": name, "value": value} for name, value in members.items()]


def environment(container):
    return {one["name"]: one["value"] for one in container.get("environment", ())}


@given(variables, variables, variables, variables)
def test_secrets_win_over_variables_and_variables_over_files(first, second, given_ones, hidden):
    container = {
        "environment": listed(given_ones),
        "environmentFiles": [{"value": "f1"}, {"value": "f2"}],
        "secrets": [secret(name, f"from {name}") for name in hidden],
    }
    values = Values(
        {f"from {name}": value for name, value in hidden.items()}, {"f1": first, "f2": second}
    )
    filled = with_values(container, values)
    assert environment(filled) == second | first | given_ones | hidden
    assert environment(container) == given_ones  # the plan's own stays as it is


def test_log_options_get_their_secrets():
    logging = {"logDriver": "splunk", "options": {"a": "1"}, "secretOptions": [secret("token")]}
    filled = with_values({"logConfiguration": logging}, Values({"p": "hunter2"}))
    assert filled["logConfiguration"]["options"] == {"a": "1", "token": "hunter2"}
    assert logging["options"] == {"a": "1"}


def test_a_container_that_asks_for_nothing_stays_the_same():
    container = {"name": "app", "environment": [{"name": "A", "value": "1"}]}
    assert with_values(container, Values()) == container
    assert not any(wanted([container]))


def test_everything_is_asked_for_once():
    one = {
        "secrets": [secret("A"), secret("B")],
        "environmentFiles": [{"value": FILE}],
        "repositoryCredentials": LOGIN,
    }
    options = {"logConfiguration": {"secretOptions": [secret("token", "q")]}}
    assert wanted([one, {**one, **options}]) == Wanted(("p", "q"), (FILE,), ("registry",))


def test_null_bytes_are_told_without_the_value():
    values = Values({"p": "hun\0ter"}, {FILE: {"A": "x\0"}}, {"r": Login("u", "p")})
    secret_words, file_words = unusable(values)
    assert secret_words.endswith("the value of p holds a null byte")
    assert file_words.endswith(f"{FILE} holds a null byte")
    assert "ter" not in secret_words


@pytest.mark.parametrize(
    ("container", "task", "words"),
    [
        ({"secrets": [secret("A")]}, {}, "When you are specifying container secrets, you must"),
        ({"environmentFiles": [{"value": FILE, "type": "s3"}]}, {}, "environment files, you must"),
        ({"repositoryCredentials": LOGIN}, {}, "repository credentials, you must also specify"),
        ({"secrets": [secret("A"), secret("A")]}, ROLE, UNIQUE),
        ({"secrets": [secret("A")], "environment": [{"name": "A"}]}, ROLE, UNIQUE),
        ({"secrets": [secret("A=B")]}, ROLE, "a secret needs a name without '='"),
        ({"secrets": [secret("A", "arn:aws:s3:::b/k")]}, ROLE, "secrets: valueFrom of 'A' must be"),
        (
            {"logConfiguration": {"secretOptions": [secret("t", "")]}},
            ROLE,
            "logConfiguration.secretOptions: valueFrom of 't' must be",
        ),
        ({"environmentFiles": [{"value": FILE, "type": "s3"}] * 11}, ROLE, "at most 10"),
        ({"environmentFiles": [{"value": FILE, "type": "x"}]}, ROLE, "type must be s3"),
        (
            {"environmentFiles": [{"value": "arn:aws:s3:::b/k", "type": "s3"}]},
            ROLE,
            "value must be the ARN of an S3 object *.env",
        ),
        (
            {"repositoryCredentials": {"credentialsParameter": "arn:aws:s3:::b/k"}},
            ROLE,
            "credentialsParameter must be the ARN or the name of a secret",
        ),
    ],
)
def test_what_is_wrong_is_said(container, task, words):
    assert words in next(check_values({"name": "app", **container}, task))


def test_what_is_right_passes():
    container = {
        "name": "app",
        "secrets": [secret("A"), secret("B", "/x/y:2")],
        "environment": [{"name": "C"}],
        "environmentFiles": [{"value": FILE, "type": "s3"}],
        "repositoryCredentials": LOGIN,
    }
    assert list(check_values(container, ROLE)) == []
    assert list(check_values({"name": "app"}, {})) == []
