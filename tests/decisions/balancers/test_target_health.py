"""Health of targets: thresholds, reasons, pace, and who gets requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.target_health import (
    Health,
    Outcome,
    Pace,
    in_use,
    judge,
    matches,
    next_pace,
)
from ecsd.records.plan import HealthCheckPlan, TargetGroupPlan, TargetPlan

OUTCOMES = st.sampled_from(
    [
        Outcome("passed", 200),
        Outcome("code", 503),
        Outcome("timeout"),
        Outcome("refused"),
        Outcome("failed"),
    ]
)
PASSED, REFUSED = Outcome("passed", 200), Outcome("refused")


def after(*outcomes, healthy=3, unhealthy=2, begin=None):
    health = begin or Health()
    for outcome in outcomes:
        health = judge(health, outcome, healthy, unhealthy)
    return health


def test_one_pass_ends_initial():
    assert after(PASSED)[:3] == ("healthy", None, None)


def test_failures_in_a_row_make_a_target_unhealthy():
    code = Outcome("code", 503)
    assert after(PASSED, code).state == "healthy"
    assert after(PASSED, code, PASSED, code).state == "healthy"
    assert after(code).state == "initial"
    assert after(PASSED, code, code).state == "unhealthy"
    assert after(code, code).state == "unhealthy"


def test_an_unhealthy_target_needs_its_whole_threshold():
    sick = after(REFUSED, REFUSED)
    assert after(PASSED, PASSED, begin=sick).state == "unhealthy"
    assert after(PASSED, PASSED, REFUSED, PASSED, PASSED, begin=sick).state == "unhealthy"
    assert after(PASSED, PASSED, PASSED, begin=sick).state == "healthy"


@pytest.mark.parametrize(
    ("outcome", "reason", "description"),
    [
        (
            Outcome("code", 404),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [404]",
        ),
        (Outcome("timeout"), "Target.Timeout", "Request timed out"),
        (REFUSED, "Target.FailedHealthChecks", "Health checks failed"),
        (Outcome("failed"), "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_an_unhealthy_target_says_why_in_elbs_words(outcome, reason, description):
    assert after(outcome, outcome)[1:3] == (reason, description)


@pytest.mark.parametrize(
    ("matcher", "code", "fits"),
    [
        ("200", 200, True),
        ("200", 201, False),
        ("200,202", 202, True),
        ("200-299", 250, True),
        ("200-299", 300, False),
        ("200,300-302", 301, True),
    ],
)
def test_matchers(matcher, code, fits):
    assert matches(matcher, code) is fits


@given(st.lists(OUTCOMES, max_size=40), st.integers(2, 10), st.integers(2, 10))
def test_a_state_changes_only_by_its_threshold(outcomes, healthy, unhealthy):
    health, passed, failed = Health(), 0, 0
    for outcome in outcomes:
        before = health.state
        health = judge(health, outcome, healthy, unhealthy)
        passed = passed + 1 if outcome.kind == "passed" else 0
        failed = 0 if outcome.kind == "passed" else failed + 1
        if (before, health.state) == ("unhealthy", "healthy"):
            assert passed >= healthy
        if before != "unhealthy" and health.state == "unhealthy":
            assert failed >= unhealthy
        assert (health.reason is None) == (health.state == "healthy")


@given(st.lists(OUTCOMES, max_size=60), st.integers(5, 300))
def test_counted_checks_are_exactly_one_interval_apart(outcomes, interval):
    pace, at, last = Pace(), 0.0, 0.0
    for outcome in outcomes:
        pace, pause = next_pace(pace, outcome, "initial", interval)
        assert pause > 0
        at += pause
        if pace.counts:
            assert at - last == pytest.approx(interval)
            last = at


def test_only_a_new_target_where_nothing_listens_is_tried_in_between():
    assert next_pace(Pace(), REFUSED, "initial", 30)[1] == 0.25
    assert next_pace(Pace(), REFUSED, "unhealthy", 30)[1] == 30
    assert next_pace(Pace(), Outcome("timeout"), "initial", 30)[1] == 30
    assert next_pace(Pace(0.75, 0.5), Outcome("code", 503), "initial", 30) == (Pace(), 29.25)


def group(*targets, enabled=True):
    check = HealthCheckPlan(
        enabled=enabled,
        protocol="HTTP",
        port="traffic-port",
        path="/",
        interval=30,
        timeout=5,
        healthy_threshold=5,
        unhealthy_threshold=2,
        matcher="200",
    )
    return TargetGroupPlan(
        target_group_arn="arn",
        name="a",
        protocol="HTTP",
        health_check=check,
        targets=tuple(
            TargetPlan(target_id=name, address=name, port=80, draining=draining)
            for name, draining in targets
        ),
    )


def names(used):
    return {name for name, _ in used}


def test_requests_go_to_the_healthy_or_else_to_all_that_are_registered():
    three = group(("a", False), ("b", False), ("c", True))
    well, sick = Health("healthy", None, None), Health("unhealthy", "r", "d")
    assert names(in_use(three, {("a", 80): well, ("b", 80): sick})) == {"a"}
    assert names(in_use(three, {("a", 80): sick, ("b", 80): sick})) == {"a", "b"}
    assert names(in_use(three, {("c", 80): well})) == {"a", "b"}
    assert names(in_use(group(("c", True)), {("c", 80): well})) == set()
    assert names(in_use(group(("a", False), enabled=False), {})) == {"a"}
