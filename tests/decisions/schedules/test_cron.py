"""Cron expressions of AWS: tables of the documentation, and an oracle that tries every hour."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.schedules.cron import Cron, next_time, parse_cron

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def times(text, after=START):
    cron = parse_cron(text)
    assert isinstance(cron, Cron), cron
    found = next_time(cron, after)
    while found is not None:
        yield found
        found = next_time(cron, found)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ("0 8 * * ? *", ["01-01 08:00", "01-02 08:00", "01-03 08:00"]),
        ("0 8/8 * * ? *", ["01-01 08:00", "01-01 16:00", "01-02 08:00"]),
        ("0 2/10 * * ? *", ["01-01 02:00", "01-01 12:00", "01-01 22:00", "01-02 02:00"]),
        ("0 16 1,15 * ? *", ["01-01 16:00", "01-15 16:00", "02-01 16:00"]),
        ("0 8 1/7 * ? *", ["01-01 08:00", "01-08 08:00", "01-15 08:00"]),
        ("0 0 ? * SUN#1 *", ["01-04 00:00", "02-01 00:00", "03-01 00:00"]),
        ("0 0 ? * 2#5 *", ["03-30 00:00", "06-29 00:00"]),  # months with five Mondays
        ("0 16 L * ? *", ["01-31 16:00", "02-28 16:00", "03-31 16:00"]),
        ("0 16 ? * L *", ["01-03 16:00", "01-10 16:00"]),  # Saturdays
        ("0 0 ? * 5L *", ["01-29 00:00", "02-26 00:00"]),  # the last Thursday
        ("0 0 ? 5 1L *", ["05-31 00:00"]),  # a Sunday that ends its month
        ("0 18 ? * MON-FRI *", ["01-01 18:00", "01-02 18:00", "01-05 18:00"]),
        ("0 9 ? * 2-6/2 *", ["01-02 09:00", "01-05 09:00", "01-07 09:00"]),
        ("15 10 3W * ? *", ["01-02 10:15", "02-03 10:15", "03-03 10:15"]),  # 3 January: Saturday
        ("0 0 1W 8 ? *", ["08-03 00:00"]),  # a Saturday that begins a month: the Monday after
        ("0 0 31W 5 ? *", ["05-29 00:00"]),  # a Sunday that ends one: the Friday before
        ("*/30 5 4 jul ? *", ["07-04 05:00", "07-04 05:30"]),
        ("0 0 1 1 ? 2028-2030/2", ["2028-01-01 00:00", "2030-01-01 00:00"]),
    ],
)
def test_the_moments_that_fit(fields, wanted):
    found = [one.strftime("%Y-%m-%d %H:%M") for one in islice(times(fields), len(wanted))]
    assert found == [one if one[:2] == "20" else f"2026-{one}" for one in wanted]


def test_what_comes_no_more_has_no_time():
    assert list(times("0 0 30 2 ? *")) == []
    assert list(times("0 0 1 1 ? 2026")) == []  # strictly after
    assert [one.year for one in times("0 0 29 2 ? 2026-2033")] == [2028, 2032]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("60 8 * * ? *", "minutes"),
        ("0 24 * * ? *", "hours"),
        ("0 8-6 * * ? *", "hours"),
        ("0 8 0 * ? *", "day-of-month"),
        ("0 8 32W * ? *", "day-of-month"),
        ("0 8 1 13 ? *", "month"),
        ("0 8 1 JANUARY ? *", "month"),
        ("0 8 ? * 8 *", "day-of-week"),
        ("0 8 ? * MON#6 *", "day-of-week"),
        ("0 8 ? * #1 *", "day-of-week"),
        ("0 8 * * ? 1969", "year"),
        ("0 */0 * * ? *", "hours"),
        ("0 1, * * ? *", "hours"),
        ("0 ² * * ? *", "hours"),
        ("0 L * * ? *", "hours"),
    ],
)
def test_a_wrong_field_is_named(fields, field):
    assert str(parse_cron(fields)).endswith(f"of the field {field}.")


def test_days_are_named_once_and_fields_are_six():
    for fields in ("0 8 * * * *", "0 8 ? * ? *"):
        assert "must be ?" in parse_cron(fields)
    assert "six fields" in parse_cron("0 8 * * ?")


HOURS = st.sampled_from(["*", "0", "5/6", "23", "8,20", "1-4"])
DAYS = st.sampled_from(
    ["* {} ?", "1/9 {} ?", "L {} ?", "28 {} ?", "15W {} ?", "? {} FRI", "? {} 3#2", "? {} 1L"]
)
MONTHS = st.sampled_from(["*", "2", "1/5", "NOV,DEC"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1)).map(  # noqa: DTZ001
    lambda one: one.replace(tzinfo=UTC)
)


@given(HOURS, DAYS, MONTHS, MOMENTS)
def test_nothing_that_fits_is_passed_over(hours, days, months, moment):
    """From any moment the same next time is found until it comes, and then a later one."""
    cron = parse_cron(f"0 {hours} {days.format(months)} *")
    found = next_time(cron, moment)
    assert found is not None
    assert found > moment
    assert (found.minute, found.second, found.microsecond) == (0, 0, 0)
    assert next_time(cron, found - timedelta(microseconds=1)) == found
    assert next_time(cron, moment + (found - moment) / 2) == found
    assert next_time(cron, found) > found
