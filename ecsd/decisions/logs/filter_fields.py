"""Filter patterns on space-delimited messages, such as ``[ip, user, ..., status = 4*, bytes > 9]``.

A message's fields are separated by spaces; what stands in quotation marks or square brackets is
one. Source: Amazon CloudWatch Logs User Guide, matching terms in space-delimited log events.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ecsd.decisions.logs.filter_value import (
    MOST_REGEXES,
    NUMBER,
    FilterPatternError,
    Token,
    number_test,
    regex_test,
    text_test,
    tokens_of,
    unquoted,
)

Test = Callable[[str], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<ellipsis>\.\.\.)
      | (?P<joint>&&|\|\||[(),\[\]])
      | (?P<operator>!=|>=|<=|=|>|<)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | %(?P<regex>[^%]*)%
      | (?P<word>[^\s,()\[\]&|=<>!"%]+)
    )""",
    re.VERBOSE,
)
_NAME = re.compile(r"\w+")
_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
DEEPEST = 50  # parentheses in each other


class FieldsPattern(NamedTuple):
    """A compiled pattern.

    Attributes:
        matches: tests a message.
        values: name → text, of the fields of a message that matches.
    """

    matches: Test
    values: Callable[[str], dict[str, str]]


class _Field(NamedTuple):
    name: str
    test: Test | None


def compile_fields_pattern(pattern: str) -> FieldsPattern:
    """Return what a pattern means. Raises FilterPatternError."""
    tokens = tokens_of(pattern, _TOKEN)
    if sum(one.kind == "regex" for one in tokens) > MOST_REGEXES:
        raise FilterPatternError(f"more than {MOST_REGEXES} regular expressions")
    head, tail = _Parser(tokens).fields()

    def values_of(message: str) -> list[str] | None:
        found = split(message)
        missing = len(found) < len(head) + len(tail or ())
        if missing or (tail is None and len(found) != len(head)):
            return None
        checked = list(zip(head, found, strict=False))
        if tail:
            checked += zip(tail, found[-len(tail) :], strict=True)
        return found if all(one.test is None or one.test(it) for one, it in checked) else None

    def values(message: str) -> dict[str, str]:
        found = values_of(message) or []
        last = len(found) - len(tail or ())
        names = [one.name for one in head]
        names += [str(number + 1) for number in range(len(head), last)]
        names += [one.name for one in tail or ()]
        return {f"${name}": text for name, text in zip(names, found, strict=False)}

    return FieldsPattern(lambda message: values_of(message) is not None, values)


def split(message: str) -> list[str]:
    """Return a message's fields, without their quotation marks or brackets."""
    return ["".join(one) for one in _FIELD.findall(message)]


class _Parser:
    """Recursive descent: ``||`` binds weaker than ``&&``."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def fields(self) -> tuple[list[_Field], list[_Field] | None]:
        """Return the fields before ``...`` and those behind it; None: the pattern has none."""
        head: list[_Field] = []
        tail: list[_Field] | None = None
        self._expect("[")
        while True:
            if self._peek().kind == "ellipsis":
                if tail is not None:
                    raise FilterPatternError("... may stand once")
                self._next()
                tail = []
            else:
                (head if tail is None else tail).append(self._field())
            if self._next_is("]"):
                break
            self._expect(",")
        if self._at != len(self._tokens):
            raise FilterPatternError("nothing may follow the closing bracket")
        names = [one.name for one in [*head, *(tail or ())]]
        if len(set(names)) < len(names):
            raise FilterPatternError("two fields have the same name")
        return head, tail

    def _field(self) -> _Field:
        first = self._peek()
        if first.text == "(":
            name = next((one.text for one in self._tokens[self._at :] if one.kind == "word"), "")
        else:
            name = self._name()
            self._at -= 1
            after = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else first
            if after.text in (",", "]"):
                self._next()
                return _Field(name, None)
        return _Field(name, self._disjunction(name, 0))

    def _disjunction(self, name: str, depth: int) -> Test:
        tests = [self._conjunction(name, depth)]
        while self._next_is("||"):
            tests.append(self._conjunction(name, depth))
        return tests[0] if len(tests) == 1 else lambda one: any(test(one) for test in tests)

    def _conjunction(self, name: str, depth: int) -> Test:
        tests = [self._comparison(name, depth)]
        while self._next_is("&&"):
            tests.append(self._comparison(name, depth))
        return tests[0] if len(tests) == 1 else lambda one: all(test(one) for test in tests)

    def _comparison(self, name: str, depth: int) -> Test:
        if self._next_is("("):
            if depth >= DEEPEST:
                raise FilterPatternError("too many parentheses")
            test = self._disjunction(name, depth + 1)
            self._expect(")")
            return test
        if self._name() != name:
            raise FilterPatternError(f"the conditions of {name} must be about {name}")
        sign = self._next()
        if sign.kind != "operator":
            raise FilterPatternError(f"expected a comparison, got {sign.text}")
        return _compared(sign.text, self._next())

    def _name(self) -> str:
        token = self._next()
        if token.kind != "word" or not _NAME.fullmatch(token.text):
            raise FilterPatternError(f"expected a field's name, got {token.text}")
        return token.text

    def _expect(self, text: str) -> None:
        if self._next().text != text:
            raise FilterPatternError(f"expected {text}")

    def _next_is(self, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at].text == text
        self._at += found
        return found

    def _peek(self) -> Token:
        if self._at >= len(self._tokens):
            raise FilterPatternError("unexpected end")
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token


def _compared(sign: str, operand: Token) -> Test:
    if operand.kind not in ("string", "word", "regex"):
        raise FilterPatternError(f"expected a value, got {operand.text}")
    if operand.kind == "word" and NUMBER.fullmatch(operand.text):
        return _numeric(sign, operand.text)
    if sign not in ("=", "!="):
        raise FilterPatternError(f"{sign} compares numbers only")
    if operand.kind == "regex":
        is_equal = regex_test(operand.text)
    else:
        is_equal = text_test(unquoted(operand.text))
    wanted = sign == "="
    return lambda one: is_equal(one) == wanted


def _numeric(sign: str, text: str) -> Test:
    """What is no number differs from every number, and is neither above nor below it."""
    compare = number_test(sign, float(text))

    def test(one: str) -> bool:
        if NUMBER.fullmatch(one):
            return compare(float(one))
        return sign == "!="

    return test
