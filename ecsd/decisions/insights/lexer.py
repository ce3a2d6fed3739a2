"""The words of a query, read as the parser asks for them: what ``/`` means depends on its place."""

import re
from typing import NamedTuple, NoReturn

from ecsd.decisions.insights.syntax import QuerySyntaxError

_SPACE = re.compile(r"(?:\s+|#[^\n]*)*")
_TOKEN = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | `(?P<quoted>[^`]+)`
  | (?P<period>\d+(?:ms|mo|qtr|yr|[smhdwqy])\b)
  | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?\b)
  | (?P<name>@?[A-Za-z_][A-Za-z0-9_.@]*|@[A-Za-z_.]+)
  | (?P<sign>=~|!=|<=|>=|\|\||&&|[-+*/^%=<>()\[\],|])
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)*)/")


class Token(NamedTuple):
    """One word. ``kind``: string, quoted, period, number, name, sign, end."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, word: str) -> bool:
        """Whether it is this keyword; case does not count."""
        return self.kind == "name" and self.text.lower() == word


class Lexer:
    """Reads a query from its beginning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0
        self._ahead: Token | None = None
        self.last_end = 0  # where the token that was taken last ends

    def peek(self) -> Token:
        """Return the next token without taking it."""
        if self._ahead is None:
            self._ahead = self._read()
        return self._ahead

    def take(self) -> Token:
        """Return the next token."""
        token = self.peek()
        self._ahead, self._at = None, token.end
        self.last_end = token.end
        return token

    def take_sign(self, *signs: str) -> Token | None:
        """Return the next token if it is one of these."""
        token = self.peek()
        return self.take() if token.kind == "sign" and token.text in signs else None

    def take_word(self, *words: str) -> Token | None:
        """Return the next token if it is one of these keywords."""
        token = self.peek()
        return self.take() if any(token.is_word(word) for word in words) else None

    def take_regex(self) -> Token | None:
        """Return the expression between slashes that begins here, if one does."""
        start = self._skip()
        found = _REGEX.match(self.text, start)
        if found is None:
            return None
        self._ahead, self._at = None, found.end()
        self.last_end = found.end()
        return Token("regex", found[1].replace("\\/", "/"), start, found.end())

    def expect_sign(self, sign: str) -> Token:
        """Return the next token, which has to be this one."""
        token = self.take_sign(sign)
        if token is None:
            self.refuse(f"expected '{sign}'")
        return token

    def refuse(self, words: str) -> NoReturn:
        """Raise: the next token is not what may stand here."""
        token = self.peek()
        got = "the end of the query" if token.kind == "end" else f"'{token.text}'"
        raise QuerySyntaxError(f"{words}, found {got}", token.start, max(token.end, token.start))

    def _skip(self) -> int:
        found = _SPACE.match(self.text, self._at)
        return found.end() if found else self._at

    def _read(self) -> Token:
        start = self._skip()
        if start == len(self.text):
            return Token("end", "", start, start)
        found = _TOKEN.match(self.text, start)
        if found is None or found.lastgroup is None:
            words = f"unexpected character '{self.text[start]}'"
            raise QuerySyntaxError(words, start, start + 1)
        return Token(found.lastgroup, found[found.lastgroup], start, found.end())


def unquoted(token: Token) -> str:
    """Return the text of a string, its escapes resolved."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token.text[1:-1])


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
