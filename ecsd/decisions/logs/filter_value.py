"""Comparisons in filter patterns: of a number, of a text with ``*``, of a regular expression.

Source: Amazon CloudWatch Logs User Guide, filter pattern syntax.
"""

import operator
import re
from collections.abc import Callable
from fnmatch import translate
from typing import NamedTuple

import msgspec

from ecsd.decisions.logs.regex import RegexFault, filter_regex

Test = Callable[[object], bool]

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
MOST_REGEXES = 2  # in one pattern
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class FilterPatternError(Exception):
    """The pattern breaks the grammar; the text says where."""


def regex_test(text: str) -> Callable[[str], bool]:
    """Return the test of an expression that stands between two ``%``."""
    compiled = filter_regex(text)
    if isinstance(compiled, RegexFault):
        raise FilterPatternError(compiled.words)
    return lambda one: compiled.search(one) is not None


def number_test(sign: str, number: float) -> Callable[[float], bool]:
    """Return the comparison with a number."""
    compare = COMPARE[sign]
    return lambda one: compare(one, number)


def text_test(text: str) -> Callable[[str], bool]:
    """Return the comparison with a text in which ``*`` stands for anything."""
    if "*" not in text:
        return lambda one: one == text
    escaped = re.sub(r"\*+", "*", text).replace("[", "[[]").replace("?", "[?]")
    pattern = re.compile(translate(escaped))
    return lambda one: pattern.match(one) is not None


def unquoted(text: str) -> str:
    """Return what stands between quotation marks, escapes resolved; other text as it is."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] == '"' else text


def shown(value: object) -> str:
    """Return a JSON value as text: a string is itself."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class Token(NamedTuple):
    """A piece of a pattern. kind: the group of the expression that it matched."""

    kind: str
    text: str


def tokens_of(pattern: str, token: re.Pattern[str]) -> list[Token]:
    """Return a pattern's pieces. token: matches one, by a named group, with space before it."""
    tokens: list[Token] = []
    position, text = 0, pattern.rstrip()
    while position < len(text):
        found = token.match(text, position)
        if found is None or found.lastgroup is None:
            raise FilterPatternError(f"unexpected character at {position + 1}")
        tokens.append(Token(found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens
