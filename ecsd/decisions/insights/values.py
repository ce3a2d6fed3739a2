"""Values in a query: texts, numbers, truth values, moments, and None for what is not there.

A text that looks like a number is one where a number is needed. Source: CloudWatch Logs User Guide,
Logs Insights, supported operations and functions.
"""

import math
import re
from datetime import UTC, datetime, timedelta

NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_NUMBER = 40  # characters
MOST_MILLISECONDS = 253_402_300_799_999  # the end of the year 9999


class Moment(int):
    """Milliseconds since 1970 that are shown as a date."""


Value = str | int | float | bool | None


def number_of(value: Value) -> int | float | None:
    """Return a value as a number, or None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if not isinstance(value, str):
        return value
    if len(value) > LONGEST_NUMBER or not NUMBER.fullmatch(value):
        return None
    try:
        return int(value)
    except ValueError:  # a fraction
        found = float(value)
        return found if math.isfinite(found) else None


def text_of(value: Value) -> str:
    """Return a value as it is shown; nothing for None."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Moment):
        return _date(value)
    if isinstance(value, float):
        return _decimal(value)
    return str(value)


def is_true(value: Value) -> bool:
    """Whether a condition holds."""
    if isinstance(value, str):
        number = number_of(value)
        return value.lower() == "true" if number is None else number != 0
    return bool(value)


def compare(left: Value, right: Value) -> int | None:
    """Return -1, 0 or 1; None where one of them is not there."""
    if left is None or right is None:
        return None
    if isinstance(left, bool) or isinstance(right, bool):
        return _sign(_truth(left), _truth(right))
    one, other = number_of(left), number_of(right)
    if one is not None and other is not None:
        return _sign(one, other)
    return _sign(text_of(left), text_of(right))


def order_of(value: Value) -> tuple[int, float, str]:
    """Return a key to sort by: what is not there, then numbers, then texts."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, bool):
        return 1, float(value), ""
    number = number_of(value)
    if number is None:
        return 2, 0.0, text_of(value)
    try:
        return 1, float(number), ""
    except OverflowError:
        return 1, math.copysign(math.inf, number), ""


def _sign(left: float | str, right: float | str) -> int:
    return (left > right) - (left < right)  # type: ignore[operator]


def _truth(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return {"1": "true", "0": "false"}.get(text_of(value), text_of(value).lower())


def _date(value: int) -> str:
    if not 0 <= value <= MOST_MILLISECONDS:
        return str(int(value))
    moment = EPOCH + timedelta(milliseconds=int(value))
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def _decimal(value: float) -> str:
    if not math.isfinite(value):
        return "NaN"
    if value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - shown without an exponent
        return str(int(value))
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 1 else repr(value)
