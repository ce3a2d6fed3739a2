"""Windows of rotations, by tables and by what must hold for all of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.secretsmanager.rotation_window import (
    days_between,
    fault_of,
    occasion,
    window_after,
)
from ecsd.records.secretsmanager.rotation import RotationRules

BASE = datetime(2026, 1, 1, 10, 20, tzinfo=UTC)  # a Thursday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def rules(schedule, duration=None):
    if isinstance(schedule, int):
        return RotationRules(automatically_after_days=schedule, duration=duration)
    return RotationRules(schedule_expression=schedule, duration=duration)


def moment(text):
    return datetime.strptime(f"2026-{text} +0000", "%Y-%m-%d %H %z")


@pytest.mark.parametrize(
    ("schedule", "duration", "opens", "closes"),
    [
        (30, None, "01-31 00", "02-01 00"),
        (1, "3h", "01-02 00", "01-02 03"),
        ("rate(10 days)", None, "01-11 00", "01-12 00"),
        ("rate(4 hours)", None, "01-01 14", "01-01 15"),
        ("rate(12 hours)", "3h", "01-01 22", "01-02 01"),
        ("cron(0 8 * * ? *)", None, "01-02 08", "01-03 00"),
        ("cron(0 8 * * ? *)", "2h", "01-02 08", "01-02 10"),
        ("cron(0 4/12 * * ? *)", None, "01-01 16", "01-01 17"),
        ("cron(0 16 1,15 * ? *)", "8h", "01-01 16", "01-02 00"),
    ],
)
def test_the_window_after_a_rotation(schedule, duration, opens, closes):
    wanted = rules(schedule, duration)
    assert fault_of(wanted, BASE) is None
    assert window_after(wanted, BASE) == (moment(opens), moment(closes))


def test_without_a_schedule_there_is_no_window():
    assert fault_of(RotationRules(), BASE) is None
    assert window_after(RotationRules(), BASE) is None
    assert occasion(RotationRules(), BASE, BASE + DAY) is None


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "opens"),
    [
        (30, None, "01-31 23", "01-31 00"),  # still open
        (30, None, "02-03 05", "02-03 00"),  # missed: any day will do
        (30, "3h", "02-03 05", "02-04 00"),  # but only in the night
        ("rate(4 hours)", None, "01-01 20", "01-01 20"),
        ("cron(0 8 ? * MON *)", "2h", "01-05 10", "01-12 08"),  # has just closed
        ("cron(0 8 ? * MON *)", "2h", "01-05 11", "01-12 08"),  # never outside of a window
        ("cron(0 8 ? * MON *)", "2h", "01-12 09", "01-12 08"),
    ],
)
def test_a_window_that_was_missed_is_made_up_for(schedule, duration, now, opens):
    assert occasion(rules(schedule, duration), BASE, moment(now)).opens == moment(opens)


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        (30, 30),
        ("rate(10 days)", 10),
        ("rate(4 hours)", 1),
        ("rate(36 hours)", 2),
        ("cron(0 8 ? * MON *)", 7),
        ("cron(0 4/12 * * ? *)", 1),
        ("cron(0 16 1,15 * ? *)", 14),
    ],
)
def test_days_between_rotations(schedule, days):
    assert days_between(rules(schedule), BASE) == days


@pytest.mark.parametrize(
    ("schedule", "duration", "words"),
    [
        ("rate(3 hours)", None, "every 4 hours at most"),
        ("rate(30 minutes)", None, "in hours or days"),
        ("rate(1000 days)", None, "at most 999 days"),
        ("every day", None, "rate(value unit)"),
        ("cron(30 8 * * ? *)", None, "minutes must be 0"),
        ("cron(* 8 * * ? *)", None, "minutes must be 0"),
        ("cron(0 8 * * ? 2027)", None, "year must be *"),
        ("cron(0 8,10 * * ? *)", None, "every 4 hours at most"),
        ("cron(0 1,22 * * ? *)", None, "every 4 hours at most"),
        ("cron(0 8 30 2 ? *)", None, "never comes"),
        ("cron(0 8 * * ? *)", "17h", "next UTC day"),
        ("cron(0 0/6 * * ? *)", "7h", "next window"),
        ("rate(4 hours)", "5h", "next window"),
        (30, "25h", "from 1h to 24h"),
        (30, "0h", "from 1h to 24h"),
        (None, "3h", "Duration needs"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(schedule, duration, words):
    assert words in fault_of(rules(schedule, duration), BASE)


def test_two_schedules_are_one_too_many():
    both = RotationRules(automatically_after_days=1, schedule_expression="rate(1 day)")
    assert "both" in fault_of(both, BASE)


SCHEDULES = st.sampled_from(
    [
        (1, None),
        (30, "2h"),
        ("rate(4 hours)", "4h"),
        ("rate(36 hours)", "24h"),
        ("rate(7 days)", None),
        ("cron(0 8/8 * * ? *)", None),
        ("cron(0 0 L * ? *)", "24h"),
        ("cron(0 22 ? * SUN#2 *)", "2h"),
    ]
)


@given(SCHEDULES, st.integers(0, 10**8), st.integers(0, 10**8))
def test_an_occasion_is_a_window_that_is_not_over(schedule, first, more):
    wanted = rules(*schedule)
    base = BASE + timedelta(seconds=first)
    now = base + timedelta(seconds=more)
    due, found = window_after(wanted, base), occasion(wanted, base, now)
    assert due.opens > base
    assert found.opens >= due.opens  # never too early
    assert found.closes > now
    assert found.closes - found.opens >= HOUR
    assert found.opens.minute == found.opens.second == 0
    if wanted.schedule_expression is not None and "cron" in wanted.schedule_expression:
        assert window_after(wanted, found.opens - HOUR) == found  # of the expression itself
    elif now >= due.closes:
        assert found.opens - now <= DAY  # not a whole interval later
