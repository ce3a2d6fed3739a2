"""Cron expressions of AWS: six fields, ``? L W #`` among their wildcards.

A day fits by its number or by its weekday: one of the two fields is ``?``, always. Source:
EventBridge Scheduler User Guide, Cron-based schedules.
"""

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

FIELDS = ("minutes", "hours", "day-of-month", "month", "day-of-week", "year")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 to 7
FIRST_YEAR, LAST_YEAR = 1970, 2199
SATURDAY = 7
WEEKS = 5  # that a month has at most
ANY = "?"


class Days(NamedTuple):
    """Which days of a month fit: those that one of these names. Weekdays: 1 is Sunday."""

    numbers: frozenset[int] = frozenset()
    last: bool = False
    nearest_weekday: int | None = None  # the day of Monday to Friday that is nearest to this number
    weekdays: frozenset[int] = frozenset()
    last_weekday: int | None = None  # the month's last day of this weekday
    nth_weekday: tuple[int, int] | None = None  # weekday, which of the month's


class Cron(NamedTuple):
    """The minutes at which something is to happen."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: Days
    months: frozenset[int]
    years: frozenset[int]

    @property
    def is_every_year(self) -> bool:
        """Whether the year does not count."""
        return len(self.years) == LAST_YEAR - FIRST_YEAR + 1


class _Range(NamedTuple):
    low: int
    high: int
    names: tuple[str, ...] = ()  # of low, low + 1, …


_MINUTES, _HOURS, _NUMBERS = _Range(0, 59), _Range(0, 23), _Range(1, 31)
_MONTHS, _WEEKDAYS = _Range(1, 12, MONTHS), _Range(1, 7, WEEKDAYS)
_YEARS = _Range(FIRST_YEAR, LAST_YEAR)


def parse_cron(text: str) -> Cron | str:
    """Return what six fields say, or why they say nothing."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        return f"cron() has six fields: {', '.join(FIELDS)}."
    minutes, hours, number, month, weekday, year = fields
    if (number == ANY) is (weekday == ANY):
        return "one of day-of-month and day-of-week must be ?, and only one."
    found = (
        _values(minutes, _MINUTES),
        _values(hours, _HOURS),
        _numbers(number) if weekday == ANY else _weekdays(weekday),
        _values(month, _MONTHS),
        _values(year, _YEARS),
    )
    places = (0, 1, 2 if weekday == ANY else 4, 3, 5)
    for place, one in zip(places, found, strict=True):
        if one is None:
            return f"{fields[place]} is no value of the field {FIELDS[place]}."
    return Cron(*found)  # type: ignore[arg-type]  # none of them is None


def next_time(cron: Cron, after: datetime) -> datetime | None:
    """Return the first moment after ``after`` (UTC) that fits, None if there is none any more."""
    day = after.date()
    while day.year <= LAST_YEAR:
        if day.year not in cron.years or day.month not in cron.months:
            day = _next_month(day)
            continue
        if _fits(cron.days, day):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            for hour in sorted(cron.hours):
                for minute in sorted(cron.minutes):
                    found = midnight + timedelta(hours=hour, minutes=minute)
                    if found > after:
                        return found
        day += timedelta(days=1)
    return None


def _next_month(day: date) -> date:
    if day.month == len(MONTHS):
        return date(day.year + 1, 1, 1)
    return date(day.year, day.month + 1, 1)


def _fits(days: Days, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    weekday = day.isoweekday() % 7 + 1
    week = (day.day - 1) // 7 + 1
    return (
        day.day in days.numbers
        or (days.last and day.day == length)
        or weekday in days.weekdays
        or (weekday == days.last_weekday and day.day + 7 > length)
        or days.nth_weekday == (weekday, week)
        or (days.nearest_weekday is not None and day == _nearest(day, days.nearest_weekday, length))
    )


def _nearest(month: date, number: int, length: int) -> date | None:
    """Return the working day nearest to a month's day, in that month; None: it has no such day."""
    if number > length:
        return None
    wanted = month.replace(day=number)
    match wanted.isoweekday():
        case 6:
            return wanted + timedelta(days=2 if number == 1 else -1)
        case 7:
            return wanted + timedelta(days=-2 if number == length else 1)
        case _:
            return wanted


def _numbers(text: str) -> Days | None:
    if text == "L":
        return Days(last=True)
    if text.endswith("W"):
        number = _value(text[:-1], _NUMBERS)
        return None if number is None else Days(nearest_weekday=number)
    values = _values(text, _NUMBERS)
    return None if values is None else Days(numbers=values)


def _weekdays(text: str) -> Days | None:
    if text == "L":
        return Days(weekdays=frozenset((SATURDAY,)))
    if text.endswith("L"):
        weekday = _value(text[:-1], _WEEKDAYS)
        return None if weekday is None else Days(last_weekday=weekday)
    if "#" in text:
        name, _, which = text.partition("#")
        weekday, week = _value(name, _WEEKDAYS), _value(which, _Range(1, WEEKS))
        return None if weekday is None or week is None else Days(nth_weekday=(weekday, week))
    values = _values(text, _WEEKDAYS)
    return None if values is None else Days(weekdays=values)


def _values(text: str, field: _Range) -> frozenset[int] | None:
    """Return the values that ``,``, ``-``, ``/`` and ``*`` name, None if they name none."""
    found: set[int] = set()
    for part in text.split(","):
        span, stepped, step = part.partition("/")
        every = _value(step, _Range(1, field.high)) if stepped else 1
        low, high = _span(span, field, is_open=bool(stepped))
        if every is None or low is None or high is None or low > high:
            return None
        found.update(range(low, high + 1, every))
    return frozenset(found)


def _span(text: str, field: _Range, *, is_open: bool) -> tuple[int | None, int | None]:
    """Return a part's first and last value. is_open: a single value goes on to the field's end."""
    if text == "*":
        return field.low, field.high
    first, dashed, last = text.partition("-")
    low = _value(first, field)
    if dashed:
        return low, _value(last, field)
    return low, field.high if is_open else low


def _value(text: str, field: _Range) -> int | None:
    if text.upper() in field.names:
        return field.low + field.names.index(text.upper())
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if field.low <= int(text) <= field.high else None
