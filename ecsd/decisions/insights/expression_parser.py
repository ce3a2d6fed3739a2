"""Expressions of a query: recursive descent, each function an operator weaker than the next.

``or``, ``and``, ``not``, comparisons, ``+ -``, ``* / %``, ``^``, a sign, what stands by itself.
"""

from collections.abc import Callable, Iterator

from ecsd.decisions.insights.functions import AGGREGATES, FUNCTIONS, PERIODIC
from ecsd.decisions.insights.lexer import Lexer, Token, unquoted
from ecsd.decisions.insights.periods import unit_of
from ecsd.decisions.insights.syntax import (
    Apply,
    Expression,
    Field,
    Items,
    Literal,
    Pattern,
    Period,
    QuerySyntaxError,
)
from ecsd.decisions.logs.regex import RegexFault, query_regex

DEEPEST = 40  # parentheses, calls and signs in each other
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
LONGEST_PERIOD = 1_000_000


class ExpressionParser:
    """Reads one expression after the other from a lexer."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._depth = 0

    def expression(self) -> Expression:
        """Return the expression that stands next."""
        return self._deeper(self._disjunction)

    def single(self) -> Expression:
        """Return a field, a text, a call or what stands in parentheses: no operator behind it."""
        return self._primary()

    def regex(self, token: Token) -> Pattern:
        """Return the expression between slashes, compiled."""
        compiled = query_regex(token.text)
        if isinstance(compiled, RegexFault):
            raise QuerySyntaxError(compiled.words, token.start, token.end)
        return Pattern(compiled)

    def _deeper(self, read: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            self._lexer.refuse("too many levels of nesting")
        found = read()
        self._depth -= 1
        return found

    def _disjunction(self) -> Expression:
        found = self._conjunction()
        while self._lexer.take_word("or"):
            found = Apply("or", (found, self._conjunction()))
        return found

    def _conjunction(self) -> Expression:
        found = self._negation()
        while self._lexer.take_word("and"):
            found = Apply("and", (found, self._negation()))
        return found

    def _negation(self) -> Expression:
        if self._lexer.take_word("not"):
            return Apply("not", (self._deeper(self._negation),))
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        sign = self._lexer.take_sign(*COMPARISONS)
        if sign is not None:
            return Apply(sign.text, (left, self._sum()))
        if self._lexer.take_sign("=~"):
            return self._like(left)
        negated = self._lexer.take_word("not") is not None
        if self._lexer.take_word("like"):
            found = self._like(left)
        elif self._lexer.take_word("in"):
            found = Apply("in", (left, self._items()))
        elif negated:
            self._lexer.refuse("expected 'like' or 'in' behind 'not'")
        else:
            return left
        return Apply("not", (found,)) if negated else found

    def _like(self, left: Expression) -> Expression:
        token = self._lexer.take_regex()
        return Apply("like", (left, self.regex(token) if token is not None else self._sum()))

    def _items(self) -> Items:
        self._lexer.expect_sign("[")
        found = [self._sum()]
        while self._lexer.take_sign(","):
            found.append(self._sum())
        self._lexer.expect_sign("]")
        return Items(tuple(found))

    def _sum(self) -> Expression:
        found = self._product()
        while sign := self._lexer.take_sign("+", "-"):
            found = Apply(sign.text, (found, self._product()))
        return found

    def _product(self) -> Expression:
        found = self._power()
        while sign := self._lexer.take_sign("*", "/", "%"):
            found = Apply(sign.text, (found, self._power()))
        return found

    def _power(self) -> Expression:
        base = self._signed()
        if self._lexer.take_sign("^"):
            return Apply("^", (base, self._deeper(self._power)))
        return base

    def _signed(self) -> Expression:
        if self._lexer.take_sign("-"):
            return Apply("negative", (self._deeper(self._signed),))
        return self._primary()

    def _primary(self) -> Expression:
        if self._lexer.take_sign("("):
            found = self.expression()
            self._lexer.expect_sign(")")
            return found
        token = self._lexer.peek()
        if token.kind in ("sign", "end"):
            self._lexer.refuse("expected a value")
        self._lexer.take()
        match token.kind:
            case "string":
                return Literal(unquoted(token))
            case "quoted":
                return Field(token.text)
            case "number":
                return Literal(_number(token.text))
            case "period":
                return _period(token)
            case _:
                return self._named(token)

    def _named(self, token: Token) -> Expression:
        """Return a call, a truth value or a field."""
        if self._lexer.take_sign("("):
            return self._call(token)
        if token.text.lower() in ("true", "false"):
            return Literal(token.text.lower() == "true")
        return Field(token.text)

    def _call(self, token: Token) -> Expression:
        name = token.text.lower()
        if name == "now" and self._lexer.take_sign(")"):
            return Apply("now", ())
        operands: list[Expression] = []
        if name == "count" and self._lexer.take_sign("*"):
            self._lexer.expect_sign(")")
            return Apply(name, ())
        while not self._lexer.take_sign(")"):
            if operands:
                self._lexer.expect_sign(",")
            operands.append(self._operand())
        _check_call(token, name, operands)
        return Apply(name, tuple(operands))

    def _operand(self) -> Expression:
        """Return an operand; ``5 minutes`` is a period too."""
        found = self.expression()
        ahead = self._lexer.peek()
        unit = unit_of(ahead.text) if ahead.kind == "name" else None
        if unit is not None and isinstance(found, Literal) and type(found.value) is int:
            self._lexer.take()
            return _checked_period(found.value, unit, ahead)
        return found


def parts_of(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and everything in it."""
    yield expression
    inner: tuple[Expression, ...] = ()
    if isinstance(expression, Apply):
        inner = expression.operands
    elif isinstance(expression, Items):
        inner = expression.items
    for one in inner:
        yield from parts_of(one)


def is_aggregate(expression: Expression) -> bool:
    """Whether it is a function of many rows."""
    return isinstance(expression, Apply) and expression.name in AGGREGATES


def _check_call(token: Token, name: str, operands: list[Expression]) -> None:
    """Refuse an unknown function, a wrong number of operands, a period in a wrong place."""
    signature = FUNCTIONS.get(name)
    if signature is not None:
        least, most = signature.least, signature.most
    elif name in AGGREGATES:
        least, most = AGGREGATES[name]
    elif name in PERIODIC:
        least = most = PERIODIC[name]
    else:
        raise QuerySyntaxError(f"unknown function '{token.text}'", token.start, token.end)
    if len(operands) < least or (most is not None and len(operands) > most):
        words = f"'{token.text}' does not take {len(operands)} values"
        raise QuerySyntaxError(words, token.start, token.end)
    if name in PERIODIC and not isinstance(operands[-1], Period):
        words = f"'{token.text}' needs a period such as 5m"
        raise QuerySyntaxError(words, token.start, token.end)
    if name in ("pct", "percentile"):
        share = operands[1]
        if not isinstance(share, Literal) or type(share.value) not in (int, float):
            words = f"'{token.text}' needs a number between 0 and 100"
            raise QuerySyntaxError(words, token.start, token.end)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _period(token: Token) -> Period:
    digits = token.text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return _checked_period(int(digits), token.text[len(digits) :], token)


def _checked_period(length: int, unit: str, token: Token) -> Period:
    if not 1 <= length <= LONGEST_PERIOD:
        raise QuerySyntaxError("a period is too short or too long", token.start, token.end)
    return Period(length, unit)
