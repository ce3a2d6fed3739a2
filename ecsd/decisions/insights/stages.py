"""The commands at work: each takes rows, and hands on what comes of them."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from ecsd.decisions.insights.aggregates import Aggregate, new_aggregate
from ecsd.decisions.insights.budget import Budget
from ecsd.decisions.insights.evaluation import EVENT_TIME, Evaluate, compiled
from ecsd.decisions.insights.expression_parser import is_aggregate, parts_of
from ecsd.decisions.insights.row import Row
from ecsd.decisions.insights.syntax import (
    Apply,
    Dedup,
    Expression,
    Field,
    Filter,
    Items,
    Named,
    Parse,
    Sort,
    Stats,
)
from ecsd.decisions.insights.values import Value, is_true, number_of, order_of, text_of


class Stage(Protocol):
    """Takes rows one by one."""

    @property
    def done(self) -> bool:
        """Whether no further row can matter."""
        ...

    def push(self, row: Row) -> None:
        """Take a row."""
        ...

    def finish(self) -> None:
        """Hand on what was kept back."""
        ...


class _Passing:
    """What all stages but the last have: a next one."""

    def __init__(self, then: Stage) -> None:
        self._then = then

    @property
    def done(self) -> bool:
        return self._then.done

    def finish(self) -> None:
        self._then.finish()


class Kept(_Passing):
    """``filter``."""

    def __init__(self, command: Filter, now: int, then: Stage) -> None:
        super().__init__(then)
        self._test = compiled(command.condition, now)

    def push(self, row: Row) -> None:
        """Hand on what the condition is true of."""
        if is_true(self._test(row)):
            self._then.push(row)


class Computed(_Passing):
    """``fields`` and ``display``: expressions become values of the row."""

    def __init__(self, columns: Sequence[Named], now: int, then: Stage) -> None:
        super().__init__(then)
        self._made = [
            (one.name, compiled(one.expression, now))
            for one in columns
            if one.expression != Field(one.name)
        ]

    def push(self, row: Row) -> None:
        """Hand on the row with its further values."""
        if self._made:
            row = row.with_values({name: evaluate(row) for name, evaluate in self._made})
        self._then.push(row)


class Parsed(_Passing):
    """``parse``; where the text does not fit, the fields are not there."""

    def __init__(self, command: Parse, now: int, then: Stage) -> None:
        super().__init__(then)
        self._source = compiled(command.source, now)
        self._names = command.names
        form = command.form
        self._extract: Callable[[str], Sequence[str | None] | None]
        if isinstance(form, re.Pattern):
            self._extract = lambda text: _groups(form, command.names, text)
        else:
            self._extract = lambda text: glob(form, text)

    def push(self, row: Row) -> None:
        """Hand on the row with the parts of the text."""
        source = self._source(row)
        parts = self._extract(text_of(source)) if source is not None else None
        if parts is not None:
            row = row.with_values(dict(zip(self._names, parts, strict=True)))
        self._then.push(row)


class Sorted(_Passing):
    """``sort``: keeps all rows, or the first ``most`` where no more can matter."""

    def __init__(
        self, command: Sort, most: int | None, surroundings: tuple[int, Budget], then: Stage
    ) -> None:
        super().__init__(then)
        now, self._budget = surroundings
        self._keys = [(compiled(one.expression, now), one.descending) for one in command.keys]
        self._most = most
        self._rows: list[tuple[list[tuple[int, float, str]], Row]] = []

    def push(self, row: Row) -> None:
        """Keep the row."""
        self._rows.append(([order_of(evaluate(row)) for evaluate, _ in self._keys], row))
        self._budget.hold(row.weight)
        if self._most is not None and len(self._rows) >= 2 * self._most + 1000:
            self._cut(self._most)

    def finish(self) -> None:
        """Hand on the rows in order."""
        self._cut(self._most)
        rows, self._rows = self._rows, []
        for _, row in rows:
            if self._then.done:
                break
            self._budget.hold(-row.weight)
            self._then.push(row)
        self._then.finish()

    def _cut(self, most: int | None) -> None:
        for place, (_, descending) in reversed([*enumerate(self._keys)]):
            self._rows.sort(key=lambda one, at=place: one[0][at], reverse=descending)  # type: ignore[misc]
        if most is not None:
            self._budget.hold(-sum(row.weight for _, row in self._rows[most:]))
            del self._rows[most:]

    @property
    def done(self) -> bool:
        """Any row may still come first."""
        return False


class First(_Passing):
    """``limit``."""

    def __init__(self, most: int, then: Stage) -> None:
        super().__init__(then)
        self._left = most

    @property
    def done(self) -> bool:
        """Whether it has handed on all that it may."""
        return self._left <= 0 or self._then.done

    def push(self, row: Row) -> None:
        """Hand on the first rows."""
        if self._left > 0:
            self._left -= 1
            self._then.push(row)


class Distinct(_Passing):
    """``dedup``: rows that lack one of the values are no duplicates of each other."""

    def __init__(self, command: Dedup, surroundings: tuple[int, Budget], then: Stage) -> None:
        super().__init__(then)
        now, self._budget = surroundings
        self._keys = [compiled(one, now) for one in command.keys]
        self._seen: set[tuple[str, ...]] = set()

    def push(self, row: Row) -> None:
        """Hand on the first row of each combination."""
        values = [evaluate(row) for evaluate in self._keys]
        if all(one is not None for one in values):
            key = tuple(text_of(one) for one in values)
            if key in self._seen:
                return
            self._budget.hold(1)
            self._seen.add(key)
        self._then.push(row)


class Grouped(_Passing):
    """``stats``."""

    def __init__(self, command: Stats, surroundings: tuple[int, Budget], then: Stage) -> None:
        super().__init__(then)
        now, self._budget = surroundings
        self._groups = [(one.name, compiled(one.expression, now)) for one in command.groups]
        calls = {
            part
            for column in command.columns
            for part in parts_of(column.expression)
            if isinstance(part, Apply) and is_aggregate(part)
        }
        self._calls = [
            (f"\0{number}", one.name, [compiled(it, now) for it in one.operands])
            for number, one in enumerate(sorted(calls, key=repr))
        ]
        names = {one: Field(f"\0{number}") for number, one in enumerate(sorted(calls, key=repr))}
        self._columns: list[tuple[str, Evaluate]] = [
            (one.name, compiled(_replaced(one.expression, names), now)) for one in command.columns
        ]
        self._found: dict[tuple[str, ...], tuple[list[Value], list[Aggregate]]] = {}

    @property
    def done(self) -> bool:
        """Every row counts."""
        return False

    def push(self, row: Row) -> None:
        """Take the row into its group."""
        values = [evaluate(row) for _, evaluate in self._groups]
        key = tuple("\0" if one is None else text_of(one) for one in values)
        group = self._found.get(key)
        if group is None:
            self._budget.hold(1 + len(self._calls))
            group = values, [new_aggregate(name, self._budget) for _, name, _ in self._calls]
            self._found[key] = group
        moment = number_of(row.get(EVENT_TIME))
        for aggregate, (_, _, operands) in zip(group[1], self._calls, strict=True):
            aggregate.add([evaluate(row) for evaluate in operands], int(moment or 0))

    def finish(self) -> None:
        """Hand on a row for each group, in the order in which they were met."""
        for values, aggregates in self._found.values():
            if self._then.done:
                break
            gathered: dict[str, Value] = {
                name: aggregate.result()
                for (name, _, _), aggregate in zip(self._calls, aggregates, strict=True)
            }
            inner = Row(gathered)
            row = {name: value for (name, _), value in zip(self._groups, values, strict=True)}
            row |= {name: evaluate(inner) for name, evaluate in self._columns}
            self._then.push(Row(row))
        self._found.clear()
        self._then.finish()


def glob(parts: Sequence[str], text: str) -> list[str] | None:
    """Return what lies between the literal parts, each taken where it first fits; or None.

    One pass, whatever the text: taking a later place for a part never helps those behind it.
    """
    begin = text.find(parts[0])
    if begin < 0:
        return None
    at = begin + len(parts[0])
    found = []
    for part in parts[1:-1]:
        end = text.find(part, at)
        if end < 0:
            return None
        found.append(text[at:end])
        at = end + len(part)
    if not parts[-1]:
        return [*found, text[at:]]
    end = text.find(parts[-1], at)
    return None if end < 0 else [*found, text[at:end]]


def _groups(regex: re.Pattern[str], names: Sequence[str], text: str) -> Sequence[str | None] | None:
    found = regex.search(text)
    return None if found is None else [found[name] for name in names]


def _replaced(expression: Expression, names: dict[Apply, Field]) -> Expression:
    """Return the expression with functions of many rows replaced by the fields of their results."""
    if not isinstance(expression, Apply):
        return expression
    if expression in names:
        return names[expression]
    return Apply(
        expression.name,
        tuple(
            Items(tuple(_replaced(it, names) for it in one.items))
            if isinstance(one, Items)
            else _replaced(one, names)
            for one in expression.operands
        ),
    )
