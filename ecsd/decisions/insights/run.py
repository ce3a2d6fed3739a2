"""A query at work: events in, rows of texts out.

Events come newest first: that is the order of what is not sorted otherwise.
Source: CloudWatch Logs User Guide, Logs Insights query language syntax.
"""

from collections.abc import Iterable, Sequence

from ecsd.decisions.insights.budget import MOST_HELD, Budget
from ecsd.decisions.insights.row import POINTER, Row
from ecsd.decisions.insights.stages import (
    Computed,
    Distinct,
    First,
    Grouped,
    Kept,
    Parsed,
    Sorted,
    Stage,
)
from ecsd.decisions.insights.syntax import (
    Command,
    Dedup,
    Display,
    Fields,
    Filter,
    Limit,
    Parse,
    Query,
    Sort,
    Stats,
)
from ecsd.decisions.insights.values import text_of

DEFAULT_COLUMNS = ("@timestamp", "@message")
Result = list[tuple[str, str]]  # column → text, of one row


class Run:
    """One execution of a query."""

    def __init__(self, query: Query, most: int, now: int, held: int = MOST_HELD) -> None:
        """Begin. ``most``: rows of the result. ``now``: seconds since 1970."""
        self.matched = 0  # events that passed the filters before anything was put together
        self._columns = columns_of(query)
        self._rows: list[Row] = []
        self._most = most
        self._surroundings = now, Budget(held)
        self._first = self._staged(query.commands)

    @property
    def done(self) -> bool:
        """Whether no further event can matter."""
        return self._first.done

    def feed(self, rows: Iterable[Row]) -> None:
        """Take events, newest first. Raises QueryTooLargeError."""
        for row in rows:
            if self._first.done:
                return
            self._first.push(row)

    def finish(self) -> list[Result]:
        """Return the rows of the result; a value that is not there is left out."""
        self._first.finish()
        return [
            [
                (name, text_of(value))
                for name in self._columns
                if (value := row.get(name)) is not None
            ]
            for row in self._rows
        ]

    def _staged(self, commands: Sequence[Command]) -> Stage:
        stage: Stage = First(self._most, _Collected(self._rows, self._surroundings[1]))
        counted = _first_barrier(commands)
        if counted == len(commands):
            stage = _Counted(self, stage)
        for place in reversed(range(len(commands))):
            stage = self._stage(commands[place], commands[place + 1 :], stage)
            if place == counted:
                stage = _Counted(self, stage)
        return stage

    def _stage(self, command: Command, rest: Sequence[Command], then: Stage) -> Stage:
        now, _ = self._surroundings
        match command:
            case Filter():
                return Kept(command, now, then)
            case Fields(columns) | Display(columns):
                return Computed(columns, now, then)
            case Parse():
                return Parsed(command, now, then)
            case Sort():
                return Sorted(command, _most_of(rest, self._most), self._surroundings, then)
            case Limit(most):
                return First(most, then)
            case Dedup():
                return Distinct(command, self._surroundings, then)
            case Stats():
                return Grouped(command, self._surroundings, then)


class _Counted:
    """Counts the events that come this far."""

    def __init__(self, run: Run, then: Stage) -> None:
        self._run = run
        self._then = then

    @property
    def done(self) -> bool:
        return self._then.done

    def push(self, row: Row) -> None:
        self._run.matched += 1
        self._then.push(row)

    def finish(self) -> None:
        self._then.finish()


class _Collected:
    """The end: what is the result."""

    def __init__(self, rows: list[Row], budget: Budget) -> None:
        self._rows = rows
        self._budget = budget

    @property
    def done(self) -> bool:
        return False

    def push(self, row: Row) -> None:
        self._budget.hold(row.weight)
        self._rows.append(row)

    def finish(self) -> None:
        pass


def columns_of(query: Query) -> tuple[str, ...]:
    """Return the columns of a query's result, in order."""
    columns: list[str] = []
    asked = grouped = False
    for command in query.commands:
        match command:
            case Fields(added):
                asked = True
                columns += [one.name for one in added]
            case Display(shown):
                asked = True
                columns = [one.name for one in shown]
            case Parse(names=names):
                columns += names
            case Stats(shown, groups):
                asked = grouped = True
                columns = [one.name for one in (*groups, *shown)]
            case _:
                pass
    if not asked:
        columns = [*DEFAULT_COLUMNS, *columns]
    return tuple(dict.fromkeys(columns if grouped else [*columns, POINTER]))


def _first_barrier(commands: Sequence[Command]) -> int:
    """Return the place of the first command that does not handle each event by itself."""
    alone = (Filter, Fields, Display, Parse)
    places = (place for place, one in enumerate(commands) if not isinstance(one, alone))
    return next(places, len(commands))


def _most_of(rest: Sequence[Command], most: int) -> int | None:
    """Return how many rows a sort needs to keep; None where a later command may drop some."""
    for command in rest:
        if isinstance(command, Limit):
            return min(command.most, most)
        if not isinstance(command, Fields | Display | Parse):
            return None
    return most
