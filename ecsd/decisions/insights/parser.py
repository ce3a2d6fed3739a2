"""From a query's text to its commands.

Source: CloudWatch Logs User Guide, Logs Insights query language syntax.
"""

from collections.abc import Callable

from ecsd.decisions.insights.expression_parser import ExpressionParser, is_aggregate, parts_of
from ecsd.decisions.insights.lexer import Lexer, Token, unquoted
from ecsd.decisions.insights.syntax import (
    Apply,
    Command,
    Dedup,
    Display,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Named,
    Order,
    Parse,
    Period,
    Query,
    QueryFault,
    QuerySyntaxError,
    Sort,
    Stats,
)

MOST_ROWS = 100_000
LONGEST = 10_000  # characters
MOST_COMMANDS = 50
NOT_HERE = frozenset(
    ("anomaly", "diff", "filterindex", "join", "lookup", "pattern", "source", "unmask", "unnest")
)


def parse_query(text: str) -> Query | QueryFault:
    """Return what a query says, or what is wrong with it and where."""
    if len(text) > LONGEST:
        return QueryFault(f"the query is longer than {LONGEST} characters", LONGEST, len(text))
    try:
        return _Parser(text).query()
    except QuerySyntaxError as error:
        return error.fault


class _Parser:
    def __init__(self, text: str) -> None:
        self._lexer = Lexer(text)
        self._expressions = ExpressionParser(self._lexer)
        self._columns: frozenset[str] = frozenset()  # of the stats command before

    def query(self) -> Query:
        commands = [self._command()]
        while self._lexer.take_sign("|"):
            if len(commands) == MOST_COMMANDS:
                self._lexer.refuse(f"more than {MOST_COMMANDS} commands")
            commands.append(self._command())
        if self._lexer.peek().kind != "end":
            self._lexer.refuse("expected '|'")
        return Query(tuple(commands))

    def _command(self) -> Command:
        token = self._lexer.peek()
        name = token.text.lower()
        if name in NOT_HERE:
            raise QuerySyntaxError(
                f"the command '{name}' is not supported by ecsd", token.start, token.end
            )
        readers: dict[str, Callable[[], Command]] = {
            "fields": lambda: Fields(self._columns_of_rows()),
            "display": lambda: Display(self._columns_of_rows()),
            "filter": lambda: Filter(self._of_rows()),
            "parse": self._parse,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
            "dedup": self._dedup,
        }
        read = readers.get(name if token.kind == "name" else "")
        if read is None:
            self._lexer.refuse("expected a command")
        self._lexer.take()
        return read()

    # ---------------------------------------------------------------- commands

    def _parse(self) -> Parse:
        start = self._lexer.peek()
        source = self._expressions.single()  # a slash behind it begins a regular expression
        self._refuse_many(start, source)
        token = self._lexer.take_regex()
        if token is not None:
            regex = self._expressions.regex(token).regex
            names = tuple(regex.groupindex)
            if not names:
                words = "the regular expression of 'parse' names no group: (?<name>...)"
                raise QuerySyntaxError(words, token.start, token.end)
            return Parse(source, regex, names)
        token = self._lexer.peek()
        if token.kind != "string":
            self._lexer.refuse("expected a text with '*' or a regular expression")
        self._lexer.take()
        parts = tuple(unquoted(token).split("*"))
        if not self._lexer.take_word("as"):
            self._lexer.refuse("expected 'as'")
        names = (self._name(), *self._more_names())
        if len(names) != len(parts) - 1:
            words = f"the text has {len(parts) - 1} '*' and there are {len(names)} names"
            raise QuerySyntaxError(words, token.start, token.end)
        if "" in parts[1:-1]:
            raise QuerySyntaxError("two '*' follow each other", token.start, token.end)
        return Parse(source, parts, names)

    def _stats(self) -> Stats:
        columns = self._listed()
        for name, expression in columns:
            self._check_column(name, expression)
        groups = self._columns_of_rows() if self._lexer.take_word("by") else ()
        names = [one.name for one in (*groups, *columns)]
        self._columns = frozenset(names)
        if len(self._columns) < len(names):
            self._lexer.refuse("two columns of 'stats' have the same name")
        return Stats(columns, groups)

    def _sort(self) -> Sort:
        keys = [self._order()]
        while self._lexer.take_sign(","):
            keys.append(self._order())
        return Sort(tuple(keys))

    def _limit(self) -> Limit:
        token = self._lexer.peek()
        if token.kind != "number" or not token.text.isdigit():
            self._lexer.refuse("expected a number of rows")
        self._lexer.take()
        most = int(token.text)
        if not 1 <= most <= MOST_ROWS:
            words = f"'limit' takes 1 to {MOST_ROWS} rows"
            raise QuerySyntaxError(words, token.start, token.end)
        return Limit(most)

    def _dedup(self) -> Dedup:
        keys = [self._of_rows()]
        while self._lexer.take_sign(","):
            keys.append(self._of_rows())
        return Dedup(tuple(keys))

    # ---------------------------------------------------------------- parts of commands

    def _order(self) -> Order:
        expression = self._of_rows()
        if self._lexer.take_word("desc"):
            return Order(expression, descending=True)
        self._lexer.take_word("asc")
        return Order(expression, descending=False)

    def _columns_of_rows(self) -> tuple[Named, ...]:
        columns = [self._named(self._of_rows)]
        while self._lexer.take_sign(","):
            columns.append(self._named(self._of_rows))
        return tuple(columns)

    def _listed(self) -> tuple[Named, ...]:
        columns = [self._named(self._expressions.expression)]
        while self._lexer.take_sign(","):
            columns.append(self._named(self._expressions.expression))
        return tuple(columns)

    def _named(self, read: Callable[[], Expression]) -> Named:
        start = self._lexer.peek().start
        expression = read()
        text = self._lexer.text[start : self._lexer.last_end]
        if self._lexer.take_word("as"):
            return Named(self._name(), expression)
        return Named(expression.name if isinstance(expression, Field) else text, expression)

    def _of_rows(self) -> Expression:
        """Return an expression of one row; the text of a column of stats means that column."""
        start = self._lexer.peek()
        expression = self._expressions.expression()
        text = self._lexer.text[start.start : self._lexer.last_end]
        if text in self._columns:
            return Field(text)
        self._refuse_many(start, expression)
        return expression

    def _refuse_many(self, start: Token, expression: Expression) -> None:
        for part in parts_of(expression):
            if isinstance(part, Apply) and is_aggregate(part):
                words = f"'{part.name}' may stand in 'stats' alone"
                raise QuerySyntaxError(words, start.start, self._lexer.last_end)
        if isinstance(expression, Period):
            raise QuerySyntaxError("a period is no value", start.start, start.end)

    def _check_column(self, name: str, expression: Expression) -> None:
        """Refuse a column of stats that is about no rows, or aggregates of aggregates."""
        found = [one for one in parts_of(expression) if is_aggregate(one)]
        if not found:
            self._lexer.refuse(f"'{name}' is no function of many rows, such as count(*)")
        for one in found:
            if sum(map(is_aggregate, parts_of(one))) > 1:
                self._lexer.refuse(f"'{name}' has one function of many rows inside another")

    def _name(self) -> str:
        token = self._lexer.peek()
        if token.kind not in ("name", "quoted"):
            self._lexer.refuse("expected a name")
        return self._lexer.take().text

    def _more_names(self) -> list[str]:
        names = []
        while self._lexer.take_sign(","):
            names.append(self._name())
        return names
