"""Periods such as ``5m`` and the moments that they divide time into, in UTC.

Source: CloudWatch Logs User Guide, Logs Insights, datetime functions: ms, s, m, h, d, w, mo, q, y
and their longer spellings.
"""

from datetime import UTC, datetime, timedelta

from ecsd.decisions.insights.syntax import Period
from ecsd.decisions.insights.values import EPOCH, MOST_MILLISECONDS, Moment

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MONTHS = {"mo": 1, "q": 3, "qtr": 3, "y": 12, "yr": 12}
LONG = {
    "millisecond": "ms",
    "second": "s",
    "sec": "s",
    "minute": "m",
    "min": "m",
    "hour": "h",
    "hr": "h",
    "day": "d",
    "week": "w",
    "month": "mo",
    "mon": "mo",
    "quarter": "q",
    "year": "y",
}
UNITS = frozenset({*MILLISECONDS, *MONTHS})


def unit_of(word: str) -> str | None:
    """Return a unit by one of its spellings."""
    small = word.lower()
    if small in UNITS:
        return small
    return LONG.get(small) or LONG.get(small.removesuffix("s"))


def begin_of(moment: int, period: Period) -> Moment:
    """Return when the period that a moment lies in began. Both are milliseconds since 1970."""
    if period.unit in MILLISECONDS:
        size = period.length * MILLISECONDS[period.unit]
        return Moment(moment // size * size)
    months = period.length * MONTHS[period.unit]
    date = EPOCH + timedelta(milliseconds=min(max(0, moment), MOST_MILLISECONDS))
    passed = (date.year - 1970) * 12 + date.month - 1
    return _month(passed // months * months)


def end_of(moment: int, period: Period) -> Moment:
    """Return when the period that a moment lies in ends; a beginning is its own end."""
    begin = begin_of(moment, period)
    if begin == moment:
        return begin
    if period.unit in MILLISECONDS:
        return Moment(begin + period.length * MILLISECONDS[period.unit])
    date = EPOCH + timedelta(milliseconds=int(begin))
    passed = (date.year - 1970) * 12 + date.month - 1
    return _month(passed + period.length * MONTHS[period.unit])


def _month(passed: int) -> Moment:
    year = min(9999, 1970 + passed // 12)
    begin = datetime(year, passed % 12 + 1, 1, tzinfo=UTC)
    return Moment((begin - EPOCH) // timedelta(milliseconds=1))
