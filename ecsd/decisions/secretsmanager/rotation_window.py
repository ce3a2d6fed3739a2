"""When secrets are rotated: windows by rates and cron expressions.

Windows open on the hour, in UTC. Those of days open at midnight and close with the day; those of
hours close after one; a Duration says otherwise. Source: AWS Secrets Manager User Guide, Rotation
schedules; API Reference, RotationRulesType.
"""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from ecsd.decisions.schedules.cron import Cron, next_time
from ecsd.decisions.schedules.expression import Rate, parse_schedule
from ecsd.records.secretsmanager.rotation import RotationRules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS = 24  # of a day
LEAST_HOURS, MOST_DAYS = 4, 999  # from one rotation to the next
_DURATION = re.compile(r"([0-9]{1,2})h")


class Window(NamedTuple):
    """A time to rotate in, without its end."""

    opens: datetime
    closes: datetime


def fault_of(rules: RotationRules, now: datetime) -> str | None:
    """Return why a secret cannot be rotated by these rules, None if it can."""
    expression = rules.schedule_expression
    if rules.automatically_after_days is not None and expression is not None:
        return "You can't specify both AutomaticallyAfterDays and ScheduleExpression."
    if expression is not None:
        schedule = parse_schedule(expression)
        fault = schedule if isinstance(schedule, str) else _schedule_fault(schedule, now)
        if fault is not None:
            return f"ScheduleExpression {expression}: {fault}"
    return _duration_fault(rules)


def window_after(rules: RotationRules, base: datetime) -> Window | None:
    """Return the window that comes next after a rotation at ``base``, None without a schedule."""
    schedule = _schedule(rules)
    length = _length(rules)
    if schedule is None:
        return None
    if isinstance(schedule, Rate):
        start = _midnight(base) if schedule.unit == "day" else _full_hour(base)
        opens: datetime | None = start + schedule.interval
    else:
        opens = next_time(schedule, base)
    if opens is None:
        return None
    if length is not None:
        return Window(opens, opens + length)
    return Window(opens, opens + HOUR if _is_hourly(schedule) else _midnight(opens) + DAY)


def occasion(rules: RotationRules, base: datetime, now: datetime) -> Window | None:
    """Return the window to rotate in: the one due after ``base``, or what there is when it is over.

    A missed window is made up for in the next one that a cron expression names; of a rate, at the
    same time on the next day, or with the next hour. It closes after ``now``.
    """
    due = window_after(rules, base)
    if due is None or due.closes > now:
        return due
    schedule = _schedule(rules)
    if isinstance(schedule, Rate):
        step = DAY if schedule.unit == "day" else HOUR
        last = due.opens + (now - due.opens) // step * step
        length = due.closes - due.opens
        return (
            Window(last, last + length)
            if last + length > now
            else Window(last + step, last + step + length)
        )
    found = window_after(rules, now - DAY)  # no window is longer than a day
    while found is not None and found.closes <= now:
        found = window_after(rules, found.opens)
    return found


def days_between(rules: RotationRules, base: datetime) -> int | None:
    """Return how many days lie between rotations, from the one at ``base`` on: at least 1."""
    if rules.automatically_after_days is not None:
        return rules.automatically_after_days
    first = window_after(rules, base)
    second = window_after(rules, first.opens) if first is not None else None
    if first is None or second is None:
        return None
    return max(1, -(-(second.opens - first.opens) // DAY))


def _schedule(rules: RotationRules) -> Rate | Cron | None:
    if rules.automatically_after_days is not None:
        return Rate(rules.automatically_after_days, "day")
    if rules.schedule_expression is None:
        return None
    schedule = parse_schedule(rules.schedule_expression)
    return None if isinstance(schedule, str) else schedule  # refused before it was stored


def _schedule_fault(schedule: Rate | Cron, now: datetime) -> str | None:
    often = f"a secret is rotated every {LEAST_HOURS} hours at most."
    if isinstance(schedule, Rate):
        if schedule.unit == "minute":
            return "rate() must be in hours or days."
        if schedule.interval < LEAST_HOURS * HOUR:
            return often
        return f"at most {MOST_DAYS} days." if schedule.interval > MOST_DAYS * DAY else None
    if schedule.minutes != {0}:
        return "the field minutes must be 0: windows open on the hour."
    if not schedule.is_every_year:
        return "the field year must be *."
    if min(_gaps(schedule)) < LEAST_HOURS:
        return often
    return "it never comes." if next_time(schedule, now) is None else None


def _duration_fault(rules: RotationRules) -> str | None:
    if rules.duration is None:
        return None
    schedule, length = _schedule(rules), _length(rules)
    if schedule is None:
        return "Duration needs AutomaticallyAfterDays or ScheduleExpression."
    if length is None or not HOUR <= length <= DAY:
        return f"Duration {rules.duration} must be from 1h to {HOURS}h."
    if isinstance(schedule, Rate):
        longest = min(schedule.interval, DAY)
    else:
        longest = min(*_gaps(schedule), HOURS - max(schedule.hours)) * HOUR
    if length > longest:
        return (
            f"Duration {rules.duration}: the window must not extend into the next window or the "
            "next UTC day."
        )
    return None


def _gaps(cron: Cron) -> list[int]:
    """Return the hours from each opening to the next, as if every day fitted."""
    hours = sorted(cron.hours)
    return [later - one for one, later in pairwise([*hours, hours[0] + HOURS])]


def _is_hourly(schedule: Rate | Cron) -> bool:
    if isinstance(schedule, Rate):
        return schedule.unit == "hour"
    return len(schedule.hours) > 1


def _length(rules: RotationRules) -> timedelta | None:
    found = _DURATION.fullmatch(rules.duration or "")
    return int(found[1]) * HOUR if found is not None else None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
