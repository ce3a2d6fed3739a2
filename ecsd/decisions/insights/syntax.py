"""What a query of CloudWatch Logs Insights is made of.

Source: CloudWatch Logs User Guide, Logs Insights query language syntax.
"""

import re
from typing import NamedTuple


class QueryFault(NamedTuple):
    """Why a query cannot be run, and which characters of it are meant: ``start <= at < end``."""

    words: str
    start: int
    end: int


class QuerySyntaxError(Exception):
    """Carries a fault out of the parser."""

    def __init__(self, words: str, start: int, end: int) -> None:
        super().__init__(words)
        self.fault = QueryFault(words, start, end)


class Literal(NamedTuple):
    """A text, a number or a truth value."""

    value: str | int | float | bool


class Period(NamedTuple):
    """A length of time such as ``5m``; ``unit`` is spelled as in ``PERIODS``."""

    length: int
    unit: str


class Field(NamedTuple):
    """A field of the event, or one that a command before has made."""

    name: str


class Pattern(NamedTuple):
    """A regular expression between slashes."""

    regex: re.Pattern[str]


class Items(NamedTuple):
    """What ``in`` looks through."""

    items: tuple["Expression", ...]


class Apply(NamedTuple):
    """An operator or a function with its operands; of a function, in lower case."""

    name: str
    operands: tuple["Expression", ...]


Expression = Literal | Period | Field | Pattern | Items | Apply


class Named(NamedTuple):
    """An expression and what its value is called: after ``as``, or the text as it is written."""

    name: str
    expression: Expression


class Fields(NamedTuple):
    """``fields``: adds columns."""

    columns: tuple[Named, ...]


class Display(NamedTuple):
    """``display``: these columns alone."""

    columns: tuple[Named, ...]


class Filter(NamedTuple):
    """``filter``: keeps rows of which it is true."""

    condition: Expression


class Parse(NamedTuple):
    """``parse``: makes fields of the parts of a text.

    Attributes:
        form: a regular expression with named groups, or the literal parts between the ``*`` of a
            glob: one more than ``names``.
    """

    source: Expression
    form: re.Pattern[str] | tuple[str, ...]
    names: tuple[str, ...]


class Stats(NamedTuple):
    """``stats ... by ...``: one row for each group."""

    columns: tuple[Named, ...]
    groups: tuple[Named, ...]


class Order(NamedTuple):
    """One key of ``sort``."""

    expression: Expression
    descending: bool


class Sort(NamedTuple):
    """``sort``."""

    keys: tuple[Order, ...]


class Limit(NamedTuple):
    """``limit``: the first rows."""

    most: int


class Dedup(NamedTuple):
    """``dedup``: the first row of each combination of values."""

    keys: tuple[Expression, ...]


Command = Fields | Display | Filter | Parse | Stats | Sort | Limit | Dedup


class Query(NamedTuple):
    """A whole query."""

    commands: tuple[Command, ...]
