"""Functions of many rows: each gathers values and says its result at the end.

Source: CloudWatch Logs User Guide, Logs Insights, stats.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

from ecsd.decisions.insights.budget import Budget
from ecsd.decisions.insights.values import Value, number_of, order_of, text_of


class Aggregate(Protocol):
    """Gathers one column of one group."""

    def add(self, values: Sequence[Value], moment: int) -> None:
        """Take one row's values; ``moment`` is the event's."""
        ...

    def result(self) -> Value:
        """Return what came of it; None of nothing."""
        ...


class _Count:
    def __init__(self) -> None:
        self._rows = 0

    def add(self, values: Sequence[Value], _moment: int) -> None:
        self._rows += not values or values[0] is not None

    def result(self) -> Value:
        return self._rows


class _Sum:
    def __init__(self) -> None:
        self.total: int | float = 0
        self.numbers = 0

    def add(self, values: Sequence[Value], _moment: int) -> None:
        number = number_of(values[0])
        if number is not None:
            self.total, self.numbers = self.total + number, self.numbers + 1

    def result(self) -> Value:
        return self.total if self.numbers else None


class _Average(_Sum):
    def result(self) -> Value:
        return self.total / self.numbers if self.numbers else None


class _Deviation:
    """Welford's method: one pass, no catastrophic cancellation."""

    def __init__(self) -> None:
        self._numbers = 0
        self._mean = self._squares = 0.0

    def add(self, values: Sequence[Value], _moment: int) -> None:
        number = number_of(values[0])
        if number is None:
            return
        self._numbers += 1
        away = number - self._mean
        self._mean += away / self._numbers
        self._squares += away * (number - self._mean)

    def result(self) -> Value:
        return math.sqrt(self._squares / self._numbers) if self._numbers else None


class _Extreme:
    def __init__(self, *, last: bool, key: Callable[[Value], object]) -> None:
        self._last = last
        self._key = key
        self._best: Value = None

    def add(self, values: Sequence[Value], _moment: int) -> None:
        value = values[0]
        if value is None:
            return
        if self._best is None:
            self._best = value
            return
        new, old = self._key(value), self._key(self._best)
        if new > old if self._last else new < old:  # type: ignore[operator]
            self._best = value

    def result(self) -> Value:
        return self._best


class _ByTime:
    """The value of the row that comes first or last by its event's time."""

    def __init__(self, *, last: bool) -> None:
        self._last = last
        self._moment: int | None = None
        self._value: Value = None

    def add(self, values: Sequence[Value], moment: int) -> None:
        if values[0] is None:
            return
        known = self._moment
        if known is None or (moment >= known if self._last else moment < known):
            self._moment, self._value = moment, values[0]

    def result(self) -> Value:
        return self._value


class _Distinct:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._seen: set[str] = set()

    def add(self, values: Sequence[Value], _moment: int) -> None:
        if values[0] is None:
            return
        text = text_of(values[0])
        if text not in self._seen:
            self._budget.hold(1)
            self._seen.add(text)

    def result(self) -> Value:
        return len(self._seen)


class _Percentile:
    """The smallest number that so much of all numbers does not exceed (nearest rank)."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._numbers = array("d")
        self._share = 0.0

    def add(self, values: Sequence[Value], _moment: int) -> None:
        number, share = number_of(values[0]), number_of(values[1])
        if number is not None and share is not None:
            self._budget.hold(1)
            self._numbers.append(number)
            self._share = min(100.0, max(0.0, float(share)))

    def result(self) -> Value:
        if not self._numbers:
            return None
        rank = max(1, math.ceil(self._share / 100 * len(self._numbers)))
        return sorted(self._numbers)[rank - 1]


def new_aggregate(name: str, budget: Budget) -> Aggregate:
    """Return what gathers for one of ``functions.AGGREGATES``."""
    makers: dict[str, Callable[[], Aggregate]] = {
        "count": _Count,
        "sum": _Sum,
        "avg": _Average,
        "stddev": _Deviation,
        "min": lambda: _Extreme(last=False, key=order_of),
        "max": lambda: _Extreme(last=True, key=order_of),
        "sortsfirst": lambda: _Extreme(last=False, key=text_of),
        "sortslast": lambda: _Extreme(last=True, key=text_of),
        "earliest": lambda: _ByTime(last=False),
        "latest": lambda: _ByTime(last=True),
        "count_distinct": lambda: _Distinct(budget),
        "pct": lambda: _Percentile(budget),
        "percentile": lambda: _Percentile(budget),
    }
    return makers[name]()
