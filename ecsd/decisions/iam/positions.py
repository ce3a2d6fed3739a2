"""Where the statements of a policy stand in its text.

As IAM's simulator counts, from line 1 and column 1: an end is the place after the closing brace; a
start is the place after what comes before (the list's bracket, the last statement), or after its
own brace where it stands without a list. Source: aws-cli's examples of simulate-custom-policy and
simulate-principal-policy.
"""

import re
from typing import NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
STATEMENT = '"Statement"'
IN_DOCUMENT, IN_LIST = 1, 2  # depths of nesting


class Position(NamedTuple):
    """A line and a column, from 1."""

    line: int
    column: int


class Span(NamedTuple):
    """From where to where a statement reaches."""

    start: Position
    end: Position


def statement_spans(document: str) -> tuple[Span, ...]:
    """Return the span of each statement of a well-formed document, in order."""
    found: list[Span] = []
    depth, begins, listed, reading = 0, 0, False, False
    for token in _TOKEN.finditer(document):
        text = token.group()
        if text.startswith('"'):
            if depth == IN_DOCUMENT and text == STATEMENT:
                reading, begins = True, 0
            continue
        if text in "{[":
            depth += 1
            if reading and depth == IN_LIST:
                begins, listed = token.end(), text == "["
            continue
        depth -= 1
        if reading and text == "}" and depth == (IN_LIST if listed else IN_DOCUMENT):
            found.append(Span(_position(document, begins), _position(document, token.end())))
            begins = token.end()
        reading = reading and depth > IN_DOCUMENT
        if not reading:
            listed = False
    return tuple(found)


def _position(document: str, offset: int) -> Position:
    line = document.count("\n", 0, offset)
    return Position(line + 1, offset - (document.rfind("\n", 0, offset) + 1) + 1)
