"""Ends in ECS's words."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.containers.container_order import Seen
from ecsd.decisions.tasks import stop_cause
from ecsd.decisions.tasks.stop_cause import StopCause, task_cause

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = Seen(status="RUNNING", started_at=NOW)
EXITED = Seen(status="STOPPED", started_at=NOW, finished_at=NOW, exit_code=0)
NEVER_RAN = Seen(status="STOPPED", reason="CannotPullContainerError: no")
OPTIONAL = {"name": "b", "essential": False}


@pytest.mark.parametrize(
    ("containers", "view", "kind", "expected"),
    [
        ([{"name": "a"}], {"a": RUNNING}, "FARGATE", None),
        ([{"name": "a"}], {}, "FARGATE", None),
        (
            [{"name": "a"}],
            {"a": EXITED},
            "FARGATE",
            StopCause("EssentialContainerExited", "Essential container in task exited"),
        ),
        ([{"name": "a"}, OPTIONAL], {"a": RUNNING, "b": EXITED}, "FARGATE", None),
        ([{"name": "a"}, OPTIONAL], {"a": RUNNING, "b": NEVER_RAN}, "FARGATE", None),
        (
            [OPTIONAL],
            {"b": EXITED},
            "FARGATE",
            StopCause("EssentialContainerExited", "Essential container in task exited"),
        ),
        (
            [{"name": "a"}],
            {"a": NEVER_RAN},
            "FARGATE",
            StopCause("TaskFailedToStart", "CannotPullContainerError: no"),
        ),
        (
            [{"name": "a"}],
            {"a": NEVER_RAN},
            "EC2",
            StopCause("TaskFailedToStart", "Task failed to start"),
        ),
    ],
)
def test_why_a_task_ends_by_itself(containers, view, kind, expected):
    assert task_cause(containers, view, kind) == expected


def test_a_container_that_is_restarted_ends_nothing():
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    late = Seen(status="STOPPED", started_at=NOW, finished_at=NOW.replace(hour=1), exit_code=1)
    assert task_cause([{"name": "a", "restartPolicy": policy}], {"a": late}, "FARGATE") is None


@pytest.mark.parametrize(
    ("code", "engine", "kernel", "expected"),
    [
        (137, True, 0, stop_cause.OUT_OF_MEMORY),
        (137, False, 1, stop_cause.OUT_OF_MEMORY),
        (137, False, 0, None),
        (1, True, 1, None),
        (0, False, 0, None),
    ],
)
def test_memory_is_told_from_a_kill(code, engine, kernel, expected):
    assert stop_cause.exit_reason(code, engine, kernel) == expected


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        ("manifest for r/a:1 not found: manifest unknown", "r/a:1: not found"),
        ("pull access denied for r/a", "insufficient_scope: authorization failed"),
        ("dial tcp 127.0.0.1:9: connect: connection refused", "connect: connection refused"),
        ("no matching manifest for linux/amd64 in the list", "linux/amd64 in the list"),
    ],
)
def test_pull_failures(words, ending):
    found = stop_cause.pull_failure("r/a:1", words)
    assert found.startswith("CannotPullContainerError: pull image manifest has been retried 1 time")
    assert found.endswith(ending)


def test_a_log_driver_that_cannot_begin_is_a_resource_on_fargate_only():
    words = (
        "failed to initialize logging driver: failed to create Cloudwatch log stream: "
        "ResourceNotFoundException: The specified log group does not exist."
    )
    assert stop_cause.start_failure(words, "FARGATE") == (
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: "
        "The specified log group does not exist. : exit status 1"
    )
    assert stop_cause.start_failure(words, "EC2").startswith("CannotStartContainerError: ")
    other = "failed to initialize logging driver: dial unix: no such file"
    assert stop_cause.start_failure(other, "FARGATE") == f"ResourceInitializationError: {other}"


def test_timeouts():
    assert stop_cause.timed_out("running", 180, "EC2") == (
        "DockerTimeoutError: Could not transition to running; timed out after waiting 3m0s"
    )
    assert stop_cause.timed_out("running", 60, "FARGATE").startswith("ContainerRuntimeTimeoutError")


def test_a_reason_is_at_most_1024_characters():
    assert len(stop_cause.create_failure("x" * 5000)) == 1024
