"""Filter patterns on JSON log messages, such as ``{ ($.code >= 400) && ($.path = "/api*") }``.

Source: Amazon CloudWatch Logs User Guide, filter patterns to match terms in JSON log events.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Any, NamedTuple

import msgspec

Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<path>\$(?:\.[A-Za-z0-9_@-]+|\[\d+\]|\[\*\]|\[(?:"[^"]*"|'[^']*')\])+)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<joint>&&|\|\||[(){}])
      | (?P<operator>!=|>=|<=|=|>|<)
      | (?P<word>[^\s(){}&|=<>!"]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"\.([A-Za-z0-9_@-]+)|\[(\d+|\*)\]|\[(?:\"([^\"]*)\"|'([^']*)')\]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DEEPEST = 50  # parentheses in each other


class JsonPatternError(Exception):
    """The pattern breaks the grammar; the text says where."""


class _Token(NamedTuple):
    kind: str
    text: str


def compile_json_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a test of messages; one that is no JSON object never matches."""
    tokens = _tokens(pattern)
    parser = _Parser(tokens)
    parser.expect("{")
    test = parser.disjunction(0)
    parser.expect("}")
    if not parser.is_done:
        raise JsonPatternError("nothing may follow the closing brace")

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = msgspec.json.decode(message)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return False  # not JSON: no JSON pattern matches
        return test(document)

    return matches


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, text = 0, pattern.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise JsonPatternError(f"unexpected character at {position + 1}")
        tokens.append(_Token(found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


class _Parser:
    """Recursive descent: ``||`` binds weaker than ``&&``."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    def expect(self, text: str) -> None:
        if self._next().text != text:
            raise JsonPatternError(f"expected {text}")

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
                raise JsonPatternError("too many parentheses")
            test = self.disjunction(depth + 1)
            self.expect(")")
            return test
        if token.kind != "path":
            raise JsonPatternError(f"expected a selector such as $.name, got {token.text}")
        path = _steps(token.text)
        follower = self._next()
        if follower.kind == "operator":
            return _compared(path, follower.text, self._next())
        return self._asked(path, follower)

    def _asked(self, path: Sequence[str | int], first: _Token) -> Test:
        words = f"{first.text} {self._next().text}".upper()
        if words == "NOT EXISTS":
            return lambda document: not _values(document, path)
        known = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}
        if words not in known:
            raise JsonPatternError(f"unknown condition {words}")
        value = known[words]
        return lambda document: any(one is value for one in _values(document, path))

    def _peek(self) -> str:
        return "" if self.is_done else self._tokens[self._at].text

    def _next(self) -> _Token:
        if self.is_done:
            raise JsonPatternError("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]


def _steps(path: str) -> tuple[str | int, ...]:
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


def _compared(path: Sequence[str | int], operator: str, operand: _Token) -> Test:
    if operand.kind not in ("string", "word"):
        raise JsonPatternError(f"expected a value, got {operand.text}")
    if operand.text.startswith("%"):
        raise JsonPatternError("regular expressions (%...%) are not supported")
    if operand.kind == "word" and _NUMBER.fullmatch(operand.text):
        return _number_test(path, operator, float(operand.text))
    if operator not in ("=", "!="):
        raise JsonPatternError(f"{operator} compares numbers only")
    text = operand.text
    if operand.kind == "string":
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return _text_test(path, text, wanted=operator == "=")


def _number_test(path: Sequence[str | int], operator: str, number: float) -> Test:
    compare: dict[str, Callable[[float], bool]] = {
        "=": lambda one: one == number,
        "!=": lambda one: one != number,
        ">": lambda one: one > number,
        ">=": lambda one: one >= number,
        "<": lambda one: one < number,
        "<=": lambda one: one <= number,
    }
    test = compare[operator]

    def matches(document: object) -> bool:
        values = _values(document, path)
        return any(
            test(one)
            for one in values
            if isinstance(one, int | float) and not isinstance(one, bool)
        )

    return matches


def _text_test(path: Sequence[str | int], text: str, *, wanted: bool) -> Test:
    """``*`` in the text stands for anything."""
    escaped = text.replace("[", "[[]").replace("?", "[?]")
    pattern = re.compile(translate(escaped)) if "*" in text else None

    def is_equal(one: object) -> bool:
        shown = one if isinstance(one, str) else msgspec.json.encode(one).decode()
        return bool(pattern.match(shown)) if pattern else shown == text

    return lambda document: any(is_equal(one) == wanted for one in _values(document, path))
