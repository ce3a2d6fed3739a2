"""Filter patterns on JSON log messages, such as ``{ ($.code >= 400) && ($.path = "/api*") }``.

Source: Amazon CloudWatch Logs User Guide, filter patterns to match terms in JSON log events.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ecsd.decisions.logs.filter_value import (
    MOST_REGEXES,
    NUMBER,
    FilterPatternError,
    Token,
    number_test,
    regex_test,
    shown,
    text_test,
    tokens_of,
    unquoted,
)

Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<path>\$(?:\.[A-Za-z0-9_@-]+|\[\d+\]|\[\*\]|\[(?:"[^"]*"|'[^']*')\])+)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | %(?P<regex>[^%]*)%
      | (?P<joint>&&|\|\||[(){}])
      | (?P<operator>!=|>=|<=|=|>|<)
      | (?P<word>[^\s(){}&|=<>!"]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"\.([A-Za-z0-9_@-]+)|\[(\d+|\*)\]|\[(?:\"([^\"]*)\"|'([^']*)')\]")
DEEPEST = 50  # parentheses in each other


class JsonPattern(NamedTuple):
    """A compiled pattern.

    Attributes:
        matches: tests a message; one that is no JSON object never matches.
        values: selector → value, of those selectors of the pattern that a message has.
    """

    matches: Callable[[str], bool]
    values: Callable[[str], dict[str, str]]


def compile_json_pattern(pattern: str) -> JsonPattern:
    """Return what a pattern means. Raises FilterPatternError."""
    tokens = tokens_of(pattern, _TOKEN)
    if sum(one.kind == "regex" for one in tokens) > MOST_REGEXES:
        raise FilterPatternError(f"more than {MOST_REGEXES} regular expressions")
    parser = _Parser(tokens)
    parser.expect("{")
    test = parser.disjunction(0)
    parser.expect("}")
    if not parser.is_done:
        raise FilterPatternError("nothing may follow the closing brace")

    def matches(message: str) -> bool:
        document = json_object(message)
        return document is not None and test(document)

    def values(message: str) -> dict[str, str]:
        document = json_object(message)
        return {} if document is None else selected(document, selectors)

    selectors = {one.text: steps_of(one.text) for one in tokens if one.kind == "path"}
    return JsonPattern(matches, values)


def json_object(message: str) -> dict[str, Any] | None:
    """Return the JSON object that a message is, or None."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None  # not JSON: no JSON pattern matches
    return document if isinstance(document, dict) else None


def selected(document: object, selectors: Mapping[str, Sequence[str | int]]) -> dict[str, str]:
    """Return selector → its first value as text, of those that lead to one."""
    found = {selector: _values(document, path) for selector, path in selectors.items()}
    return {selector: shown(values[0]) for selector, values in found.items() if values}


class _Parser:
    """Recursive descent: ``||`` binds weaker than ``&&``."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    def expect(self, text: str) -> None:
        if self._next().text != text:
            raise FilterPatternError(f"expected {text}")

    def disjunction(self, depth: int) -> Test:
        tests = [self._conjunction(depth)]
        while self._peek() == "||":
            self._next()
            tests.append(self._conjunction(depth))
        return tests[0] if len(tests) == 1 else lambda one: any(test(one) for test in tests)

    def _conjunction(self, depth: int) -> Test:
        tests = [self._comparison(depth)]
        while self._peek() == "&&":
            self._next()
            tests.append(self._comparison(depth))
        return tests[0] if len(tests) == 1 else lambda one: all(test(one) for test in tests)

    def _comparison(self, depth: int) -> Test:
        token = self._next()
        if token.text == "(":
            if depth >= DEEPEST:
                raise FilterPatternError("too many parentheses")
            test = self.disjunction(depth + 1)
            self.expect(")")
            return test
        if token.kind != "path":
            raise FilterPatternError(f"expected a selector such as $.name, got {token.text}")
        path = steps_of(token.text)
        follower = self._next()
        if follower.kind == "operator":
            return _compared(path, follower.text, self._next())
        return self._asked(path, follower)

    def _asked(self, path: Sequence[str | int], first: Token) -> Test:
        words = f"{first.text} {self._next().text}".upper()
        if words == "NOT EXISTS":
            return lambda document: not _values(document, path)
        known = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}
        if words not in known:
            raise FilterPatternError(f"unknown condition {words}")
        value = known[words]
        return lambda document: any(one is value for one in _values(document, path))

    def _peek(self) -> str:
        return "" if self.is_done else self._tokens[self._at].text

    def _next(self) -> Token:
        if self.is_done:
            raise FilterPatternError("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]


def steps_of(path: str) -> tuple[str | int, ...]:
    """Return the names and numbers of a selector such as ``$.users[0].name``."""
    steps: list[str | int] = []
    for name, index, double, single in _STEP.findall(path[1:]):
        if index:
            steps.append("*" if index == "*" else int(index))
        else:
            steps.append(name or double or single)
    return tuple(steps)


def _values(document: object, path: Sequence[str | int]) -> list[object]:
    """Return what a path leads to: nothing, one value, or several through ``[*]``."""
    found = [document]
    for step in path:
        after: list[object] = []
        for one in found:
            if isinstance(one, dict) and step in one:
                after.append(one[step])
            elif isinstance(one, list) and step == "*":
                after += one
            elif isinstance(one, list) and isinstance(step, int) and step < len(one):
                after.append(one[step])
        found = after
    return found


def _compared(path: Sequence[str | int], sign: str, operand: Token) -> Test:
    if operand.kind not in ("string", "word", "regex"):
        raise FilterPatternError(f"expected a value, got {operand.text}")
    if operand.kind == "word" and NUMBER.fullmatch(operand.text):
        test = number_test(sign, float(operand.text))
        return lambda document: any(
            test(one)
            for one in _values(document, path)
            if isinstance(one, int | float) and not isinstance(one, bool)
        )
    if sign not in ("=", "!="):
        raise FilterPatternError(f"{sign} compares numbers only")
    wanted = sign == "="
    if operand.kind == "regex":
        is_equal = regex_test(operand.text)
    else:
        is_equal = text_test(unquoted(operand.text))
    return lambda document: any(is_equal(shown(one)) == wanted for one in _values(document, path))
