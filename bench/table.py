"""Rows of the table, measured one by one: a row that fails says so and the others go on."""

import statistics
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

LONGEST = 160  # characters of what failed, in a cell


class Row(NamedTuple):
    """A figure. measure: gets the group's scene, returns the cell's words."""

    figure: str
    goal: str
    measure: Callable[[Any], str]


class Group(NamedTuple):
    """Figures that share a scene. scene: opens what they are measured on."""

    scene: Callable[[], AbstractContextManager[Any]]
    rows: tuple[Row, ...]


class Measured(NamedTuple):
    """A line of the table."""

    figure: str
    value: str
    goal: str
    failed: bool = False


def measured(name, group):
    """Yield the group's lines; a scene that cannot be opened fails all, one that stays, itself."""
    with ExitStack() as stack:
        try:
            scene = stack.enter_context(group.scene())
        except Exception as error:  # noqa: BLE001 - whatever it is, the other groups go on
            words = _failure(error)
            yield from (Measured(row.figure, words, row.goal, failed=True) for row in group.rows)
            return
        for row in group.rows:
            try:
                yield Measured(row.figure, row.measure(scene), row.goal)
            except Exception as error:  # noqa: BLE001 - as above
                yield Measured(row.figure, _failure(error), row.goal, failed=True)
        left = stack.pop_all()
    try:
        left.close()
    except Exception as error:  # noqa: BLE001 - as above
        yield Measured(f"what the rows of {name} left behind", _failure(error), "—", failed=True)


def table(lines):
    """Return the lines as Markdown."""
    text = ["| figure | measured | goal |", "|---|---|---|"]
    text += [f"| {one.figure} | {one.value} | {one.goal} |" for one in lines]
    return "\n".join(text)


def interleaved(*measures, rounds):
    """Measure in turns; return the median of each."""
    taken = [[one() for one in measures] for _ in range(rounds)]
    return tuple(statistics.median(each) for each in zip(*taken, strict=True))


def share(ours, other, unit=""):
    """Return the cell of a ratio of two rates."""
    return f"{ours / other:.2f} ({ours:,.0f} / {other:,.0f}{unit})"


def seconds_ratio(ours, other):
    """Return the cell of a ratio of two durations."""
    return f"{ours / other:.2f} ({ours:.3f} s / {other:.3f} s)"


def milliseconds(seconds):
    """Return the cell of a duration."""
    return f"{seconds * 1000:.1f} ms"


def _failure(error):
    traceback.print_exception(error, file=sys.stderr)
    words = f"{type(error).__name__}: {error}".replace("\n", " ").replace("|", "/")
    return f"failed: {words[:LONGEST]}"
