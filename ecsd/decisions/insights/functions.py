"""Functions of one row's values. Each takes as many values as its signature says.

Source: CloudWatch Logs User Guide, Logs Insights, supported operations and functions.
"""

import ipaddress
import math
from collections.abc import Callable
from typing import NamedTuple

from ecsd.decisions.insights.values import (
    MOST_MILLISECONDS,
    Moment,
    Value,
    compare,
    is_true,
    number_of,
    text_of,
)

Function = Callable[..., Value]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_TEXT = 1_048_576  # characters that a function may make


class Signature(NamedTuple):
    """How many values a function takes (``most`` None: any number), and what it does."""

    least: int
    most: int | None
    call: Function


def _numeric(call: Callable[..., float]) -> Function:
    """Return a function of numbers that says nothing where one is missing, or the result is."""

    def of(*values: Value) -> Value:
        numbers = [number_of(one) for one in values]
        if any(one is None for one in numbers):
            return None
        try:
            found = call(*numbers)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return None if isinstance(found, complex) else found

    return of


def _textual(call: Callable[..., Value]) -> Function:
    """Return a function of texts that says nothing where the first is missing."""

    def of(first: Value, *rest: Value) -> Value:
        if first is None or any(one is None for one in rest):
            return None
        return call(text_of(first), *(text_of(one) for one in rest))

    return of


def _quotient(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return left / right


def _extreme(wanted: int) -> Function:
    def of(*values: Value) -> Value:
        numbers = [one for one in map(number_of, values) if one is not None]
        if not numbers:
            return None
        return max(numbers) if wanted > 0 else min(numbers)

    return of


def _substr(text: str, start: str, length: str = "") -> Value:
    begin, count = number_of(start), number_of(length) if length else len(text)
    if begin is None or count is None or begin < 0 or count < 0:
        return None
    return text[int(begin) : int(begin) + int(count)]


def _replace(text: str, old: str, new: str) -> Value:
    if not old or len(text) + text.count(old) * len(new) > MOST_TEXT:
        return text if not old else None
    return text.replace(old, new)


def _concat(*values: Value) -> Value:
    joined = "".join(text_of(one) for one in values)
    return joined if len(joined) <= MOST_TEXT else None


def _coalesce(*values: Value) -> Value:
    return next((one for one in values if one is not None), None)


def _moment(value: Value) -> Value:
    number = number_of(value)
    return None if number is None or not 0 <= number <= MOST_MILLISECONDS else Moment(number)


def _millis(value: Value) -> Value:
    number = number_of(value)
    return None if number is None else int(number)


def _address(value: Value) -> Address | None:
    try:
        return ipaddress.ip_address(text_of(value))
    except ValueError:
        return None


def _valid_ip(version: int | None) -> Function:
    def of(value: Value) -> Value:
        found = _address(value)
        return found is not None and version in (None, found.version)

    return of


def _in_subnet(version: int | None) -> Function:
    def of(value: Value, subnet: Value) -> Value:
        found = _address(value)
        try:
            network = ipaddress.ip_network(text_of(subnet), strict=False)
        except ValueError:
            return False
        return found is not None and found in network and version in (None, found.version)

    return of


def _is_present(value: Value) -> Value:
    return value is not None


def _strip(how: str) -> Callable[..., Value]:
    return lambda text, *characters: getattr(text, how)(*(characters[:1] or (None,)))


def _compared(accepts: Callable[[int], bool]) -> Function:
    def of(left: Value, right: Value) -> Value:
        found = compare(left, right)
        return found is not None and accepts(found)

    return of


OPERATORS: dict[str, Function] = {
    "+": _numeric(lambda left, right: left + right),
    "-": _numeric(lambda left, right: left - right),
    "*": _numeric(lambda left, right: left * right),
    "/": _numeric(_quotient),
    "%": _numeric(math.fmod),
    "^": _numeric(math.pow),
    "negative": _numeric(lambda one: -one),
    "=": _compared(lambda one: one == 0),
    "!=": lambda left, right: compare(left, right) != 0,  # what is not there differs
    "<": _compared(lambda one: one < 0),
    "<=": _compared(lambda one: one <= 0),
    ">": _compared(lambda one: one > 0),
    ">=": _compared(lambda one: one >= 0),
    "not": lambda one: not is_true(one),
}
FUNCTIONS: dict[str, Signature] = {
    "abs": Signature(1, 1, _numeric(abs)),
    "ceil": Signature(1, 1, _numeric(math.ceil)),
    "floor": Signature(1, 1, _numeric(math.floor)),
    "greatest": Signature(1, None, _extreme(1)),
    "least": Signature(1, None, _extreme(-1)),
    "log": Signature(1, 1, _numeric(math.log)),
    "sqrt": Signature(1, 1, _numeric(math.sqrt)),
    "ispresent": Signature(1, 1, _is_present),
    "coalesce": Signature(1, None, _coalesce),
    "isempty": Signature(1, 1, lambda one: text_of(one) == ""),
    "isblank": Signature(1, 1, lambda one: not text_of(one).strip()),
    "concat": Signature(1, None, _concat),
    "strlen": Signature(1, 1, _textual(len)),
    "toupper": Signature(1, 1, _textual(str.upper)),
    "tolower": Signature(1, 1, _textual(str.lower)),
    "trim": Signature(1, 2, _textual(_strip("strip"))),
    "ltrim": Signature(1, 2, _textual(_strip("lstrip"))),
    "rtrim": Signature(1, 2, _textual(_strip("rstrip"))),
    "substr": Signature(2, 3, _textual(_substr)),
    "replace": Signature(3, 3, _textual(_replace)),
    "strcontains": Signature(2, 2, _textual(lambda text, part: int(part in text))),
    "frommillis": Signature(1, 1, _moment),
    "tomillis": Signature(1, 1, _millis),
    "isvalidip": Signature(1, 1, _valid_ip(None)),
    "isvalidipv4": Signature(1, 1, _valid_ip(4)),
    "isvalidipv6": Signature(1, 1, _valid_ip(6)),
    "isipinsubnet": Signature(2, 2, _in_subnet(None)),
    "isipv4insubnet": Signature(2, 2, _in_subnet(4)),
    "isipv6insubnet": Signature(2, 2, _in_subnet(6)),
}
# Functions of a moment and a period, in that order; ``bin`` has the event's own moment.
PERIODIC = {"bin": 1, "datefloor": 2, "dateceil": 2}
AGGREGATES: dict[str, tuple[int, int]] = {  # name → how many values it takes
    "avg": (1, 1),
    "count": (0, 1),
    "count_distinct": (1, 1),
    "earliest": (1, 1),
    "latest": (1, 1),
    "max": (1, 1),
    "min": (1, 1),
    "pct": (2, 2),
    "percentile": (2, 2),
    "sortsfirst": (1, 1),
    "sortslast": (1, 1),
    "stddev": (1, 1),
    "sum": (1, 1),
}
