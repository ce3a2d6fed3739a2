"""Hooks decide once, are asked again while they have not, and run out of time."""

from datetime import UTC, datetime, timedelta

import pytest

from ecsd.decisions.rollout.stages import Position
from ecsd.decisions.services import lifecycle_hook
from ecsd.decisions.services.hook_plan import compile_hook
from ecsd.records.ecs.service import DeploymentConfiguration
from ecsd.records.ecs.service_deployment import ServiceDeployment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
HOOKS = (
    {
        "hookTargetArn": FUNCTION,
        "lifecycleStages": ["PRE_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"],
        "hookDetails": {"who": "me"},
    },
    {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]},
)


def attempt(**more):
    return ServiceDeployment(
        arn="arn:attempt",
        service_arn="arn:service",
        cluster_arn="arn:cluster",
        target_revision_arn="arn:green",
        source_revision_arns=("arn:blue",),
        blue_revision_arn="arn:blue",
        configuration=DeploymentConfiguration(
            strategy="CANARY", canary={"canaryPercent": 20.0}, lifecycle_hooks=HOOKS
        ),
        status="IN_PROGRESS",
        created_at=NOW,
        updated_at=NOW,
        **more,
    )


def runs(stage="PRE_SCALE_UP", step=0):
    ids = iter(["h1", "h2"])
    return lifecycle_hook.begin(attempt(), Position(stage, step), lambda: next(ids), NOW)


def test_a_stage_begins_with_its_own_hooks():
    function, pause = runs()
    assert (function.status, pause.status) == ("IN_PROGRESS", "AWAITING_ACTION")
    assert function.expires_at == pause.expires_at == NOW + timedelta(days=1)
    assert runs("POST_SCALE_UP") == ()
    assert not lifecycle_hook.have_passed([function, pause])
    assert lifecycle_hook.have_passed([])


@pytest.mark.parametrize(
    ("answer", "words", "status"),
    [
        ({"hookStatus": "SUCCEEDED"}, None, "SUCCEEDED"),
        ({"hookStatus": "FAILED"}, None, "FAILED"),
        ({"hookStatus": "IN_PROGRESS"}, None, "IN_PROGRESS"),
        ({"hookStatus": "IN_PROGRESS", "callBackDelay": "soon"}, None, "FAILED"),
        ({"hookStatus": "IN_PROGRESS", "callBackDelay": True}, None, "FAILED"),
        ({"hookStatus": "IN_PROGRESS", "hookDetails": "text"}, None, "FAILED"),
        ({"hookStatus": "WHATEVER"}, None, "FAILED"),
        ({}, None, "FAILED"),
        (None, "gave no answer: refused", "FAILED"),
    ],
)
def test_an_answer_decides_or_asks_for_patience(answer, words, status):
    run = runs()[0]
    after = lifecycle_hook.answered(run, 1, answer, words, NOW)
    assert after.status == status
    assert (after.words is not None) is (status == "FAILED")
    assert (after.call_at == NOW + timedelta(seconds=30)) is (status == "IN_PROGRESS")
    assert lifecycle_hook.answered(after, 1, {"hookStatus": "SUCCEEDED"}, None, NOW) == after
    assert lifecycle_hook.answered(run, 2, answer, words, NOW) == run


def test_time_asks_again_and_ends_the_waiting():
    run = lifecycle_hook.answered(
        runs()[0], 1, {"hookStatus": "IN_PROGRESS", "callBackDelay": 5}, None, NOW
    )
    assert lifecycle_hook.next_moment([run]) == NOW + timedelta(seconds=5)
    assert lifecycle_hook.timed(run, NOW + timedelta(seconds=4)) == run
    again = lifecycle_hook.timed(run, NOW + timedelta(seconds=5))
    assert (again.call, again.call_at) == (2, None)
    late = lifecycle_hook.timed(run, run.expires_at)
    assert late.status == "TIMED_OUT"
    assert "timed out" in lifecycle_hook.failure([late])
    assert lifecycle_hook.timed(late, run.expires_at) == late


def test_on_the_way_back_a_function_hears_the_weights_that_are_restored():
    (run,) = runs("PRODUCTION_TRAFFIC_SHIFT")
    ids = iter(["h9"])
    (back,) = lifecycle_hook.begin_back(attempt(hooks=(run,)), lambda: next(ids), NOW)
    assert (back.stage, back.step) == ("PRODUCTION_TRAFFIC_SHIFT", lifecycle_hook.BACK)
    ongoing = attempt(hooks=(run, back))
    plan = compile_hook(ongoing, "h9", "http://x")
    details = plan.payload["executionDetails"]
    assert details["productionTrafficWeights"] == {"arn:green": 0.0, "arn:blue": 100.0}
    assert not lifecycle_hook.is_way_back_told(ongoing)
    assert lifecycle_hook.is_way_back_told(attempt(hooks=(run,)))
    assert lifecycle_hook.begin_back(attempt(), lambda: "h", NOW) == ()


def test_a_function_is_told_where_the_deployment_is():
    (run,) = runs("PRODUCTION_TRAFFIC_SHIFT")
    plan = compile_hook(attempt(hooks=(run,)), "h1", "http://localhost:3001/")
    assert plan.url == "http://localhost:3001/2015-03-31/functions/check/invocations"
    assert plan.payload == {
        "executionId": "h1",
        "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT",
        "resourceArn": "arn:attempt",
        "executionDetails": {
            "serviceArn": "arn:service",
            "targetServiceRevisionArn": "arn:green",
            "testTrafficWeights": {"arn:green": 100.0, "arn:blue": 0.0},
            "productionTrafficWeights": {"arn:green": 20.0, "arn:blue": 80.0},
        },
        "hookDetails": {"who": "me"},
    }
    waiting = lifecycle_hook.answered(run, 1, {"hookStatus": "IN_PROGRESS"}, None, NOW)
    assert compile_hook(attempt(hooks=(waiting,)), "h1", "http://x") is None
    done = lifecycle_hook.answered(run, 1, {"hookStatus": "SUCCEEDED"}, None, NOW)
    assert compile_hook(attempt(hooks=(done,)), "h1", "http://x") is None
    assert compile_hook(attempt(), "h1", "http://x") is None
