"""The stages of a deployment that shifts traffic: in order, finite, never giving more back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.traffic import forwarded, shared, weights
from ecsd.decisions.rollout import stages
from ecsd.decisions.rollout.stages import Facts, Position, Shift
from ecsd.records.ecs.service import DeploymentConfiguration

NOW = datetime(2026, 1, 1, tzinfo=UTC)

configurations = st.one_of(
    st.just(DeploymentConfiguration(strategy="BLUE_GREEN", bake_time_in_minutes=5)),
    st.builds(
        lambda tenths: DeploymentConfiguration(
            strategy="CANARY", canary={"canaryPercent": tenths / 10}
        ),
        st.integers(1, 1000),
    ),
    st.builds(
        lambda tenths: DeploymentConfiguration(
            strategy="LINEAR", linear={"stepPercent": tenths / 10}
        ),
        st.integers(30, 1000),
    ),
)


def way(configuration):
    """Return every position that a deployment passes."""
    steps = stages.shifts(configuration, has_blue=True)
    position, passed = stages.first(reconciles=True), []
    while position is not None:
        passed.append(position)
        position = stages.following(position, steps)
    return passed, steps


@given(configurations)
def test_traffic_only_ever_moves_on_and_ends_with_all_of_it(configuration):
    passed, steps = way(configuration)
    shares = [stages.production_percent(one, steps) for one in passed]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 100.0)
    tests = [stages.test_percent(one) for one in passed]
    assert tests == sorted(tests)
    assert len(set(passed)) == len(passed)
    first_shift = next(number for number, share in enumerate(shares) if share > 0)
    assert tests[first_shift] == 100.0  # test traffic first


@given(configurations)
def test_no_traffic_reaches_green_before_it_was_scaled_up(configuration):
    passed, steps = way(configuration)
    before = passed[: passed.index(Position("SCALE_UP"))]
    assert all(stages.production_percent(one, steps) == 0 for one in before)
    assert all(stages.test_percent(one) == 0 for one in before)


def test_steps_are_those_of_the_configuration():
    linear = DeploymentConfiguration(
        strategy="LINEAR", linear={"stepPercent": 30.0, "stepBakeTimeInMinutes": 2}
    )
    assert stages.shifts(linear, has_blue=True) == (
        Shift(30, 2),
        Shift(60, 2),
        Shift(90, 2),
        Shift(100, 0),
    )
    canary = DeploymentConfiguration(strategy="CANARY")
    assert stages.shifts(canary, has_blue=True) == (Shift(5, 10), Shift(100, 0))
    whole = DeploymentConfiguration(strategy="CANARY", canary={"canaryPercent": 100.0})
    assert stages.shifts(whole, has_blue=True) == (Shift(100, 0),)
    at_once = (Shift(100, 0),)
    blue_green = DeploymentConfiguration(strategy="BLUE_GREEN")
    assert stages.shifts(blue_green, has_blue=True) == at_once
    assert stages.shifts(linear, has_blue=False) == at_once


def facts(**more):
    defaults = {
        "now": NOW,
        "since": NOW,
        "hooks_passed": True,
        "traffic_in_force": True,
        "green_healthy": 2,
        "desired": 2,
        "blue": 0,
        "blue_whole": True,
        "others": 0,
    }
    return Facts(**(defaults | more))


@pytest.mark.parametrize(
    ("stage", "waiting"),
    [
        ("RECONCILE_SERVICE", {"others": 1}),
        ("RECONCILE_SERVICE", {"blue_whole": False}),
        ("PRE_SCALE_UP", {"hooks_passed": False}),
        ("PRODUCTION_TRAFFIC_SHIFT", {"traffic_in_force": False}),
        ("SCALE_UP", {"green_healthy": 1}),
        ("BAKE_TIME", {"now": NOW + timedelta(minutes=4, seconds=59)}),
        ("CLEAN_UP", {"blue": 1}),
        ("CLEAN_UP", {"others": 1}),
    ],
)
def test_a_stage_waits_for_what_it_is_for(stage, waiting):
    steps = (Shift(100, 0),)
    later = NOW + timedelta(minutes=5)
    assert stages.is_done(Position(stage), steps, 5, facts(now=later))
    assert not stages.is_done(Position(stage), steps, 5, facts(**({"now": later} | waiting)))


def test_a_stage_may_not_last_for_ever_but_a_pause_may():
    late = NOW + timedelta(hours=24, seconds=1)
    assert stages.is_out_of_time(facts(now=late))
    assert not stages.is_out_of_time(facts(now=late, hooks_passed=False))


@given(st.integers(0, 1000))
def test_weights_share_as_asked(tenths):
    blue, green = weights(tenths / 10)
    assert 0 <= blue <= 999
    assert 0 <= green <= 999
    assert abs(100 * green / (blue + green) - tenths / 10) < 0.06


def test_a_forward_keeps_all_but_its_weights():
    sticky = {"Enabled": True, "DurationSeconds": 60}
    shares = [{"TargetGroupArn": one, "Weight": 1} for one in ("blue", "green", "third")]
    action = {
        "Type": "forward",
        "Order": 1,
        "ForwardConfig": {"TargetGroups": shares, "TargetGroupStickinessConfig": sticky},
    }
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    first, second = shared((action, fixed), "blue", "green", 25.0)
    assert [one["Weight"] for one in first["ForwardConfig"]["TargetGroups"]] == [75, 25, 0]
    assert first["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky
    assert second == fixed
    assert forwarded([action, fixed, {"Type": "forward", "TargetGroupArn": "plain"}]) == {
        *("blue", "green", "third", "plain")
    }
