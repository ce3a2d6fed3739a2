"""From an expression to a function of a row."""

import re
from collections.abc import Callable, Sequence

from ecsd.decisions.insights.functions import FUNCTIONS, OPERATORS, Function
from ecsd.decisions.insights.periods import begin_of, end_of
from ecsd.decisions.insights.row import Row
from ecsd.decisions.insights.syntax import Apply, Expression, Field, Items, Literal, Pattern, Period
from ecsd.decisions.insights.values import Value, compare, is_true, number_of, text_of

Evaluate = Callable[[Row], Value]
EVENT_TIME = "@timestamp"


def compiled(expression: Expression, now: int) -> Evaluate:
    """Return what computes an expression of one row. ``now``: seconds since 1970."""
    match expression:
        case Literal(value):
            return lambda _: value
        case Field(name):
            return lambda row: row.get(name)
        case Apply("now", ()):
            return lambda _: now
        case Apply("and" | "or" as name, (left, right)):
            return _joined(name, compiled(left, now), compiled(right, now))
        case Apply("like", (left, right)):
            return _like(compiled(left, now), right, now)
        case Apply("in", (left, Items(items))):
            return _in(compiled(left, now), [compiled(one, now) for one in items])
        case Apply("bin", (Period() as period,)):
            return _periodic(lambda row: row.get(EVENT_TIME), period, up=False)
        case Apply("datefloor" | "dateceil" as name, (moment, Period() as period)):
            return _periodic(compiled(moment, now), period, up=name == "dateceil")
        case Apply(name, operands):
            call = OPERATORS.get(name) or FUNCTIONS[name].call
            return _call(call, [compiled(one, now) for one in operands])
        case _:
            raise TypeError(f"{expression} has no value of its own")


def _call(call: Function, operands: Sequence[Evaluate]) -> Evaluate:
    if len(operands) == 1:
        only = operands[0]
        return lambda row: call(only(row))
    return lambda row: call(*[one(row) for one in operands])


def _joined(name: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if name == "and":
        return lambda row: is_true(left(row)) and is_true(right(row))
    return lambda row: is_true(left(row)) or is_true(right(row))


def _like(left: Evaluate, right: Expression, now: int) -> Evaluate:
    if isinstance(right, Pattern):
        search = right.regex.search
        return lambda row: _searched(search, left(row))
    part = compiled(right, now)
    return lambda row: (one := left(row)) is not None and text_of(part(row)) in text_of(one)


def _searched(search: Callable[[str], re.Match[str] | None], value: Value) -> Value:
    return value is not None and search(text_of(value)) is not None


def _in(left: Evaluate, items: Sequence[Evaluate]) -> Evaluate:
    def test(row: Row) -> Value:
        value = left(row)
        return any(compare(value, one(row)) == 0 for one in items)

    return test


def _periodic(moment: Evaluate, period: Period, *, up: bool) -> Evaluate:
    round_one = end_of if up else begin_of

    def rounded(row: Row) -> Value:
        number = number_of(moment(row))
        return None if number is None else round_one(int(number), period)

    return rounded
