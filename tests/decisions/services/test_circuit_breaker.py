"""The circuit breaker counts what speaks against a deployment, and the throttle paces launches."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ecsd.decisions.services import circuit_breaker as breaker
from ecsd.records.ecs.service import Deployment
from ecsd.records.ecs.task import Container, Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_deployment(**members):
    return Deployment(
        deployment_id="ecs-svc/1",
        revision_arn="arn:revision/1",
        status="PRIMARY",
        created_at=NOW,
        updated_at=NOW,
        **members,
    )


def a_task(**members):
    defaults = {
        "task_arn": "arn:task",
        "task_id": "1",
        "cluster": "c",
        "cluster_arn": "arn:c",
        "task_definition": "web:1",
        "task_definition_arn": "arn",
        "group": "service:web",
        "containers": (Container(name="app", container_arn="a", image="i"),),
        "created_at": NOW,
        "desired_status": "STOPPED",
    }
    return Task(**(defaults | members))


@pytest.mark.parametrize(
    ("desired", "expected"), [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)]
)
def test_the_threshold_is_half_of_desired_within_three_and_two_hundred(desired, expected):
    assert breaker.threshold(desired) == expected


@pytest.mark.parametrize(
    ("kind", "value", "desired", "expected"),
    [
        ("COUNT", 7, 100, 7),
        ("COUNT", 1, 100, 1),
        ("BOUNDED_PERCENT", 10, 10, 3),
        ("BOUNDED_PERCENT", 80, 10, 8),
        ("BOUNDED_PERCENT", 100, 900, 200),
        ("UNBOUNDED_PERCENT", 10, 10, 1),
        ("UNBOUNDED_PERCENT", 100, 900, 900),
        ("UNBOUNDED_PERCENT", 50, 0, 1),
        (None, 80, 10, 8),
    ],
)
def test_a_threshold_may_be_configured(kind, value, desired, expected):
    configuration = {"value": value} | ({"type": kind} if kind else {})
    given = {"enable": True, "thresholdConfiguration": configuration}
    assert breaker.threshold(desired, given) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"stop_code": "TaskFailedToStart"}, True),
        ({"stop_code": "EssentialContainerExited"}, True),
        ({"stop_code": "EssentialContainerExited", "healthy_at": NOW}, False),
        ({"stop_code": "UserInitiated"}, False),
        (
            {
                "stop_code": "ServiceSchedulerInitiated",
                "stopped_reason": "Task failed ELB health checks in (target-group arn)",
            },
            True,
        ),
        (
            {
                "stop_code": "ServiceSchedulerInitiated",
                "stopped_reason": "Scaling activity initiated by (deployment ecs-svc/1)",
            },
            False,
        ),
        ({"stop_code": "TaskFailedToStart", "end_noted": True}, False),
        ({"desired_status": "RUNNING"}, False),
    ],
)
def test_only_ends_that_nobody_asked_for_count(members, expected):
    assert breaker.is_failure(a_task(**members)) is expected


def test_three_failures_trip_a_small_deployment_and_only_an_enabled_one():
    deployment = a_deployment()
    for _ in range(3):
        assert not breaker.is_tripped(deployment, 2, {"enable": True})
        deployment = breaker.count_failure(deployment, a_task(), NOW)
    assert breaker.is_tripped(deployment, 2, {"enable": True})
    assert not breaker.is_tripped(deployment, 2, {"enable": False})
    done = replace(deployment, rollout_state="COMPLETED")
    assert not breaker.is_tripped(done, 2, {"enable": True})


def test_a_healthy_task_resets_the_counts():
    deployment = breaker.count_failure(a_deployment(), a_task(), NOW)
    reset = breaker.count_success(deployment, NOW, reset=True)
    assert (reset.failures, reset.failed_tasks, reset.launch_failures) == (0, 0, 0)


def test_the_breakers_count_goes_on_where_a_healthy_task_is_not_to_reset_it():
    deployment = breaker.count_failure(a_deployment(), a_task(), NOW)
    kept = breaker.count_success(deployment, NOW, reset=False)
    assert (kept.failures, kept.failed_tasks, kept.launch_failures) == (1, 0, 0)
    assert breaker.count_success(kept, NOW, reset=False) is kept


def test_tasks_launched_together_are_one_round_of_the_throttle():
    deployment = a_deployment()
    for _ in range(5):
        deployment = breaker.count_failure(
            deployment, a_task(created_at=NOW), NOW + timedelta(seconds=1)
        )
    assert deployment.failures == 5
    assert deployment.launch_failures == 1
    assert breaker.may_start_at(deployment) is None


def test_pauses_double_up_to_their_cap():
    pauses = []
    for rounds in range(1, 16):
        deployment = a_deployment(launch_failures=rounds, last_failure_at=NOW)
        when = breaker.may_start_at(deployment)
        pauses.append((when - NOW).total_seconds() if when else 0)
    assert pauses[:5] == [0, 1, 2, 4, 8]
    assert pauses[-1] == 27 * 60
    ran = a_deployment(launch_failures=15, last_failure_at=NOW, ever_ran=True)
    assert breaker.may_start_at(ran) == NOW + timedelta(seconds=60)
