"""A rotation's steps: tables, and what holds however functions answer."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.secretsmanager import rotation
from ecsd.decisions.secretsmanager.rotation import STEPS
from ecsd.decisions.secretsmanager.stages import CURRENT, PENDING
from ecsd.records.secretsmanager.rotation import ASKED, SCHEDULED, TEST, RotationRules
from ecsd.records.secretsmanager.secret import Secret

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
MONTHLY = RotationRules(automatically_after_days=30)
NIGHTLY = RotationRules(schedule_expression="cron(0 2 * * ? *)", duration="1h")
PLAIN = Secret(arn="arn:s", name="s", created_at=NOW, changed_at=NOW, stages={CURRENT: "v1"})
ROTATED = rotation.configured(PLAIN, "arn:f", MONTHLY, NOW)


def begun(kind=ASKED, rules=MONTHLY, token="v2"):
    secret = rotation.configured(PLAIN, "arn:f", rules, NOW)
    return rotation.begun(secret, kind, token, "r1", NOW)


def finished(secret):
    """A secret after the function has moved the label."""
    token = secret.rotation.attempt.token
    return replace(secret, stages={**secret.stages, CURRENT: token})


def test_four_steps_lead_to_the_next_window():
    secret, told = begun(), []
    for _ in STEPS:
        event = json.loads(rotation.event_of(secret))
        told.append(event.pop("Step"))
        assert event == {"SecretId": "arn:s", "ClientRequestToken": "v2", "RotationToken": "r1"}
        if told[-1] == "finishSecret":
            secret = finished(secret)
        secret = rotation.after_step(secret, NOW)
    assert tuple(told) == STEPS
    held = secret.rotation
    assert (held.attempt, held.last_rotated_at, held.counted_from) == (None, NOW, NOW)
    assert rotation.due_at(secret, NOW) == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_rotation_that_leaves_its_label_behind_has_failed():
    secret = begun()
    for _ in STEPS[:-1]:
        secret = rotation.after_step(secret, NOW)
    assert "finishSecret has left AWSPENDING" in rotation.after_step(secret, NOW)
    without = replace(secret, stages={CURRENT: "v1"})  # as AWS has it, that is an end, too
    assert rotation.after_step(without, NOW).rotation.attempt is None


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([ASKED, SCHEDULED]))
def test_whatever_fails_all_four_steps_come_in_order_before_the_end(answers, kind):
    secret, now, done = begun(kind), NOW, []
    for goes_well in answers:
        attempt = secret.rotation.attempt
        if attempt is None:
            break
        now = max(now, rotation.due_at(secret, now))
        done = [*done, attempt.step] if goes_well else []
        if goes_well and attempt.step == "finishSecret":
            secret = finished(secret)
        after = rotation.after_step if goes_well else rotation.after_failure
        secret = after(secret, now)
        assert secret.stages[PENDING] == "v2"  # the same version all along
    is_over = secret.rotation.attempt is None
    assert is_over is (tuple(done) == STEPS)
    assert (secret.rotation.last_rotated_at is not None) is is_over


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (99, 60)]
)
def test_pauses_double_up_to_an_hour(failures, minutes):
    secret = begun()
    attempt = replace(secret.rotation.attempt, failures=failures, step="testSecret")
    secret = replace(secret, rotation=replace(secret.rotation, attempt=attempt))
    again = rotation.after_failure(secret, NOW).rotation.attempt
    assert again.retry_at == NOW + timedelta(minutes=minutes)
    assert (again.step, again.failures) == ("createSecret", failures + 1)


def test_what_a_schedule_began_is_tried_again_in_a_window_only():
    opens = datetime(2026, 1, 2, 2, tzinfo=UTC)
    secret = begun(SCHEDULED, NIGHTLY)
    soon = rotation.after_failure(secret, opens).rotation.attempt.retry_at
    assert soon == opens + timedelta(minutes=1)
    late = rotation.after_failure(secret, opens + timedelta(minutes=59, seconds=30))
    assert late.rotation.attempt.retry_at == opens + timedelta(days=1)
    asked = rotation.after_failure(begun(ASKED, NIGHTLY), opens + timedelta(minutes=59, seconds=30))
    assert asked.rotation.attempt.retry_at == opens + timedelta(minutes=60, seconds=30)


@pytest.mark.parametrize("end", [rotation.after_step, rotation.after_failure])
def test_a_test_is_one_step_and_leaves_nothing(end):
    secret = begun(TEST)
    assert json.loads(rotation.event_of(secret))["Step"] == "testSecret"
    after = end(secret, NOW)
    assert after == replace(ROTATED, stages=PLAIN.stages)


def test_a_label_that_was_taken_away_is_given_back():
    secret = begun()
    assert rotation.labelled(secret) == secret
    assert rotation.labelled(replace(secret, stages=PLAIN.stages)) == secret
    current = replace(secret, stages={CURRENT: "v2"})
    assert rotation.labelled(current) == current


def test_an_incomplete_rotation_goes_on_with_its_version():
    left = replace(ROTATED, stages={CURRENT: "v1", PENDING: "old"})
    assert rotation.is_incomplete(left.stages)
    assert rotation.begun(left, SCHEDULED, "new", "r", NOW).rotation.attempt.token == "old"
    ended = replace(ROTATED, stages={CURRENT: "old", PENDING: "old"})
    assert not rotation.is_incomplete(ended.stages)
    assert rotation.begun(ended, SCHEDULED, "new", "r", NOW).rotation.attempt.token == "new"


def test_a_value_put_by_hand_counts_as_a_rotation_and_that_of_a_rotation_does_not():
    later = NOW + timedelta(days=5)
    put = replace(ROTATED, stages={CURRENT: "mine"})
    assert rotation.put_by_hand(ROTATED, put, later).rotation.counted_from == later
    labelled = replace(ROTATED, stages={CURRENT: "v1", "mine": "v3"})
    assert rotation.put_by_hand(ROTATED, labelled, later) == labelled
    secret = begun()
    assert rotation.put_by_hand(secret, finished(secret), later) == finished(secret)
    plain = replace(PLAIN, stages={CURRENT: "v9"})
    assert rotation.put_by_hand(PLAIN, plain, later) == plain


def test_answers_count_for_the_attempt_that_they_are_for():
    secret = begun()
    attempt = secret.rotation.attempt
    assert rotation.is_same(secret, attempt)
    assert not rotation.is_same(rotation.after_step(secret, NOW), attempt)
    assert not rotation.is_same(rotation.cancelled(secret, NOW), attempt)
    anew = rotation.begun(ROTATED, ASKED, "v2", "r2", NOW)
    assert not rotation.is_same(anew, attempt)


def test_nothing_is_due_that_was_cancelled_or_is_to_be_deleted():
    secret = begun()
    assert rotation.due_at(secret, NOW) == NOW
    assert rotation.due_at(rotation.cancelled(secret, NOW), NOW) is None
    assert rotation.due_at(replace(secret, deletion_at=NOW), NOW) is None
    assert rotation.due_at(PLAIN, NOW) is None
    assert rotation.cancelled(secret, NOW).stages[PENDING] == "v2"
    assert rotation.cancelled(begun(TEST), NOW).stages == PLAIN.stages
    assert rotation.cancelled(PLAIN, NOW) == PLAIN


def test_a_failing_rotation_shows_by_a_date_in_the_past():
    at = datetime(2026, 2, 3, 12, tzinfo=UTC)
    due = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert rotation.shown(ROTATED.rotation, NOW)["NextRotationDate"] == due
    made_up = rotation.shown(ROTATED.rotation, at)["NextRotationDate"]
    assert made_up == datetime(2026, 2, 3, 23, 59, 59, tzinfo=UTC)
    secret = rotation.begun(ROTATED, SCHEDULED, "v2", "r", at)
    failing = rotation.after_failure(secret, at).rotation
    assert rotation.shown(failing, at)["NextRotationDate"] == due
    assert rotation.shown(None, NOW) == {}
